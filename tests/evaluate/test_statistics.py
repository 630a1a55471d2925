"""Intervals and tests: against theory, scipy, simulation, and at the smallest n."""

import math

import numpy as np
import pytest
from scipy import stats

from burnish.evaluate import statistics
from burnish.evaluate.measured import f1, mean, of_means
from burnish.evaluate.statistics import (
    MOST_NEEDED,
    bootstrap_interval,
    needed_examples,
    paired_difference,
    paired_margin,
)


def rows(values):
    return of_means("score", values).statistics


def interval(values, **settings):
    return bootstrap_interval(rows(values), mean, **{"resamples": 1000, "seed": 0} | settings)


def difference(a, b, **settings):
    return paired_difference(rows(a), rows(b), mean, **{"resamples": 1000, "seed": 0} | settings)


def test_the_interval_of_a_mean_is_close_to_students_t():
    values = np.random.default_rng(0).random(40)
    low, high = interval(values, resamples=20_000)
    t_low, t_high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert low == pytest.approx(t_low, abs=0.006)
    assert high == pytest.approx(t_high, abs=0.006)


@pytest.mark.parametrize("name", ["uniform", "skewed", "right or wrong", "nearly all right"])
def test_intervals_cover_the_true_mean(name):
    chance = np.random.default_rng(1)
    draw, true = {
        "uniform": (lambda: chance.random(30), 0.5),
        "skewed": (lambda: chance.beta(2, 5, 30), 2 / 7),
        "right or wrong": (lambda: chance.random(30) < 0.7, 0.7),
        "nearly all right": (lambda: chance.random(30) < 0.97, 0.97),
    }[name]
    covered = 0
    for seed in range(300):
        low, high = interval(draw(), resamples=400, seed=seed)
        covered += low <= true <= high
    assert covered / 300 >= 0.91


def test_a_biased_metric_is_centred_on_its_score():
    chance = np.random.default_rng(2)
    values = chance.random(30)
    statistics_ = np.stack([values, values**2, np.ones(30)], axis=1)

    def variance(sums):
        return sums[..., 1] / sums[..., 2] - (sums[..., 0] / sums[..., 2]) ** 2

    score = float(variance(statistics_.sum(axis=0)))
    low, high = bootstrap_interval(statistics_, variance, resamples=4000, seed=0)
    assert (low + high) / 2 == pytest.approx(score, rel=0.02)


def test_the_same_seed_gives_the_same_interval_and_blocks_do_not_matter(monkeypatch):
    values = np.random.default_rng(3).random(50)
    assert interval(values) == interval(values)
    assert interval(values) != interval(values, seed=1)
    monkeypatch.setattr(statistics, "_CELLS", 50 * 100)
    low, high = interval(values)
    assert len(list(statistics._draws(50, 1000, 0))) == 10
    assert sum(len(block) for block in statistics._draws(50, 1001, 0)) == 1001
    assert (low, high) == pytest.approx(interval(values), abs=0.02)


def test_every_draw_has_n_examples():
    for block in statistics._draws(17, 100, 0):
        assert block.shape == (100, 17)
        assert (block.sum(axis=1) == 17).all()


def test_all_equal_answers_keep_an_honest_width():
    assert interval([1.0] * 30) == pytest.approx((0.025 ** (1 / 30), 1.0))
    assert interval([0.0] * 30) == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))
    low, high = interval([0.4] * 30)
    assert low < 0.4 < high
    exact = stats.binomtest(30, 30).proportion_ci(method="exact").low
    assert interval([1.0] * 30)[0] == pytest.approx(exact)


def test_a_side_without_end_has_no_width_where_all_resamples_agree():
    assert interval([3.0] * 5, bounds=(1.0, math.inf))[1] == 3.0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_one_example_says_almost_nothing(value):
    low, high = interval([value])
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0.9
    found = difference([value], [0.0])
    assert found.low < 0 < found.high
    assert found.p_value >= 0.5


def test_intervals_stay_within_the_bounds_and_hold_the_score():
    chance = np.random.default_rng(4)
    for seed in range(50):
        values = chance.beta(0.2, 0.2, size=chance.integers(2, 8))
        low, high = interval(values, resamples=200, seed=seed)
        assert 0 <= low <= values.mean() <= high <= 1


