"""The rule of a canary: when it goes on, waits or goes back."""

import math
import random
from itertools import product

import pytest

from burnish.watch.rollout import (
    BESIDE,
    ERRORS,
    FEEDBACK,
    RATIOS,
    Counts,
    Request,
    Ruling,
    Stage,
    Tally,
    excess,
    judge,
    p_value,
)

N, MARGIN = 200, 0.05


def counts(n: int, k: int, other_n: int, other_k: int) -> Counts:
    return Counts(n, k, other_n, other_k, n, k, other_n, other_k)


def stage(share: float, errors: Counts, *, check: int | None = None) -> Stage:
    both = {ERRORS: errors, FEEDBACK: counts(errors.requests, 0, errors.other_requests, 0)}
    return Stage(share, both, None if check is None else both, check or 0)


def ruled(one: Stage, *, last: bool = False, holds: bool = False, margin: float = MARGIN) -> Ruling:
    return judge(one, stage_requests=N, margin=margin, last=last, holds=holds)


def rollout(new: float, old: float, *, seed: int, look: int = 25) -> tuple[str, int, int]:
    """How a whole rollout ends, in which stage, and after how many requests."""
    chance, done = random.Random(seed), 0
    earlier: list[Stage] = []
    before = [Request(False, "", chance.random() < old, False) for _ in range(5 * N)]
    for number, share in enumerate((0.1, 0.5, 1.0)):
        tally = Tally(share, N)
        for one in before if share == 1 else ():
            tally.add(one)
        while True:
            for _ in range(look):
                mine = chance.random() < share
                tally.add(Request(mine, "", chance.random() < (new if mine else old), False))
            done += look
            ruling = judge(
                tally.stage(), earlier=earlier, stage_requests=N, margin=MARGIN, last=number == 2
            )
            if ruling.action != "wait":
                break
        if ruling.action != "advance":
            return ruling.action, number, done
        earlier.append(tally.stage())
    raise AssertionError("the last stage goes no further")


def test_an_equally_good_run_gets_through_and_a_worse_one_does_not() -> None:
    good = [rollout(0.03, 0.03, seed=seed)[0] for seed in range(40)]
    assert good.count("roll back") <= 3
    worse = [rollout(0.15, 0.03, seed=seed) for seed in range(20)]
    assert [one[:2] for one in worse] == [("roll back", 0)] * 20
    assert sorted(done for _, _, done in worse)[10] < 1000


def test_one_that_only_fails_goes_back_within_a_few_requests() -> None:
    tally = Tally(0.1, N)
    for at in range(1000):
        mine = at % 10 == 9
        tally.add(Request(mine, "", mine, False))
        ruling = ruled(tally.stage())
        if ruling.action == "roll back":
            break
    assert tally.stage().counts[ERRORS].requests == 3
    assert ruling.reason.startswith("Errors in 3 of 3 answers (100.0%), and in 0 of 27 (0.0%)")
    assert ruling.p_values[ERRORS] <= BESIDE < ruling.p_values[FEEDBACK]


def test_evidence_is_a_martingale_where_the_run_is_no_worse() -> None:
    """The mean of 1 / p over all ways five events can fall is 1, whatever the share."""
    for share in (0.1, 0.5, 0.9):
        mean = 0.0
        for ways in product((True, False), repeat=5):
            mine = sum(ways)
            chance = share**mine * (1 - share) ** (5 - mine)
            logs = [
                mine * math.log(r) - 5 * math.log(1 + share * (r - 1)) for r in RATIOS
            ]  # fmt: skip
            evidence = sum(map(math.exp, logs)) / len(logs)
            mean += chance * evidence
            given = stage(share, Counts(0, mine, 0, 5 - mine, 0, mine, 0, 5 - mine))
            assert p_value([given], ERRORS) == pytest.approx(min(1.0, 1 / evidence))
        assert mean == pytest.approx(1.0)


