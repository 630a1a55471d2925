"""The verdict on a re-tuned run: better on new requests, and not worse on old ones."""

import random
from typing import Literal

import pytest

from burnish.evaluate.retuned import Ruling, compare_retuned, rule
from burnish.records import (
    Answer,
    Compared,
    DataSettings,
    EvaluateSettings,
    Example,
    Task,
)

LABELS = ("a", "b", "c")


def task(resamples: int = 400) -> Task:
    return Task(
        name="t", kind="classify", metric="accuracy", data=DataSettings(source="x.jsonl"),
        evaluate=EvaluateSettings(resamples=resamples),
    )  # fmt: skip


def paired(test: Literal["old", "fresh"], both: int, new: int, old: int, none: int) -> Compared:
    """A comparison in which so many examples are right with both, one alone, or none."""
    right = [(True, True)] * both + [(True, False)] * new + [(False, True)] * old
    right += [(False, False)] * none
    asked = [
        Example(id=f"{at}", source="x", row=at, inputs={"text": "t"}, answer="a",
                references=("a",), labels=("a",))
        for at in range(len(right))
    ]  # fmt: skip

    def answers(which: int) -> list[Answer]:
        return [Answer(text="a" if each[which] else "b") for each in right]

    return compare_retuned(
        task(), LABELS, asked, answers(0), answers(1), test=test, name="before", reused=False
    )


def ruled(old: Compared, fresh: Compared | None, most_loss: float = 0.02) -> Ruling:
    return rule(old, fresh, most_loss)


SAME = paired("old", 180, 0, 0, 20)
BETTER = paired("fresh", 20, 15, 1, 4)
UNSURE = paired("fresh", 20, 5, 3, 4)
WORSE = paired("fresh", 20, 1, 15, 4)


def test_better_on_new_and_as_good_on_old_ships() -> None:
    found = ruled(SAME, BETTER)
    assert found.decision == "ship"
    assert found.reason == (
        f"Accuracy on the fresh test, 40 examples: +0.350 {_span(BETTER)}; on the old test, 200 "
        f"examples: +0.000 {_span(SAME)}, no more than 0.02 worse."
    )


def _span(one: Compared) -> str:
    return f"[{one.difference.low:+.3f}, {one.difference.high:+.3f}]"


def test_a_loss_on_old_requests_that_cannot_be_ruled_out_does_not_ship() -> None:
    lost = paired("old", 80, 2, 8, 10)
    found = ruled(lost, BETTER)
    assert found.decision == "not enough data"
    assert "a loss of more than 0.02 on the old test cannot be ruled out" in found.reason
    assert ruled(lost, BETTER, most_loss=0.2).decision == "ship"


def test_worse_beyond_doubt_on_either_is_not_shipped() -> None:
    fresh = ruled(SAME, WORSE)
    assert fresh.decision == "don't ship"
    assert fresh.reason.endswith("It is worse on the fresh test, beyond doubt.")
    lost = paired("old", 60, 1, 20, 19)
    old = ruled(lost, BETTER)
    assert old.decision == "don't ship"
    assert "worse on the old test, beyond doubt" in old.reason
    assert "the fresh and the old test" in ruled(lost, WORSE).reason


def test_a_certain_loss_within_what_is_allowed_ships() -> None:
    lost = paired("old", 880, 0, 8, 112)
    assert lost.difference.high < 0
    assert ruled(lost, BETTER).decision == "ship"


def test_what_may_be_chance_says_how_many_would_decide() -> None:
    found = ruled(SAME, UNSURE)
    assert found.decision == "not enough data"
    assert found.needed is not None
    assert found.needed > 32
    assert f"about {found.needed:,} fresh test examples would probably decide it" in found.reason
    assert "would be shown four times in five" in found.reason
    equal = ruled(SAME, paired("fresh", 30, 2, 2, 6))
    assert (equal.decision, equal.needed) == ("not enough data", None)


def test_without_a_fresh_test_nothing_ships() -> None:
    found = ruled(paired("old", 60, 20, 1, 19), None)
    assert found.decision == "not enough data"
    assert "no fresh test" in found.reason
    assert ruled(paired("old", 60, 1, 20, 19), None).decision == "don't ship"


def test_a_label_that_the_serving_run_cannot_know_counts_against_it() -> None:
    asked = [
        Example(id=f"{at}", source="x", row=at, inputs={"text": "t"}, answer="c",
                references=("c",), labels=("c",))
        for at in range(20)
    ]  # fmt: skip
    found = compare_retuned(
        task(), LABELS, asked, [Answer(text="c")] * 20, [Answer(text="a")] * 20,
        test="fresh", name="before", reused=True,
    )  # fmt: skip
    assert (found.serving.value, found.new.value) == (0.0, 1.0)
    assert found.reused


@pytest.mark.parametrize("seed", [0])
def test_a_run_that_is_no_better_rarely_ships(seed: int) -> None:
    """60 examples each, answers right by chance: the rule's 2.5%, and less by the old test."""
    chance, shipped = random.Random(seed), 0
    for _ in range(80):
        compared = []
        for test in ("old", "fresh"):
            kinds = [(chance.random() < 0.8, chance.random() < 0.8) for _ in range(60)]
            n = {pair: kinds.count(pair) for pair in set(kinds)}
            compared.append(
                paired(
                    test, n.get((True, True), 0), n.get((True, False), 0),
                    n.get((False, True), 0), n.get((False, False), 0),
                )
            )  # type: ignore[arg-type]  # fmt: skip
        shipped += ruled(*compared, most_loss=1.0).decision == "ship"  # type: ignore[call-arg]
    assert shipped <= 6  # 2.5% of 80 are 2
