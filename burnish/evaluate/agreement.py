"""Agreement between raters: plain, Cohen's kappa, Krippendorff's alpha, each with its interval.

All three are functions of sums over units (pairs of answers, examples), so that their intervals
come from the bootstrap over units of `burnish.evaluate.statistics`. Reads and writes nothing.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypedDict

import numpy as np

from burnish.evaluate.measured import Array, ValueFunction
from burnish.evaluate.statistics import bootstrap_interval
from burnish.records import Estimate

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]


class Draws(TypedDict):
    """How intervals are drawn, for `**`."""

    resamples: int
    seed: int


def estimate(
    statistics: Array,
    value: ValueFunction,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate | None:
    """A function of summed rows with its 95% bootstrap interval; None without rows.

    Args:
        statistics: [n, k], one row a unit.
        value: sums [..., k] → figure [...].
    """
    if not len(statistics):
        return None
    low, high = bootstrap_interval(statistics, value, resamples=resamples, seed=seed, bounds=bounds)
    point = float(value(statistics.sum(axis=0)))
    return Estimate(value=point, low=low, high=high, n=len(statistics))


def ratio(sums: Array) -> Array:
    """First column over the second; 0 where the second is 0."""
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-12))


def agreement(
    first: Sequence[Hashable], second: Sequence[Hashable], *, resamples: int = 2000, seed: int = 0
) -> Estimate | None:
    """Share of units on which two raters say the same."""
    rows = np.array([[one == other, 1] for one, other in zip(first, second, strict=True)], float)
    return estimate(rows, ratio, resamples=resamples, seed=seed)


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    weights: Weights = "none",
    categories: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate | None:
    """Cohen's kappa of two raters over the same units (Cohen 1960; weighted: Cohen 1968).

    Where both raters always say one and the same, kappa is undefined; it is told as 0, since
    nothing shows that they agree by more than chance.

    Args:
        categories: all values there are, in order (for weights); those that occur by default.
    """
    if categories is None:
        categories = sorted({*first, *second}, key=str)
    place = {category: at for at, category in enumerate(categories)}
    k = len(place)
    rows = np.zeros((len(first), k * k))
    for at, (one, other) in enumerate(zip(first, second, strict=True)):
        rows[at, place[one] * k + place[other]] = 1
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)
    distance = {"none": np.sign(distance), "linear": distance, "quadratic": distance**2}[weights]

    def kappa(sums: Array) -> Array:
        table = sums.reshape(*sums.shape[:-1], k, k)
        total = table.sum(axis=(-2, -1))
        expected = (
            table.sum(axis=-1)[..., :, None] * table.sum(axis=-2)[..., None, :] * distance
        ).sum(axis=(-2, -1))
        observed = (table * distance).sum(axis=(-2, -1)) * total
        return np.where(expected > 0, 1 - observed / np.maximum(expected, 1e-12), 0.0)

    return estimate(rows, kappa, bounds=(-1, 1), resamples=resamples, seed=seed)


def krippendorff_alpha(
    units: Sequence[Mapping[str, float | str]],
    level: Level,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate | None:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    A unit with fewer than two values says nothing and does not count; values may be missing
    anywhere. With one value throughout alpha is undefined, and told as 0 (see `cohen_kappa`).

    Args:
        units: rater → value, one mapping a unit; numbers for the ordinal and interval levels.

    Returns:
        Alpha over the `n` units that count; None without any.
    """
    held = [list(unit.values()) for unit in units if len(unit) > 1]
    values = sorted({value for unit in held for value in unit}, key=_order)
    place = {value: at for at, value in enumerate(values)}
    k = len(values)
    rows = np.zeros((len(held), k * k))
    for at, unit in enumerate(held):
        counts = np.bincount([place[value] for value in unit], minlength=k).astype(float)
        pairs = np.outer(counts, counts) - np.diag(counts)
        rows[at] = (pairs / (len(unit) - 1)).ravel()
    numbers = np.array(values, float) if level == "interval" else np.zeros(k)

    def alpha(sums: Array) -> Array:
        coincidences = sums.reshape(*sums.shape[:-1], k, k)
        marginals = coincidences.sum(axis=-1)
        n = marginals.sum(axis=-1)
        distance = _distance(level, marginals, numbers)
        observed = (coincidences * distance).sum(axis=(-2, -1))
        products = marginals[..., :, None] * marginals[..., None, :]
        expected = (products * distance).sum(axis=(-2, -1))
        spread = expected > 0
        return np.where(spread, 1 - (n - 1) * observed / np.where(spread, expected, 1.0), 0.0)

    return estimate(rows, alpha, bounds=(-1, 1), resamples=resamples, seed=seed)


def _order(value: float | str) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, value, "")


def _distance(level: Level, marginals: Array, numbers: Array) -> Array:
    """Squared distance of every two values [..., k, k]; the ordinal one counts ranks between."""
    k = marginals.shape[-1]
    if level == "nominal":
        return 1 - np.eye(k)
    if level == "interval":
        return np.asarray(np.subtract.outer(numbers, numbers) ** 2)
    middle = marginals.cumsum(axis=-1) - marginals / 2
    return np.asarray((middle[..., :, None] - middle[..., None, :]) ** 2)
