"""How often a canary is taken back, wrongly and rightly, and how often a re-tune ships wrongly.

    python bench/retuning.py rollout [ROLLOUTS]    whole roll-outs by the brief's default stages
    python bench/retuning.py delay [ROLLOUTS]      a canary that stays at a tenth until it is found
    python bench/retuning.py verdict [RETUNES]     verdicts on runs that are no better, or are

Everything is simulated; the rule, its tally and the verdict are those that run. Seeds are fixed.
"""

import random
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from scipy.stats import fisher_exact

from burnish.evaluate.retuned import compare_retuned, rule
from burnish.records import (
    Answer,
    DataSettings,
    EvaluateSettings,
    Example,
    RetuneSettings,
    Task,
)
from burnish.watch.rollout import Request, Stage, Tally, judge

SETTINGS = RetuneSettings()
LOOK = 20
"""Requests, of both runs together, from one look to the next."""
MOST = 20_000


class Ended(NamedTuple):
    """How a roll-out ended: in which stage, after how many requests, and how many of the canary."""

    action: str
    stage: int
    requests: int
    canary: int


Ask = Callable[[random.Random, int, bool], Request]
"""Chance, number of the request and whether the new run answers → the request."""
Traffic = Callable[[random.Random], Callable[[float], Iterator[Request]]]
"""Chance → the new run's share → the requests of a stage, one after the other."""


def independent(ask: Ask) -> Traffic:
    """Each request goes to the new run or not, whoever asks."""

    def begin(chance: random.Random) -> Callable[[float], Iterator[Request]]:
        def stage(share: float) -> Iterator[Request]:
            at = chance.randrange(1000)
            while True:
                yield ask(chance, at, chance.random() < share)
                at += 1

        return stage

    return begin


def steady(errors: float, feedback: float, times: float = 1.0) -> Traffic:
    """Independent requests; the new run has `times` as many of both events."""

    def ask(chance: random.Random, at: int, new: bool) -> Request:
        more = times if new else 1.0
        return Request(new, "", chance.random() < errors * more, chance.random() < feedback * more)

    return independent(ask)


def bursts(errors: float) -> Traffic:
    """Both runs fail twenty times as often in 100 of every 1,000 requests."""

    def ask(chance: random.Random, at: int, new: bool) -> Request:
        rate = errors * (20 if at % 1000 < 100 else 1)
        return Request(new, "", chance.random() < min(rate, 1.0), chance.random() < 0.03)

    return independent(ask)


def users(unlucky: float) -> Traffic:
    """200 users who name themselves; for some of them every request fails, whoever answers."""
    places = [random.Random(f"place {user}").random() for user in range(200)]

    def begin(chance: random.Random) -> Callable[[float], Iterator[Request]]:
        shift = chance.random()

        def stage(share: float) -> Iterator[Request]:
            while True:
                user = chance.randrange(200)
                new = (places[user] + shift) % 1.0 < share
                yield Request(new, str(user), user < 200 * unlucky, chance.random() < 0.03)

        return stage

    return begin


def rollout(traffic: Traffic, seed: int, *, stages: tuple[float, ...] = SETTINGS.stages) -> Ended:
    """One roll-out to its end."""
    requests = traffic(random.Random(seed))
    earlier: list[Stage] = []
    n, done, mine = SETTINGS.stage_requests, 0, 0
    held = stages[-1] < 1
    before: list[Request] = []
    for number, share in enumerate(stages):
        tally = Tally(share, n)
        for one in before[-5 * n :] if share == 1 else ():
            tally.add(one)
        source = requests(share)
        while True:
            for _ in range(LOOK):
                one = next(source)
                tally.add(one)
                mine += one.new
                if not one.new:
                    before.append(one)
            done += LOOK
            ruling = judge(
                tally.stage(), earlier=earlier, stage_requests=n, margin=SETTINGS.stage_margin,
                last=number == len(stages) - 1, holds=held,
            )  # fmt: skip
            if ruling.action != "wait" or done >= MOST:
                break
        if ruling.action != "advance":
            return Ended(ruling.action, number, done, mine)
        earlier.append(tally.stage())
    raise AssertionError("the last stage goes no further")


def fixed_test(traffic: Traffic, seed: int, level: float) -> bool:
    """Whether Fisher's test on the first stage's requests, made at every look, takes it back."""
    counts = {True: [0, 0], False: [0, 0]}
    source = traffic(random.Random(seed))(SETTINGS.stages[0])
    while counts[True][1] < SETTINGS.stage_requests:
        for _ in range(LOOK):
            one = next(source)
            counts[one.new][0] += one.failed
            counts[one.new][1] += 1
        (a, n), (b, m) = counts[True], counts[False]
        if n and m and fisher_exact([[a, n - a], [b, m - b]], alternative="greater")[1] < level:
            return True
    return False


