"""Callers: who stands out from the others is found, and honest ones hardly ever."""

import random

import pytest
from scipy.stats import fisher_exact, mannwhitneyu

from burnish.gather.callers import caller_habits, doubted_callers
from burnish.gather.corrections import Correction, Doubt, flagged
from burnish.records import Example

Stream = tuple[list[Correction], list[Doubt | None]]


def correction(
    caller: str, number: int, answer: str = "yes", served: str = "no", **fields: object
) -> Correction:
    example = Example(id=f"exchange:{caller}-{number}", source="request log", row=0,
                      inputs={"text": f"{caller} {number}"}, answer=answer,
                      references=(answer,), labels=(answer,))  # fmt: skip
    known = {"exchange": f"{caller}-{number}", "at": "2026-10-01T08:00:00.000Z", "caller": caller,
             "example": example, "served": served,
             "key": f"{caller} {number}".encode()}  # fmt: skip
    return Correction(**known | fields)  # type: ignore[arg-type]


def doubt(score: float) -> Doubt:
    return Doubt(score, "It reads otherwise." if score > 0.5 else "")


def stream(callers: dict[str, tuple[int, float]], seed: int) -> Stream:
    """Caller → number of corrections, and how much more than 0 the judge doubts them at least."""
    chance = random.Random(seed)
    found, doubts = [], []
    for caller, (n, least) in callers.items():
        for number in range(n):
            found.append(correction(caller, number))
            doubts.append(doubt(chance.uniform(least, 1)))
    return found, list(doubts)


HONEST = {f"honest {at}": (20, 0.0) for at in range(30)}


def test_a_hostile_caller_is_found_by_the_rank_sum_of_the_doubts() -> None:
    found, doubts = stream(HONEST | {"hostile": (30, 0.6)}, seed=0)
    (one,) = doubted_callers(found, doubts)
    assert one.caller == "hostile"
    own = [d.score for c, d in zip(found, doubts, strict=True) if d and c.caller == "hostile"]
    others = [d.score for c, d in zip(found, doubts, strict=True) if d and c.caller != "hostile"]
    expected = mannwhitneyu(own, others, alternative="greater", method="asymptotic").pvalue
    assert one.p_value == pytest.approx(expected)
    assert one.p_adjusted == pytest.approx(31 * one.p_value)
    assert (one.corrections, one.doubted) == (30, 30)
    assert (one.others, one.others_doubted) == (600, sum(score > 0.5 for score in others))


def test_ties_are_no_evidence() -> None:
    found, _ = stream(HONEST, seed=0)
    assert doubted_callers(found, [Doubt(0.0)] * len(found)) == []
    assert doubted_callers(found, [None] * len(found)) == []
    mixed = [doubt(0.9) if c.caller == "honest 3" else doubt(0.1) for c in found]
    assert [one.caller for one in doubted_callers(found, mixed)] == ["honest 3"]


def test_two_hostile_callers_do_not_hide_each_other() -> None:
    two = {"hostile a": (300, 0.6), "hostile b": (300, 0.5)}
    found = doubted_callers(*stream(HONEST | two, seed=1))
    assert {each.caller for each in found} == set(two)


def test_honest_callers_are_hardly_ever_found() -> None:
    wrong = [seed for seed in range(200) if doubted_callers(*stream(HONEST, seed=seed))]
    assert len(wrong) <= 6, "the level is 0.01 a stream"


def test_the_same_correction_again_and_again_counts_once() -> None:
    found, doubts = stream(HONEST, seed=2)
    again = [correction("loud", 0)] * 50
    assert doubted_callers([*found, *again], [*doubts, *[doubt(1)] * 50]) == []


def test_without_others_half_of_the_corrections_may_be_doubted() -> None:
    alone = doubted_callers(*stream({"only": (60, 0.5)}, seed=3))
    assert [(one.caller, one.others) for one in alone] == [("only", 0)]
    assert doubted_callers(*stream({"only": (60, 0.0)}, seed=3)) == []
    assert doubted_callers([], []) == []


def test_own_labels_are_believed_and_compared_with_nobody() -> None:
    own = [correction("labels", at, own=True) for at in range(60)]
    doubts: list[Doubt | None] = [doubt(1)] * 60
    assert doubted_callers(own, doubts) == []
    assert caller_habits(own) == []
    assert flagged(own, doubts, []) == [()] * 60


def honest_changes(seed: int) -> list[Correction]:
    chance = random.Random(seed)
    labels = [f"label {at}" for at in range(12)]
    return [
        correction(caller, number, *chance.sample(labels, 2)[::-1])
        for caller, (n, _) in HONEST.items()
        for number in range(n)
    ]


def test_a_change_that_one_caller_alone_makes_is_found_by_fishers_exact_test() -> None:
    honest = honest_changes(0)
    attack = [correction("smart", at, "label 1", "label 0") for at in range(15)]
    cover = [correction("smart", at, "label 5", "label 7") for at in (20, 21)]
    (habit,) = caller_habits([*honest, *attack, *cover])
    assert (habit.caller, habit.served, habit.corrected) == ("smart", "label 0", "label 1")
    assert (habit.times, habit.corrections, habit.others) == (15, 17, 600)
    table = [[15, 2], [habit.others_times, 600 - habit.others_times]]
    assert habit.p_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    flags = flagged([*attack, *cover], [None] * 17, [], [habit])
    assert [bool(each) for each in flags] == [True] * 15 + [False] * 2
    assert '15 of the 17 corrections of caller smart change "label 0" into "label 1"' in flags[0][0]


def test_a_change_that_many_callers_make_is_nobodys_habit() -> None:
    common = [correction(f"honest {at % 30}", 100 + at, "label 1", "label 0") for at in range(90)]
    assert caller_habits([*honest_changes(0), *common]) == []
    wrong = [seed for seed in range(100) if caller_habits(honest_changes(seed))]
    assert len(wrong) <= 4


def test_too_few_others_are_no_comparison() -> None:
    few = [correction(f"c{at}", at, "label 3", "label 4") for at in range(5)]
    assert caller_habits([*few, *(correction("one", at) for at in range(40))]) == []
