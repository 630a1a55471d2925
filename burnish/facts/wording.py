"""How English says numbers, units, months and sides: the words that facts are read by.

Reads strings; writes nothing. The lists are general: numerals, units of measure, months, the stems
of the WHO's international non-proprietary names of drugs ("-pril", "-statin").
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"\.\d+|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\w\s]|\n")
_SENTENCE_END = frozenset('.!?:;|\n"“(')


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TITLES = set_of("Dr Mr Mrs Ms Prof St vs")

_SMALL = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _listed("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _listed(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_NUMERALS: dict[str, int] = {
    **{word: at for at, word in enumerate(_SMALL)},
    **{word: at for at, word in enumerate(_ORDINALS)},
    **{word: 10 * at for at, word in enumerate(_TENS, 2)},
    **{word[:-1] + "ieth": 10 * at for at, word in enumerate(_TENS, 2)},
    **{word[:-1] + "ies": 10 * at for at, word in enumerate(_TENS, 2)},
    **{f"{word}'s": 10 * at for at, word in enumerate(_TENS, 2)},
}
_ALSO = {
    "once": 1, "twice": 2, "thrice": 3, "couple": 2, "pair": 2, "both": 2, "dozen": 12, "o": 0,
    "oh": 0, "a": 1, "an": 1, "single": 1, "half": 0.5, "quarter": 0.25, "double": 2, "triple": 3,
    "twin": 2, "bid": 2, "tid": 3, "qid": 4,
}  # fmt: skip
_VAGUE = frozenset(["one", "first", "second", "zero", "zeroth", "third"])
_BEGINNINGS = frozenset([*_NUMERALS, *_ALSO, "point"])
_SCALES = {
    "hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000, "million": 1_000_000,
}  # fmt: skip

_AND_A_HALF = ["and", "a", "half"]
_FRACTIONS = {"1/2": "0.5", "1/4": "0.25", "3/4": "0.75"}

_UNIT_NAMES = {
    "mg": "mg mgs milligram milligrams", "mcg": "mcg ug µg μg microgram micrograms",
    "g": "g gm gms gram grams", "kg": "kg kgs kilo kilos kilogram kilograms",
    "ml": "ml mls milliliter milliliters millilitre millilitres cc",
    "l": "l liter liters litre litres",
    "unit": "unit units iu", "tablet": "tablet tablets tab tabs pill pills capsule capsules",
    "puff": "puff puffs", "drop": "drop drops gtt", "spray": "spray sprays",
    "day": "d day days", "week": "w wk wks week weeks", "month": "mo mos month months",
    "year": "y yr yrs yo year years", "hour": "h hr hrs hour hours",
    "minute": "min mins minute minutes",
    "second": "sec secs seconds", "%": "% percent", "cm": "cm centimeter centimeters centimetre",
    "mm": "mm millimeter millimeters", "inch": "inch inches", "foot": "foot feet ft",
    "pound": "lb lbs pound pounds", "mile": "mile miles", "time": "times", "pack": "pack packs ppd",
    "child": "child children kid kids", "dollar": "dollar dollars", "degree": "degree degrees",
}  # fmt: skip
UNITS = {form: name for name, forms in _UNIT_NAMES.items() for form in forms.split()}
"""Word → the unit it stands for."""

_MONTH_NAMES = _listed(
    "january february march april may june july august september october november december"
)
_DAYS = _listed("monday tuesday wednesday thursday friday saturday sunday")
MONTHS = {
    **{name: at for at, name in enumerate(_MONTH_NAMES, 1)},
    **{name: -at for at, name in enumerate(_DAYS, 1)},
}
"""Month → its number; weekdays are negative, since no number stands for one."""

SIDES = {
    "left": "left", "lt": "left", "L": "left", "right": "right", "rt": "right", "R": "right",
    "bilateral": "both", "bilaterally": "both", "both": "both",
}  # fmt: skip
OPPOSITE = {"left": "right", "right": "left", "both": ""}

DRUG_STEMS = _listed(
    "pril prilat sartan olol alol statin azole cillin mycin floxacin cycline oxetine pramine "
    "azepam azolam barbital codone morphone profen coxib tidine prazole dipine tiazem thiazide "
    "semide gliptin glutide gliflozin glitazone formin parin xaban grel triptan setron vir mab "
    "tinib platin rubicin sone solone onide terol phylline tropium caine lukast tadine rizine "
    "peridone apine zodone triptyline faxine gabalin oxacin dronate afil"
)
"""Endings of drug names (World Health Organization, "The use of stems in INN", a selection)."""

STOP_WORDS = set_of(
    "a about after again all also although am an and any are as at be been before being both but "
    "by can could did do does doing done down during each for from further had has have having he "
    "her here hers him his how i if in into is it its itself just may me might more most my no "
    "nor not now of off on once only or other our out over own per she should so some still such "
    "than that the their them then there these they this those through to too under until up upon "
    "us very was we were what when where which while who whom why will with within without would "
    "yes you your mr mrs ms miss dr doctor patient patient's sir ma'am"
)

_ENDINGS = ("ing", "ies", "ied", "es", "ed", "ly", "al", "s", "y", "e")


class Token(NamedTuple):
    """A word, a number or a mark.

    Attributes:
        text: as it stands.
        at: its place in the text, in characters.
        spaced: white space stands before it.
        opens: it begins a sentence, a field or a line.
    """

    text: str
    at: int
    spaced: bool
    opens: bool

    @property
    def is_word(self) -> bool:
        """Whether it is made of letters."""
        return self.text[0].isalpha()

    @property
    def is_name(self) -> bool:
        """Whether it is capitalised where only names are; abbreviations are none."""
        short = len(self.text) < 5 and not set(self.text.casefold()) & set("aeiouy")
        return self.text[0].isupper() and self.text[1:].islower() and not self.opens and not short

    @property
    def is_count(self) -> bool:
        """Whether it is a numeral that can only be meant as a number ("one" may be a pronoun)."""
        word = self.text.casefold()
        return word in _NUMERALS and word not in _VAGUE


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, line ends among them."""
    tokens: list[Token] = []
    end, opens = 0, True
    for match in _TOKEN.finditer(text):
        tokens.append(Token(match[0], match.start(), match.start() > end, opens))
        titled = bool(tokens[1:]) and tokens[-2].text in _TITLES
        end, opens = match.end(), match[0] in _SENTENCE_END and not titled
    return tokens


