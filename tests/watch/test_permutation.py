"""A window against its reference: exact, corrected, and within strata."""

import numpy as np

from burnish.watch.permutation import compare, matching
from burnish.watch.samples import Sample, Vocabulary

CALM = 400


def numbers(values: np.ndarray, strata: np.ndarray | None = None) -> Sample:
    return Sample(numbers={"length": np.asarray(values, float)}, strata=strata)


def test_where_nothing_changed_small_p_values_are_as_rare_as_they_say() -> None:
    random = np.random.default_rng(0)
    found = [
        compare(numbers(random.normal(size=120)), numbers(random.normal(size=40)), level=0.05,
                seed=at).p_value
        for at in range(CALM)
    ]  # fmt: skip
    for level in (0.05, 0.2):
        share = np.mean(np.array(found) <= level)
        assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / CALM)


def test_a_shift_is_found_and_the_p_value_fine_enough_for_the_level() -> None:
    random = np.random.default_rng(1)
    found = compare(numbers(random.normal(size=300)), numbers(1 + random.normal(size=100)),
                    level=0.001, seed=0)  # fmt: skip
    assert found.p_value <= 0.001
    assert found.drawn >= 1 / 0.001


def test_every_signal_has_its_own_p_value_and_a_corrected_one_that_is_no_smaller() -> None:
    random = np.random.default_rng(2)
    one, other = (
        Sample(numbers={f"n{at}": random.normal(size=n) for at in range(6)}) for n in (200, 60)
    )
    found = compare(one, other, level=0.05, seed=0)
    assert len(found.signals) == 6
    assert all(one.p_adjusted >= one.p_value - 1e-12 for one in found.signals)
    assert found.p_value >= min(one.p_value for one in found.signals)


def test_a_season_is_no_change_within_strata_and_one_without() -> None:
    random = np.random.default_rng(3)
    days = np.repeat(np.arange(7), 60)
    values = 10 * (days >= 5) + random.normal(size=len(days))
    weekend = np.full(60, 6)
    window = 10 + random.normal(size=60)
    blind = compare(numbers(values), numbers(window), level=0.01, seed=0)
    matched = compare(numbers(values, days), numbers(window, weekend), level=0.01, seed=0)
    assert blind.p_value < 0.01 < matched.p_value
    moved = compare(numbers(values, days), numbers(window + 2, weekend), level=0.01, seed=0)
    assert moved.p_value < 0.01


def test_the_reference_is_matched_to_the_mix_of_the_window() -> None:
    reference = numbers(np.zeros(100), np.repeat([0, 1], 50))
    window = numbers(np.zeros(30), np.repeat([0, 1], [10, 20]))
    chosen = reference.strata[matching(reference, window, 0)]
    assert (chosen == 1).sum() == 2 * (chosen == 0).sum() == 50


def test_missing_values_and_ties_are_no_change() -> None:
    random = np.random.default_rng(4)
    values = random.integers(0, 3, 300).astype(float)
    values[::3] = np.nan
    assert compare(numbers(values[:200]), numbers(values[200:]), level=0.01, seed=0).p_value > 0.01


def test_the_same_samples_give_the_same_answer() -> None:
    random = np.random.default_rng(5)
    one, other = numbers(random.normal(size=90)), numbers(random.normal(size=30))
    first, second = (compare(one, other, level=0.01, seed=7) for _ in range(2))
    assert first.p_value == second.p_value
    assert first.signals == second.signals


def test_nothing_to_compare_is_no_alarm() -> None:
    assert compare(Sample(), Sample(), level=0.05, seed=0).p_value == 1
    empty = numbers(np.array([]))
    assert (
        compare(numbers(np.ones(5)), empty, level=0.05, seed=0, vocabulary=Vocabulary()).p_value
        == 1
    )
