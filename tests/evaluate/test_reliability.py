"""Reliability against scikit-learn, and answers that are as sure as they should be."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from burnish.evaluate.reliability import measure_reliability
from burnish.evaluate.reliability_plot import draw_reliability
from burnish.records import Answer, Example


def pairs(probabilities, right):
    answers = [Answer(text="a", value="a", probability=p) for p in probabilities]
    examples = [
        Example(id="e", source="f", row=1, answer=label, references=(label,), labels=(label,))
        for label in ("a" if hit else "b" for hit in right)
    ]
    return answers, examples


def found_of(probabilities, right):
    return measure_reliability(*pairs(probabilities, right), resamples=400, seed=0)


def drawn(n, seed=0, too_sure=0.0):
    chance = np.random.default_rng(seed)
    true = chance.beta(3, 1.5, n)
    return np.minimum(true + too_sure, 1.0), chance.random(n) < true


def test_bins_and_brier_equal_scikit_learn():
    probability, right = drawn(1000)
    found = found_of(probability, right)
    shares, means = calibration_curve(right, probability, n_bins=10)
    full = [each for each in found.bins if each.n]
    assert [each.right for each in full] == pytest.approx(shares)
    assert [each.confidence for each in full] == pytest.approx(means)
    assert found.brier == pytest.approx(brier_score_loss(right, probability))
    weights = np.array([each.n for each in full]) / 1000
    assert found.ece == pytest.approx((weights * np.abs(shares - means)).sum())
    assert sum(each.n for each in found.bins) == found.n == 1000


def test_an_honest_system_has_a_small_error_and_one_too_sure_a_great_one():
    honest, sure = found_of(*drawn(2000)), found_of(*drawn(2000, too_sure=0.2))
    assert honest.ece < 0.04
    assert sure.ece > 0.1
    assert honest.low <= honest.ece <= honest.high < sure.low


def test_abstaining_keeps_the_surest_answers():
    found = found_of([0.9, 0.8, 0.5, 0.4], [True, True, False, True])
    assert [each.n for each in found.abstentions] == [1, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    assert [each.right for each in found.abstentions][3::3] == pytest.approx([1, 2 / 3, 3 / 4])
    assert found.abstentions[3].probability == 0.8
    real = found_of(*drawn(500)).abstentions
    assert real[1].right > real[-1].right


def test_a_probability_of_1_has_a_bin_and_a_missing_one_has_no_calibration():
    found = found_of([1.0, 0.0], [True, False])
    assert (found.bins[-1].n, found.bins[0].n) == (1, 1)
    assert found.ece == 0
    answers, examples = pairs([0.5, 0.5], [True, True])
    answers[1] = Answer(text="a", value="a")
    assert measure_reliability(answers, examples, resamples=200, seed=0) is None


def test_the_plot_says_what_it_shows():
    svg = draw_reliability("<tuned>", found_of([0.95, 0.95, 0.15], [True, False, False]))
    assert svg.count("<circle") == 2
    assert 'aria-label="Reliability of &lt;tuned&gt;: 0.15 sure, 0.00 right, 1 answers;' in svg
