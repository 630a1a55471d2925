"""What is put in the place of personal data: a placeholder, or a value that looks real.

Reads nothing, writes nothing. Names, towns and streets are invented; numbers keep their shape and
pass the checksum of what they replace. A part of a name gets the part of the stand-in.
"""

import hashlib
import random
import re
import string
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import count

from burnish.data.personal.identities import PARTICLES, Identity
from burnish.facts.placeholders import PLACEHOLDER

_NAMES = (
    "Tavrel Brennix Ilvara Sorquil Pellindra Oskane Velloria Jorvane Ysmerel Caldrix Fenwyll "
    "Zorimel Abrinda Luthmere Nerolyn Corvish Elsprin Harvoss Imbriel Kestwyn Thrawley Vintermoss "
    "Quarlbury Nettlescar Dunvarrow Pockthorne Grimsaddle Yarrowquist Stavelock Wimblecroft "
    "Crasterby Loomhollow Ebbersham Hexbridge Morrowfell Sprigmont Bexcombe Zellerby Kettlewane"
)
_TOWNS = (
    "Brackenmouth Valdry Eastermere Quillham Tolverby Sandreach Ormsdale Wexlow Fallowstead "
    "Crantham Hollinby Marrowfield Netherquay Dunleigh Applethwick Stonerill"
)
_STREETS = (
    "Thimble Copperleaf Marlstone Windrow Dapplewood Inkwell Saffronfield Tumbledown Candlewick "
    "Foxglint Pebblemere Quiverleaf Lanternhill Brindlewood"
)
_PEOPLES = "Nordic Alpine Baltic Adriatic Andean Caribbean Balkan Iberian"
_STAY = (
    "street str st avenue ave av road rd lane ln drive dr court ct boulevard blvd place pl terrace "
    "terr crescent close square sq highway hwy parkway pkwy circle cir trail way mews grove row "
    "gardens garden walk hill apt apartment suite ste unit flat room floor fl box p.o po post "
    "postbox the corner of and rue via calle avenida piazza plaza north south east west apo fpo "
    "dpo"
)
"""Words of an address that are nobody's."""
_INVENTED = {"PERSON": _NAMES, "LOCATION": _TOWNS, "STREET": _STREETS, "NRP": _PEOPLES}
_HOSTS = ("example.com", "example.org", "example.net")
_TESTS = ("192.0.2.", "198.51.100.", "203.0.113.")
_MONTHS = "january february march april may june july august september october november december"
_UNITS = "one two three four five six seven eight nine"
_DRAWS = 5_000
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Placeholders:
    """[PERSON_1], [PERSON_2], [PHONE_NUMBER_1] …, one for each identity.

    Args:
        texts: of the example; numbers that stand in them already are not given again.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._used = {match.group() for text in texts for match in PLACEHOLDER.finditer(text)}
        self._given: dict[int, tuple[Identity, str]] = {}

    def of(self, identity: Identity, said: str) -> str:
        """The placeholder of an identity, however it is spelled here."""
        if id(identity) not in self._given:
            names = (f"[{identity.type}_{number}]" for number in count(1))
            name = next(name for name in names if name not in self._used)
            self._used.add(name)
            self._given[id(identity)] = identity, name
        return self._given[id(identity)][1]

    def mapping(self) -> dict[str, str]:
        """Placeholder → value."""
        return {name: identity.value for identity, name in self._given.values()}


class StandIns:
    """Values that look real, the same for the same value throughout an example.

    Args:
        seed: the choice is fixed by it and by the example's id.
    """

    def __init__(self, seed: int, example_id: str) -> None:
        self._rng = random.Random(f"{seed}:{example_id}")
        self._offset = timedelta(days=self._rng.choice([-1, 1]) * self._rng.randint(20, 340))
        self._words: dict[tuple[str, str], str] = {}
        self._lists = {kind: words.split() for kind, words in _INVENTED.items()}
        for words in self._lists.values():
            self._rng.shuffle(words)
        self._given: dict[tuple[int, str], str] = {}
        self._mapping: dict[str, str] = {}

    def of(self, identity: Identity, said: str) -> str:
        """The stand-in for a value as it is spelled here."""
        key = id(identity), said
        if key not in self._given:
            self._given[key] = self._written_like(identity, said)
            self._mapping[self._given[key]] = said
        return self._given[key]

    def mapping(self) -> dict[str, str]:
        """Stand-in → value, as each was written."""
        return dict(self._mapping)

    def _written_like(self, identity: Identity, said: str) -> str:
        """Another spelling of a number keeps the number's stand-in and its own punctuation."""
        kind = identity.type
        if kind in _WORDED:
            return _WORDED[kind](self, said)
        first = self._words.setdefault(
            (kind, identity.value), _MADE.get(kind, StandIns._number)(self, identity.value, kind)
        )
        mine = [char for char in said if char.isalnum()]
        its = [char for char in first if char.isalnum()]
        if said == identity.value:
            return first
        more = max(0, len(mine) - len(its))
        tail = iter([*mine[:more], *its[max(0, len(its) - len(mine)) :]])
        return "".join(next(tail) if char.isalnum() else char for char in said)

    def _name(self, said: str) -> str:
        return self._each_word(said, "PERSON", PARTICLES)

    def _town(self, said: str) -> str:
        return self._each_word(said, "LOCATION", PARTICLES)

    def _people(self, said: str) -> str:
        return self._each_word(said, "NRP", PARTICLES)

    def _address(self, said: str) -> str:
        """Numbers, codes and names changed; kinds of street, units and line breaks as they are."""
        pieces = re.split(r"([^\W_]+(?:[.'’][^\W_]+)*)", said)
        return "".join(
            self._address_word(piece) if i % 2 else piece for i, piece in enumerate(pieces)
        )

    def _address_word(self, word: str) -> str:
        if any(char.isdigit() for char in word):
            return self._words.setdefault(("CODE", word), _shaped(self._rng, word))
        stays = word.casefold() in _STAY.split() or word.casefold() in PARTICLES
        if stays or (len(word) == 2 and word.isupper()) or word.islower():
            return word
        return self._word("STREET", word)

    def _each_word(self, said: str, kind: str, stay: frozenset[str]) -> str:
        pieces = re.split(r"([^\W\d_]+(?:['’][^\W\d_]+)*)", said)
        return "".join(
            self._word(kind, piece) if i % 2 and piece.casefold() not in stay else piece
            for i, piece in enumerate(pieces)
        )

    def _word(self, kind: str, word: str) -> str:
        """An invented word for a word, in its case; an initial gets the initial of one."""
        key = kind, word.casefold()
        if key not in self._words:
            words = self._lists[kind]
            self._words[key] = words.pop() if words else self._compound(kind)
        invented = self._words[key]
        if len(word) == 1:
            invented = invented[0]
        return (
            invented.upper() if word.isupper() else invented.lower() if word.islower() else invented
        )

    def _compound(self, kind: str) -> str:
        """Two invented words in one, once the list is used up."""
        source = _INVENTED[kind].split()
        return self._rng.choice(source) + self._rng.choice(source).lower()

    def _email(self, said: str, _: str) -> str:
        """Letters of the local part become invented names, digits other digits."""
        local, _, _ = said.partition("@")
        pieces = re.split(r"([^\W\d_]+)", local)
        made = "".join(
            self._word("PERSON", piece) if i % 2 else _shaped(self._rng, piece)
            for i, piece in enumerate(pieces)
        )
        return f"{made}@{self._rng.choice(_HOSTS)}"

    def _url(self, said: str, _: str) -> str:
        scheme, mark, rest = said.rpartition("://")
        host, slash, path = rest.partition("/")
        www = "www." if host.lower().startswith("www.") else ""
        made = f"{self._word('PERSON', host).lower()}.{self._rng.choice(_HOSTS)}"
        return f"{scheme}{mark}{www}{made}{slash}{_shaped(self._rng, path)}"

    def _ip(self, said: str, _: str) -> str:
        """Within the ranges kept for documentation (RFC 5737, RFC 3849)."""
        address, slash, width = said.partition("/")
        if ":" in address:
            made = "2001:db8::" + ":".join(f"{self._rng.randrange(1, 1 << 16):x}" for _ in range(2))
        else:
            made = f"{self._rng.choice(_TESTS)}{self._rng.randint(1, 254)}"
        return made + slash + width

    def _phone(self, said: str, kind: str) -> str:
        """North American numbers end in 555-01xx, which nobody has; others keep how they begin."""
        number = re.split(r"(?i)x", said)[0]
        digits = [char for char in number if char.isdigit()]
        if len(digits) == 10 + (digits[0] == "1") and digits[-10] > "1" and digits[-7] > "1":
            area = [str(self._rng.randint(2, 9)), *(str(self._rng.randint(0, 9)) for _ in range(2))]
            line = ["5", "5", "5", "0", "1", *(str(self._rng.randint(0, 9)) for _ in range(2))]
            made = [*digits[:-10], *area, *line]
        else:
            kept = 3 if number.lstrip("( ").startswith(("+", "00")) else 1
            made = [*digits[:kept], *(str(self._rng.randint(0, 9)) for _ in digits[kept:])]
        turn = iter(made)
        changed = "".join(next(turn) if char.isdigit() else char for char in number)
        return changed + _shaped(self._rng, said[len(number) :], letters=False)

    def _crypto(self, _: str, __: str) -> str:
        """A Bitcoin address (base58check, version 0) of random bytes that no key is known for."""
        body = b"\0" + self._rng.randbytes(20)
        check = hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]
        number, text = int.from_bytes(body + check, "big"), ""
        while number:
            number, digit = divmod(number, 58)
            text = _BASE58[digit] + text
        return "1" + text

    def _ssn(self, said: str, _: str) -> str:
        """An area of 9xx and a group below 50, which are neither an SSN's nor an ITIN's."""
        rng = self._rng
        area, group, serial = rng.randint(900, 999), rng.randint(10, 49), rng.randint(1, 9999)
        made = iter(f"{area}{group}{serial:04d}")
        return "".join(next(made) if char.isdigit() else char for char in said)

    def _number(self, said: str, kind: str) -> str:
        """The same shape, drawn until the recognisers of the type accept it.

        Checksums let one of at most 97 through; where none of 5,000 passes, the value itself
        would not have, and the shape alone is kept.
        """
        from burnish.data.personal.recognisers import passes

        kept = 2 if kind == "IBAN_CODE" else 1 if kind == "CREDIT_CARD" else 0
        drawn = said
        for _ in range(_DRAWS):
            drawn = said[:kept] + _shaped(self._rng, said[kept:])
            if drawn != said and passes(kind, drawn):
                break
        return drawn

    def _age(self, said: str) -> str:
        """Another age over 89, in digits or in words."""
        key = "AGE", said.casefold()
        if key not in self._words:
            ages = [age for age in range(90, 100) if str(age) != said]
            age = self._rng.choice(ages)
            word = f"ninety-{_UNITS.split()[age - 91]}" if age > 90 else "ninety"
            self._words[key] = str(age) if said.isdigit() else word
        return self._words[key]

    def _date(self, said: str) -> str:
        """The date, moved by the example's offset, in the form it had."""
        moved = _moved(said, self._offset)
        return _shaped(self._rng, said) if moved is None else moved


