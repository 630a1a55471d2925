"""Power: the smallest true difference that so many test examples can prove.

Arithmetic alone: nothing is read or written. The data room tells it before any training, from
assumptions; evaluation tells it again from what it measured.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from burnish.records import MetricName
from burnish.records.data_checks import NeededExamples, Power

DIFFERENCES = (0.02, 0.05, 0.10)
"""Differences for which the needed test examples are told."""

BASELINE = 0.7
"""Score of the alternative where none is known."""

DEVIATIONS: dict[MetricName, float] = {
    "rouge1": 0.2, "rouge2": 0.2, "rougeL": 0.2, "rougeLsum": 0.2, "chrf": 0.2, "bleu": 0.2,
    "token_f1": 0.4, "field_f1": 0.3,
}  # fmt: skip
"""Standard deviation of paired differences of an example's score, where none was measured."""

RIGHT_OR_WRONG = ("accuracy", "macro_f1", "micro_f1", "exact_match", "valid_json")
_MOST_NEEDED = 1_000_000
_ALPHA, _POWER = 0.05, 0.8
_CERTAIN = 30.0  # noncentrality beyond which power is 1 to all digits, and nct is not stable


def smallest_difference(
    n_test: int,
    metric: MetricName,
    *,
    baseline: float = BASELINE,
    disagreement: float | None = None,
    deviation: float | None = None,
) -> Power:
    """The smallest true difference that `n_test` examples prove with 80% power.

    Where an answer is right or wrong, the power is that of McNemar's mid-p test (Fagerland et al.
    2013): the binomial test on the examples on which exactly one of two systems is right, over all
    numbers of such examples. For other scores it is that of the paired t-test (noncentral t; Cohen
    1988). macro_f1 and micro_f1 count as accuracy; with labels of unequal frequency macro_f1 needs
    more.

    Args:
        baseline: score of the alternative, from 0 to 1.
        disagreement: share of test examples on which exactly one system is right; by default
            p (1 - p) with p the baseline, half of what independent mistakes would give. No true
            difference is greater than it, so for greater ones it is taken to be as great.
        deviation: standard deviation of paired differences, for any metric; by default that of
            `DEVIATIONS` for those that are not right or wrong.
    """
    known = disagreement is not None or deviation is not None
    told = "measured" if known else "assumed"
    if metric in RIGHT_OR_WRONG and deviation is None:
        share = baseline * (1 - baseline) if disagreement is None else disagreement
        power = partial(_mcnemar_power, disagreement=share)
        method = "McNemar's mid-p test"
        of = "" if known else f" for a score near {baseline:.2f}"
        assumption = (
            f"Exactly one of the two systems is right on {share:.0%} of the examples ({told}{of})."
        )
        if metric in ("macro_f1", "micro_f1"):
            assumption += f" {metric} is taken to vary as accuracy does."
    else:
        spread = DEVIATIONS[metric] if deviation is None else deviation
        power = partial(_t_power, deviation=spread)
        method = "the paired t-test"
        assumption = (
            f"Differences between the two systems have a standard deviation of {spread:.2f} over "
            f"the examples ({told})."
        )
    needed = [NeededExamples(difference=d, n=_least_examples(power, d)) for d in DIFFERENCES]
    return Power(
        metric=metric,
        n=n_test,
        difference=_least_difference(power, n_test),
        method=method,
        assumption=assumption,
        needed=tuple(needed),
    )


def provable(
    n: int, *, disagreement: float | None = None, deviation: float | None = None
) -> float | None:
    """The difference of `smallest_difference` alone, from one of the two measured figures.

    None where no difference up to 1 could be proved.
    """
    if disagreement is not None:
        return _least_difference(partial(_mcnemar_power, disagreement=disagreement), n)
    if deviation is None:
        raise ValueError("neither a disagreement nor a deviation")
    return _least_difference(partial(_t_power, deviation=deviation), n)


def _mcnemar_power(n: int, difference: float, *, disagreement: float) -> float:
    """How often n examples prove a system better that is right on a share `difference` more."""
    from scipy.stats import binom

    share = min(1.0, max(disagreement, difference))
    ends = binom.ppf([1e-9, 1 - 1e-9], n, share)
    m = np.arange(int(ends[0]), int(ends[1]) + 1)  # examples on which exactly one is right
    critical = binom.ppf(_ALPHA / 2, m, 0.5)
    critical -= binom.cdf(critical, m, 0.5) - binom.pmf(critical, m, 0.5) / 2 > _ALPHA / 2
    better = (share + difference) / (2 * share)
    proved = np.where(critical < 0, 0.0, binom.sf(m - critical - 1, m, better))
    return float((binom.pmf(m, n, share) * proved).sum())


def _t_power(n: int, difference: float, *, deviation: float) -> float:
    from scipy.stats import nct, t

    if n < 2:
        return 0.0
    shift = difference / deviation * math.sqrt(n) if deviation else math.inf
    if shift > _CERTAIN:
        return 1.0
    critical = t.ppf(1 - _ALPHA / 2, n - 1)
    return float(nct.sf(critical, n - 1, shift))


def _least_difference(power: Callable[[int, float], float], n: int) -> float | None:
    """By bisection, rounded up to four digits."""
    if power(n, 1.0) < _POWER:
        return None
    low, high = 0, 10_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(n, middle / 10_000) >= _POWER else (middle, high)
    return high / 10_000


def _least_examples(power: Callable[[int, float], float], difference: float) -> int | None:
    high = 2
    while power(high, difference) < _POWER:
        if high >= _MOST_NEEDED:
            return None
        high = min(2 * high, _MOST_NEEDED)
    low = 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, difference) >= _POWER else (middle, high)
    return high
