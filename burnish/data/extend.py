"""Extending a data set by examples that came out of serving: which go where, and which do not.

Reads examples, writes nothing. The old test split stays as it is, and of it inputs alone are seen.
The latest of the new examples form a test split of their own, `fresh`; the others are learned from,
or chosen with. No new example stands in a split while it nearly repeats one of a more protected
split. One that nearly repeats an old training example is no test of a model that learned this one:
it is learned from too, or leaves.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from burnish.data.checks.duplicates import near_pairs
from burnish.data.dedupe import Likeness
from burnish.data.examples import excerpt, place
from burnish.data.prepare import Preparation
from burnish.data.rows import row_of
from burnish.records import Dropped, Example, Review, SplitName, Task

_ONE_ANSWER = ("classify", "extract")
_Role = Literal["test", "validation", "train", "new"]


@dataclass(frozen=True)
class Extended:
    """The splits without the old test.

    Attributes:
        splits: "train", "validation" and, where there is any, "fresh", in the order of content.
        dropped: new examples that are in no split, and old ones that left, with the reason.
        added: split → how many new examples it has.
        prepared: by what the new examples were cleaned and masked; has what was changed.
    """

    splits: dict[SplitName, list[Example]]
    dropped: list[Dropped]
    added: dict[SplitName, int]
    prepared: Preparation


def extend(
    task: Task,
    old: dict[SplitName, Sequence[Example]],
    new: Sequence[Example],
    *,
    by_people: Iterable[str] = (),
    reviews: Sequence[Review] = (),
) -> Extended:
    """Place new examples beside those of a data set.

    Args:
        old: "train", without the repeats of oversampling; "validation"; "test", inputs alone.
        new: in the order of their time, the latest last.
        by_people: ids of new examples that a person settled. They overrule an old answer to the
            same input; a caller's correction does not.
        reviews: decisions of people about single examples.
    """
    prepare = Preparation(task, (), reviews)
    dropped: list[Dropped] = []
    prepared = []
    for example in new:
        found = prepare(example)
        if isinstance(found, str):
            dropped.append(_gone(example, found))
        else:
            prepared.append(found)
    placing = _Placing(task, old, prepared, frozenset(by_people), dropped)
    placing.compare_with_old()
    placing.compare_with_each_other()
    fresh = placing.latest(task.retune.fresh_fraction)
    chosen = placing.some_of_the_rest(fresh, len(old["validation"]), len(old["train"]))
    return placing.finished(fresh, chosen, prepare)


def comparable(task: Task, example: Example) -> Example:
    """An example whose answer stays sealed, or is none, with one of its kind to compare by."""
    if task.kind == "extract" and not example.answer:
        return example.model_copy(update={"answer": "{}"})
    return example


class _Placing:
    """New examples on their way to a split, by their place among all examples.

    Attributes:
        open: that may go to any split; `learned`, those that can be learned from alone.
        left: old training examples that left.
    """

    def __init__(
        self,
        task: Task,
        old: dict[SplitName, Sequence[Example]],
        new: Sequence[Example],
        by_people: frozenset[str],
        dropped: list[Dropped],
    ) -> None:
        self._task, self._by_people, self._dropped = task, by_people, dropped
        self._examples = [*old["test"], *old["validation"], *old["train"], *new]
        sizes = [(name, len(old[name])) for name in ("test", "validation", "train")]
        self._roles: list[str] = [name for name, size in [*sizes, ("new", len(new))]
                                  for _ in range(size)]  # fmt: skip
        self._rows = [row_of(task, comparable(task, e), at) for at, e in enumerate(self._examples)]
        self._alike = Likeness(task, self._examples, by_words=True)
        self._new = range(len(self._examples) - len(new), len(self._examples))
        self._near = self._neighbours()
        self.open: set[int] = set(self._new)
        self.learned: set[int] = set()
        self.left: set[int] = set()

    def compare_with_old(self) -> None:
        """Drop what repeats a held-out example, and set apart what is near a learned one."""
        for at in self._new:
            beside = {role: [o for o in self._near[at] if self._roles[o] == role]
                      for role in ("test", "validation", "train")}  # fmt: skip
            held_out = next((role for role in ("test", "validation") if beside[role]), None)
            if held_out:
                other = beside[held_out][0]
                how = "also" if self._same_input(at, other) else "near-duplicate"
                self._drop(at, f"{how} in {held_out}", other)
            elif beside["train"]:
                self._beside_learned(at, beside["train"])

    def _beside_learned(self, at: int, others: Sequence[int]) -> None:
        agreeing = next((other for other in others if self._agree(at, other)), None)
        if agreeing is not None:
            self._drop(at, "near-duplicate of an example", agreeing)
            return
        contradicted = [other for other in others if self._same_input(at, other)]
        if contradicted and self._task.kind in _ONE_ANSWER:
            if self._examples[at].id not in self._by_people:
                self._drop(at, "contradicts an example", contradicted[0])
                return
            for other in contradicted:
                self._drop(other, "answered otherwise by a person since", at)
                self.left.add(other)
        self.open.discard(at)
        self.learned.add(at)

    def compare_with_each_other(self) -> None:
        """Of new examples that say the same, or answer one input differently, one stays: that of a
        person, then the latest."""
        kept: set[int] = set()
        known = self._examples
        for at in sorted(
            self.open | self.learned, key=lambda at: (known[at].id in self._by_people, at)
        )[::-1]:
            beside = [other for other in self._near[at] if other in kept]
            agreeing = next((other for other in beside if self._agree(at, other)), None)
            same = next((other for other in beside if self._same_input(at, other)), None)
            if agreeing is not None:
                self._drop(at, "near-duplicate", agreeing)
            elif same is not None and self._task.kind in _ONE_ANSWER:
                self._drop(at, "answered otherwise since", same)
            else:
                kept.add(at)

    def latest(self, fraction: float) -> set[int]:
        """The latest open examples, so many of all new ones; near ones stay together."""
        wanted = round(fraction * len(self.open | self.learned))
        fresh: set[int] = set()
        for unit in sorted(self._units(self.open), key=max, reverse=True):
            if len(fresh) >= wanted:
                break
            fresh |= unit
        return fresh

    def some_of_the_rest(self, fresh: set[int], validation: int, train: int) -> set[int]:
        """Open examples to choose with, in the proportion of the old splits, drawn by content.

        None of them takes the last example of a label from train.
        """
        rest = self.open - fresh
        wanted = round(len(rest | self.learned) * validation / max(1, validation + train))
        stay = [at for at in range(len(self._examples)) if self._roles[at] == "train"]
        counts = Counter(
            label
            for at in (*(at for at in stay if at not in self.left), *rest, *self.learned)
            for label in self._examples[at].labels
        )
        chosen: set[int] = set()
        for unit in sorted(self._units(rest), key=self._lot):
            takes = Counter(label for at in unit for label in self._examples[at].labels)
            if len(chosen) + len(unit) <= wanted and all(counts[x] > takes[x] for x in takes):
                chosen |= unit
                counts -= takes
        return chosen

    def finished(self, fresh: set[int], chosen: set[int], prepared: Preparation) -> Extended:
        """The splits, in the order of their content."""
        old = {
            role: {at for at, r in enumerate(self._roles) if r == role} - self.left
            for role in ("train", "validation")
        }
        new: dict[SplitName, set[int]] = {
            "train": (self.open | self.learned) - fresh - chosen,
            "validation": chosen,
            "fresh": fresh,
        }
        splits: dict[SplitName, list[Example]] = {
            name: self._in_order(places | old.get(name, set()))
            for name, places in new.items()
            if places or name != "fresh"
        }
        dropped = sorted(self._dropped, key=lambda drop: (drop.source, drop.row, drop.reason))
        added = {name: len(places) for name, places in new.items()}
        return Extended(splits, dropped, added, prepared)

    def _neighbours(self) -> dict[int, list[int]]:
        """New example → what is near it, the nearest first."""
        near: dict[int, dict[int, float]] = defaultdict(dict)
        same: dict[bytes, list[int]] = defaultdict(list)
        for at, row in enumerate(self._rows):
            same[row.input].append(at)
        pairs = [(a, b, 2.0) for group in same.values() for b in group if b in self._new
                 for a in group if a < b]  # fmt: skip
        if self._task.checks.near_duplicates != "off":
            texts = [example.text for example in self._examples]
            found = near_pairs(texts, self._task.checks.similarity, seed=self._task.seed)
            pairs += [(p.first, p.second, p.similarity) for p in found if p.second in self._new]
        for one, other, value in pairs:
            if value > 1 or self._alike.inputs(self._rows[one], self._rows[other]):
                for here, there in ((one, other), (other, one)):
                    near[here][there] = max(value, near[here].get(there, 0.0))
        return {at: sorted(near[at], key=lambda o: (-near[at][o], o)) for at in self._new}

    def _units(self, members: set[int]) -> list[set[int]]:
        """Connected parts; those that a learned example belongs to are left out."""
        all_new, seen, units = self.open | self.learned, set[int](), []
        for start in sorted(members):
            if start in seen:
                continue
            unit, waiting = {start}, [start]
            while waiting:
                beside = {o for o in self._near[waiting.pop()] if o in all_new} - unit
                unit |= beside
                waiting += beside
            seen |= unit
            if unit <= members:
                units.append(unit)
        return units

    def _same_input(self, one: int, other: int) -> bool:
        return self._rows[one].input == self._rows[other].input

    def _agree(self, one: int, other: int) -> bool:
        rows = self._rows[one], self._rows[other]
        same = self._same_input(one, other) and rows[0].answer == rows[1].answer
        return same or self._alike.all(*rows)

    def _drop(self, at: int, reason: str, kept: int) -> None:
        self._dropped.append(_gone(self._examples[at], reason, place(self._examples[kept])))
        self.open.discard(at)
        self.learned.discard(at)

    def _lot(self, unit: set[int]) -> bytes:
        salt = f"{self._task.seed} ".encode()
        return min(hashlib.sha256(salt + self._rows[at].input).digest() for at in unit)

    def _in_order(self, places: Iterable[int]) -> list[Example]:
        ordered = sorted(places, key=lambda at: (self._rows[at].content, self._rows[at].id))
        return [self._examples[at] for at in ordered]


def _gone(example: Example, reason: str, kept: str | None = None) -> Dropped:
    return Dropped(
        source=example.source, row=example.row, reason=reason, text=excerpt(example), kept=kept
    )
