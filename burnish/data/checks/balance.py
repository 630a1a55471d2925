"""Balance: how evenly the training examples are spread over labels, lengths, languages, sources.

Reads the splits and writes nothing. Labels can be evened out, in the training split alone: by
repeating the examples of rare labels, by leaving out those of frequent ones, or by weights for the
loss. Which examples are repeated or kept depends on their content, never on the order of rows.
"""

import hashlib
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from burnish.data.examples import content_hash, excerpt, place
from burnish.errors import DataError
from burnish.facts.language import language_of
from burnish.records import Example, Finding, SplitName, Task
from burnish.records.data_checks import Balance, Resampling, Slice, SliceBy

MINORITY = 0.5
"""Share of an even share below which a label is in the minority."""

MOST_GROWTH = 10
"""Oversampling repeats an example at most so often, and no weight is greater."""

DOMINATES: dict[SliceBy, float] = {"length": 0.9, "language": 0.9, "source": 0.9, "group": 0.5}
"""Share of the training examples from which a slice dominates the others of its kind."""

_LENGTHS = (1, 10, 30, 100, 300, 1000, 3000)  # words, the first of each slice
_MOST_ROWS = 10  # places named in a finding
_MOST_GROUPS = 100  # slices kept of each kind, the largest

_Splits = Mapping[SplitName, Sequence[Example]]


