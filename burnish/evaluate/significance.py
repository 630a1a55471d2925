"""Tests of the difference between two systems on the same examples, and Holm's correction.

Under the null hypothesis the two answers to an example could as well change places, so every way
of swapping them is equally likely (Fisher 1935; for metrics of whole corpora Noreen 1989). Where
few examples differ all ways are gone through; else so many are drawn. For means of right and wrong
the swaps can be counted without either: that is McNemar's test, here with the mid-p-value, as the
steps of the exact one make it reject too seldom.

Reads and writes nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from burnish.evaluate.measured import Array, ValueFunction, mean

MCNEMAR = "McNemar's mid-p test"
MOST_ENUMERATED = 12
"""Differing examples up to which all 2^n swaps are gone through."""
_CELLS = 1 << 22  # swaps times examples held in memory at once: 32 MiB
_TOLERANCE = 1e-12


class PairedTest(NamedTuple):
    """A two-sided p-value, and the test it is of."""

    p_value: float
    test: str


def paired_test(
    statistics_a: Array, statistics_b: Array, value: ValueFunction, *, resamples: int, seed: int
) -> PairedTest:
    """Is metric of a unlike metric of b, on the same n examples?

    Drawn swaps give (e + 1) / (m + 1) for e of m swaps at least as extreme (Phipson & Smyth 2010),
    which is never 0 and never rejects too often.

    Args:
        statistics_a, statistics_b: [n, k], row for row the same examples.
        resamples: swaps drawn where there are too many to go through.
    """
    change = statistics_b - statistics_a
    differing = change.any(axis=1)
    if right_or_wrong(statistics_a, statistics_b, value):
        wins = int((change[:, 0] < 0).sum())
        return PairedTest(mcnemar(wins, int(differing.sum()) - wins), MCNEMAR)
    total_a, total_b = statistics_a.sum(axis=0), statistics_b.sum(axis=0)
    observed = abs(float(value(total_a) - value(total_b))) - _TOLERANCE
    change = change[differing]
    d = len(change)

    def extreme(swaps: Array) -> int:
        moved = swaps @ change
        return int((np.abs(value(total_a + moved) - value(total_b - moved)) >= observed).sum())

    if d <= MOST_ENUMERATED:
        bits = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
        return PairedTest(extreme(bits.astype(np.float64)) / 2**d, "exact permutation test")
    generator = np.random.default_rng([seed, 1])
    block = max(1, _CELLS // d)
    found = 0
    for start in range(0, resamples, block):
        drawn = generator.integers(0, 2, size=(min(block, resamples - start), d))
        found += extreme(drawn.astype(np.float64))
    return PairedTest((found + 1) / (resamples + 1), "permutation test")


def mcnemar(wins: int, losses: int) -> float:
    """The two-sided mid-p-value of McNemar's test (McNemar 1947): a fair coin's odds.

    Results as extreme as the one found count half (Lancaster 1961). The exact p-value, which counts
    them in full, comes in steps and rejects less often than its level says; of the remedies
    Fagerland, Lydersen & Laake (BMC Medical Research Methodology 13:91, 2013) recommend this one.

    Args:
        wins, losses: examples on which exactly the one, or exactly the other, is right.
    """
    from scipy.stats import binom, binomtest

    n = wins + losses
    as_extreme = (1 if wins == losses else 2) * binom.pmf(wins, n, 0.5)
    return float(binomtest(wins, n).pvalue - as_extreme / 2) if n else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for there being several of them (Holm 1979), under the same names.

    The smallest is multiplied by their number, the next by one less, and none falls below a
    smaller one. The chance of any false alarm among all stays at the level.
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def right_or_wrong(a: Array, b: Array, value: ValueFunction) -> bool:
    """Whether the metric is a mean and every example scores 0 or 1 with both systems."""
    return value is mean and all(bool(np.isin(each[:, 0], (0.0, 1.0)).all()) for each in (a, b))
