"""What people are shown, blind: items, which answer stands where, and what a vote on it means.

Which system gave an answer stands nowhere in an item; its key is a hash that tells it again to
whoever holds the report. Sides and order are drawn anew for every rater, by seed. Reads and
writes nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from burnish.errors import EvaluationError
from burnish.records import AnsweredExample, Report, Sheet, Task, Vote, canonical_hash

CHOICES = ("1", "2", "tie")
GRADES = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Item:
    """One thing to decide on.

    Attributes:
        key: 16 hexadecimal digits, of the systems in the order they are shown too.
        shown: systems whose answers are shown, in order: two, or one to be graded.
        answers: theirs.
    """

    key: str
    sheet: Sheet
    example: str
    input: str
    shown: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def votes(self) -> tuple[str, ...]:
        """What may be voted."""
        return CHOICES if self.sheet == "pairwise" else GRADES


class Sheets:
    """All items of a report that people are asked about.

    Attributes:
        equal: pairs of answers left out because they are the same; they are ties.
    """

    def __init__(self, task: Task, report: Report, lines: Sequence[AnsweredExample]) -> None:
        self.report = str(report.hash)
        self.seed = task.seed
        self.equal = 0
        self._items: list[tuple[Item, ...]] = []  # each with its sides exchanged, where it has two
        systems = shown_systems(task, report)
        for line in chosen(lines, task.people.examples, task.seed):
            if "pairwise" in task.people.sheets:
                self._add_pairs(line, systems)
            if "rubric" in task.people.sheets:
                self._items += [(self._item("rubric", line, (name,)),) for name in systems]
        self._by_key = {item.key: item for sides in self._items for item in sides}

    def __len__(self) -> int:
        return len(self._items)

    def items(self, rater: str) -> list[Item]:
        """Every item as this rater sees it, in this rater's order: pairs first, then grades."""
        drawn = []
        for sides in self._items:
            lot = _lot(self.seed, rater, sides[0].key)
            drawn.append((sides[0].sheet != "pairwise", lot, sides[int(lot, 16) % len(sides)]))
        return [item for *_, item in sorted(drawn, key=lambda one: one[:2])]

    def find(self, key: str) -> Item | None:
        """The item of a key, its answers in the order that the key stands for."""
        return self._by_key.get(key)

    def vote(self, item: Item, said: str, rater: str, at: str) -> Vote:
        """What was said, by the system's name.

        Args:
            said: one of `item.votes`.
        """
        value = said
        if item.sheet == "pairwise" and said != "tie":
            value = item.shown[int(said) - 1]
        return Vote(
            report=self.report,
            sheet=item.sheet,
            example=item.example,
            systems=tuple(sorted(item.shown)),
            rater=rater,
            value=value,
            at=at,
        )

    def said(self, item: Item, vote: Vote) -> str:
        """A vote as it would be said about an item with its answers in this order."""
        if item.sheet == "pairwise" and vote.value != "tie":
            return str(item.shown.index(vote.value) + 1)
        return vote.value

    def _add_pairs(self, line: AnsweredExample, systems: Sequence[str]) -> None:
        for one, other in combinations(systems, 2):
            if line.answers[one].text.strip() == line.answers[other].text.strip():
                self.equal += 1
                continue
            sides = (self._item("pairwise", line, shown) for shown in ((one, other), (other, one)))
            self._items.append(tuple(sides))

    def _item(self, sheet: Sheet, line: AnsweredExample, shown: tuple[str, ...]) -> Item:
        return Item(
            key=canonical_hash([self.report, sheet, line.id, shown])[:16],
            sheet=sheet,
            example=line.id,
            input=input_text(line),
            shown=shown,
            answers=tuple(line.answers[name].text for name in shown),
        )


def shown_systems(task: Task, report: Report) -> tuple[str, ...]:
    """The systems that people compare: those of the brief, or tuned and the strongest other one.

    Raises:
        EvaluationError: the report lacks one of them, or has no other system than tuned.
    """
    measured = [system.name for system in report.systems]
    wanted = task.people.systems or ("tuned", strongest(report))
    if missing := [name for name in wanted if name not in measured]:
        raise EvaluationError(
            f"Report {report.id} has no answers of {', '.join(missing)} (it has those of "
            f"{', '.join(measured)}).",
            hint="burnish evaluate makes a report of the brief as it is",
        )
    return tuple(dict.fromkeys(wanted))


def strongest(report: Report) -> str:
    """The strongest alternative of a report.

    Raises:
        EvaluationError: there is none.
    """
    name = report.verdict.strongest if report.verdict else None
    if name is None:
        raise EvaluationError(
            f"Report {report.id} has no other system to compare tuned with.",
            hint="add one to evaluate.systems or compare in burnish.yaml, then burnish evaluate",
        )
    return name


def chosen(lines: Sequence[AnsweredExample], most: int, seed: int) -> list[AnsweredExample]:
    """At most so many examples, drawn by seed; a larger number holds the smaller one's."""
    return sorted(lines, key=lambda line: _lot(seed, "example", line.id))[:most]


def input_text(line: AnsweredExample) -> str:
    """The input as a person reads it: one column alone, or each under its name."""
    if len(line.inputs) == 1:
        return next(iter(line.inputs.values()))
    return "\n\n".join(f"{name}:\n{value}" for name, value in line.inputs.items())


def _lot(seed: int, *parts: str) -> str:
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).hexdigest()
