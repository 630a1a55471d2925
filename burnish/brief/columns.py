"""What a column of examples looks like: the form of its values, their lengths, what they share.

Reads Tables; decides nothing.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from burnish.records import Table

Form = Literal["text", "number", "truth", "labels", "json", "messages", "empty"]
SAMPLE = 1000
"""Rows, evenly spaced, on which lengths and overlaps are measured; counts are over all rows."""

_SCRIPT = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_SCRIPT}]|[^\W_{_SCRIPT}]+")
_PIECE = re.compile(rf"[{_SCRIPT}]|[^\W_{_SCRIPT}]+|[^\w\s]|_")
_SPACED = re.compile(rf"[{_SCRIPT}]|[^\s{_SCRIPT}]+")
_SEPARATORS = re.compile(r"[|;]")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        values: of every row, as read.
        texts: of the sampled rows, as one text each ("" for an empty cell).
    """

    name: str
    values: list[Any]
    texts: list[str]

    @property
    def n(self) -> int:
        """Rows, empty cells included."""
        return len(self.values)

    @cached_property
    def present(self) -> list[Any]:
        """The values of the cells that are not empty."""
        return [value for value in self.values if not _is_empty(value)]

    @cached_property
    def counts(self) -> Counter[str]:
        """Text of a value → rows that hold it, empty cells left out."""
        return Counter(as_text(value) for value in self.present)

    @cached_property
    def filled(self) -> float:
        """Share of cells that are not empty."""
        return len(self.present) / self.n if self.n else 0.0

    @cached_property
    def form(self) -> Form:
        """What at least 9 of 10 filled cells are."""
        sample = spaced(self.present, SAMPLE)
        if not sample:
            return "empty"
        found = Counter(_form(value) for value in sample)
        if self.atoms:
            return "labels"
        form, count = found.most_common(1)[0]
        return form if count >= 0.9 * len(sample) else "text"

    @cached_property
    def atoms(self) -> Counter[str]:
        """Label → rows, where cells are lists of short texts or texts separated by | or ;."""
        sample = spaced(self.present, SAMPLE)
        lists = [_as_list(value) for value in sample]
        if sample and all(items is not None for items in lists):
            split = [_as_list(value) or [] for value in self.values]
        elif sum(_separated(value) for value in sample) >= 0.05 * max(len(sample), 1):
            split = [_SEPARATORS.split(as_text(value)) for value in self.present]
        else:
            return Counter()
        found = Counter(name for items in split for name in {" ".join(it.split()) for it in items})
        found.pop("", None)
        short = all(len(name) <= 60 and count_words(name) <= 8 for name in found)
        return found if short and 2 <= len(found) <= max(2, self.n // 2) else Counter()

    @cached_property
    def lengths(self) -> list[int]:
        """Words of the filled sampled cells, in ascending order."""
        return sorted(count_words(text) for text in self.texts if text)

    @property
    def median(self) -> int:
        """Words of the middle cell."""
        return percentile(self.lengths, 0.5)

    @property
    def longest(self) -> int:
        """Words of the longest sampled cell but 1 in 100."""
        return percentile(self.lengths, 0.99)

    @property
    def distinct(self) -> int:
        """Different values, the empty one left out."""
        return len(self.counts)

    @property
    def categorical(self) -> bool:
        """Few different short values, each standing in several rows."""
        few = 2 <= self.distinct <= max(2, min(500, len(self.present) // 3))
        return self.form in ("text", "number", "truth") and few and self.longest <= 8

    @cached_property
    def prose(self) -> bool:
        """Most cells hold three words or more, not counting the parts of codes like a_b-c."""
        long = sum(len(_SPACED.findall(text)) >= 3 for text in self.texts if text)
        return long >= 0.5 * max(len(self.lengths), 1)

    @property
    def coded(self) -> bool:
        """Categorical, and its values are codes, not prose."""
        return self.categorical and not self.prose

    def describe(self) -> str:
        """The shape in a phrase, for a message."""
        if self.form == "empty":
            return "empty"
        kinds = {"labels": "several labels a cell", "json": "JSON", "truth": "true or false"}
        empty = f", empty in {1 - self.filled:.0%} of rows" if self.filled < 0.995 else ""
        many = self.median if self.median != 1 else "one"
        return (
            f"{kinds.get(self.form, self.form)}, {self.distinct:,} distinct in {self.n:,} rows, "
            f"about {many} word{'' if many == 'one' else 's'}{empty}"
        )


def columns_of(table: Table) -> dict[str, Column]:
    """Name → column, in file order."""
    found = {}
    for name in table.columns:
        values = [row.get(name) for row in table.rows]
        found[name] = Column(name, values, [as_text(value) for value in spaced(values, SAMPLE)])
    return found


def overlap(short: Column, long: Column) -> float:
    """Mean share of the words of `short` that stand in `long` in the same row.

    The idea of extractive coverage (Grusky et al., 2018, Newsroom), on words of 4 letters or more.
    """
    shares = []
    for some, more in zip(short.texts, long.texts, strict=True):
        words = {word.lower() for word in _WORD.findall(some) if len(word) > 3}
        if words:
            shares.append(len(words & {word.lower() for word in _WORD.findall(more)}) / len(words))
    return sum(shares) / len(shares) if shares else 0.0


def contained(texts: list[str], long: Column) -> float:
    """Share of the non-empty texts that stand, as they are, in `long` in the same row."""
    pairs = [(text, more) for text, more in zip(texts, long.texts, strict=True) if text]
    found = sum(text.casefold() in more.casefold() for text, more in pairs)
    return found / len(pairs) if pairs else 0.0


def count_words(text: str) -> int:
    """Words; each sign of a script without spaces counts as one."""
    return len(_WORD.findall(text))


def count_pieces(text: str) -> int:
    """Words and punctuation marks: nearer to tokens where a text is full of signs."""
    return len(_PIECE.findall(text))


def percentile(ascending: list[int], share: float) -> int:
    """The value that `share` of the values do not exceed; 0 of none."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))] if ascending else 0


def name_words(name: str) -> list[str]:
    """A column's name as lower-case words: "sectionText" and "section_text" alike."""
    spaced_out = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", spaced_out.lower())


def spaced(values: list[Any], most: int) -> list[Any]:
    """At most `most` values, evenly spaced."""
    return values[:: max(1, -(-len(values) // most))]


def as_text(value: Any) -> str:
    """A cell as one text; "" for an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def as_json(value: Any) -> Any:
    """The object or list in a cell, JSON text included; None where there is none."""
    if isinstance(value, dict | list):
        return value
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return None


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _form(value: Any) -> Form:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    parsed = as_json(value)
    items = parsed if isinstance(parsed, list) else [parsed]
    if items and all(isinstance(item, dict) for item in items):
        chat = isinstance(parsed, list) and all(
            {"role", "content"} <= item.keys() for item in items
        )
        return "messages" if chat else "json"
    return "number" if isinstance(value, str) and _is_number(value) else "text"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_list(value: Any) -> list[str] | None:
    """The texts of a list cell; None where it is no list of plain values."""
    parsed = as_json(value)
    plain = isinstance(parsed, list) and all(isinstance(it, str | int | float) for it in parsed)
    return [str(item) for item in parsed] if plain else None


def _separated(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    parts = _SEPARATORS.split(value)
    return len(parts) > 1 and all(0 < len(part.strip()) <= 60 for part in parts)
