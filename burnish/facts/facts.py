"""The facts of a text, to be looked up in another (sources.py).

Reads strings; writes nothing; knows no data set. A fact is a number (alone, or with its unit: a
dose, a duration), a month or weekday, a name, a drug, a side of the body, or a statement that
something is absent. The rules are those of English prose and of clinical abbreviations: numbers
may be spelled out, as in transcripts, and letters may be spoken ("M G").
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from burnish.facts.concepts import concept
from burnish.facts.polarity import is_denial, items_of, statements
from burnish.facts.wording import (
    DRUG_STEMS,
    MONTHS,
    SIDES,
    STOP_WORDS,
    Token,
    numbers_in,
    set_of,
    stem,
    tokens_of,
    unit_of,
)

FactKind = Literal["number", "dose", "date", "name", "drug", "side", "negation"]

NEAR = 6
"""Tokens before and after a side or a unit that count as near it."""


@dataclass(frozen=True)
class Fact:
    """Something a text says that can be looked up in another.

    Attributes:
        kind: what it is.
        text: as it stands there, with the word that tells what it is about ("BP 158/92").
        values: the parts to be looked up: numbers as decimals, words without case.
        about: stems of the words it belongs to: the unit of a number, the place of a side.
        at: its place in the text, in characters.
        code: a number that is part of a name ("O2", "G3") and may be said otherwise.
        stated: a statement that affirms in so many words ("has a cough"), more than a mention.
        items: `about`, parted as a list is ("no cough, chest pain or fever").
    """

    kind: FactKind
    text: str
    values: tuple[str, ...]
    about: tuple[str, ...] = ()
    at: int = 0
    code: bool = False
    stated: bool = False
    items: tuple[tuple[str, ...], ...] = ()


def facts(text: str, common: Collection[str] = frozenset()) -> list[Fact]:
    """All facts of a text, in the order they stand there.

    Args:
        common: words that are no names though some write them with a capital (`common_words`).
    """
    tokens = tokens_of(text)
    words = (fact for fact in _words(tokens) if fact.kind != "name" or fact.values[0] not in common)
    found = [*numbers(tokens), *words, *sides(tokens), *_statements(tokens)]
    return sorted(found, key=lambda fact: (fact.at, fact.kind))


def common_words(texts: Iterable[str]) -> frozenset[str]:
    """Words that stand without a capital somewhere in the texts."""
    return frozenset(
        token.text for text in texts for token in tokens_of(text) if token.text.islower()
    )


def numbers(tokens: Sequence[Token]) -> Iterator[Fact]:
    """Numbers in digits, or spelled out above one, with the unit after and the word before."""
    covered = -1
    for at, token in enumerate(tokens):
        if at <= covered:
            continue
        values = [
            (value, last) for value, first, last in numbers_in(tokens[at : at + 6]) if not first
        ]
        spelled = not token.text[0].isdigit()
        if not values or (spelled and not token.is_count):
            continue
        listed = token.opens and at + 2 < len(tokens) and tokens[at + 1].text in ".)"
        if listed:
            continue
        covered = at + max(last for _, last in values)
        parts = tuple(value for value, _ in values)
        if spelled:
            parts = (max(values, key=lambda each: each[1])[0],)
        unit, end = "", covered
        for place in range(covered + 1, min(covered + 3, len(tokens))):
            if known := unit_of(tokens[place]):
                unit, end = known, place
                break
            if not (tokens[place].is_word or tokens[place].text in "-+"):
                break
        before = tokens[at - 1] if at and tokens[at - 1].is_word else None
        first = (
            before if before and not unit and before.text.casefold() not in STOP_WORDS else token
        )
        text = _span(tokens, first, tokens[end])
        kind: FactKind = "dose" if unit else "date" if _DATE.fullmatch(token.text) else "number"
        code = before is not None and not token.spaced
        yield Fact(kind, text, parts, (unit,) if unit else (), token.at, code)


_DATE = re.compile(r"\d{1,2}/\d{1,2}/(\d\d|\d{4})")


def _words(tokens: Sequence[Token]) -> Iterator[Fact]:
    """Months, names (capitalised within a sentence) and drugs (by their stem or their dose)."""
    for at, token in enumerate(tokens):
        word = token.text.casefold()
        if not token.is_word or word in STOP_WORDS or len(word) < 2:
            continue
        if word in MONTHS and token.text[0].isupper():
            yield Fact("date", token.text, (word,), (str(MONTHS[word]),), token.at)
        elif _is_drug(tokens, at):
            yield Fact("drug", token.text, (word,), (), token.at)
        elif token.is_name:
            yield Fact("name", token.text, (word, *_joined(tokens, at)), (), token.at)


def _joined(tokens: Sequence[Token], at: int) -> Iterator[str]:
    """A name as one word with a capitalised neighbour: "Wal-Mart" and "Fed Ex" run together."""
    named = [place for place in range(at - 2, at + 3) if 0 <= place < len(tokens)]
    named = [place for place in named if tokens[place].text[0].isupper()]
    for first, last in pairwise(named):
        between = tokens[first + 1 : last]
        if at in (first, last) and all(token.text == "-" for token in between):
            yield (tokens[first].text + tokens[last].text).casefold()


def _is_drug(tokens: Sequence[Token], at: int) -> bool:
    word = tokens[at].text.casefold()
    if len(word) > 5 and word.endswith(DRUG_STEMS):
        return True
    after = [token for token in tokens[at + 1 : at + 4] if token.text.casefold() != "to"]
    dosed = len(after) > 1 and after[0].text[0].isdigit() and unit_of(after[1]) in _DOSE_UNITS
    return dosed and len(word) > 3 and not word.endswith("ed") and word not in _BEFORE_DOSES


_DOSE_UNITS = ("mg", "mcg", "g", "ml", "unit", "tablet", "puff", "drop", "spray")
_BEFORE_DOSES = set_of(
    "dose dosage total output intake only around approximately currently daily another least "
    "roughly receives took takes taking gave given every additional"
)


def sides(tokens: Sequence[Token], *, source: bool = False) -> Iterator[Fact]:
    """Sides, each with the words near it; "all right", "right now" and "she left" are none.

    Of a source, more words count as near, and "l" and "r" as sides even in small letters.
    """
    near = NEAR if source else 3
    for at, token in enumerate(tokens):
        if source and token.text.casefold() == "both" and _is_asked(tokens, at):
            continue
        letter = token.text.upper() if source else token.text
        side = SIDES.get(letter if len(letter) == 1 else token.text.casefold())
        if side is None or not _is_side(tokens, at):
            continue
        after = _until_stop(tokens[at + 1 : at + 1 + near])
        before = _until_stop(tokens[max(0, at - near) : at][::-1])
        around = [*after, *before] if source else (after[:2] or before[:2])
        last = after[0] if after else token
        text = _span(tokens, token, last) if last.at - token.at < 30 else token.text
        yield Fact("side", text, (side,), tuple(stem(other.text) for other in around), token.at)


def _is_asked(tokens: Sequence[Token], at: int) -> bool:
    """Whether the sentence ends with a question mark soon: "Both sides?" """
    return any(token.text == "?" for token in tokens[at : at + NEAR])


_NO_SIDE_BEFORE = set_of(
    "all that's is it's has have had he she they i we was you're 're be just so"
)
_NO_SIDE_AFTER = set_of(
    "now away after before here there the a an his her my to for at work home in without alone "
    "school over off it this that with when because through about around ok okay along beside "
    "behind under next"
)


def _is_side(tokens: Sequence[Token], at: int) -> bool:
    word = tokens[at].text.casefold()
    if word not in ("left", "right"):
        before = tokens[at - 1].text if at else ""
        spoken = len(before) == 1 and before.isalpha()  # "E R", "O R"
        return len(word) > 1 or not (spoken or before[-1:].isdigit())
    before = tokens[at - 1].text.casefold() if at else ""
    after = tokens[at + 1].text.casefold() if at + 1 < len(tokens) else "."
    if after in ("-", "/") or (tokens[at].opens and after == "." and _asks_for_side(tokens, at)):
        return True
    if before in ("the", "my", "your", "his", "her", "on", "and", "or", "upper", "lower"):
        return after not in ("thing", "now", "track")
    if before in _NO_SIDE_BEFORE or after in _NO_SIDE_AFTER:
        return False
    return after[0].isalpha()


def _asks_for_side(tokens: Sequence[Token], at: int) -> bool:
    """ "Which knee?" "Right." names a side; "Okay?" "Right." does not."""
    asked = {token.text.casefold() for token in tokens[max(0, at - 12) : at]}
    return "?" in asked and bool(asked & {"which", "side"})


def _until_stop(tokens: Sequence[Token]) -> list[Token]:
    """The words that tell something, up to a full stop."""
    end = next((at for at, token in enumerate(tokens) if token.text in ".;|"), len(tokens))
    return [token for token in tokens[:end] if _is_content(token)]


def _is_content(token: Token) -> bool:
    word = token.text.casefold()
    vague = word in STOP_WORDS or word in SIDES or word in ("side", "sided", "sides")
    return token.is_word and len(word) > 2 and not vague


def _statements(tokens: Sequence[Token]) -> Iterator[Fact]:
    """What each clause says to be present or absent."""
    places = {token.at: at for at, token in enumerate(tokens)}
    for said in (said for unit in statements(tokens, questions=False) for said in unit):
        polarity, told = said.polarity, said.told
        items = tuple(
            tuple(concept(token.text) for token in item) for item in items_of(told, tokens, places)
        )
        about = tuple(dict.fromkeys(name for item in items for name in item))
        first = places[told[0].at]
        if polarity == "absent":
            before = range(max(0, first - 4), first)
            first = next((at for at in before if is_denial(tokens[at])), first)
        last = max(token.at for token in [*tokens[first : first + 6], told[0]] if token.is_word)
        text = _span(tokens, tokens[first], tokens[places[min(last, told[-1].at)]])
        yield Fact(
            "negation", text, (polarity,), about, told[0].at, stated=said.stated, items=items
        )


def _span(tokens: Sequence[Token], first: Token, last: Token) -> str:
    """The text from one token to another, with single spaces."""
    inside = [token for token in tokens if first.at <= token.at <= last.at]
    text = ""
    for token in inside:
        text += " " * (bool(text) and token.spaced) + token.text
    return text
