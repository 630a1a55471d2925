"""Win rates and Bradley–Terry strengths, against counting by hand and a general optimiser."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from burnish.evaluate.preferences import Choice, bradley_terry, win_rates


def test_ties_count_half_and_tuned_comes_first() -> None:
    votes = ["tuned", "base", "tie", "tuned"]
    choices = [Choice(str(at), "base", "tuned", better) for at, better in enumerate(votes)]
    (found,) = win_rates(choices, resamples=200)
    assert (found.system, found.other) == ("tuned", "base")
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.rate.value == pytest.approx(2.5 / 4)
    assert found.rate.n == 4


def test_many_raters_of_one_example_are_one_example() -> None:
    few = [Choice(str(at), "tuned", "base", "tuned" if at % 3 else "base") for at in range(30)]
    (once,) = win_rates(few, resamples=400)
    (often,) = win_rates([choice for choice in few for _ in range(5)], resamples=400)
    assert often.rate == once.rate
    assert often.wins == 5 * once.wins


def simulated(strengths: dict[str, float], votes: int, seed: int) -> list[Choice]:
    generator = np.random.default_rng(seed)
    made = []
    for at in range(votes):
        for one, other in itertools.combinations(strengths, 2):
            chance = 1 / (1 + np.exp(strengths[other] - strengths[one]))
            better = one if generator.random() < chance else other
            made.append(Choice(str(at), one, other, better if generator.random() < 0.9 else "tie"))
    return made


def test_strengths_are_those_of_the_highest_likelihood() -> None:
    names = ("a", "b", "c")
    choices = simulated({"a": 0.9, "b": 0.0, "c": -0.9}, 40, seed=1)
    found = bradley_terry(choices, resamples=200)
    wins = np.full((3, 3), 0.5) - 0.5 * np.eye(3)
    for choice in choices:
        one, other = names.index(choice.system), names.index(choice.other)
        share = 0.5 if choice.better == "tie" else float(choice.better == choice.system)
        wins[one, other] += share
        wins[other, one] += 1 - share

    def loss(strength: np.ndarray) -> float:
        return float((wins * np.logaddexp(0, strength[None, :] - strength[:, None])).sum())

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9}).x
    best -= best.mean()
    for name, wanted in zip(names, best, strict=True):
        assert found[name].value == pytest.approx(wanted, abs=1e-5)
    assert list(found) == ["a", "b", "c"]


def test_a_system_that_never_lost_has_a_finite_strength() -> None:
    choices = [Choice(str(at), "a", "b", "a") for at in range(20)]
    found = bradley_terry(choices, resamples=200)
    assert 3 < found["a"].value - found["b"].value < 5
    assert np.isfinite([found["a"].low, found["a"].high]).all()


def test_nothing_to_compare_gives_nothing() -> None:
    assert win_rates([]) == ()
    assert bradley_terry([]) == {}
