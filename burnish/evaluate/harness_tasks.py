"""Tuned model and base side by side on tasks of lm-evaluation-harness, example by example.

Reads what both scored; writes nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from burnish.engines.harness import Scored
from burnish.errors import EvaluationError
from burnish.evaluate.compare import differences_of
from burnish.evaluate.measured import Measured, of_means
from burnish.records import HarnessScore, Task


def compare_tasks(
    task: Task, base: Mapping[str, Scored], tuned: Mapping[str, Scored]
) -> tuple[HarnessScore, ...]:
    """One score for each task, in the order of `base`.

    Raises:
        EvaluationError: the two models were not asked the same examples.
    """
    return tuple(_compare(task, name, base[name], tuned[name]) for name in base)


def lost_tasks(scores: Sequence[HarnessScore], most: float) -> Iterator[str]:
    """What to say of each task whose loss lies beyond `most` with its whole interval."""
    for each in scores:
        least = -each.high if each.higher_is_better else each.low
        if least > most:
            yield (
                f"{each.metric} on {each.task} went from {each.base:.3f} to {each.tuned:.3f}, a "
                f"loss of {least:.3f} at least"
            )


def _compare(task: Task, name: str, base: Scored, tuned: Scored) -> HarnessScore:
    if base.values.keys() != tuned.values.keys():
        raise EvaluationError(
            f"{name}: base and tuned model have scores for different examples.",
            hint="take it out of evaluate.harness",
        )
    ours, theirs = _measured(tuned, base), _measured(base, tuned)
    (found,) = differences_of(task, ours, {"zero-shot": theirs})
    return HarnessScore(
        task=name,
        metric=base.metric.name,
        higher_is_better=base.metric.higher_is_better,
        version=base.version,
        shots=base.shots,
        n=found.n,
        base=theirs.score,
        tuned=ours.score,
        difference=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
    )


def _measured(scored: Scored, other: Scored) -> Measured:
    """A mean over examples; where all values of both models lie within 0 and 1, it ends there."""
    values = [scored.values[place] for place in sorted(scored.values)]
    inside = all(0 <= value <= 1 for value in [*values, *other.values.values()])
    bounds = (0.0, 1.0) if inside else (-math.inf, math.inf)
    return replace(of_means(scored.metric.name, values), bounds=bounds)
