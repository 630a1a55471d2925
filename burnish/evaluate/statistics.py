"""Intervals for any metric that is a function of sums over examples.

The bootstrap (Efron & Tibshirani 1993; for BLEU and its like Koehn 2004) draws n examples with
replacement, many times, and scores each draw. As a metric here is a function of summed rows
(`burnish.evaluate.measured`), a draw is a row of counts times the matrix of statistics: exact for
means and corpus metrics alike. Two systems are compared on the same draws, example by example.

Interval: Hesterberg's expanded percentile interval ("What Teachers Should Know about the
Bootstrap", The American Statistician 69:4, 2015): the quantiles are moved outward as Student's t
and n / (n - 1) ask, and off any bias of the draws. Measured for 95% intervals of means of 30
values, 2,000 simulations each: coverage 94.4 to 95.5% on three continuous distributions, against
93.2 to 94.4% for plain percentiles and 93.4 to 95.3% for BCa; 94.6 to 99.8% on right-or-wrong
answers with 50 to 98% right, `_unseen` included. Macro-F1 over 77 labels (200 simulations): 93.5%
on 1,500 examples (84.5% without the move), but 78% on 400, where the score itself is too low.

Reads and writes nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from burnish.evaluate.measured import Array, ValueFunction
from burnish.evaluate.significance import paired_test

MOST_NEEDED = 100_000
"""More test examples than this are not worth asking for."""
_CELLS = 1 << 22  # draws times examples held in memory at once: 32 MiB of counts
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Interval:
    """A value and its interval.

    Attributes:
        p_value, test: of the paired test, where one was made.
        deviation: standard deviation of paired differences that the interval's draws amount to.
    """

    value: float
    low: float
    high: float
    p_value: float = math.nan
    test: str = ""
    deviation: float = math.nan


def bootstrap_interval(
    statistics: Array,
    value: ValueFunction,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """The interval (low, high) of one system's metric; it always holds the metric itself.

    Args:
        statistics: [n, k], n at least 1.
        value: sums [..., k] → metric [...].
        bounds: lowest and highest possible metric. They widen the interval where all resamples
            agree (30 of 30 right is [0.88, 1], not [1, 1]), except on a side without end.
    """
    draws = np.concatenate(
        [value(counts @ statistics) for counts in _draws(len(statistics), resamples, seed)]
    )
    point = float(value(statistics.sum(axis=0)))
    return _interval(point, draws, len(statistics), level, bounds)


def paired_difference(
    statistics_a: Array,
    statistics_b: Array,
    value: ValueFunction,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Metric of a minus metric of b on the same n examples, with interval and p-value.

    The p-value is that of `burnish.evaluate.significance.paired_test`. It holds at any n, the
    bootstrap does not: 4 wins and no loss on 30 examples would give an interval above 0 at
    p = 0.0625.
    So where the test does not reject at 1 - `level`, the interval is widened to reach 0.

    Args:
        statistics_a, statistics_b: [n, k], row for row the same examples.
        bounds: of the metric itself, see `bootstrap_interval`.
    """
    found = paired_margin(
        statistics_a, statistics_b, 1.0, value,
        resamples=resamples, seed=seed, level=level, bounds=bounds,
    )  # fmt: skip
    p_value, test = paired_test(statistics_a, statistics_b, value, resamples=resamples, seed=seed)
    low, high = found.low, found.high
    if p_value >= 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return Interval(found.value, low, high, p_value, test, found.deviation)


def paired_margin(
    statistics_a: Array,
    statistics_b: Array,
    factor: float,
    value: ValueFunction,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Metric of a minus `factor` times metric of b, both on the same resamples.

    With factor 1.2 it lies above 0 where a is more than 20% over b.
    """

    def margin(sums_a: Array, sums_b: Array) -> Array:
        return value(sums_a) - factor * value(sums_b)

    draws = np.concatenate(
        [
            margin(counts @ statistics_a, counts @ statistics_b)
            for counts in _draws(len(statistics_a), resamples, seed)
        ]
    )
    point = float(margin(statistics_a.sum(axis=0), statistics_b.sum(axis=0)))
    span = (bounds[0] - factor * bounds[1], bounds[1] - factor * bounds[0])
    low, high = _interval(point, draws, len(statistics_a), level, span)
    deviation = float(draws.std()) * math.sqrt(len(statistics_a))
    return Interval(point, low, high, deviation=deviation)


def needed_examples(difference: float, low: float, high: float, n: int) -> int | None:
    """Test examples at which the interval of `difference` would probably (80%) exclude 0.

    Widths shrink with the root of n, so n grows by (half width / difference)²; and by
    ((1.96 + 0.84) / 1.96)² so that a difference of this size is found four times in five (Cohen
    1988). Returns n where the interval excludes 0 already, None where more than `MOST_NEEDED`
    would be needed: the difference is too small to ever matter.
    """
    if low > 0 or high < 0:
        return n
    if abs(difference) < _TOLERANCE:
        return None
    z_interval, z_power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    factor = (z_interval + z_power) / z_interval * (high - low) / 2 / abs(difference)
    needed = n * float(factor) ** 2
    return None if needed > MOST_NEEDED else max(n + 1, math.ceil(needed))


def _draws(n: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each example is drawn: blocks [m, n] whose rows sum to n, `resamples` in all."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // n)
    for start in range(0, resamples, block):
        m = min(block, resamples - start)
        drawn = generator.integers(0, n, size=(m, n)) + np.arange(m)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=m * n).reshape(m, n)
        yield counts.astype(np.float64)


def _interval(
    point: float, draws: Array, n: int, level: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    if np.ptp(draws) < _TOLERANCE:
        return _unseen(point, n, level, bounds)
    student = stats.t.ppf((1 - level) / 2, n - 1) * math.sqrt(n / (n - 1))
    tail = float(stats.norm.cdf(student))
    low, high = np.quantile(draws, [tail, 1 - tail]) - _bias(point, draws)
    return min(max(float(low), bounds[0]), point), max(min(float(high), bounds[1]), point)


def _bias(point: float, draws: Array) -> float:
    """How far the draws lie off the metric; 0 where chance in drawing explains it (for means)."""
    bias = float(draws.mean()) - point
    chance = 3 * float(draws.std()) / math.sqrt(len(draws))
    return bias if abs(bias) > chance else 0.0


def _unseen(point: float, n: int, level: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """The interval where all resamples agree: kinds of examples that n draws did not show.

    A kind of probability p stays unseen with (1 - p)^n, so p may be as large as
    1 - ((1 - level) / 2)^(1 / n); its examples may score anything within `bounds`. For 0/1 scores
    this is the interval of Clopper & Pearson (1934), close to the rule of three.
    """
    p = 1 - ((1 - level) / 2) ** (1 / n)
    low, high = (point + p * (end - point) if math.isfinite(end) else point for end in bounds)
    return low, high
