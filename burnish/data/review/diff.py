"""Diff: what changed between two versions of a data set.

Reads the splits of both; writes nothing. Examples are matched by id, then by input, as ids that
come from the content change with the answer, then by their row where the text stayed similar.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.data.examples import excerpt, input_key, place
from burnish.records import Example

ChangeName = Literal["added", "removed", "moved", "answer changed", "text changed"]
CHANGES: tuple[ChangeName, ...] = ("added", "removed", "moved", "answer changed", "text changed")

_SIMILAR = 0.5
"""Share of words in common from which two texts of one row are one text that was changed."""

_Place = tuple[str, Example]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DiffRow(_Model):
    """One example that differs.

    Attributes:
        id, row: of the newer version, or of the older where the example was removed.
        split_before, split_after: None where the version does not have it.
        before, after: the answers for "answer changed"; the beginning of the text otherwise.
    """

    id: str
    row: str
    split_before: str | None
    split_after: str | None
    before: str
    after: str


class LabelShift(_Model):
    """The share of a label among all examples, before and after."""

    label: str
    before: float
    after: float


class DatasetDiff(_Model):
    """What changed from one version to another.

    Attributes:
        sizes_before, sizes_after: examples of each split.
        unchanged: examples in the same split with the same text and answer.
        counts: examples by change; one that moved and has another answer counts under both.
        rows: the first examples of each change, by split and row.
        labels: every label whose share changed, the largest shift first; empty without labels.
    """

    sizes_before: dict[str, int]
    sizes_after: dict[str, int]
    unchanged: int
    counts: dict[ChangeName, int]
    rows: dict[ChangeName, tuple[DiffRow, ...]]
    labels: tuple[LabelShift, ...]


def diff(
    a: Mapping[str, Sequence[Example]], b: Mapping[str, Sequence[Example]], *, most_rows: int = 10
) -> DatasetDiff:
    """What changed from `a` to `b`, each given as split → examples.

    Args:
        most_rows: examples listed for each change; the counts are of all.
    """
    pairs, removed, added = _matched(_places(a), _places(b))
    found: dict[ChangeName, list[DiffRow]] = {name: [] for name in CHANGES}
    found["added"] = [_row(None, new, excerpt) for new in added]
    found["removed"] = [_row(old, None, excerpt) for old in removed]
    unchanged = 0
    for old, new in pairs:
        changes: list[ChangeName] = []
        if old[0] != new[0]:
            changes.append("moved")
            found["moved"].append(_row(old, new, excerpt))
        if _answers(old[1]) != _answers(new[1]):
            changes.append("answer changed")
            found["answer changed"].append(_row(old, new, lambda example: example.answer))
        if _read(old[1]) != _read(new[1]):
            changes.append("text changed")
            found["text changed"].append(_row(old, new, excerpt))
        unchanged += not changes
    return DatasetDiff(
        sizes_before={split: len(examples) for split, examples in a.items()},
        sizes_after={split: len(examples) for split, examples in b.items()},
        unchanged=unchanged,
        counts={name: len(rows) for name, rows in found.items()},
        rows={name: tuple(sorted(rows, key=_order)[:most_rows]) for name, rows in found.items()},
        labels=_label_shifts(a, b),
    )


def _places(splits: Mapping[str, Sequence[Example]]) -> list[_Place]:
    return [(split, example) for split, examples in splits.items() for example in examples]


def _matched(
    before: list[_Place], after: list[_Place]
) -> tuple[list[tuple[_Place, _Place]], list[_Place], list[_Place]]:
    """Pairs of what is the same example, and what only the older and only the newer has."""
    pairs: list[tuple[_Place, _Place]] = []
    keys: list[Callable[[_Place], object]] = [
        lambda at: at[1].id,
        lambda at: (at[0], input_key(at[1])),
        lambda at: input_key(at[1]),
    ]
    for key in keys:
        made, before, after = _match(before, after, key, lambda old, new: True)
        pairs += made
    made, before, after = _match(
        before, after, lambda at: (at[1].source, at[1].row),
        lambda old, new: _similar(old[1], new[1]),
    )  # fmt: skip
    return pairs + made, before, after


def _match(
    before: list[_Place],
    after: list[_Place],
    key: Callable[[_Place], object],
    fits: Callable[[_Place, _Place], bool],
) -> tuple[list[tuple[_Place, _Place]], list[_Place], list[_Place]]:
    waiting: dict[object, list[_Place]] = defaultdict(list)
    for old in reversed(before):
        waiting[key(old)].append(old)
    pairs, added = [], []
    for new in after:
        same = waiting.get(key(new))
        if same and fits(same[-1], new):
            pairs.append((same.pop(), new))
        else:
            added.append(new)
    left = {id(old) for olds in waiting.values() for old in olds}
    return pairs, [old for old in before if id(old) in left], added


def _similar(one: Example, other: Example) -> bool:
    words, others = (set(" ".join(_read(example)).split()) for example in (one, other))
    return len(words & others) >= _SIMILAR * len(words | others)


def _read(example: Example) -> list[str]:
    """What the model reads, text by text."""
    return [*example.inputs.values(), *(turn.content for turn in example.history)]


def _answers(example: Example) -> tuple[object, ...]:
    return example.answer, sorted(example.references), example.labels


def _row(old: _Place | None, new: _Place | None, text: Callable[[Example], str]) -> DiffRow:
    sides = [side for side in (old, new) if side is not None]
    return DiffRow(
        id=sides[-1][1].id,
        row=place(sides[-1][1]),
        split_before=old[0] if old else None,
        split_after=new[0] if new else None,
        before=text(old[1]) if old else "",
        after=text(new[1]) if new else "",
    )


def _order(row: DiffRow) -> tuple[str, str, int, str]:
    """By split, file and row number."""
    source, _, number = row.row.rpartition(" ")
    return (row.split_after or row.split_before or "", source, int(number), row.id)


def _label_shifts(
    a: Mapping[str, Sequence[Example]], b: Mapping[str, Sequence[Example]]
) -> tuple[LabelShift, ...]:
    before, after = (_shares(version) for version in (a, b))
    shifts = [
        LabelShift(label=label, before=before.get(label, 0.0), after=after.get(label, 0.0))
        for label in before.keys() | after.keys()
        if before.get(label, 0.0) != after.get(label, 0.0)
    ]
    return tuple(sorted(shifts, key=lambda shift: (-abs(shift.after - shift.before), shift.label)))


def _shares(splits: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    examples = [example for _, example in _places(splits)]
    counts = Counter(label for example in examples for label in example.labels)
    return {label: n / len(examples) for label, n in counts.items()}
