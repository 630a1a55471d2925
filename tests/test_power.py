"""Power, checked by simulation and against a textbook."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, ttest_1samp

from burnish.power import _mcnemar_power, provable, smallest_difference


def mid_p(wins, losses):
    return float(binomtest(losses, wins + losses).pvalue - binom.pmf(losses, wins + losses, 0.5))


@pytest.mark.parametrize("n", [60, 200])
def test_mcnemars_power_is_that_of_a_simulation(n):
    found = smallest_difference(n, "accuracy", disagreement=0.2)
    share = max(0.2, found.difference)
    generator = np.random.default_rng(0)
    odds = [(share + found.difference) / 2, (share - found.difference) / 2, 1 - share]
    table = generator.multinomial(n, odds, size=3000)
    proved = 0
    cache: dict[tuple[int, int], bool] = {}
    for wins, losses, _ in table.tolist():
        key = (wins, wins + losses)
        if key not in cache:
            cache[key] = wins > losses and mid_p(wins, losses) <= 0.05
        proved += cache[key]
    assert proved / 3000 == pytest.approx(0.8, abs=0.025)


def test_the_power_of_continuous_scores_is_that_of_a_simulation():
    found = smallest_difference(50, "rougeL", deviation=0.15)
    generator = np.random.default_rng(0)
    draws = generator.normal(found.difference, 0.15, size=(3000, 50))
    tested = ttest_1samp(draws, 0, axis=1)
    proved = (tested.pvalue <= 0.05) & (tested.statistic > 0)
    assert proved.mean() == pytest.approx(0.8, abs=0.025)
    assert "0.15" in found.assumption
    assert "measured" in found.assumption


def test_needed_examples_and_smallest_difference_agree():
    found = smallest_difference(100, "token_f1")
    for each in found.needed:
        assert smallest_difference(each.n, "token_f1").difference <= each.difference
        assert smallest_difference(each.n - 1, "token_f1").difference > each.difference - 2e-4
    ordered = [each.n for each in found.needed]
    assert ordered == sorted(ordered, reverse=True)


def test_the_textbook_number_of_discordant_pairs_is_near():
    """Connor 1987: (1.96 √0.2 + 0.84 √(0.2 - 0.01))² / 0.01 = 154 for 0.1 at a disagreement of 0.2;
    the mid-p test comes close to it."""
    needed = smallest_difference(100, "accuracy", disagreement=0.2).needed[-1]
    assert 145 <= needed.n <= 165


def test_four_examples_prove_nothing_and_no_difference_exceeds_its_disagreement():
    assert smallest_difference(4, "accuracy").difference is None
    assert smallest_difference(1, "rougeL").difference is None
    assert smallest_difference(0, "exact_match").difference is None
    assert _mcnemar_power(100, 0.5, disagreement=0.1) == pytest.approx(1)


def test_a_better_baseline_disagrees_less_and_macro_f1_says_what_it_counts_as():
    near, far = (smallest_difference(200, "macro_f1", baseline=p) for p in (0.95, 0.5))
    assert near.difference < far.difference
    assert "as accuracy does" in near.assumption
    assert "0.95" in near.assumption


def test_a_measured_deviation_counts_for_labels_too():
    found = smallest_difference(100, "macro_f1", deviation=0.3)
    assert found.method == "the paired t-test"
    assert found.difference == pytest.approx(2.83 * 0.3 / 10, abs=0.003)


def test_provable_is_the_difference_alone():
    assert (
        provable(100, disagreement=0.2)
        == smallest_difference(100, "accuracy", disagreement=0.2).difference
    )
    assert (
        provable(50, deviation=0.15) == smallest_difference(50, "rougeL", deviation=0.15).difference
    )
    assert provable(4, disagreement=0.2) is None
