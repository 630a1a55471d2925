"""From choices between two answers to win rates and the strengths of several systems.

Reads and writes nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from burnish.evaluate.agreement import estimate, ratio
from burnish.evaluate.measured import Array
from burnish.records import Estimate, WinRate

_ROUNDS = 300
_PRIOR = 0.5


class Choice(NamedTuple):
    """One choice on one example: the two systems, and the better one or "tie"."""

    example: str
    system: str
    other: str
    better: str


def win_rates(
    choices: Sequence[Choice], *, resamples: int = 2000, seed: int = 0
) -> tuple[WinRate, ...]:
    """Each pair's win rate, ties counted half; "tuned" is always the system, not the other.

    The interval is that of the bootstrap over examples, so that several raters of one example do
    not count as so many examples.
    """
    pairs: dict[tuple[str, str], list[Choice]] = {}
    for choice in choices:
        one, other = sorted((choice.system, choice.other), key=lambda name: (name != "tuned", name))
        pairs.setdefault((one, other), []).append(choice)
    found = []
    for (system, other), votes in sorted(pairs.items()):
        rows: dict[str, list[float]] = {}
        for vote in votes:
            row = rows.setdefault(vote.example, [0.0, 0.0])
            row[0] += 1.0 if vote.better == system else 0.5 if vote.better == "tie" else 0.0
            row[1] += 1
        rate = estimate(np.array(list(rows.values())), ratio, resamples=resamples, seed=seed)
        if rate is None:
            continue
        found.append(
            WinRate(
                system=system,
                other=other,
                wins=sum(vote.better == system for vote in votes),
                ties=sum(vote.better == "tie" for vote in votes),
                losses=sum(vote.better == other for vote in votes),
                rate=rate,
            )
        )
    return tuple(found)


def bradley_terry(
    choices: Sequence[Choice], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Log-strength of every system, strongest first, with a mean of 0; ties are half a win each.

    The probability that i is preferred to j is s_i / (s_i + s_j) with s = exp(log-strength)
    (Bradley & Terry 1952), fitted by Hunter's MM algorithm (Annals of Statistics 32, 2004). Each
    pair that was compared gets half a win on both sides, so that a system that never lost has a
    finite strength. Intervals: bootstrap over examples.
    """
    systems = sorted({name for choice in choices for name in (choice.system, choice.other)})
    if len(systems) < 2:
        return {}
    k, place = len(systems), {name: at for at, name in enumerate(systems)}
    wins: dict[str, Array] = {}
    for choice in choices:
        table = wins.setdefault(choice.example, np.zeros((k, k)))
        one, other = place[choice.system], place[choice.other]
        share = 0.5 if choice.better == "tie" else float(choice.better == choice.system)
        table[one, other] += share
        table[other, one] += 1 - share
    rows = np.array([table.ravel() for table in wins.values()])
    compared = rows.sum(axis=0).reshape(k, k) > 0
    prior = _PRIOR * (compared | compared.T)
    found = {}
    for at, name in enumerate(systems):

        def strength(sums: Array, at: int = at) -> Array:
            return _strengths(sums.reshape(*sums.shape[:-1], k, k) + prior)[..., at]

        fitted = estimate(rows, strength, bounds=(-np.inf, np.inf), resamples=resamples, seed=seed)
        if fitted is not None:
            found[name] = fitted
    return dict(sorted(found.items(), key=lambda item: (-item[1].value, item[0])))


def _strengths(wins: Array) -> Array:
    """Log-strengths [..., k] from wins [..., k, k] of the row's system over the column's."""
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(axis=-1)
    strength = np.ones(won.shape)
    for _ in range(_ROUNDS):
        both = strength[..., :, None] + strength[..., None, :]
        new = won / (games / both).sum(axis=-1)
        new /= np.exp(np.log(new).mean(axis=-1, keepdims=True))
        moved = float(np.abs(new - strength).max())
        strength = new
        if moved < 1e-10:
            break
    return np.asarray(np.log(strength))
