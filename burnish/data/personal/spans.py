"""Stretches of a text that hold personal data, and how overlapping ones are settled.

Reads nothing, writes nothing.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from burnish.facts.placeholders import PLACEHOLDER

_LEAST_LEFT = 2
"""Letters or digits that the rest of an overlapped span needs to stand for itself."""


@dataclass(frozen=True)
class Span:
    """One value in a text.

    Attributes:
        start, end: in characters; `text[start:end]` is the value.
        type: what it is, in Presidio's names: "PERSON", "PHONE_NUMBER", "US_SSN" and so on.
        score: from 0 to 1, how certain that is; 1 where a checksum agrees.
    """

    start: int
    end: int
    type: str
    score: float


def settled(text: str, spans: Iterable[Span]) -> list[Span]:
    """The spans without overlaps, in order of the text.

    The longest wins, of equally long ones the most certain. What a loser covers beyond the winner
    stays a span, so that no part of what was recognised is left standing. Placeholders that stand
    in the text are nobody's data.
    """
    placeholders = [Span(*match.span(), "", 1.0) for match in PLACEHOLDER.finditer(text)]
    taken = list(placeholders)
    order = sorted(spans, key=lambda one: (one.start - one.end, -one.score, one.start, one.type))
    for span in order:
        for start, end in _outside(span, taken):
            start, end = _trimmed(text, start, end)
            whole = (start, end) == (span.start, span.end)
            if start < end and (whole or _letters(text[start:end]) >= _LEAST_LEFT):
                insort(taken, Span(start, end, span.type, span.score), key=_start)
    return [one for one in taken if one.type]


def _outside(span: Span, taken: list[Span]) -> list[tuple[int, int]]:
    """The stretches of a span that no span in `taken` covers; those lie in order, apart."""
    pieces, at = [], span.start
    first = max(0, bisect_right(taken, span.start, key=_start) - 1)
    for other in islice(taken, first, None):
        if other.start >= span.end:
            break
        if other.end > at:
            pieces.append((at, other.start))
            at = other.end
    return [piece for piece in [*pieces, (at, span.end)] if piece[0] < piece[1]]


def _start(span: Span) -> int:
    return span.start


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in ",;"):
        end -= 1
    return start, end


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)
