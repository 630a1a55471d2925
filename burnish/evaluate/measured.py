"""A metric as sums: what one system's answers give, kept so that it can be resampled.

Every metric here is a function of the sum of one row of numbers per example ("sufficient
statistics"). The score is the function of the whole sum; a bootstrap resample is the same function
of a weighted sum. So means, macro-F1, corpus BLEU and perplexity all get their intervals in the
same way, and no answer is ever scored twice.

Reads and writes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ValueFunction = Callable[[Array], Array]
"""Sums [..., k] → scores [...]."""


@dataclass(frozen=True)
class Measured:
    """One metric of one system on n examples.

    Attributes:
        metric: its name.
        statistics: [n, k], one row per example.
        value: sums [..., k] → scores [...]. The same for every system on the same examples.
        per_example: [n], each answer alone, from 0 to 1.
        bounds: lowest and highest possible score.
    """

    metric: str
    statistics: Array
    value: ValueFunction
    per_example: Array
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def score(self) -> float:
        """The metric over all examples."""
        return float(self.value(self.statistics.sum(axis=0)))


def of_means(metric: str, scores: Sequence[float]) -> Measured:
    """A metric that is the mean of per-example `scores` (each from 0 to 1)."""
    per_example = np.asarray(scores, dtype=np.float64)
    statistics = np.stack([per_example, np.ones_like(per_example)], axis=1)
    return Measured(metric, statistics, mean, per_example)


def of_counts(metric: str, counts: Array) -> Measured:
    """A micro-averaged F1 from `counts` [n, 3]: hits, given and expected items per example.

    An example with nothing to find and nothing given scores 1 on its own.
    """
    nothing = (counts[:, 1] == 0) & (counts[:, 2] == 0)
    return Measured(metric, counts, f1, np.where(nothing, 1.0, f1(counts)))


def mean(sums: Array) -> Array:
    """Sums [..., 2] of scores and of ones → mean [...]."""
    return sums[..., 0] / sums[..., 1]


def precision(sums: Array) -> Array:
    """Sums [..., 3] of hits, given and expected → precision; 0 where nothing was given."""
    return ratio(sums[..., 0], sums[..., 1])


def recall(sums: Array) -> Array:
    """Sums [..., 3] of hits, given and expected → recall; 0 where nothing was expected."""
    return ratio(sums[..., 0], sums[..., 2])


def f1(sums: Array) -> Array:
    """Sums [..., 3] of hits, given and expected → F1; 0 where there is nothing at all."""
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def ratio(numerator: Array, denominator: Array) -> Array:
    """numerator / denominator, and 0 where the denominator is 0 (`zero_division=0`)."""
    result: Array = np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0
    )
    return result
