"""When a window is an alarm: the rate a user has set, spread over families, looks and months.

`watch.false_alarms` is the chance that a month without any change raises an alarm. Every finished
window is looked at once, and every fourth time the last four are looked at together, which shows
slow changes. Three quarters of what a month may spend go to single windows, the rest to those of
four; a window gets of it by its length. Both see the same requests, so that they often alarm
together and the month would alarm too seldom; the levels are raised by what normal means, which
hang together in the same way, would lose. Within a look the families (input, output …) have shares
of the level (Bonferroni), and within a family all signals are judged together (`permutation`).

Reads and writes nothing.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats
from threadpoolctl import threadpool_limits

from burnish.records import Family
from burnish.watch.permutation import Comparison, compare
from burnish.watch.samples import Sample, Vocabulary

TOGETHER = 4
"""Windows that are looked at again together."""
MONTH_DAYS = 365.25 / 12
_SINGLE = 0.75
_SHARES: dict[Family, float] = {"input": 3, "output": 2, "performance": 2, "operations": 1}
_GRID = 4001


@dataclass(frozen=True)
class Look:
    """What one look at a window says.

    Attributes:
        p_value: corrected over families and signals; an alarm at or below `threshold`.
        comparisons: one a family.
    """

    p_value: float
    threshold: float
    comparisons: dict[Family, Comparison]

    @property
    def alarm(self) -> bool:
        """Whether chance would show as much no more often than the user allows."""
        return self.p_value <= self.threshold


def threshold(false_alarms: float, days: float, *, windows: int = 1) -> float:
    """The p-value at which a look is an alarm.

    Args:
        false_alarms: chance of an alarm in a month without change, from 0 to 1.
        days: that the look spans.
        windows: 1, or `TOGETHER`.

    Where nothing changes, single windows and those of four that fill a month leave it without an
    alarm with probability 1 - false_alarms, if p-values are those of normal means.
    """
    days /= windows
    single, together = _levels(false_alarms, days)
    return single if windows == 1 else together


@lru_cache(maxsize=64)
def _levels(false_alarms: float, days: float) -> tuple[float, float]:
    """Levels of single windows of so many days, and of four together."""
    silence = math.log1p(-false_alarms) * TOGETHER * days / MONTH_DAYS

    def levels(raised: float) -> tuple[float, float]:
        spent = raised * silence
        return -math.expm1(spent * _SINGLE / TOGETHER), -math.expm1(spent * (1 - _SINGLE))

    def missing(raised: float) -> float:
        return math.log(_silent(*levels(raised))) - silence

    return levels(optimize.brentq(missing, 1, 2, xtol=1e-4))


def _silent(single: float, together: float) -> float:
    """Probability that four normal values lie within their bounds, and so does their mean.

    The density of a value within its bounds is folded with itself four times.
    """
    bound, whole = (float(stats.norm.isf(level / 2)) for level in (single, together))
    values = np.linspace(-bound, bound, _GRID)
    step = values[1] - values[0]
    density = stats.norm.pdf(values) * step
    density[[0, -1]] /= 2
    twice = np.convolve(density, density)
    sums = np.convolve(twice, twice)
    at = np.linspace(-TOGETHER * bound, TOGETHER * bound, len(sums))
    inside = np.abs(at) <= whole * math.sqrt(TOGETHER)
    return float(sums[inside].sum())


def shares_of(families: Collection[Family]) -> dict[Family, float]:
    """How families share a level, where these are there."""
    whole = sum(_SHARES[one] for one in families)
    return {one: _SHARES[one] / whole for one in families}


def look(
    families: Mapping[Family, tuple[Sample, Sample]],
    *,
    level: float,
    seed: int,
    vocabulary: Vocabulary | None = None,
    quiet: frozenset[Family] = frozenset(),
) -> Look:
    """Compare a window with its reference in every family.

    Args:
        families: family → reference and window. A family without rows counts for none.
        level: the look's threshold.
        vocabulary: that the words of both were counted with.
        quiet: families that are compared, but too little changed in them to be worth an alarm.
    """
    there = {name: pair for name, pair in families.items() if min(map(len, pair))}
    shares = shares_of(there)
    with threadpool_limits(limits=1):  # products too small to share
        comparisons = {
            name: compare(
                reference, window, level=level * shares[name], seed=seed, vocabulary=vocabulary
            )
            for name, (reference, window) in there.items()
        }
    least = min(
        (one.p_value / shares[name] for name, one in comparisons.items() if name not in quiet),
        default=1.0,
    )
    return Look(min(1.0, least), level, comparisons)
