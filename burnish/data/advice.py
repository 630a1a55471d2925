"""Advice: what a user should know about the size and the balance of a data set.

Reads the finished splits, writes nothing. Each sentence says what was counted and what follows.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from burnish.data.rows import Row
from burnish.records import SplitName, Task

FEW_EXAMPLES = 200
FEW_TEST_EXAMPLES = 100
FEW_OF_A_LABEL = 10
FEW_FOR_LONG_ANSWERS = 1000
LONG_ANSWER = 40
"""Mean words of an answer from which a free-text task counts as complex."""

_MOST_NAMED = 10
_LONG_KINDS = ("summarize", "generate", "extract")


def advise(
    task: Task,
    splits: dict[SplitName, list[Row]],
    labels: Sequence[str] = (),
    notes: Iterable[str] = (),
) -> tuple[str, ...]:
    """Sentences about the data set, worst first.

    Args:
        labels: the label set (classify).
        notes: further sentences of the caller, put last.
    """
    advice = [
        *_groups_in_several(task, splits),
        *_conflicts(task, splits),
        *_unseen_labels(splits, labels),
        *_few_examples(task, splits),
        *_few_test_examples(splits),
        *_rare_labels(splits, labels),
        *notes,
    ]
    return tuple(advice)


def half_width(n: int) -> float:
    """Half the width of the 95% interval of a score near 0.5 on `n` examples.

    The normal approximation of the binomial, 1.96 · √(0.25 / n): no score between 0 and 1 that is
    a mean over examples spreads wider.
    """
    return 1.96 * math.sqrt(0.25 / n)


def _groups_in_several(task: Task, splits: dict[SplitName, list[Row]]) -> list[str]:
    """Only the user's own files can have them; Burnish's split keeps groups whole."""
    where: dict[str, set[str]] = defaultdict(set)
    for name, examples in splits.items():
        for example in examples:
            if example.group is not None:
                where[example.group].add(name)
    torn = sorted(group for group, names in where.items() if len(names) > 1)
    if not torn:
        return []
    return [
        f'{_count(torn, "group")} of the column "{task.data.group}" '
        f"{_verb(torn, 'is', 'are')} in more than one of "
        f"your files, so the test score may be too good: {_named(torn)}."
    ]


def _conflicts(task: Task, splits: dict[SplitName, list[Row]]) -> list[str]:
    """Contradictions, for the kinds that have one right answer."""
    if task.kind not in ("classify", "extract"):
        return []
    sentences = []
    for name in ("test", "validation", "train"):
        same: dict[bytes, list[Row]] = defaultdict(list)
        for row in splits[name]:
            same[row.input].append(row)
        torn = [
            sorted(rows, key=lambda row: (row.source, row.row))
            for rows in same.values()
            if len({row.answer for row in rows}) > 1
        ]
        if torn:
            torn.sort(key=lambda rows: (rows[0].source, rows[0].row))
            places = ["rows " + " and ".join(str(row.row) for row in rows) for rows in torn]
            sentences.append(
                f"In {name}, the same input has different answers in {len(torn)} "
                f"{_verb(torn, 'place', 'places')}: {_named(places)} of {torn[0][0].source}. "
                "At most one of them can be right; correct or delete the others."
            )
    return sentences


def _unseen_labels(splits: dict[SplitName, list[Row]], labels: Sequence[str]) -> list[str]:
    sentences = []
    counts = {name: _label_counts(examples) for name, examples in splits.items()}
    if unlearned := [label for label in labels if not counts["train"][label]]:
        sentences.append(
            f"{_count(unlearned, 'label')} {_verb(unlearned, 'has', 'have')} no train example, so "
            f"{_verb(unlearned, 'it', 'they')} cannot be learned: {_named(unlearned)}."
        )
    untested = [label for label in labels if counts["train"][label] and not counts["test"][label]]
    if untested:
        sentences.append(
            f"{_count(untested, 'label')} {_verb(untested, 'has', 'have')} no test example, so "
            f"nothing will be known about {_verb(untested, 'it', 'them')}: {_named(untested)}."
        )
    return sentences


def _few_examples(task: Task, splits: dict[SplitName, list[Row]]) -> list[str]:
    n = sum(len(examples) for examples in splits.values())
    sentences = []
    if n < FEW_EXAMPLES:
        sentences.append(
            f"{n} examples are few: below {FEW_EXAMPLES} a tuned model often does no better than "
            "a good prompt with examples in it."
        )
    train = splits["train"]
    words = sum(row.words for row in train) / max(1, len(train))
    if task.kind in _LONG_KINDS and words >= LONG_ANSWER and len(train) < FEW_FOR_LONG_ANSWERS:
        sentences.append(
            f"The answers are long ({words:.0f} words on average) and train has {len(train)} "
            "examples; tasks as complex as this mostly keep gaining up to thousands."
        )
    return sentences


def _few_test_examples(splits: dict[SplitName, list[Row]]) -> list[str]:
    n = len(splits["test"])
    if not 0 < n < FEW_TEST_EXAMPLES:
        return []
    return [
        f"{n} test examples measure coarsely: a score around 0.5 will have a 95% interval of about "
        f"±{half_width(n):.2f}; {FEW_TEST_EXAMPLES} give ±{half_width(FEW_TEST_EXAMPLES):.2f} and "
        f"400 ±{half_width(400):.2f}."
    ]


def _rare_labels(splits: dict[SplitName, list[Row]], labels: Sequence[str]) -> list[str]:
    counts = _label_counts(splits["train"])
    rare = sorted(
        (label for label in labels if 0 < counts[label] < FEW_OF_A_LABEL),
        key=lambda label: (counts[label], label),
    )
    if not rare:
        return []
    named = [f"{label} ({counts[label]})" for label in rare]
    return [
        f"{_count(rare, 'label')} of {len(labels)} {_verb(rare, 'has', 'have')} fewer than "
        f"{FEW_OF_A_LABEL} train examples and will hardly be learned: {_named(named)}."
    ]


def _label_counts(examples: Iterable[Row]) -> Counter[str]:
    return Counter(label for example in examples for label in example.labels)


def _count(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _verb(items: Sequence[object], one: str, many: str) -> str:
    return one if len(items) == 1 else many


def _named(items: Sequence[str]) -> str:
    """The first items, and how many more there are."""
    more = len(items) - _MOST_NAMED
    return ", ".join(items[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
