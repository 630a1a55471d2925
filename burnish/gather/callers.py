"""Callers: whose corrections stand out from all others'.

Two tests, each corrected over all that is tested at once (Holm 1979), so that an honest stream
raises a flag with a probability of at most `LEVEL` each:

- A judge that learned from trusted examples alone doubts some corrections more than others. Does it
  doubt one caller's more than the rest? The rank sum of its doubts tells (Mann and Whitney 1947).
  Honest corrections are doubted too, since they are of hard inputs; what counts is the difference.
- Labels alone: does one caller change an answer A into B far more often than others do? Fisher's
  exact test tells (Fisher 1922). Who attacks one pair of labels that are easily confused passes any
  judge, but not this.

A caller that was found is taken out, and the rest are tested again, so that two who are hostile do
not hide each other. Reads numbers; writes nothing.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from burnish.gather.corrections import Correction, Doubt
from burnish.records import CallerDoubt, CallerHabit

LEVEL = 0.01
"""Chance that any caller at all is found by a test although nothing is the matter."""

FEW_OTHERS = 20
"""Corrections of others with fewer of which a caller is not compared with them."""

HALF = 0.5
"""Share of a caller's corrections that may be doubted where there are no others to compare with."""


def doubted_callers(
    corrections: Sequence[Correction], doubts: Sequence[Doubt | None]
) -> list[CallerDoubt]:
    """The callers whose corrections the judge doubts more than others', the surest first.

    The same correction of the same input by the same caller counts once; one that the judge cannot
    judge (None), and labels of your own, do not count.
    """
    units = {
        correction.unit: doubt
        for correction, doubt in zip(corrections, doubts, strict=True)
        if doubt is not None and not correction.own
    }
    callers = np.array([caller for caller, _, _ in units])
    scores = np.array([doubt.score for doubt in units.values()])
    doubted = np.array([doubt.doubted for doubt in units.values()], dtype=bool)
    found: list[CallerDoubt] = []
    while len(callers):
        worst = _worst(callers, scores, doubted)
        if worst.p_adjusted >= LEVEL:
            break
        found.append(worst)
        left = callers != worst.caller
        callers, scores, doubted = callers[left], scores[left], doubted[left]
    return sorted(found, key=lambda doubt: (doubt.p_adjusted, doubt.caller))


def caller_habits(corrections: Sequence[Correction]) -> list[CallerHabit]:
    """The changes of one label into another that a single caller makes far more often than others.

    The surest first; none where too few others correct at all.
    """
    from scipy.stats import hypergeom

    changes = {one.unit: one.change for one in corrections if one.change and not one.own}
    made = Counter((unit[0], change) for unit, change in changes.items())
    of_all = Counter(changes.values())
    of_caller = Counter(caller for caller, _, _ in changes)
    found = []
    for (caller, change), n in made.items():
        others = len(changes) - of_caller[caller]
        if others < FEW_OTHERS:
            continue
        p_value = float(
            hypergeom.sf(n - 1, len(changes), of_all[change], of_caller[caller])
        )  # Fisher's exact test, one-sided
        found.append(
            CallerHabit(
                caller=caller, served=change[0], corrected=change[1], times=n,
                corrections=of_caller[caller], others_times=of_all[change] - n, others=others,
                p_value=p_value, p_adjusted=1.0,
            )
        )  # fmt: skip
    return _holm(found)


def _holm(tests: list[CallerHabit]) -> list[CallerHabit]:
    """Those that are left after Holm's correction, with their p-values corrected."""
    tests.sort(key=lambda test: (test.p_value, test.caller, test.served, test.corrected))
    left: list[CallerHabit] = []
    for place, test in enumerate(tests):
        p_adjusted = min(1.0, test.p_value * (len(tests) - place))
        if p_adjusted >= LEVEL:
            break
        left.append(test.model_copy(update={"p_adjusted": p_adjusted}))
    return left


def _worst(
    callers: NDArray[np.str_], scores: NDArray[np.float64], doubted: NDArray[np.bool_]
) -> CallerDoubt:
    """The caller with the smallest p-value; as the smallest of m, Holm multiplies it by m."""
    from scipy.stats import binom

    names, place, n = np.unique(callers, return_inverse=True, return_counts=True)
    own = np.bincount(place, weights=doubted).astype(np.int64)
    others = len(callers) - n
    compared = others >= FEW_OTHERS
    p_values = np.where(compared, _rank_sums(place, n, scores), binom.sf(own - 1, n, HALF))
    at = int(p_values.argmin())
    return CallerDoubt(
        caller=str(names[at]),
        corrections=int(n[at]),
        doubted=int(own[at]),
        others=int(others[at]) if compared[at] else 0,
        others_doubted=int(doubted.sum() - own[at]) if compared[at] else 0,
        p_value=float(p_values[at]),
        p_adjusted=min(1.0, float(p_values[at]) * len(names)),
    )


def _rank_sums(
    place: NDArray[np.int64], n: NDArray[np.int64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One-sided p-value of each caller against the rest, by the normal approximation with ties.

    For few corrections it is greater than the exact one, never smaller where it matters.

    Args:
        place: number of the caller of each score.
        n: scores of each caller.
    """
    from scipy.stats import norm, rankdata

    ranks = rankdata(scores)
    _, ties = np.unique(scores, return_counts=True)
    total = len(scores)
    u = np.bincount(place, weights=ranks) - n * (n + 1) / 2
    pairs = n * (total - n)
    spread = total + 1 - (ties**3 - ties).sum() / max(1, total * (total - 1))
    deviation = np.sqrt(np.maximum(pairs * spread / 12, 0))
    z = np.where(deviation > 0, (u - pairs / 2 - 0.5) / np.maximum(deviation, 1e-12), -np.inf)
    p_values: NDArray[np.float64] = norm.sf(z)
    return p_values