@pytest.mark.parametrize("mine", [0, 100_000])
def test_evidence_stays_a_number_however_much_there_is(mine: int) -> None:
    told = ruled(stage(0.5, counts(200_000, mine, 200_000, 100_000 - mine)))
    assert told.action == ("roll back" if mine else "wait")
    assert 0 < told.p_values[ERRORS] <= 1
    late = ruled(stage(1.0, counts(50_000, mine // 2, 1000, 500)), last=True)
    assert late.action in ("roll back", "wait")


def test_evidence_runs_on_through_the_stages() -> None:
    first, second = stage(0.1, counts(50, 3, 450, 5)), stage(0.5, counts(100, 9, 100, 2))
    both = p_value([first, second], ERRORS)
    assert both < min(p_value([first], ERRORS), p_value([second], ERRORS))
    quiet = stage(0.5, counts(100, 0, 100, 12))
    assert p_value([first, quiet], ERRORS) > p_value([first], ERRORS)


def test_a_run_that_gets_more_requests_than_its_share_is_not_blamed_for_them() -> None:
    insisted = stage(0.1, counts(500, 50, 500, 50))
    assert ruled(insisted).action == "wait"
    assert p_value([insisted], ERRORS) > 0.5


def test_bounds_are_those_that_newcombe_published() -> None:
    """Statistics in Medicine 17 (1998), table II, method 10."""
    level = 0.025
    assert excess(counts(70, 56, 80, 48), level) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert excess(counts(10, 9, 10, 3), level) == pytest.approx((0.1705, 0.8090), abs=1e-4)
    assert excess(counts(10, 10, 20, 0), level) == pytest.approx((0.6791, 1.0), abs=1e-4)
    low, high = excess(counts(200, 0, 0, 0), level)
    assert low < -0.9
    assert 0.015 < high < 0.02


def test_a_stage_is_over_when_its_requests_rule_the_margin_out() -> None:
    fine = counts(N, 2, 1800, 20)
    assert ruled(stage(0.1, fine)).reason == "200 of 200 requests are answered."
    assert ruled(stage(0.1, fine, check=0)).action == "advance"
    assert ruled(stage(0.1, fine, check=0), last=True).action == "finish"
    held = ruled(stage(0.1, fine, check=0), last=True, holds=True)
    assert (held.action, "a person takes it further" in held.reason) == ("wait", True)
    unsure = ruled(stage(0.1, counts(N, 22, 1800, 180), check=0))
    assert unsure.action == "wait"
    assert "looked again at 400" in unsure.reason


def test_levels_of_later_checkpoints_are_stricter() -> None:
    near = counts(400, 20, 3600, 108)
    found = [ruled(stage(0.1, near, check=check)).action for check in (0, 3)]
    assert found == ["advance", "wait"]


def test_a_user_who_stays_with_one_side_counts_once() -> None:
    """One caller whose every request fails says little about the run it happens to meet."""
    tally = Tally(0.1, N)
    for at in range(500):
        tally.add(Request(False, f"user {at}", False, False))
        if at % 10 == 0:
            tally.add(Request(True, "unlucky", True, True))
    found = tally.stage().counts[ERRORS]
    assert (found.events, found.counted) == (50, 1)
    assert ruled(tally.stage()).action == "wait"
    assert (found.counted_requests, found.other_counted_requests) == (1, 500)


def test_a_run_that_fails_for_the_one_caller_it_has_goes_back() -> None:
    """Whether it is the caller or the run cannot be told, and the others' callers are fine."""
    tally = Tally(0.1, N)
    for at in range(N):
        tally.add(Request(True, "the only one", True, False))
        tally.add(Request(False, f"user {at % 50}", False, False))
        if at < N - 1:
            assert ruled(tally.stage()).action == "wait"
    ruling = ruled(tally.stage())
    assert ruling.action == "roll back"
    assert ruling.reason.endswith("more than 5.0% too many.")
    mixed = Tally(0.1, N)
    for at in range(N):  # one in twenty of its callers is no proof
        mixed.add(Request(True, f"canary {at % 20}", at % 20 == 0, False))
        mixed.add(Request(False, f"user {at % 50}", at % 50 == 0, False))
    assert ruled(mixed.stage()).action == "wait"


def test_a_caller_whom_both_sides_answer_counts_each_time() -> None:
    tally = Tally(0.5, N)
    for new in (True, True, False, True, False):
        tally.add(Request(new, "key", True, False))
    found = tally.stage().counts[ERRORS]
    assert (found.counted, found.other_counted) == (2, 1)  # the first, then from both on
    nameless = Tally(0.5, N)
    for _ in range(4):
        nameless.add(Request(True, "", True, False))
    assert nameless.stage().counts[ERRORS].counted == 4


def test_the_checkpoint_holds_what_was_there_when_it_was_reached() -> None:
    tally = Tally(0.5, 20)
    for at in range(39):
        tally.add(Request(True, "", at >= 20, False))
    made = tally.stage()
    assert made.checks is not None
    assert (made.check, made.checks[ERRORS].events) == (0, 0)
    tally.add(Request(True, "", True, False))
    made = tally.stage()
    assert made.checks is not None
    assert (made.check, made.checks[ERRORS].events) == (1, 20)


def test_at_all_requests_it_is_compared_with_what_was_before() -> None:
    def ends(rate: float) -> tuple[str, int]:
        tally = Tally(1.0, N)
        for at in range(1000):
            tally.add(Request(False, "", at % 50 == 0, False))
        every = round(1 / rate)
        for at in range(1, 2000):
            tally.add(Request(True, "", at % every == 0, False))
            ruling = ruled(tally.stage(), last=True)
            if ruling.action != "wait":
                return ruling.action, at
        return "wait", at

    assert ends(0.02) == ("finish", N)
    action, at = ends(0.2)
    assert action == "roll back"
    assert at < 60


def test_an_hour_in_which_everything_fails_does_not_tell_against_it_alone() -> None:
    """As bad a stretch as the others had before is no reason to take it back."""

    def ends(*, before: bool) -> str:
        tally = Tally(1.0, N)
        for at in range(1000):
            tally.add(Request(False, "", before and 300 <= at < 400 and at % 5 == 0, False))
        for at in range(100):
            tally.add(Request(True, "", at % 5 == 0, False))
        return ruled(tally.stage(), last=True).action

    assert ends(before=True) == "wait"
    assert ends(before=False) == "roll back"


def test_slowness_is_told_and_decides_nothing() -> None:
    tally = Tally(0.5, 20)
    for at in range(60):
        tally.add(Request(at % 2 == 0, "", False, False, 2.0 if at % 2 == 0 else 1.0))
    ruling = ruled(tally.stage(), margin=0.2)
    assert ruling.action == "advance"
    assert "half of its answers take more than 2.00 s, and 1.00 s of the others'" in ruling.reason


def test_a_canary_without_requests_waits_and_says_so() -> None:
    tally = Tally(0.1, N)
    for _ in range(200):
        tally.add(Request(False, "somebody", False, False))
    ruling = ruled(tally.stage())
    assert ruling.action == "wait"
    assert ruling.reason.startswith("None of 200 requests came to it")
    assert ruled(Tally(0.1, N).stage()).reason == "0 of 200 requests are answered."
