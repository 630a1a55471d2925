"""Worked examples for few-shot prompts: the same for all inputs, or those most like each.

Reads examples; writes nothing.
"""

import random
from collections.abc import Sequence

from burnish.evaluate.similar import nearest, text_of
from burnish.records import Example, Task

COUNTS = (1, 3, 5, 8)
"""Numbers of worked examples that a search tries, beside `prompt.shots`."""
SHORT = 600
"""Letters up to which an example may always be shown."""


def choose_shots(task: Task, train: Sequence[Example]) -> list[Example]:
    """Worked examples for the few-shot prompt: seeded, from train alone, none of the longest half.

    For classify they carry different labels as far as there are enough. A smaller number of shots
    is the beginning of a larger one, where the pool is the same.
    """
    by_length = sorted(train, key=lambda example: (_length(example), example.id))
    pool = by_length[: max(len(by_length) // 2, task.prompt.shots)]
    random.Random(task.seed).shuffle(pool)
    if task.kind == "classify":
        seen: dict[tuple[str, ...], int] = {}
        order = []
        for example in pool:
            seen[example.labels] = seen.get(example.labels, 0) + 1
            order.append(seen[example.labels])
        pool = [example for _, example in sorted(zip(order, pool, strict=True), key=_first)]
    return pool[: task.prompt.shots]


def similar_shots(
    task: Task, train: Sequence[Example], asked: Sequence[Example]
) -> list[list[Example]]:
    """For each asked input the most similar training examples (TF-IDF), the most similar last.

    What stands last in a prompt counts most (Liu et al. 2022, arXiv:2101.06804). Of the longer
    half, those over `SHORT` letters are left out, so that prompts stay within bounds. Where no
    training example has a text, everyone gets `choose_shots`.
    """
    by_length = sorted(train, key=lambda example: (_length(example), example.id))
    half = max(len(by_length) // 2, task.prompt.shots)
    pool = [e for at, e in enumerate(by_length) if at < half or _length(e) <= SHORT]
    if not any(text_of(example).strip() for example in pool):
        return [choose_shots(task, train)] * len(asked)
    found = nearest(pool, asked, task.prompt.shots)
    return [[pool[place] for place in reversed(places)] for places in found]


def counts_tried(task: Task, train: Sequence[Example]) -> list[int]:
    """The numbers of worked examples to compare, `prompt.shots` first, none above the training set.

    A single number where `evaluate.search` is off.
    """
    own = [task.prompt.shots] if task.prompt.shots else []
    if not task.evaluate.search:
        return own
    return list(dict.fromkeys([*own, *(count for count in COUNTS if count <= len(train))]))


def with_shots(task: Task, count: int) -> Task:
    """The task with another number of worked examples."""
    return task.model_copy(update={"prompt": task.prompt.model_copy(update={"shots": count})})


def _first(pair: tuple[int, Example]) -> int:
    return pair[0]


def _length(example: Example) -> int:
    turns = sum(len(turn.content) for turn in example.history)
    return turns + sum(map(len, example.inputs.values())) + len(example.answer)
