"""Invented populations of scored answers, one for each kind of metric, whose truth is known.

Every example has a difficulty that all systems share, so that their scores go together as those of
real systems do. A system's gap makes it better; systems of equal gap are exchangeable: the null.

Reads and writes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from burnish.evaluate.label_metrics import macro_f1_value
from burnish.evaluate.measured import Array, ValueFunction, f1, mean

SHARES = (0.4, 0.3, 0.2, 0.1)
"""How frequent the four labels of the macro-F1 population are."""

Draw = Callable[[np.random.Generator, int, Sequence[float]], tuple[list[Array], ValueFunction]]


@dataclass(frozen=True)
class Population:
    """A kind of metric, how to draw n examples with the statistics of all systems, and a gap."""

    name: str
    draw: Draw
    gap: float = 0.1

    def truth(self, gap: float) -> tuple[float, float]:
        """The metric of a system with the gap and of one without, over a million examples."""
        systems, value = self.draw(np.random.default_rng(10**6), 1_000_000, (gap, 0.0))
        better, plain = (float(value(rows.sum(axis=0))) for rows in systems)
        return better, plain


def _chances(chance: np.random.Generator, n: int, gaps: Sequence[float]) -> list[Array]:
    """How likely each system is right on each example [n]; 0.7 on average without a gap."""
    shared = chance.beta(2.1, 0.9, n)
    return [shared + gap * (1 - shared) / 0.3 for gap in gaps]


def _means(scores: Array) -> Array:
    return np.stack([scores, np.ones(len(scores))], axis=1)


def _accuracy(
    chance: np.random.Generator, n: int, gaps: Sequence[float]
) -> tuple[list[Array], ValueFunction]:
    drawn = [(chance.random(n) < p).astype(float) for p in _chances(chance, n, gaps)]
    return [_means(each) for each in drawn], mean


def _labels(
    chance: np.random.Generator, n: int, gaps: Sequence[float]
) -> tuple[list[Array], ValueFunction]:
    size = len(SHARES)
    label = chance.choice(size, n, p=SHARES)
    expected = np.eye(size)[label]
    rows = []
    for p in _chances(chance, n, gaps):
        other = (label + chance.integers(1, size, n)) % size
        given = np.eye(size)[np.where(chance.random(n) < p, label, other)]
        rows.append(np.stack([given * expected, given, expected], axis=1).reshape(n, -1))
    return rows, macro_f1_value(size, int((expected.sum(axis=0) > 0).sum()))


def _overlap(
    chance: np.random.Generator, n: int, gaps: Sequence[float]
) -> tuple[list[Array], ValueFunction]:
    shared = chance.beta(2, 5, n)
    rows = []
    for gap in gaps:
        score = chance.beta(1 + 8 * shared, 1 + 8 * (1 - shared))
        rows.append(_means(score + gap * (1 - score)))
    return rows, mean


def _spans(
    chance: np.random.Generator, n: int, gaps: Sequence[float]
) -> tuple[list[Array], ValueFunction]:
    rows = []
    for p in _chances(chance, n, gaps):
        partly = chance.random(n) < 0.4
        overlap = chance.choice([0, 0.4, 0.5, 2 / 3, 0.8], n)
        rows.append(_means(np.where(partly, overlap, chance.random(n) < p)))
    return rows, mean


def _fields(
    chance: np.random.Generator, n: int, gaps: Sequence[float]
) -> tuple[list[Array], ValueFunction]:
    wanted = 1 + chance.poisson(2, n)
    rows = []
    for p in _chances(chance, n, gaps):
        hits = chance.binomial(wanted, p)
        given = hits + chance.poisson(0.7, n)
        rows.append(np.stack([hits, given, wanted], axis=1).astype(float))
    return rows, f1


POPULATIONS = (
    Population("accuracy", _accuracy),
    Population("macro_f1", _labels),
    Population("rougeL", _overlap, gap=0.05),
    Population("token_f1", _spans),
    Population("field_f1", _fields),
)