def told(name: str, ended: list[Ended]) -> str:
    back = [one for one in ended if one.action == "roll back"]
    where = "/".join(str(sum(one.stage == stage for one in back)) for stage in range(3))
    total = statistics.median([one.requests for one in ended])
    line = f"{name:44} {len(back) / len(ended):7.1%} back ({where})"
    if back:
        requests = sorted(one.requests for one in back)
        canary = sorted(one.canary for one in back)
        late = int(0.9 * len(back))
        line += f"  after {statistics.median(requests):,.0f} requests, "
        line += f"{statistics.median(canary):,.0f} its own (90%: {requests[late]:,}, "
        line += f"{canary[late]:,})"
    return f"{line}; half end by {total:,.0f}"


def whole(n: int) -> None:
    """Roll-outs by the default stages."""
    print(f"{n} roll-outs each, stages {SETTINGS.stages}, {SETTINGS.stage_requests} requests a "
          f"stage, margin {SETTINGS.stage_margin}, looked at every {LOOK} requests")  # fmt: skip
    print("equally good:")
    for errors, feedback in ((0.005, 0.01), (0.02, 0.03), (0.05, 0.05), (0.1, 0.1)):
        ended = [rollout(steady(errors, feedback), seed) for seed in range(n)]
        print(told(f"  errors {errors:.1%}, feedback {feedback:.1%}", ended), flush=True)
    print(told("  errors 1%, in bursts of 20 times", [rollout(bursts(0.01), s) for s in range(n)]))
    named = users(0.02)
    print(told("  4 of 200 users always fail", [rollout(named, s) for s in range(n)]), flush=True)
    for level in (0.05,):
        wrong = sum(fixed_test(steady(0.05, 0.0), seed, level) for seed in range(n)) / n
        print(f"  (Fisher's test at {level:.0%} at every look, stage one alone: {wrong:.1%} back)")
    print("worse:")
    for times in (2.0, 5.0):
        for rate in (0.01, 0.02, 0.05, 0.1):
            ended = [rollout(steady(rate, rate, times), seed) for seed in range(n)]
            print(told(f"  errors and feedback {rate:.0%}, {times:g} times", ended), flush=True)
    ended = [rollout(steady(0.0, 0.0), seed) for seed in range(20)]
    print(told("  no errors at all", ended))
    broken = independent(lambda chance, at, new: Request(new, "", new, False))
    print(told("  every answer of it fails", [rollout(broken, s) for s in range(n)]))


def delays(n: int) -> None:
    """A canary that stays at a tenth of the requests, with more errors alone."""
    print(f"{n} canaries each that stay at 10%; errors alone; looked at every {LOOK} requests")
    for times in (1.0, 2.0, 3.0, 5.0, 10.0):
        for rate in (0.01, 0.02, 0.05, 0.1):
            if times * rate <= 1:
                few = max(20, n // 10) if times <= 1 else n
                ended = [
                    rollout(steady(rate, 0.0, times), s, stages=(0.1,)) for s in range(few)
                ]  # fmt: skip
                print(told(f"  errors {rate:.0%}, {times:g} times", ended), flush=True)


def verdicts(n: int) -> None:
    """Verdicts over paired tests of right and wrong answers."""
    task = Task(
        name="t", kind="classify", metric="accuracy", data=DataSettings(source="x"),
        evaluate=EvaluateSettings(resamples=500),
    )  # fmt: skip
    asked = [
        Example(id=f"{at}", source="x", row=at, inputs={"text": "t"}, answer="a",
                references=("a",), labels=("a",))
        for at in range(1000)
    ]  # fmt: skip

    def paired(chance: random.Random, test: str, size: int, gain: float) -> object:
        """Of ten answers eight are right with the serving run; a tenth of all change either way."""
        answers: tuple[list[Answer], list[Answer]] = ([], [])
        for _ in range(size):
            old = chance.random() < 0.8
            flips = 0.0625 if old else 0.25  # in balance, a tenth of all
            new = old ^ (chance.random() < flips)
            new = new or chance.random() < gain / 0.2 if gain > 0 else new
            new = new and chance.random() >= -gain / 0.8 if gain < 0 else new
            answers[0].append(Answer(text="a" if new else "b"))
            answers[1].append(Answer(text="a" if old else "b"))
        return compare_retuned(
            task, ("a", "b"), asked[:size], *answers, test=test, name="s", reused=False
        )

    print(f"{n} re-tunes each: 80% right before; loss allowed {SETTINGS.most_loss}")
    print(f"{'old test':>9} {'fresh':>6} {'gain old':>9} {'gain fresh':>10}   ship  don't  open")
    for old, fresh in ((50, 50), (200, 100), (500, 200)):
        for lost, gained in ((0.0, 0.0), (0.0, 0.1), (0.0, 0.2), (-0.1, 0.1), (-0.1, -0.1)):
            made = {"ship": 0, "don't ship": 0, "not enough data": 0}
            for seed in range(n):
                chance = random.Random(seed)
                one = paired(chance, "old", old, lost)
                other = paired(chance, "fresh", fresh, gained)
                made[rule(one, other, SETTINGS.most_loss).decision] += 1  # type: ignore[arg-type]
            shares = "  ".join(f"{count / n:5.1%}" for count in made.values())
            print(f"{old:9} {fresh:6} {lost:+9.2f} {gained:+10.2f}   {shares}", flush=True)


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "rollout"
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    {"rollout": whole, "delay": delays, "verdict": verdicts}[what](n)


if __name__ == "__main__":
    main()
