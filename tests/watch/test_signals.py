"""Each statistic against an independent computation of it."""

import numpy as np
from scipy import stats

from burnish.watch.samples import Seen, Vocabulary, input_sample, strata_of
from burnish.watch.signals import (
    ChiSquare,
    Discriminant,
    KolmogorovSmirnov,
    MeanDiscrepancy,
    Words,
    word_vectors,
)

RANDOM = np.random.default_rng(0)


def members(rows: int, inside: int, choices: int = 5) -> np.ndarray:
    found = np.zeros((choices, rows), np.float32)
    for line in found:
        line[RANDOM.permutation(rows)[:inside]] = 1
    return found


def test_kolmogorov_smirnov_equals_scipy_with_ties_and_missing_values() -> None:
    values = RANDOM.integers(0, 20, 90).astype(float)
    values[5:12] = np.nan
    choices = members(90, 30)
    found, _ = KolmogorovSmirnov("n", values)(choices)
    for line, value in zip(choices.astype(bool), found, strict=True):
        one, other = values[line], values[~line]
        expected = stats.ks_2samp(one[~np.isnan(one)], other[~np.isnan(other)]).statistic
        assert np.isclose(value, expected)


def test_chi_square_equals_scipy() -> None:
    names = RANDOM.choice(["a", "b", "c"], 100)
    choices = members(100, 40)
    found, chance = ChiSquare("names", names)(choices)
    for line, value, p_value in zip(choices.astype(bool), found, chance, strict=True):
        table = [[(names[part] == one).sum() for one in "abc"] for part in (line, ~line)]
        expected = stats.chi2_contingency(table, correction=False)
        assert np.isclose(value, expected.statistic)
        assert np.isclose(p_value, expected.pvalue)


def test_the_deviance_of_a_word_is_that_of_its_binomial() -> None:
    vocabulary = Vocabulary()
    texts = ["new word"] * 12 + ["old"] * 88
    sample = input_sample([Seen(str(at), text) for at, text in enumerate(texts)], vocabulary)
    choice = np.zeros((1, 100), np.float32)
    choice[0, :10] = 1
    choice[0, 90:] = 1
    statistic = Words(sample.words)
    found = statistic.deviances(choice)[0, list(statistic.columns).index(0)]
    log = stats.binom.logpmf
    expected = 2 * (log(10, 12, 10 / 12) - log(10, 12, 0.2)) / (1 - 0.12)
    assert np.isclose(found, expected, rtol=1e-4)


def test_mean_discrepancy_is_the_distance_of_means() -> None:
    vectors = RANDOM.normal(size=(60, 8)).astype(np.float32)
    choices = members(60, 20)
    found, _ = MeanDiscrepancy("topic", vectors)(choices)
    for line, value in zip(choices.astype(bool), found, strict=True):
        gap = vectors[line].mean(axis=0) - vectors[~line].mean(axis=0)
        assert np.isclose(value, gap @ gap, rtol=1e-4)


def test_the_approximate_p_values_of_means_are_near_the_truth() -> None:
    vectors = RANDOM.normal(size=(200, 8)).astype(np.float32) * [5, 1, 1, 1, 1, 1, 1, 1]
    for kind in (MeanDiscrepancy, Discriminant):
        _, chance = kind("topic", vectors.astype(np.float32))(members(200, 60, 2000))
        assert 0.03 < np.mean(chance <= 0.05) < 0.08, kind


def test_the_discriminant_sees_what_the_mean_discrepancy_overlooks() -> None:
    vectors = RANDOM.normal(size=(300, 8))
    vectors[:, 0] *= 30
    vectors[:100, 1] += 1
    choice = np.zeros((1, 300), np.float32)
    choice[0, :100] = 1
    _, plain = MeanDiscrepancy("topic", vectors.astype(np.float32))(choice)
    _, keen = Discriminant("classifier", vectors.astype(np.float32))(choice)
    assert keen[0] < 0.001 < plain[0]


def test_word_vectors_keep_likeness() -> None:
    vocabulary = Vocabulary()
    texts = ["card was charged twice", "charged twice my card was", "parcel arrived late today"] * 3
    sample = input_sample([Seen(str(at), text) for at, text in enumerate(texts)], vocabulary)
    vectors = word_vectors(sample.words, Words(sample.words).columns[:0], vocabulary)
    assert not vectors.any()
    vectors = word_vectors(sample.words, np.arange(len(vocabulary)), vocabulary)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]


def test_strata_are_weekdays_and_quarters_of_a_day_in_utc() -> None:
    seen = [
        Seen("a", "x", at="2024-03-04T23:30:00.000Z"),
        Seen("b", "x", at="2024-03-05T01:00:00Z"),
    ]
    assert strata_of(seen, "weekday").tolist() == [0, 1]
    assert strata_of(seen, "weekday-hour").tolist() == [3, 4]
    assert strata_of(seen, "off") is None