def test_paired_difference_uses_the_pairs():
    chance = np.random.default_rng(5)
    hard = chance.random(60)
    a, b = hard * 0.5 + 0.3 + chance.normal(0, 0.01, 60), hard * 0.5 + 0.25
    found = difference(a, b)
    assert found.value == pytest.approx((a - b).mean())
    assert 0.04 < found.low < found.high < 0.06
    assert found.p_value == pytest.approx(1 / 1001)


def test_two_equal_systems_do_not_differ():
    values = np.random.default_rng(6).random(40)
    found = difference(values, values)
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.low < 0 < found.high


def test_the_p_value_equals_scipys_permutation_test():
    chance = np.random.default_rng(7)
    a, b = chance.random(10) + 0.15, chance.random(10)
    exact = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=10_000,
    ).pvalue  # fmt: skip
    assert 0.02 < exact < 0.98
    assert difference(a, b, resamples=20_000).p_value == pytest.approx(exact, abs=0.015)


def test_the_interval_reaches_0_where_the_test_does_not_reject():
    right = np.zeros(30)
    right[:4] = 1
    found = difference(right, np.zeros(30), resamples=5000)  # McNemar's mid-p
    assert found.p_value == 1 / 2**4
    assert found.low == 0
    right[:8] = 1
    assert difference(right, np.zeros(30), resamples=5000).low > 0


def test_false_alarms_of_the_paired_difference_stay_at_their_level():
    chance = np.random.default_rng(8)
    alarms = 0
    for seed in range(300):
        a, b = chance.random((2, 25)) < 0.85
        found = difference(a, b, resamples=300, seed=seed)
        alarms += found.low > 0 or found.high < 0
    assert alarms / 300 <= 0.07


def test_a_metric_of_sums_is_resampled_as_a_corpus():
    chance = np.random.default_rng(9)
    wanted = chance.integers(1, 9, 80)
    counts = np.stack([chance.binomial(wanted, 0.6), wanted, wanted], axis=1).astype(float)
    low, high = bootstrap_interval(counts, f1, resamples=4000, seed=0)
    picks = chance.integers(0, 80, size=(4000, 80))
    direct = np.quantile(f1(counts[picks].sum(axis=1)), [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(direct), abs=0.006)


def test_the_margin_is_a_minus_factor_b():
    chance = np.random.default_rng(10)
    a, b = chance.random(50) * 0.2 + 0.6, chance.random(50) * 0.2 + 0.4
    found = paired_margin(rows(a), rows(b), 1.2, mean, resamples=1000, seed=0)
    assert found.value == pytest.approx(a.mean() - 1.2 * b.mean())
    assert found.low < found.value < found.high
    never = paired_margin(rows([1.0] * 9), rows([1.0] * 9), 1.5, mean, resamples=200, seed=0)
    assert -1.5 <= never.low < never.value == -0.5 < never.high <= 1


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        ((0.10, 0.05, 0.15, 50), 50),
        ((-0.10, -0.15, -0.05, 50), 50),
        ((0.0, -0.1, 0.1, 50), None),
        ((1e-5, -0.1, 0.1, 50), None),
        ((0.05, -0.05, 0.15, 50), 409),  # 50 * (1.429 * 0.10 / 0.05)²
        ((-0.05, -0.15, 0.05, 50), 409),
        ((0.10, 0.0, 0.15, 50), 58),
    ],
)
def test_needed_examples(found, needed):
    assert needed_examples(*found) == needed


def test_needed_examples_never_asks_for_fewer_or_absurdly_many():
    assert needed_examples(0.5, 0.0, 0.51, 10) == 11
    assert 50_000 < needed_examples(0.1 / 60, -0.1, 0.1, 10) <= MOST_NEEDED
    assert needed_examples(0.1 / 90, -0.1, 0.1, 10) is None


def test_the_needed_number_decides_four_times_in_five():
    chance = np.random.default_rng(11)
    half = 1.96 * 0.3 / math.sqrt(60)
    needed = needed_examples(0.06, 0.06 - half, 0.06 + half, 60)
    samples = chance.normal(0.06, 0.3, size=(2000, needed))
    z = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / math.sqrt(needed))
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.04)
