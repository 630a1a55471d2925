"""Whether a run on its way to all requests goes on, waits or goes back: the rule alone.

Errors and negative feedback are the events that count against a run.

**Back, at once.** While others answer beside it, an event of a run that is no worse falls to it
with the probability of its share of the requests, whatever the hour makes of the rate. How much
likelier the events are if it has r times as many, averaged over several r, is a test martingale (a
mixture SPRT: Robbins 1970; for live comparisons Johari et al. 2022, "Always Valid Inference"). By
Ville's inequality (1939) it ever exceeds 1 / alpha with a probability of at most alpha, however
often one looks, and it runs on through all stages. Where nobody answers beside it any more, its
rate is compared with the upper bound (Clopper & Pearson 1934) of what the others had before, or
with their worst stretch where that was worse, likewise: an hour in which everything fails must not
tell against it.

A caller who names its user stays with one side, so that its events are no independent draws: they
count once, until both sides have answered that caller. Whether an event counts depends on earlier
requests alone, which keeps the martingale one.

**On.** When it has answered `stage_requests`, twice as many, four times … it is looked whether the
upper bound of its excess lies below `stage_margin` (Newcombe 1998, method 10), at levels that halve
and add up to `WRONGLY_ON`. Where the lower bound lies above it, counted by callers, it goes back
too: so one is found out that fails for the few callers it has.

Reads and writes nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist, median
from typing import Literal, NamedTuple

ERRORS, FEEDBACK = "errors", "negative feedback"
SIGNALS = (ERRORS, FEEDBACK)
WRONGLY_BACK = 0.05
"""Chance that a run that is no worse goes back at all, over all its stages and both signals."""
WRONGLY_ON = 0.05
"""Chance that a stage lets a run on that is worse by the whole margin."""
BESIDE, AFTER = 0.018, 0.005
"""Shares of `WRONGLY_BACK` for each signal: compared with those who answer beside it, and with what
they had before. What is left is for the bounds at the checkpoints, which need far less."""
RATIOS = tuple(1.25 * 1.5**step for step in range(9))
"""How many times as many events a worse run is thought to have: 1.25 to 32."""
_SLOW = 1.5
_BOTH = 3
"""A caller whom both sides have answered: the new run is 1, the others are 2."""
_MOST_SECONDS = 10_000


class Request(NamedTuple):
    """One answered request.

    Attributes:
        new: the new run answered; else one of the others.
        caller: who asked; "" where nobody can be told apart.
        failed: an error, or an answer that is none of the task.
        disliked: it got negative feedback.
    """

    new: bool
    caller: str
    failed: bool
    disliked: bool
    seconds: float = 0.0


class Counts(NamedTuple):
    """One signal in one stage, and of the requests and events those that count."""

    requests: int = 0
    events: int = 0
    other_requests: int = 0
    other_events: int = 0
    counted_requests: int = 0
    counted: int = 0
    other_counted_requests: int = 0
    other_counted: int = 0

    def of_callers(self) -> "Counts":
        """What counts alone."""
        return Counts(
            self.counted_requests, self.counted, self.other_counted_requests, self.other_counted
        )


@dataclass(frozen=True)
class Stage:
    """What a stage showed.

    Attributes:
        share: of the requests that the new run gets; at 1 the others are those before it.
        counts: signal → all of it.
        checks: the same at the last checkpoint that was reached; None before the first.
        check: the number of that checkpoint, from 0.
        worst: signal → rate of the others' worst stretch, where nobody answers beside it.
        seconds: median of an answer, of the new run and of the others.
    """

    share: float
    counts: Mapping[str, Counts]
    checks: Mapping[str, Counts] | None = None
    check: int = 0
    worst: Mapping[str, float] = field(default_factory=dict)
    seconds: tuple[float, float] | None = None


class Ruling(NamedTuple):
    """What to do, why, and signal → the p-value of "it is no worse", valid at any look."""

    action: Literal["wait", "advance", "finish", "roll back"]
    reason: str
    p_values: dict[str, float]


@dataclass
class Tally:
    """Counts a stage, one request after the other, oldest first.

    At a share of 1 what the others answered before comes first.
    """

    share: float
    stage_requests: int
    _sides: list[dict[str, int]] = field(default_factory=lambda: [_nothing(), _nothing()])
    _callers: dict[str, int] = field(default_factory=dict)
    _once: set[tuple[str, str]] = field(default_factory=set)
    _seconds: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    _checks: Mapping[str, Counts] | None = None
    _check: int = -1
    _stretch: dict[str, int] = field(default_factory=lambda: _nothing())
    _worst: dict[str, float] = field(default_factory=dict)

    def add(self, request: Request) -> None:
        """Count one more request."""
        side = self._sides[not request.new]
        side["requests"] += 1
        met = self._callers.get(request.caller, 0)
        each = met == _BOTH or not request.caller
        if each or not met:
            side["counted requests"] += 1
        for signal, event in ((ERRORS, request.failed), (FEEDBACK, request.disliked)):
            if event:
                side[signal] += 1
                if each or (signal, request.caller) not in self._once:
                    side[f"counted {signal}"] += 1
                    self._once.add((signal, request.caller))
        if not request.new and self.share >= 1:
            self._stretched(request)
        self._callers[request.caller] = met | (1 if request.new else 2)
        if len(seconds := self._seconds[not request.new]) < _MOST_SECONDS:
            seconds.append(request.seconds)
        if request.new and side["requests"] == self.stage_requests * 2 ** (self._check + 1):
            self._check += 1
            self._checks = self._counts()

    def stage(self) -> Stage:
        """The stage so far."""
        known = all(self._seconds)
        return Stage(
            share=self.share,
            counts=self._counts(),
            checks=self._checks,
            check=max(0, self._check),
            worst=dict(self._worst),
            seconds=(median(self._seconds[0]), median(self._seconds[1])) if known else None,
        )

    def _stretched(self, request: Request) -> None:
        """Note how bad the others' worst stretch was, of half a stage's requests each."""
        one = self._stretch
        one["requests"] += 1
        one[ERRORS] += request.failed
        one[FEEDBACK] += request.disliked
        if one["requests"] == self.stage_requests // 2:
            for signal in SIGNALS:
                rate = one[signal] / one["requests"]
                self._worst[signal] = max(rate, self._worst.get(signal, 0.0))
            self._stretch = _nothing()

    def _counts(self) -> dict[str, Counts]:
        new, other = self._sides
        return {
            signal: Counts(
                new["requests"], new[signal], other["requests"], other[signal],
                new["counted requests"], new[f"counted {signal}"],
                other["counted requests"], other[f"counted {signal}"],
            )
            for signal in SIGNALS
        }  # fmt: skip


def judge(
    stage: Stage,
    *,
    earlier: Sequence[Stage] = (),
    stage_requests: int,
    margin: float,
    last: bool,
    holds: bool = False,
) -> Ruling:
    """What to do after what a stage showed.

    Args:
        earlier: the stages before it, in which the same run had smaller shares.
        margin: excess of events, as a share of the requests, that a stage has to rule out.
        last: no stage comes after it.
        holds: a person, and no rule, takes it on from here.
    """
    p_values = {signal: p_value([*earlier, stage], signal) for signal in SIGNALS}
    after = stage.share >= 1
    for signal in SIGNALS:
        if p_values[signal] <= BESIDE or (after and _after(stage, signal) <= AFTER):
            reason = f"{_told(stage, signal)}: so much more is hardly chance"
            return Ruling("roll back", f"{reason}{_slower(stage)}.", p_values)
    if stage.checks is None:
        return Ruling("wait", f"{_awaited(stage, stage_requests)}{_slower(stage)}.", p_values)
    level = WRONGLY_ON / 2 ** (stage.check + 1)
    bounds = {signal: excess(stage.checks[signal], level)[1] for signal in SIGNALS}
    for signal in SIGNALS:
        if excess(stage.checks[signal].of_callers(), level)[0] > margin:
            reason = f"{_told(stage, signal)}, more than {margin:.1%} too many"
            return Ruling("roll back", f"{reason}{_slower(stage)}.", p_values)
    n = stage.checks[ERRORS].requests
    high = " and ".join(f"{signal} at most {bound:.1%}" for signal, bound in bounds.items())
    found = f"after {n:,} requests {high} above the others'"
    if any(bound >= margin for bound in bounds.values()):
        found += f", and {margin:.1%} is allowed: it is looked again at {2 * n:,}"
        return Ruling("wait", f"{_capital(found)}{_slower(stage)}.", p_values)
    if holds:
        found += "; from here on a person takes it further"
        return Ruling("wait", f"{_capital(found)}{_slower(stage)}.", p_values)
    action: Literal["finish", "advance"] = "finish" if last else "advance"
    return Ruling(action, f"{_capital(found)}{_slower(stage)}.", p_values)


def p_value(stages: Sequence[Stage], signal: str) -> float:
    """Of "the new run has no more of these events than those beside it", valid at any look."""
    parts = [
        (_share(stage, signal), stage.counts[signal].counted, stage.counts[signal].other_counted)
        for stage in stages
        if stage.share < 1
    ]
    logs = [
        sum(a * math.log(r) - (a + b) * math.log1p(s * (r - 1)) for s, a, b in parts)
        for r in RATIOS
    ]
    return _of_evidence(logs)


def excess(counts: Counts, level: float) -> tuple[float, float]:
    """Lower and upper bound of the new run's rate minus that of the others.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10): it holds where
    events are rare. Without others their rate is taken to be 0, but for the lower bound unknown.

    Args:
        level: chance that the difference lies beyond one of the bounds, for each of them.
    """
    p, low, high = _wilson(counts.events, counts.requests, level)
    p_other, low_other, high_other = _wilson(counts.other_events, counts.other_requests, level)
    lower = p - p_other - math.hypot(p - low, high_other - p_other)
    upper = p - p_other + math.hypot(high - p, p_other - low_other)
    return lower, upper


def _after(stage: Stage, signal: str) -> float:
    """The p-value against what the others had before, half of `AFTER` being for their own bound."""
    from scipy.stats import beta

    counts = stage.counts[signal]
    n, k = counts.other_requests, counts.other_events
    bound = 1.0 if k >= n else float(beta.isf(AFTER / 2, k + 1, n - k))
    bound = max(bound, stage.worst.get(signal, 0.0))
    if bound >= 1:
        return 1.0
    failed, fine = counts.counted, counts.requests - counts.counted
    logs = []
    for r in RATIOS:
        rate = bound * r / (1 - bound + bound * r)
        logs.append(failed * math.log(rate / bound) + fine * math.log((1 - rate) / (1 - bound)))
    return min(1.0, AFTER / 2 + _of_evidence(logs))


def _share(stage: Stage, signal: str) -> float:
    """The new run's share of the requests, as it was set or, where that is more, as it was.

    Callers who insist on it, or one who asks very much, would else tell against it.
    """
    counts = stage.counts[signal]
    total = counts.requests + counts.other_requests
    return max(stage.share, counts.requests / total if total else 0.0)


def _of_evidence(logs: Sequence[float]) -> float:
    """1 over the mean of the likelihood ratios, at most 1."""
    highest = max(logs)
    mean = math.fsum(math.exp(log - highest) for log in logs) / len(logs)
    return math.exp(-min(max(highest + math.log(mean), 0.0), 700.0))


def _wilson(events: int, n: int, level: float) -> tuple[float, float, float]:
    """A rate with its one-sided score bounds (Wilson 1927); 0 in [0, 1] where nothing is known."""
    if n == 0:
        return 0.0, 0.0, 1.0
    z = -NormalDist().inv_cdf(level)
    p = events / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, max(0.0, middle - half), min(1.0, middle + half)


def _nothing() -> dict[str, int]:
    names: tuple[str, ...] = ("requests", *SIGNALS)
    names += tuple(f"counted {name}" for name in names)
    return dict.fromkeys(names, 0)


def _told(stage: Stage, signal: str) -> str:
    n, k, other_n, other_k, *_ = stage.counts[signal]
    when = "before it" if stage.share >= 1 else "beside it"
    return (
        f"{_capital(signal)} in {k:,} of {n:,} answers ({_rate(k, n)}), and in {other_k:,} of "
        f"{other_n:,} ({_rate(other_k, other_n)}) {when}"
    )


def _awaited(stage: Stage, stage_requests: int) -> str:
    counts = stage.counts[ERRORS]
    n, others = counts.requests, counts.other_requests
    said = f"{n:,} of {stage_requests:,} requests are answered"
    if n == 0 and stage.share < 1 and (1 - stage.share) ** others < 1e-6:
        said = (
            f"None of {others:,} requests came to it: callers who name their user may all belong "
            "to the others, or no gateway follows the traffic"
        )
    return said


def _slower(stage: Stage) -> str:
    """A note, and no reason: how long an answer takes."""
    if stage.seconds is None or stage.seconds[0] < _SLOW * max(stage.seconds[1], 1e-3):
        return ""
    new, other = stage.seconds
    return f"; half of its answers take more than {new:.2f} s, and {other:.2f} s of the others'"


def _rate(events: int, n: int) -> str:
    return f"{events / n:.1%}" if n else "–"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
