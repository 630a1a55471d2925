"""Is a window unlike its reference? An exact answer, whatever the signals are.

Where nothing has changed, the window's rows might as well have been any others of both samples. So
all signals of a family are computed for random choices of rows, and the p-value is the share of
choices with a signal as surprising as the most surprising real one: min-p of Westfall and Young
(1993), which corrects over signals and heeds how they hang together. Rows are only exchanged
within strata (the same weekday, say), so that a season is no change. Sampling stops as soon as the
answer is clear, and stays exact (Besag and Clifford 1991).

Reads and writes nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.watch.samples import Sample, Vocabulary
from burnish.watch.signals import Members, Statistic, statistics_of

_ENOUGH = 20
"""Choices as surprising as the real one after which a window is plainly not unlike."""
_AT_ONCE = 64
_TIE = 1 + 1e-6
"""Sums in another order differ in their last digits; they count as equal."""


@dataclass(frozen=True)
class Judged:
    """One signal of a family.

    Attributes:
        p_value: of it alone; `p_adjusted` corrected over the family.
    """

    name: str
    test: str
    value: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True)
class Comparison:
    """A window against its reference.

    Attributes:
        p_value: of the whole family; 1 where nothing can be compared.
        signals: in the order of the statistics.
        reference: rows of the reference that were compared; matched by strata, maybe not all.
        drawn: random choices that it took.
    """

    p_value: float
    signals: tuple[Judged, ...]
    reference: NDArray[np.int64]
    drawn: int


def compare(
    reference: Sample,
    window: Sample,
    *,
    level: float,
    seed: int,
    vocabulary: Vocabulary | None = None,
) -> Comparison:
    """Compare a window with its reference.

    Args:
        level: the p-value that would be an alarm; sampling is fine enough to decide it.
        vocabulary: that the words of both were counted with.
    """
    matched = matching(reference, window, seed)
    part = reference.take(matched)
    pooled = part.joined(window)
    members = np.zeros((1, len(pooled)), dtype=np.float32)
    members[0, len(part) :] = 1
    statistics = statistics_of(pooled, vocabulary)
    if not statistics or not len(part) or not len(window):
        return Comparison(1.0, (), matched, 0)
    strata = np.zeros(len(pooled), np.int64) if pooled.strata is None else pooled.strata
    return _compare(statistics, members, strata, matched, level, seed)


def matching(reference: Sample, window: Sample, seed: int) -> NDArray[np.int64]:
    """Rows of the reference, as many of each stratum as the window has, times one factor.

    Without strata, all of them.
    """
    if reference.strata is None or window.strata is None:
        return np.arange(len(reference))
    wanted, counts = np.unique(window.strata, return_counts=True)
    there = {one: np.flatnonzero(reference.strata == one) for one in wanted}
    met = [(one, count) for one, count in zip(wanted, counts, strict=True) if len(there[one])]
    if not met:
        return np.arange(0)
    factor = min(len(there[one]) / count for one, count in met)
    random = np.random.default_rng([seed, 1])
    chosen = [
        random.permutation(there[one])[: max(1, math.floor(factor * count))] for one, count in met
    ]
    return np.sort(np.concatenate(chosen))


def _compare(
    statistics: Sequence[Statistic],
    members: Members,
    strata: NDArray[np.int64],
    matched: NDArray[np.int64],
    level: float,
    seed: int,
) -> Comparison:
    values, observed = (found[:, 0] for found in _computed(statistics, members))
    most = max(_ENOUGH * 10, math.ceil(_ENOUGH / level) - 1)
    random = np.random.default_rng([seed, 0])
    alone, together = np.ones(len(statistics)), np.ones(len(statistics))
    drawn, exceeded, p_value = 0, 0, 0.0
    least = observed.min()
    while drawn < most and not p_value:
        choices = _choices(members[0], strata, min(_AT_ONCE, most - drawn), random)
        _, chance = _computed(statistics, choices)
        smallest = chance.min(axis=0)
        as_rare = np.flatnonzero(smallest <= least * _TIE)
        if exceeded + len(as_rare) >= _ENOUGH:
            p_value = _ENOUGH / (drawn + int(as_rare[_ENOUGH - exceeded - 1]) + 1)
        exceeded += len(as_rare)
        alone += (chance <= observed[:, None] * _TIE).sum(axis=1)
        together += (smallest[None] <= observed[:, None] * _TIE).sum(axis=1)
        drawn += len(choices)
    p_value = p_value or (exceeded + 1) / (drawn + 1)
    signals = tuple(
        Judged(one.name, one.test, float(value), float(own), float(corrected))
        for one, value, own, corrected in zip(
            statistics, values, alone / (drawn + 1), together / (drawn + 1), strict=True
        )
    )
    return Comparison(float(p_value), signals, matched, drawn)


def _computed(
    statistics: Sequence[Statistic], members: Members
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and approximate p-values [statistics, choices]."""
    found = [statistic(members) for statistic in statistics]
    return np.stack([values for values, _ in found]), np.stack([chance for _, chance in found])


def _choices(
    members: NDArray[np.float32],
    strata: NDArray[np.int64],
    count: int,
    random: np.random.Generator,
) -> Members:
    """Random choices of rows, of each stratum as many as the window has [count, rows]."""
    chosen = np.zeros((count, len(members)), dtype=np.float32)
    for one in np.unique(strata):
        rows = np.flatnonzero(strata == one)
        inside = int(members[rows].sum())
        if inside in (0, len(rows)):
            chosen[:, rows] = members[rows]
            continue
        lots = random.random((count, len(rows)), dtype=np.float32)
        drawn = np.argpartition(lots, inside - 1, axis=1)[:, :inside]
        np.put_along_axis(chosen, rows[drawn], 1, axis=1)
    return chosen
