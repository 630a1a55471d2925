"""The data page: one HTML file that shows what was found in the examples and what was done.

Reads a DataReport and what stands beside it; returns the page as text and writes nothing. The page
needs no network and runs no script. All text from the data is escaped, and characters that could
not be seen, or would turn the text around, are spelled out ("[U+202E]").
"""

import difflib
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from markupsafe import Markup

from burnish.data.review.summary import KINDS, Line, summary
from burnish.pages.templates import templates
from burnish.records import Change, Dropped, Finding, FindingKind
from burnish.records.data_checks import DataReport, Histogram, LearningCurve, Slice

MOST_FINDINGS = 200
"""Findings of one kind that stand on the page."""

MOST_DROPPED = 300
MOST_CHANGES = 200

_OPEN = 10  # rows of a table that are shown without unfolding
_LONGEST_EQUAL = 120  # characters of unchanged text that are shown whole
_LONGEST_PIECE = 1500  # characters of inserted or deleted text
_MOST_COMPARED = 4_000_000  # pairs of words

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_JOINERS = re.compile("[\u200c\u200d\u00a0]")  # belong to some scripts and emoji, else are faults
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


class Piece(NamedTuple):
    """A part of a changed text."""

    kind: Literal["same", "deleted", "inserted"]
    text: str


class Shown(NamedTuple):
    """The findings of a kind that stand on the page, and how many there are in all."""

    kind: FindingKind
    title: str
    meaning: str
    findings: list[Finding]
    total: int


def data_page(
    report: DataReport,
    findings: Sequence[Finding],
    dropped: Sequence[Dropped],
    changes: Sequence[Change],
    *,
    change_count: int,
) -> str:
    """The whole page as HTML text; the same arguments give the same bytes.

    Args:
        findings: ranked within each kind; of each kind the first 200 stand on the page.
        dropped, changes: in the order to show; the first 300 and the first 200.
        change_count: of all changes, where `changes` are the first of them.
    """
    environment = templates("burnish.data.review")
    environment.finalize = _finalize
    environment.filters |= {"number": _number, "count": _count, "percent": _percent}
    shown = [
        Shown(kind, title, meaning, found[:MOST_FINDINGS], _total(report, kind, len(found)))
        for kind, (title, meaning, _) in KINDS.items()
        if (found := [finding for finding in findings if finding.kind == kind])
    ]
    lost, changed = dropped[:MOST_DROPPED], changes[:MOST_CHANGES]
    rows = _rows(shown, lost, changed)
    curve = report.learning_curve
    return environment.get_template("data.html").render(
        report=report,
        summary=summary(report),
        shown=shown,
        rows=rows,
        row_ids={place: f"row-{at}" for at, place in enumerate(rows, start=1)},
        open=_OPEN,
        dropped=lost,
        dropped_count=max(len(dropped), sum(report.dropped.values())),
        changes=[(change, _pieces(change.before, change.after)) for change in changed],
        change_count=change_count,
        slices=_by_kind(report),
        splits=[name for name in ("train", "validation", "test") if name in report.splits],
        histograms=[(each, _bars(each)) for each in report.histograms],
        curve=_drawn(curve) if curve else None,
        examples=sum(report.splits.values()),
        finding_count=sum(_total(report, kind, 0) for kind in KINDS) or len(findings),
    )


def spelled(text: str) -> str:
    """Text whose unseen characters, and those that turn its direction, are written as [U+XXXX].

    Line ends and tabs stay, as do joiners that emoji and some scripts need.
    """
    return _UNSEEN.sub(_code, text)


def _finalize(value: Any) -> Any:
    return spelled(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _code(found: re.Match[str]) -> str:
    return f"[U+{ord(found[0]):04X}]"


def _total(report: DataReport, kind: FindingKind, given: int) -> int:
    return max(report.findings.get(kind, 0), given)


def _number(value: float) -> str:
    return f"{value:.3f}"


def _count(value: int) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    """0.034 as "3.4%"; what is above 0 never reads as 0."""
    if 0 < value < 0.001:
        return "< 0.1%"
    return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


class Bar(NamedTuple):
    """A bar of a histogram: what it counts, and its height from 0 to 1."""

    label: str
    times: int
    height: float


def _bars(histogram: Histogram) -> list[Bar]:
    tallest = max(1, *histogram.counts)
    starts = zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False)
    return [
        Bar(f"{low:,}" if high - low == 1 else f"{low:,} to {high - 1:,}", count, count / tallest)
        for low, high, count in starts
    ]


class Mark(NamedTuple):
    """A place in the picture of the learning curve; `x` and `y` from 0 to 1, `y` downwards."""

    x: float
    y: float
    low: float | None
    high: float | None
    label: str


class Drawn(NamedTuple):
    """The learning curve to draw: its points, the power law, and where doubling leads."""

    ticks: list[tuple[float, str]]
    marks: list[Mark]
    line: list[tuple[float, float, float, float, bool]]
    doubled: Mark | None


