"""The split: which examples are learned from, chosen with, and sealed.

Reads examples, writes nothing. The unit is what must not be torn apart: examples with the same
input or the same group, and whatever those chain together. Units are ordered by a hash of their
content and the seed, so neither the order of rows nor the name of the file plays a part. Within
each label the lowest hashes become test and the highest validation: exact sizes, and yet a row
added later moves only the few units next to those two borders.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from burnish.data.examples import content_hash, input_key
from burnish.errors import DataError
from burnish.records import Example, SplitName, Task

_ENOUGH = 3
"""Examples of a label that `limit_rows` keeps where it can: one for each split."""


def split(
    task: Task,
    examples: Sequence[Example],
    *,
    cut: Sequence[SplitName] = ("validation", "test"),
    linked: Iterable[Example] = (),
) -> dict[SplitName, list[Example]]:
    """Cuts validation and test (or one of them) from the examples; the rest is train.

    Stratified by label for classify (several labels: by the rarest). A label in fewer units than
    there are splits stays in train; every other label is in all splits where their sizes allow.
    Sizes are the fractions of the brief, rounded, where units are single examples; with larger
    units they are as near as whole units come. Fractions are taken relative to train and what is
    cut: with a test file of the user's own, validation gets v / (t + v).

    Args:
        cut: the splits to make beside train.
        linked: further examples, not split themselves, that tie inputs and groups together
            (dropped duplicates).

    Returns:
        Split → examples in the order of their content hash.

    Raises:
        DataError: the examples form fewer units than there are splits.
    """
    units = _units(task.seed, examples, linked)
    if len(units) <= len(cut):
        raise DataError(
            f"The {len(examples)} examples form only {len(units)} sets that must stay together "
            f"(same input or same group), too few for {len(cut) + 1} splits.",
            hint="add examples with other inputs, or leave out `group` under `data:`",
        )
    placed = _place(units, [name for name in ("test", "validation") if name in cut], task)
    return {
        name: in_order(example for unit in placed[name] for example in unit.examples)
        for name in ("train", "validation", "test")
        if name in placed
    }


def in_order(examples: Iterable[Example]) -> list[Example]:
    """Examples ordered by content hash, so that the order of rows changes nothing."""
    return sorted(examples, key=lambda example: (content_hash(example), example.id, example.row))


def limit_rows(examples: Sequence[Example], most: int) -> tuple[list[Example], list[Example]]:
    """At most `most` examples, those with the lowest content hashes, and the ones over it.

    Where examples have labels, each label keeps its share, and three examples where that fits.
    """
    if len(examples) <= most:
        return list(examples), []
    strata: dict[str, list[Example]] = defaultdict(list)
    counts = Counter(label for example in examples for label in example.labels)
    for example in in_order(examples):
        strata[_rarest(example.labels, counts)].append(example)
    sizes = {label: len(members) for label, members in strata.items()}
    least = {label: min(_ENOUGH, size) for label, size in sizes.items()}
    if sum(least.values()) > most:
        least = dict.fromkeys(sizes, 0)
    quotas = _apportion(sizes, sizes, least, most)
    kept = [e for label, members in strata.items() for e in members[: quotas[label]]]
    over = [e for label, members in strata.items() for e in members[quotas[label] :]]
    return kept, over


@dataclass(frozen=True, eq=False)
class _Unit:
    """Examples that stay together."""

    hash: str
    examples: tuple[Example, ...]
    labels: frozenset[str]

    @property
    def size(self) -> int:
        return len(self.examples)


_Placed = dict[SplitName, list[_Unit]]


def _units(seed: int, examples: Sequence[Example], linked: Iterable[Example]) -> list[_Unit]:
    """Connected components of equal input and equal group, in the order of their hash.

    A unit's hash is the lowest among its inputs' hashes, so that it seldom changes as rows join.
    """
    parents: dict[str, str] = {}

    def root(node: str) -> str:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    keys = [input_key(example) for example in examples]
    related = list(linked)
    pairs = [*zip(keys, examples, strict=True), *((input_key(e), e) for e in related)]
    for key, example in pairs:
        node = root("input " + key)
        if example.group is not None:
            parents[node] = root("group " + example.group)
    members: dict[str, list[tuple[str, Example]]] = defaultdict(list)
    for key, example in zip(keys, examples, strict=True):
        digest = hashlib.sha256(f"{seed} {key}".encode()).hexdigest()
        members[root("input " + key)].append((digest, example))
    units = [
        _Unit(
            min(digest for digest, _ in pairs),
            tuple(example for _, example in pairs),
            frozenset(label for _, example in pairs for label in example.labels),
        )
        for pairs in members.values()
    ]
    return sorted(units, key=lambda unit: unit.hash)


def _place(units: Sequence[_Unit], cut: Sequence[SplitName], task: Task) -> _Placed:
    counts = Counter(label for unit in units for label in unit.labels)
    strata: dict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        strata[_rarest(unit.labels, counts)].append(unit)
    rare = {label for label in counts if counts[label] <= len(cut)}
    left = {label: group for label, group in strata.items() if label not in rare}
    sizes = {label: sum(unit.size for unit in group) for label, group in left.items()}
    targets = _targets(task, sum(unit.size for unit in units), cut)
    placed: _Placed = {name: [] for name in cut}
    for position, name in enumerate(cut):
        reserve = len(cut) - position
        for label, chosen in _choose(left, sizes, targets[name], reserve, name == "test").items():
            placed[name] += chosen
            left[label] = [unit for unit in left[label] if unit not in chosen]
    held_out = {unit.hash for group in placed.values() for unit in group}
    placed["train"] = [unit for unit in units if unit.hash not in held_out]
    _fill_empty(placed)
    _cover_labels(placed, rare)
    return placed


def _targets(task: Task, n: int, cut: Sequence[SplitName]) -> dict[SplitName, int]:
    shares: dict[SplitName, float] = {
        "train": task.data.train_fraction,
        "validation": task.data.validation_fraction,
        "test": task.data.test_fraction,
    }
    whole = shares["train"] + sum(shares[name] for name in cut)
    return {name: max(1, round(n * shares[name] / whole)) for name in cut}


def _choose(
    left: dict[str, list[_Unit]],
    sizes: dict[str, int],
    target: int,
    reserve: int,
    from_lowest: bool,
) -> dict[str, list[_Unit]]:
    """Stratum → units taken; what whole units miss in one stratum is made up in the next."""
    room = {
        label: max(0, sum(unit.size for unit in group) - reserve) if len(group) > reserve else 0
        for label, group in left.items()
    }
    least = {label: min(1, room[label]) if len(left) <= target else 0 for label in left}
    quotas = _apportion(sizes, room, least, target)
    chosen: dict[str, list[_Unit]] = {}
    missing = 0
    for label in sorted(left):
        group = left[label] if from_lowest else left[label][::-1]
        wanted = quotas[label] + missing
        chosen[label] = _take(group, wanted, reserve)
        missing = wanted - sum(unit.size for unit in chosen[label])
    return chosen


def _take(units: Sequence[_Unit], wanted: int, reserve: int) -> list[_Unit]:
    """Units in order, each where it brings the size nearer to `wanted`; `reserve` are left."""
    taken: list[_Unit] = []
    for unit in units:
        if len(units) - len(taken) <= reserve:
            break
        if unit.size <= 2 * wanted:
            taken.append(unit)
            wanted -= unit.size
    return taken


def _apportion(
    sizes: dict[str, int], room: dict[str, int], least: dict[str, int], target: int
) -> dict[str, int]:
    """Whole numbers proportional to `sizes` that sum to `target` (largest remainder).

    Each lies between `least` and `room`; the sum stays below the target where room runs out.
    """
    total = sum(sizes.values())
    share = {label: target * size / total for label, size in sizes.items()}
    quota = {label: min(room[label], max(least[label], int(share[label]))) for label in sizes}
    missing = target - sum(quota.values())
    step = 1 if missing > 0 else -1
    limit = room if missing > 0 else least
    for _ in range(abs(missing)):
        free = [label for label in sizes if quota[label] != limit[label]]
        if not free:
            break
        neediest = max(free, key=lambda label: (step * (share[label] - quota[label]), label))
        quota[neediest] += step
    return quota


def _fill_empty(placed: _Placed) -> None:
    """Gives every split at least one unit, the smallest of the split that has most."""
    for name in placed:
        if not placed[name]:
            giver = placed[max(placed, key=lambda other: (len(placed[other]), other))]
            unit = min(giver, key=lambda unit: (unit.size, unit.hash))
            giver.remove(unit)
            placed[name].append(unit)


def _cover_labels(placed: _Placed, rare: set[str]) -> None:
    """Swaps units so that each label that can be in every split is, where units carry several."""
    counts = {
        name: Counter(label for unit in group for label in unit.labels)
        for name, group in placed.items()
    }
    labels = {label for count in counts.values() for label in count} - rare
    for name in placed:
        for label in sorted(labels):
            if counts[name][label] or not (swap := _swap(placed, counts, name, label, rare)):
                continue
            other, coming, going = swap
            for place, leaves, enters in ((name, going, coming), (other, coming, going)):
                placed[place].remove(leaves)
                placed[place].append(enters)
                counts[place].subtract(leaves.labels)
                counts[place].update(enters.labels)


def _swap(
    placed: _Placed, counts: dict[SplitName, Counter[str]], name: SplitName, label: str,
    rare: set[str],
) -> tuple[SplitName, _Unit, _Unit] | None:  # fmt: skip
    """The best swap that brings `label` into the split and takes no label from any split."""

    def harmless(place: SplitName, leaves: _Unit, enters: _Unit) -> bool:
        lost = leaves.labels - enters.labels
        return all(counts[place][mark] > 1 for mark in lost)

    going = [unit for unit in placed[name] if not unit.labels & rare]
    pairs = (
        (other, enters, leaves)
        for other in placed
        for enters in placed[other]
        if other != name and label in enters.labels and not enters.labels & rare
        for leaves in going
        if harmless(name, leaves, enters) and harmless(other, enters, leaves)
    )
    return min(
        pairs,
        key=lambda pair: (abs(pair[1].size - pair[2].size), pair[1].hash, pair[2].hash),
        default=None,
    )


def _rarest(labels: Iterable[str], counts: Counter[str]) -> str:
    """The label that the fewest have; no label is a stratum of its own."""
    return min(labels, key=lambda label: (counts[label], label), default="")
