"""When a window is an alarm: the rate a user has set, spread over families, looks and months.

`watch.false_alarms` is the chance that a month without any change raises an alarm. Every finished
window is looked at once, and every fourth time the last four are looked at together, which shows
slow changes. Three quarters of what a month may spend go to single windows, the rest to those of
four; a window gets of it by its length. Within a look the families (input, output …) share alike
(Bonferroni), and within a family all signals are judged together (`permutation`).

Reads and writes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from burnish.records import Family
from burnish.watch.permutation import Comparison, compare
from burnish.watch.samples import Sample, Vocabulary

TOGETHER = 4
"""Windows that are looked at again together."""
MONTH_DAYS = 365.25 / 12
_SINGLE = 0.75


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

    With p-values uniform and looks independent, single windows and those of four that fill a month
    leave it without an alarm with probability 1 - false_alarms.
    """
    spent = math.log1p(-false_alarms) * days / MONTH_DAYS
    return -math.expm1(spent * (_SINGLE if windows == 1 else 1 - _SINGLE))


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
    with threadpool_limits(limits=1):  # products too small to share
        comparisons = {
            name: compare(
                reference, window, level=level / len(there), seed=seed, vocabulary=vocabulary
            )
            for name, (reference, window) in there.items()
        }
    least = min(
        (one.p_value for name, one in comparisons.items() if name not in quiet), default=1.0
    )
    return Look(min(1.0, least * max(len(there), 1)), level, comparisons)