def _drawn(curve: LearningCurve) -> Drawn:
    last = curve.points[-1]
    ends = [end for p in curve.points for end in (p.low, p.high, p.score) if end is not None]
    if curve.gain is not None:
        gains = (curve.gain_low, curve.gain, curve.gain_high)
        ends += [last.score + gain for gain in gains if gain is not None]
    low, high = min(ends), max(ends)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if s * 6 >= high - low or s == 0.5)
    first, final = int(low / step), int(high / step) + 1

    def y(score: float | None) -> float | None:
        return None if score is None else (final - score / step) / (final - first)

    def mark(n: int, score: float, low: float | None, high: float | None) -> Mark:
        return Mark(n / curve.doubled, y(score) or 0.0, y(low), y(high), f"{n:,}")

    def law(n: float) -> float:
        a, b, c = curve.asymptote or 0.0, curve.scale or 0.0, curve.exponent or 0.0
        return a - b * math.pow(n, -c)

    doubled, line = None, []
    if curve.gain is not None:
        reach = [None if g is None else last.score + g for g in (curve.gain_low, curve.gain_high)]
        doubled = mark(curve.doubled, last.score + curve.gain, *reach)
        start = curve.points[0].n
        sizes = [start + (curve.doubled - start) * at / 40 for at in range(41)]
        places = [(n / curve.doubled, y(law(n)) or 0.0, n > last.n) for n in sizes]
        line = [(x, h, *after) for (x, h, _), after in pairwise(places)]
    return Drawn(
        ticks=[
            ((final - at) / (final - first), f"{at * step:.2f}") for at in range(first, final + 1)
        ],
        marks=[mark(p.n, p.score, p.low, p.high) for p in curve.points],
        line=line,
        doubled=doubled,
    )


def _rows(
    shown: Sequence[Shown], dropped: Sequence[Dropped], changes: Sequence[Change]
) -> dict[str, list[Line]]:
    """Place → where on the page it is spoken of, in the order of the files."""
    found: dict[str, dict[Line, None]] = {}

    def note(place: str, text: str, section: str) -> None:
        found.setdefault(place, {})[Line(text, section)] = None

    for each in shown:
        for at, finding in enumerate(each.findings, start=1):
            for place in finding.rows:
                note(place, f"{each.kind} {at}", f"{each.kind}-{at}")
    for at, drop in enumerate(dropped, start=1):
        note(f"{drop.source} row {drop.row}", f"dropped: {drop.reason}", f"dropped-{at}")
        if drop.kept:
            note(drop.kept, f"kept instead of row {drop.row}", f"dropped-{at}")
    for at, change in enumerate(changes, start=1):
        note(f"{change.source} row {change.row}", f"changed: {change.field}", f"change-{at}")

    def file_order(place: str) -> tuple[str, int, str]:
        source, _, number = place.rpartition(" row ")
        return source, int(number) if number.isdecimal() else 0, place

    return {place: list(found[place]) for place in sorted(found, key=file_order)}


def _by_kind(report: DataReport) -> dict[str, list[Slice]]:
    """What slices are told apart by → slices."""
    slices: dict[str, list[Slice]] = {}
    for each in report.balance.slices if report.balance else ():
        slices.setdefault(each.by, []).append(each)
    return slices


def _pieces(before: str, after: str) -> list[Piece]:
    """What was deleted and inserted, word by word; long unchanged stretches are shortened.

    Texts with too many different words to compare are shown as deleted and inserted whole.
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    pieces = [Piece("same", "".join(old[:start]))]
    if len(old_middle) * len(new_middle) > _MOST_COMPARED:
        codes = [("replace", 0, len(old_middle), 0, len(new_middle))]
    else:
        matcher = difflib.SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        codes = list(matcher.get_opcodes())
    for code, i, j, k, m in codes:
        if code == "equal":
            pieces.append(Piece("same", "".join(old_middle[i:j])))
            continue
        pieces.append(Piece("deleted", _marked("".join(old_middle[i:j]))))
        pieces.append(Piece("inserted", _marked("".join(new_middle[k:m]))))
    pieces.append(Piece("same", "".join(old[len(old) - end :])))
    shortened = [
        Piece(piece.kind, _shortened(piece, first=at == 0, last=at == len(pieces) - 1))
        for at, piece in enumerate(pieces)
    ]
    return [piece for piece in shortened if piece.text]


def _marked(text: str) -> str:
    """Changed text in which white space that stands alone, and joiners, can be seen."""
    text = _JOINERS.sub(_code, text)
    if text.strip():
        return text
    return text.replace(" ", "␣").replace("\t", "⇥").replace("\n", "↵\n")


def _shortened(piece: Piece, *, first: bool, last: bool) -> str:
    text, most = piece.text, _LONGEST_EQUAL if piece.kind == "same" else _LONGEST_PIECE
    if len(text) <= most:
        return text
    if piece.kind != "same":
        return f"{text[:most]} … ({len(text) - most:,} more characters)"
    half = most // 2
    return ("" if first else text[:half]) + " … " + ("" if last else text[-half:])
