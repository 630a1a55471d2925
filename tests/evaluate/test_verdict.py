"""The three-way rule, case by case."""

import pytest

from burnish.errors import EvaluationError
from burnish.evaluate.statistics import Interval
from burnish.evaluate.verdict import METRIC_NAMES, caution, decide
from burnish.records import METRICS, Difference, PassMark, Score

ABSOLUTE = PassMark(at_least=0.6, over=None)


def score(value, low=None, high=None, n=100):
    low, high = value - 0.05 if low is None else low, value + 0.05 if high is None else high
    return Score(metric="rougeL", value=value, low=low, high=high, n=n)


def difference(other, value, low, high, n=100):
    return Difference(
        metric="rougeL", other=other, value=value, low=low, high=high, p_value=0.5, n=n
    )


def decided(tuned, others, pass_mark=ABSOLUTE, margin=None):
    """`others`: name → (score, difference, low, high)."""
    return decide(
        pass_mark,
        tuned,
        {name: score(values[0]) for name, values in others.items()},
        {name: difference(name, *values[1:]) for name, values in others.items()},
        margin,
    )


BEATEN = (0.5, 0.15, 0.10, 0.20)
CLOSE = (0.63, 0.02, -0.03, 0.07)
AHEAD = (0.8, -0.15, -0.20, -0.10)


@pytest.mark.parametrize(
    ("tuned", "others", "decision", "strongest"),
    [
        (score(0.65), {"zero-shot": BEATEN}, "ship", "zero-shot"),
        (score(0.60), {"zero-shot": BEATEN}, "ship", "zero-shot"),  # a mark just met is met
        (score(0.65), {"zero-shot": BEATEN, "few-shot": CLOSE}, "not enough data", "few-shot"),
        (score(0.65), {"zero-shot": (0.5, 0.15, 0.0, 0.3)}, "not enough data", "zero-shot"),
        (score(0.65), {"few-shot": CLOSE, "zero-shot": AHEAD}, "don't ship", "zero-shot"),
        (score(0.50), {"zero-shot": (0.4, 0.1, 0.05, 0.15)}, "don't ship", "zero-shot"),
        (score(0.57), {"zero-shot": (0.4, 0.17, 0.1, 0.2)}, "not enough data", "zero-shot"),
        (score(0.57), {"zero-shot": AHEAD}, "don't ship", "zero-shot"),
        (score(0.57), {"zero-shot": CLOSE}, "not enough data", "zero-shot"),
        (score(0.65), {}, "not enough data", None),
        (score(0.50), {}, "don't ship", None),
        (score(0.55, high=0.6), {}, "not enough data", None),  # touching the mark is not below
    ],
)
def test_the_rule(tuned, others, decision, strongest):
    verdict = decided(tuned, others)
    assert (verdict.decision, verdict.strongest) == (decision, strongest)
    assert verdict.mark == 0.6
    assert verdict.metric == "rougeL"
    assert verdict.reason.endswith(".")
    assert verdict.needed is None or decision == "not enough data"


def test_an_alternative_below_the_strongest_may_be_the_one_beyond_doubt():
    others = {"classic": (0.7, -0.05, -0.12, 0.02), "few-shot": (0.69, -0.04, -0.06, -0.02)}
    verdict = decided(score(0.65), others)
    assert verdict.decision == "don't ship"
    assert verdict.strongest == "classic"
    assert "is worse than few-shot prompting (0.690) by 0.040 [0.020, 0.060]" in verdict.reason


RELATIVE = PassMark(at_least=0.2, over="zero-shot")


@pytest.mark.parametrize(
    ("margin", "decision"),
    [
        (Interval(0.01, -0.05, 0.06), "ship"),
        (Interval(0.0, -0.05, 0.06), "ship"),
        (Interval(-0.01, -0.06, 0.04), "not enough data"),
        (Interval(-0.1, -0.16, -0.04), "don't ship"),
    ],
)
def test_a_relative_mark_is_judged_by_the_paired_margin(margin, decision):
    # the tuned interval alone, 0.60 to 0.70, lies wholly above and tells nothing
    verdict = decided(score(0.65), {"zero-shot": BEATEN}, RELATIVE, margin)
    assert verdict.decision == decision
    assert verdict.mark == pytest.approx(0.6)


def test_the_reason_of_a_shipment_has_all_figures():
    tuned = score(0.481, 0.44, 0.52, n=150)
    others = {"zero-shot": (0.39, 0.091, 0.06, 0.12), "few-shot": (0.40, 0.081, 0.05, 0.11)}
    verdict = decided(tuned, others, RELATIVE, Interval(0.013, -0.02, 0.05))
    assert verdict.reason == (
        "ROUGE-L 0.481 [0.440, 0.520] on 150 examples beats the strongest alternative, few-shot "
        "prompting (0.400), by 0.081 [0.050, 0.110], and meets the mark of 0.468 (20% over "
        "zero-shot)."
    )