def unit_of(token: Token) -> str:
    """The unit of measure that a word stands for; "" for none ("HR" is a heart rate)."""
    return "" if token.text == "HR" else UNITS.get(token.text.casefold(), "")


def numbers_in(tokens: Sequence[Token]) -> Iterator[tuple[str, int, int]]:
    """Numbers that stand in the tokens or may be meant: value, first and last token.

    "158/92" is 158 and 92. Of spelled numbers every reading is given, since speech leaves open
    whether "one thirty four" is 134 or three numbers.
    """
    for at, token in enumerate(tokens):
        if token.text in _FRACTIONS:
            yield _FRACTIONS[token.text], at, at
        elif token.text[-1].isdigit():
            text = token.text.removesuffix(":00")  # "four o'clock"
            for part in re.split(r"[/:]|,(?!\d{3}(?:\D|$))", text):
                yield _decimal(part), at, at
        elif token.text.casefold() in _BEGINNINGS:
            yield from ((value, at, last) for value, last in _spelled(tokens, at))


def _decimal(text: str) -> str:
    """ "1,200" → "1200", "20.0" → "20", ".5" → "0.5", "007" → "7"; odd ones stay as they are."""
    plain = re.sub(r",(?=\d{3}(\D|$))", "", text).replace(",", ".")
    try:
        return f"{float(plain):.10g}"
    except ValueError:
        return plain


def _spelled(tokens: Sequence[Token], start: int) -> Iterator[tuple[str, int]]:
    """Readings of the numerals that begin at `start`: value and last token."""
    total, group = 0.0, 0.0
    text = ""
    for at in range(start, min(start + 8, len(tokens))):
        word = tokens[at].text.casefold()
        if word in ("-", "and") and at > start:
            continue
        value = _NUMERALS.get(word, _ALSO.get(word))
        if value is not None and word in ("a", "an") and at > start:
            return
        if word == "point":
            whole = f"{text}{total + group:.10g}" if group or not text else text
            yield from _decimals(tokens, at, whole)
            return
        if value == 0 and (text or group or total):
            # "one O two": a nought is said as a figure of its own
            text, total, group = f"{text}{total + group:.10g}0", 0, 0
            continue
        if value is not None:
            fits = group % 100 >= 20 and group % 10 == 0 and 0 < value < 10
            fits = fits or group == 0 or (group % 100 == 0 and value < 100)
            if not fits:
                # "one thirty four": figures said one after the other
                text, total, group = f"{text}{total + group:.10g}", 0, value
            else:
                group += value
        elif word in _SCALES and at > start:
            scale = _SCALES[word]
            total, group = (total, group * scale) if scale == 100 else (total + group * scale, 0)
        else:
            return
        if not text and [each.text.casefold() for each in tokens[at + 1 : at + 4]] == _AND_A_HALF:
            yield f"{total + group + 0.5:.10g}", at + 3
        yield f"{total + group:.10g}" if not text else _decimal(f"{text}{total + group:.10g}"), at


def _decimals(tokens: Sequence[Token], point: int, whole: str) -> Iterator[tuple[str, int]]:
    """ "seven point two" → 7.2, "point one twenty five" → 0.125."""
    digits, tens = "", False
    for at in range(point + 1, min(point + 5, len(tokens))):
        value = _NUMERALS.get(tokens[at].text.casefold(), _ALSO.get(tokens[at].text.casefold()))
        if value is None or value != int(value):
            return
        digits = f"{digits[:-1]}{value}" if tens and 0 < value < 10 else f"{digits}{int(value)}"
        tens = value >= 20
        yield _decimal(f"{whole}.{digits}"), at


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without case and common endings, so that its forms agree."""
    folded = word.casefold().replace("’", "'").removesuffix("'s")
    for ending in _ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= 4:
            return folded.removesuffix(ending)
    return folded.removesuffix("s") if len(folded) > 3 else folded


def same_word(word: str, other: str) -> bool:
    """Whether two long words differ by one slip of typing, or by the ending alone."""
    if abs(len(word) - len(other)) > 4 or word[0] != other[0]:
        return False
    shared = 0
    while shared < min(len(word), len(other)) and word[shared] == other[shared]:
        shared += 1
    if shared >= 6 and max(len(word), len(other)) - shared <= 3:
        return True
    a, b = word[shared:], other[shared:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[1::-1] == b[:2] and a[2:] == b[2:])