def balance(
    task: Task,
    splits: _Splits,
    *,
    how: Resampling = "none",
    after: Sequence[Example] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Balance:
    """What the training split is made of: labels for classify, otherwise four kinds of slices.

    Args:
        how, after, weights: what `resampled` was asked for and what it returned, so that the
            record shows both sides; leave them out where nothing was evened out.
    """
    if task.kind != "classify":
        return Balance(slices=tuple(_slices(splits)))
    counts = {name: _label_counts(examples) for name, examples in splits.items()}
    labels = sorted({label for found in counts.values() for label in found})
    before = Counter({label: counts["train"][label] for label in labels})
    later = None if how == "none" or after is None else _label_counts(after)
    weights = weights or {}
    total = max(1, len(splits["train"]))
    slices = [
        Slice(
            by="label", name=label, share=before[label] / total,
            n={name: found[label] for name, found in counts.items()},
            after=None if later is None else later[label], weight=weights.get(label),
        )
        for label in sorted(labels, key=lambda label: (-before[label], label))
    ]  # fmt: skip
    result = Balance(
        slices=tuple(slices),
        entropy=_entropy(before),
        ratio=_ratio(before),
        minority=tuple(_minority(before)),
        how=how,
    )
    if later is None:
        return result
    felt = {label: later[label] * weights.get(label, 1.0) for label in labels}
    return result.model_copy(update={"entropy_after": _entropy(felt), "ratio_after": _ratio(felt)})


def imbalance(task: Task, train: Sequence[Example]) -> list[Finding]:
    """One finding for each label in the minority, or for each slice that dominates its kind.

    The score is the share that is missing to an even one, or that of the dominating slice. Rows
    are up to ten of the rare examples: those with the label, or those outside the slice.
    """
    if task.kind == "classify":
        findings = _rare_labels(train)
    else:
        findings = [
            finding
            for by, members in _members(train).items()
            if (finding := _dominating(by, members, len(train)))
        ]
    return sorted(findings, key=lambda finding: (-finding.score, finding.reason, finding.ids))


def resampled(
    task: Task, train: Sequence[Example], how: Resampling, seed: int
) -> tuple[list[Example], dict[str, float]]:
    """The training examples with labels evened out, and the weight of each label in the loss.

    "oversample" repeats the examples of each label until it is as frequent as the most frequent,
    or has grown tenfold: every example equally often, then a seeded draw by content for the
    remainder. Repeats carry the id of their original with "#2", "#3" and so on.

    "undersample" leaves out what a label has above the median of the labels' counts (the mean of
    the two middle ones, rounded down), so at most half of the labels lose examples and none falls
    below the rarest. The examples with the lowest content hashes stay.

    "weights" changes no example; a label weighs inversely to its count, at most 10, and the mean
    over all training examples is 1.

    Returns:
        Examples in the order of their content hash, and label → weight (empty unless weighted).

    Raises:
        DataError: the task has no labels, or several an example: repeating or leaving out a row
            would move all of its labels at once.
    """
    if how == "none":
        return list(train), {}
    if task.kind != "classify" or task.multi_label:
        what = "several labels an example" if task.kind == "classify" else "no labels"
        raise DataError(
            f'checks.balance is "{how}", which needs one label an example; a task of kind '
            f"{task.kind} here has {what}.",
            hint="set `balance: none` under `checks:` in burnish.yaml",
        )
    counts = _label_counts(train)
    if how == "weights":
        return list(train), _weights(counts)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in _ordered(train):
        by_label[example.labels[0]].append(example)
    if how == "undersample":
        most = int(statistics.median(counts.values())) if counts else 0
        return _ordered(e for members in by_label.values() for e in members[:most]), {}
    largest = max(counts.values(), default=0)
    taken = {example.id for example in train}
    repeats = [
        copy
        for _, members in sorted(by_label.items())
        for copy in _repeats(members, min(largest, MOST_GROWTH * len(members)), seed, taken)
    ]
    return _ordered([*train, *repeats]), {}


def _label_counts(examples: Iterable[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in example.labels)


def _entropy(counts: Mapping[str, float]) -> float | None:
    """Shannon's entropy over that of an even spread; None with fewer than two labels."""
    total = sum(counts.values())
    if len(counts) < 2 or not total:
        return None
    shares = [count / total for count in counts.values() if count]
    found = -sum(share * math.log(share) for share in shares) / math.log(len(counts))
    return min(1.0, max(0.0, found))


def _ratio(counts: Mapping[str, float]) -> float | None:
    present = [count for count in counts.values() if count]
    return max(present) / min(present) if present else None


def _minority(counts: Mapping[str, int]) -> list[str]:
    """Rarest first."""
    even = sum(counts.values()) / max(1, len(counts))
    rare = [label for label, count in counts.items() if count < MINORITY * even]
    return sorted(rare, key=lambda label: (counts[label], label))


def _rare_labels(train: Sequence[Example]) -> list[Finding]:
    counts = _label_counts(train)
    even = counts.total() / max(1, len(counts))
    members: dict[str, list[Example]] = {label: [] for label in _minority(counts)}
    for example in train:
        for label in members.keys() & set(example.labels):
            members[label].append(example)
    return [
        _finding(
            found,
            score=1 - counts[label] / even,
            reason=f'The label "{label}" has {counts[label]:,} of {counts.total():,} labels in '
            f"train, {counts[label] / even:.0%} of an even share ({even:,.0f}). It is learned "
            "least; more examples of it help most.",
        )
        for label, found in members.items()
    ]


def _dominating(by: SliceBy, members: dict[str, list[Example]], total: int) -> Finding | None:
    """A finding where one of several slices holds nearly everything; rows are the others'."""
    known = {name: found for name, found in members.items() if name}
    if len(known) < 2:
        return None
    name, largest = max(known.items(), key=lambda item: (len(item[1]), item[0]))
    share = len(largest) / total
    if share < DOMINATES[by]:
        return None
    others = [e for other, found in known.items() if other != name for e in found]
    told = {
        "length": f"have inputs of {name}",
        "language": f"seem to be in {name}",
        "source": f"come from {name}",
        "group": f'belong to the group "{name}"',
    }[by]
    return _finding(
        others,
        score=share,
        reason=f"{len(largest):,} of {total:,} training examples ({share:.0%}) {told}; the other "
        f"{len(others):,} are too few to be learned or tested well. Add more like them if they "
        "matter.",
    )


def _finding(examples: Sequence[Example], *, score: float, reason: str) -> Finding:
    shown = _ordered(examples)[:_MOST_ROWS]
    return Finding(
        kind="imbalance",
        rows=tuple(place(example) for example in shown),
        ids=tuple(example.id for example in shown),
        text=excerpt(shown[0]),
        score=min(1.0, max(0.0, score)),
        reason=reason,
    )


def _slices(splits: _Splits) -> list[Slice]:
    """The slices of every kind of which there is more than one; nameless ones are told apart."""
    found = {split: _members(examples) for split, examples in splits.items()}
    total = max(1, len(splits["train"]))
    slices: list[Slice] = []
    for by in DOMINATES:
        counts = {
            split: Counter({name: len(each) for name, each in kinds[by].items()})
            for split, kinds in found.items()
        }
        names = sorted(
            {name for counted in counts.values() for name in counted},
            key=lambda name: (-counts["train"][name], name),
        )
        if by in ("source", "group") and len(names) < 2:
            continue
        slices += (
            Slice(
                by=by, name=name or ("not told" if by == "language" else "none"),
                n={split: counted[name] for split, counted in counts.items()},
                share=counts["train"][name] / total,
            )
            for name in names[:_MOST_GROUPS]
        )  # fmt: skip
    return slices


def _members(examples: Sequence[Example]) -> dict[SliceBy, dict[str, list[Example]]]:
    """Kind of slice → its name ("" where it has none) → examples."""
    members: dict[SliceBy, dict[str, list[Example]]] = {by: defaultdict(list) for by in DOMINATES}
    for example in examples:
        text = _text(example)
        members["length"][_length(len(text.split()))].append(example)
        members["language"][language_of(text)].append(example)
        members["source"][example.source].append(example)
        members["group"][example.group or ""].append(example)
    return members


def _text(example: Example) -> str:
    """What the model reads, without the system's turns."""
    turns = (turn.content for turn in example.history if turn.role != "system")
    return "\n".join([*turns, *example.inputs.values()])


def _length(words: int) -> str:
    above = [edge for edge in _LENGTHS if edge > words]
    if not above:
        return f"{_LENGTHS[-1]:,} words or more"
    if above[0] == _LENGTHS[0]:
        return "no words"
    first = max(edge for edge in _LENGTHS if edge <= words)
    return f"{first:,} to {above[0] - 1:,} words"


def _weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Inverse frequency, at most `MOST_GROWTH`, with a mean of 1 over the examples.

    What labels at the limit lack goes to the others, which may bring further ones to the limit.
    """
    capped: set[str] = set()
    while True:
        others = [label for label in counts if label not in capped]
        rest = sum(counts.values()) - MOST_GROWTH * sum(counts[label] for label in capped)
        each = rest / max(1, len(others))
        over = {label for label in others if each / counts[label] > MOST_GROWTH}
        if not over:
            break
        capped |= over
    return {
        label: float(MOST_GROWTH) if label in capped else each / counts[label]
        for label in sorted(counts)
    }


def _repeats(members: Sequence[Example], wanted: int, seed: int, taken: set[str]) -> list[Example]:
    """Further copies of `members` until there are `wanted`; their ids are added to `taken`."""
    rounds, rest = divmod(wanted, len(members))
    drawn = sorted(members, key=lambda e: (_draw(seed, e), e.id, e.row))[:rest]
    copies = []
    for example, times in [(e, rounds - 1) for e in members] + [(e, 1) for e in drawn]:
        number = 2
        for _ in range(times):
            while f"{example.id}#{number}" in taken:
                number += 1
            taken.add(f"{example.id}#{number}")
            copies.append(example.model_copy(update={"id": f"{example.id}#{number}"}))
    return copies


def _ordered(examples: Iterable[Example]) -> list[Example]:
    return sorted(examples, key=lambda example: (content_hash(example), example.id, example.row))


def _draw(seed: int, example: Example) -> str:
    return hashlib.sha256(f"{seed} {content_hash(example)}".encode()).hexdigest()