def test_the_reasons_of_the_other_decisions():
    assert decided(score(0.65), {"classic": CLOSE}).reason == (
        "ROUGE-L 0.650 [0.600, 0.700] on 100 examples meets the mark of 0.600, but its difference "
        "to the strongest alternative, the classic baseline (0.630), is 0.020 [-0.030, 0.070], "
        "which may be chance; about 1,278 test examples would probably decide it."
    )
    assert decided(score(0.5), {"zero-shot": BEATEN}).reason == (
        "ROUGE-L 0.500 [0.450, 0.550] on 100 examples lies 0.100 [0.050, 0.150] below the mark of "
        "0.600, beyond doubt."
    )
    assert decided(score(0.58), {"zero-shot": BEATEN}).reason == (
        "ROUGE-L 0.580 [0.530, 0.630] on 100 examples beats the strongest alternative, zero-shot "
        "prompting (0.500), by 0.150 [0.100, 0.200], but lies 0.020 [-0.030, 0.070] below the "
        "mark of 0.600, not beyond doubt; about 1,278 test examples would probably decide it."
    )
    assert "no alternative was measured" in decided(score(0.65, n=1), {}).reason
    assert "on 1 example " in decided(score(0.65, n=1), {}).reason


def test_needed_takes_the_nearest_way_to_a_decision():
    both = {"zero-shot": (0.60, -0.04, -0.09, 0.01)}
    verdict = decided(score(0.58), both)
    assert verdict.needed == 320  # 100 * (1.429 * 0.05 / 0.04)², not the mark's 1,278
    ahead = {"zero-shot": (0.56, 0.04, -0.01, 0.09)}  # a proven lead would not meet the mark
    assert decided(score(0.58), ahead).needed == 1278


def test_a_hopelessly_small_difference_asks_for_nothing():
    verdict = decided(score(0.65), {"zero-shot": (0.65, 0.0, -0.05, 0.05)})
    assert verdict.needed is None
    assert "not worth more test examples" in verdict.reason


@pytest.mark.parametrize("over", ["few-shot", "tuned"])
def test_a_mark_over_a_system_that_was_not_measured_is_refused(over):
    with pytest.raises(EvaluationError, match=over) as caught:
        decided(score(0.65), {"zero-shot": BEATEN}, PassMark(at_least=0.1, over=over))
    assert "pass_mark.over" in caught.value.hint


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "(the score of zero-shot)"), (0.125, "(12.5% over "), (-0.1, "(10% under zero-shot)")],
)
def test_the_mark_is_told_in_words(share, words):
    verdict = decided(
        score(0.65), {"zero-shot": BEATEN}, PassMark(at_least=share), Interval(0.1, 0.0, 0.2)
    )
    assert words in verdict.reason


def test_every_metric_that_may_decide_has_a_name():
    assert {metric for metrics in METRICS.values() for metric in metrics} <= set(METRIC_NAMES)


def corrected(p_value, p_adjusted, *, value=0.05, low=0.01, high=0.09, n=100, smallest=None):
    return Difference(
        metric="rougeL", other="few-shot", value=value, low=low, high=high, p_value=p_value, n=n,
        p_adjusted=p_adjusted, smallest=smallest,
    )  # fmt: skip


def decided_by(tuned, found, few_shot=0.6):
    others = {"zero-shot": score(0.3), "few-shot": score(few_shot)}
    far = difference("zero-shot", 0.35, 0.3, 0.4)
    return decide(ABSOLUTE, tuned, others, {"zero-shot": far, "few-shot": found})


def test_a_lead_ships_only_if_holms_correction_leaves_it():
    shipped = decided_by(score(0.65), corrected(0.02, 0.029))
    assert shipped.decision == "ship"
    assert "by 0.050 [0.010, 0.090] (p 0.029 after Holm's correction over 2 sys" in shipped.reason
    open_ = decided_by(score(0.65), corrected(0.03, 0.06, smallest=0.057))
    assert open_.decision == "not enough data"
    said = "may be chance among 2 comparisons (p 0.060 after Holm's correction; a verdict asks for"
    assert said in open_.reason
    assert open_.reason.endswith(
        "With 100, a true difference of 0.057 would be shown four times in five."
    )
    assert 240 < open_.needed < 270  # 100 * (3.01 / 1.88)²


def test_an_alternative_too_must_be_better_after_the_correction():
    worse = {"value": -0.05, "low": -0.09, "high": -0.01, "few_shot": 0.7}
    few_shot = worse.pop("few_shot")
    sure = decided_by(score(0.65), corrected(0.01, 0.02, **worse), few_shot)
    assert sure.decision == "don't ship"
    unsure = decided_by(score(0.65), corrected(0.03, 0.06, **worse), few_shot)
    assert unsure.decision == "not enough data"
    assert unsure.needed > 100


@pytest.mark.parametrize(
    ("p_adjusted", "looks", "words"),
    [
        (0.01, 1, None),
        (0.009, 3, "look 3 at the test split: counted 3 times over (p 0.027), the lead still hol"),
        (0.02, 3, "(p 0.060), the lead may be chance. Confirm it on fresh test examples"),
        (0.026, 40, "(p 1.000), the lead may be chance"),
    ],
)
def test_further_looks_at_the_test_split_cost_a_lead_its_certainty(p_adjusted, looks, words):
    found = corrected(0.01, p_adjusted)
    said = caution(decided_by(score(0.65), found), [found], looks)
    assert said == "" if words is None else words in said


def test_further_looks_make_other_verdicts_kinder_than_the_truth():
    found = corrected(0.3, 0.3, low=-0.05)
    said = caution(decided_by(score(0.65), found), [found], 2)
    assert said.startswith("This is look 2 at the test split")
    assert "kinder than the truth" in said
