"""The split: which examples are learned from, chosen with, and sealed.

Reads rows, writes nothing. The unit is what must not be torn apart: examples with the same
input or the same group, and whatever those chain together. Units are ordered by a hash of their
content and the seed, so neither the order of rows nor the name of the file plays a part. Within
each label the lowest hashes become test and the highest validation: exact sizes, and yet a row
added later moves only the few units next to those two borders.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from burnish.data.rows import Row
from burnish.errors import DataError
from burnish.records import SplitName, Task

_ENOUGH = 3
"""Rows of a label that `limit_rows` keeps where it can: one for each split."""

_LARGEST_TIED = 0.05
"""Share of all rows that ties of nearness may join to one unit."""


def split(
    task: Task,
    rows: Sequence[Row],
    *,
    cut: Sequence[SplitName] = ("validation", "test"),
    linked: Iterable[Row] = (),
    ties: Iterable[tuple[Row, Row]] = (),
) -> tuple[dict[SplitName, list[Row]], list[tuple[Row, Row]]]:
    """Cuts validation and test (or one of them) from the rows; the rest is train.

    Stratified by label for classify (several labels: by the rarest). A label in fewer units than
    there are splits stays in train; every other label is in all splits where their sizes allow.
    Sizes are the fractions of the brief, rounded, where units are single examples; with larger
    units they are as near as whole units come. Fractions are taken relative to train and what is
    cut: with a test file of the user's own, validation gets v / (t + v).

    Args:
        cut: the splits to make beside train.
        linked: further rows, not split themselves, that tie inputs and groups together
            (dropped duplicates).
        ties: rows that are near each other, most alike first. A tie that would make a unit of
            more than a twentieth of all rows is not kept, so that a chain of forms stays divisible.

    Returns:
        Split → rows in the order of their content hash; and the ties that were not kept and
        whose rows came into different splits.

    Raises:
        DataError: the rows form fewer units than there are splits.
    """
    units, loose = _units(task.seed, rows, linked, ties)
    if len(units) <= len(cut):
        raise DataError(
            f"The {len(rows)} examples form only {len(units)} sets that must stay together "
            f"(same input or same group), too few for {len(cut) + 1} splits.",
            hint="add examples with other inputs, or leave out `group` under `data:`",
        )
    placed = _place(units, [name for name in ("test", "validation") if name in cut], task)
    names: tuple[SplitName, ...] = ("train", "validation", "test")
    splits = {
        name: in_order(row for unit in placed[name] for row in unit.rows)
        for name in names
        if name in placed
    }
    where = {row.at: name for name, members in splits.items() for row in members} if loose else {}
    return splits, [
        (one, other) for one, other in loose if where.get(one.at) != where.get(other.at)
    ]


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows ordered by content hash, so that the order of the file changes nothing."""
    return sorted(rows, key=lambda row: (row.content, row.id, row.row))


def limit_rows(rows: Sequence[Row], most: int) -> tuple[list[Row], list[Row]]:
    """At most `most` rows, those with the lowest content hashes, and the ones over it.

    Where rows have labels, each label keeps its share, and three rows where that fits.
    """
    if len(rows) <= most:
        return list(rows), []
    strata: dict[str, list[Row]] = defaultdict(list)
    counts = Counter(label for row in rows for label in row.labels)
    for row in in_order(rows):
        strata[_rarest(row.labels, counts)].append(row)
    sizes = {label: len(members) for label, members in strata.items()}
    least = {label: min(_ENOUGH, size) for label, size in sizes.items()}
    if sum(least.values()) > most:
        least = dict.fromkeys(sizes, 0)
    quotas = _apportion(sizes, sizes, least, most)
    kept = [e for label, members in strata.items() for e in members[: quotas[label]]]
    over = [e for label, members in strata.items() for e in members[quotas[label] :]]
    return kept, over


@dataclass(frozen=True, eq=False, slots=True)
class _Unit:
    """Rows that stay together."""

    hash: bytes
    rows: tuple[Row, ...]
    labels: frozenset[str]

    @property
    def size(self) -> int:
        return len(self.rows)


_Placed = dict[SplitName, list[_Unit]]


class _Sets:
    """Disjoint sets of inputs and groups (union–find), each with its number of rows."""

    def __init__(self) -> None:
        self._parents: dict[bytes, bytes] = {}
        self._sizes: Counter[bytes] = Counter()

    def root(self, node: bytes) -> bytes:
        parents = self._parents
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    def count(self, node: bytes) -> None:
        self._sizes[self.root(node)] += 1

    def join(self, one: bytes, other: bytes, most: float = float("inf")) -> bool:
        """Make one set of two; False where it would have more than `most` rows."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return True
        if self._sizes[one] + self._sizes[other] > most:
            return False
        self._parents[one] = other
        self._sizes[other] += self._sizes.pop(one, 0)
        return True


def _units(
    seed: int, rows: Sequence[Row], linked: Iterable[Row], ties: Iterable[tuple[Row, Row]]
) -> tuple[list[_Unit], list[tuple[Row, Row]]]:
    """Connected components of equal input, equal group and ties, in the order of their hash.

    A unit's hash is the lowest among its inputs' hashes, so that it seldom changes as rows join.
    Also returns the ties that were not kept.
    """
    sets = _Sets()
    for row in rows:
        sets.count(row.input)
    for row in (*rows, *linked):
        if row.group is not None:
            sets.join(row.input, b"group " + row.group.encode("utf-8", "surrogatepass"))
    most = max(_LARGEST_TIED * len(rows), 2)
    loose = [(one, other) for one, other in ties if not sets.join(one.input, other.input, most)]
    members: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        members[sets.root(row.input)].append(row)
    salt = f"{seed} ".encode()
    units = [
        _Unit(
            min(hashlib.sha256(salt + row.input).digest() for row in together),
            tuple(together),
            frozenset(label for row in together for label in row.labels),
        )
        for together in members.values()
    ]
    return sorted(units, key=lambda unit: unit.hash), loose


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
            taken = set(chosen)
            left[label] = [unit for unit in left[label] if unit not in taken]
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