_WORDED = {
    "PERSON": StandIns._name, "ORGANIZATION": StandIns._name, "LOCATION": StandIns._town,
    "NRP": StandIns._people, "STREET_ADDRESS": StandIns._address, "AGE": StandIns._age,
    "DATE_OF_BIRTH": StandIns._date,
}  # fmt: skip
_MADE = {
    "EMAIL_ADDRESS": StandIns._email, "URL": StandIns._url, "IP_ADDRESS": StandIns._ip,
    "PHONE_NUMBER": StandIns._phone, "CRYPTO": StandIns._crypto, "US_SSN": StandIns._ssn,
}  # fmt: skip


def _shaped(rng: random.Random, text: str, *, letters: bool = True) -> str:
    """Other digits for digits, other letters for letters (capitals for capitals), the rest kept."""

    def other(char: str) -> str:
        if char.isdigit():
            return rng.choice(string.digits)
        if not letters or not char.isalpha():
            return char
        return rng.choice(string.ascii_uppercase if char.isupper() else string.ascii_lowercase)

    return "".join(map(other, text))


def _moved(said: str, offset: timedelta) -> str | None:
    """A date some days on, in the same form; None where it is no date of the calendar.

    Of 03/04/1950 the month is taken to come first, of 13/04/1950 and 13.04.1950 the day.
    """
    numbers = [match.group() for match in re.finditer(r"\d+", said)]
    word = next((w for w in re.findall(r"[^\W\d_]+", said) if _month(w)), "")
    if word and len(numbers) == 2:
        day_text, year_text = numbers
        month = _month(word)
        parts = [int(year_text), month, int(day_text)]
        order = [2, 0]
    elif len(numbers) == 3 and len(numbers[0]) == 4:
        parts, order = [int(number) for number in numbers], [0, 1, 2]
    elif len(numbers) == 3:
        day_first = "." in said or int(numbers[0]) > 12
        order = [2, 1, 0] if day_first else [1, 2, 0]
        by_part = dict(zip(order, map(int, numbers), strict=True))
        year = by_part[0] + (0 if len(numbers[2]) == 4 else 1900 if by_part[0] > 26 else 2000)
        parts = [year, by_part[1], by_part[2]]
    else:
        return None
    try:
        moved = date(*parts) + offset
    except (ValueError, OverflowError):
        return None
    values = [moved.year, moved.month, moved.day]
    turns = iter(zip(numbers, order, strict=True))

    def write(_: re.Match[str]) -> str:
        old, part = next(turns)
        short_year = part == 0 and len(old) == 2
        value = values[part] % 100 if short_year else values[part]
        padded = len(old) > 1 and (old[0] == "0" or short_year or part == 0 or not word)
        return f"{value:0{len(old)}d}" if padded else str(value)

    changed = re.sub(r"\d+", write, said)
    if word:
        name = _MONTHS.split()[moved.month - 1]
        short = len(word) <= 4 and word.casefold() != _MONTHS.split()[_month(word) - 1]
        name = name[:3] if short else name
        name = name.upper() if word.isupper() else name if word.islower() else name.capitalize()
        changed = changed.replace(word, name, 1)
        changed = re.sub(
            r"(\d)(?:st|nd|rd|th)\b", lambda m: f"{m[1]}{_ordinal(moved.day)}", changed
        )
    return changed


def _month(word: str) -> int:
    """1 to 12 for a month's name or its first letters, else 0."""
    low = word.casefold()
    return next(
        (
            i
            for i, name in enumerate(_MONTHS.split(), 1)
            if len(low) > 2 and (name.startswith(low) or low == name[:3] + "t")
        ),
        0,
    )


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
