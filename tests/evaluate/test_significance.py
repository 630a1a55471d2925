"""Paired tests against scipy, and how often they reject where there is nothing to find."""

import numpy as np
import pytest
from scipy import stats

from burnish.evaluate import significance
from burnish.evaluate.measured import f1, mean, of_means
from burnish.evaluate.significance import MOST_ENUMERATED, holm, mcnemar, paired_test


def rows(values):
    return of_means("score", values).statistics


def compared(a, b, **settings):
    return paired_test(rows(a), rows(b), mean, **{"resamples": 2000, "seed": 0} | settings)


def scipys(a, b):
    return stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=2**MOST_ENUMERATED,
    ).pvalue  # fmt: skip


@pytest.mark.parametrize("n", [2, 5, 12])
def test_few_differences_are_gone_through_and_equal_scipys_exact_test(n):
    chance = np.random.default_rng(n)
    a, b = chance.random(n) + 0.2, chance.random(n)
    found = compared(a, b)
    assert found.test == "exact permutation test"
    assert found.p_value == pytest.approx(scipys(a, b), abs=1e-12)


def test_examples_that_do_not_differ_change_nothing():
    chance = np.random.default_rng(3)
    a, b = chance.random(10) + 0.2, chance.random(10)
    same = np.full(500, 0.5)
    with_same = compared(np.concatenate([a, same]), np.concatenate([b, same]))
    assert with_same.test == "exact permutation test"
    assert with_same.p_value == compared(a, b).p_value
    assert compared(same, same).p_value == 1.0


def test_drawn_swaps_come_close_to_the_exact_test(monkeypatch):
    chance = np.random.default_rng(4)
    a, b = chance.random(12) + 0.15, chance.random(12)
    exact = compared(a, b).p_value
    monkeypatch.setattr(significance, "MOST_ENUMERATED", 5)
    drawn = compared(a, b, resamples=20_000)
    assert drawn.test == "permutation test"
    assert drawn.p_value == pytest.approx(exact, abs=0.015)
    assert drawn == compared(a, b, resamples=20_000)
    assert drawn != compared(a, b, resamples=20_000, seed=1)
    monkeypatch.setattr(significance, "_CELLS", 12 * 100)
    assert compared(a, b, resamples=20_000).p_value == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (4, 0), (7, 3), (25, 9), (3, 30)])
def test_right_and_wrong_answers_get_mcnemars_test(wins, losses):
    a = np.array([1] * wins + [0] * losses + [1, 0] * 20, dtype=float)
    b = np.array([0] * wins + [1] * losses + [1, 0] * 20, dtype=float)
    found = compared(a, b)
    assert found.test == "McNemar's mid-p test"
    assert found.p_value == mcnemar(wins, losses)
    n, low = wins + losses, min(wins, losses)
    if not n:
        assert found.p_value == 1.0
        return
    exact = stats.binomtest(low, n).pvalue
    beyond = stats.binomtest(low - 1, n).pvalue if low else 0.0
    assert found.p_value == pytest.approx((exact + beyond) / 2)
    if n <= MOST_ENUMERATED:
        assert exact == pytest.approx(scipys(a[:n], b[:n]))


def test_counts_are_not_taken_for_right_and_wrong():
    counts = np.array([[1.0, 1, 1], [0, 1, 1]] * 10)
    found = paired_test(counts, counts[::-1].copy(), f1, resamples=200, seed=0)
    assert found.test == "permutation test"


def test_holm_on_the_textbook_steps():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert holm({"a": 0.04}) == {"a": 0.04}
    assert holm({"b": 0.9, "a": 0.8}) == {"b": 1.0, "a": 1.0}
    assert list(holm({"z": 0.5, "a": 0.01})) == ["z", "a"]
    assert holm({}) == {}


def test_right_and_wrong_answers_are_rejected_at_their_level_under_the_null():
    """Over all numbers of differing answers of 100 examples of which a third differ: no chance."""
    rejected = exactly = 0.0
    for n, share in enumerate(stats.binom.pmf(range(101), 100, 0.35)):
        for wins, odds in enumerate(stats.binom.pmf(range(n + 1), n, 0.5)):
            rejected += share * odds * (mcnemar(wins, n - wins) <= 0.05)
            exactly += share * odds * (n > 0 and stats.binomtest(wins, n).pvalue <= 0.05)
    assert rejected == pytest.approx(0.05, abs=0.01)
    assert exactly < 0.04


def test_rejections_under_the_null_stay_near_one_in_twenty():
    chance = np.random.default_rng(5)
    rejected = 0
    for seed in range(600):
        shared = chance.random(40)
        a, b = shared + chance.normal(0, 0.2, 40), shared + chance.normal(0, 0.2, 40)
        rejected += compared(a, b, resamples=400, seed=seed).p_value <= 0.05
    assert rejected / 600 == pytest.approx(0.05, abs=0.02)
