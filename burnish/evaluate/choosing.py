"""Choosing one of several forms of a system by its score on validation; test is never looked at.

Reads answers and examples; writes nothing.
"""

from collections.abc import Mapping, Sequence

from burnish.evaluate.metrics import measure
from burnish.evaluate.statistics import bootstrap_interval
from burnish.records import Answer, Example, Score, Task, Tried


def choose(
    task: Task,
    labels: tuple[str, ...],
    answers: Mapping[str, Sequence[Answer]],
    validation: Sequence[Example],
) -> tuple[str, tuple[Tried, ...]]:
    """The name of the form with the highest score, and the scores of all, the best first.

    Of equals the first is taken; without validation examples the first of all, and none is scored.

    Args:
        labels: the label set (classify).
        answers: form → one answer per validation example.
    """
    first = next(iter(answers))
    if not validation:
        return first, ()
    scores = {name: _score(task, labels, given, validation) for name, given in answers.items()}
    best = max(scores, key=lambda name: scores[name].value)
    ordered = sorted(scores, key=lambda name: -scores[name].value)
    return best, tuple(
        Tried(name=name, score=scores[name], chosen=name == best) for name in ordered
    )


def _score(
    task: Task, labels: tuple[str, ...], answers: Sequence[Answer], validation: Sequence[Example]
) -> Score:
    found = measure(task, labels, answers, validation)[task.metric]
    low, high = bootstrap_interval(
        found.statistics,
        found.value,
        resamples=task.evaluate.resamples,
        seed=task.seed,
        bounds=found.bounds,
    )
    return Score(metric=task.metric, value=found.score, low=low, high=high, n=len(found.statistics))
