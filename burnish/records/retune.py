"""Tuning again: what was gathered, what was proposed, and what came of it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.example import Example
from burnish.records.record import Record
from burnish.records.steps import Decision, Difference, Score

Why = Literal["uncertain", "novel", "disagreed", "negative feedback", "corrected"]
"""Why an exchange is worth a look."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Queued(_Part):
    """One line of queue.jsonl: an exchange worth labelling, and room for the right answer.

    Attributes:
        exchange, at, deployment, caller: as logged.
        inputs: as logged, masked.
        answer: what was answered.
        probability: of the label, where one was chosen of a set.
        corrections: what callers said the answer should be, with who said it.
        why: reasons; `score` sums them up, from 0 to 1, and ranks the queue.
        flags: why a correction should not be believed unseen, in sentences.
        right: the right answer, by a person: "accept" takes the one correction, "keep" the answer
            that was given, "drop" nothing; else the answer itself. Empty until then.
    """

    exchange: str
    at: str
    deployment: str = ""
    caller: str = ""
    inputs: dict[str, str]
    answer: str
    probability: float | None = None
    corrections: tuple[tuple[str, str], ...] = ()
    why: tuple[Why, ...]
    score: float
    flags: tuple[str, ...] = ()
    right: str = ""


class Gathered(_Part):
    """One line of gathered.jsonl: an example that came out of serving, and where it came from.

    Attributes:
        example: its id is "exchange:" and the id of the exchange, its time that of the exchange.
        exchange, at, deployment, caller: as logged; `caller` is the one who corrected.
        by: "person" for one that a person settled, "feedback" for a correction nobody doubted.
        taken_at: when it became an example.
    """

    example: Example
    exchange: str
    at: str
    deployment: str = ""
    caller: str = ""
    by: Literal["person", "feedback"]
    taken_at: str


class Compared(_Part):
    """The new run against the serving one on one test split, paired over its examples."""

    test: Literal["old", "fresh"]
    serving: Score
    new: Score
    difference: Difference


class Gain(_Part):
    """The gain to expect of new examples, on the primary metric, by the learning curve.

    Attributes:
        sizes, scores: the points of the curve, examples and mean scores.
        expected, low, high: difference that the new examples should make, with its 95% interval.
        measured: how the points were come by, in words.
    """

    sizes: tuple[int, ...]
    scores: tuple[float, ...]
    expected: float
    low: float
    high: float
    measured: str


class Retune(Record):
    """A proposal to tune again, and what came of it.

    Attributes:
        why: what speaks for it, in sentences.
        serving: id of the run that answers now.
        new_examples: gathered since its data set was made; `fresh` of them are for the fresh test.
        gain: what the learning curve promises.
        seconds: that training and evaluation should take on this machine.
        run: id of the new run; "" where it is only proposed.
        compared: against the serving run, on the old test and on the fresh one.
        decision: on the new run; None where it is only proposed.
        openings: of the old test split so far, as the reports count them.
        promoted: what was done with the traffic, in words; "" where nothing was.
    """

    task_name: str
    why: tuple[str, ...] = ()
    serving: str = ""
    new_examples: int = 0
    fresh: int = 0
    gain: Gain | None = None
    seconds: float = 0.0
    run: str = ""
    compared: tuple[Compared, ...] = ()
    decision: Decision | None = None
    reason: str = ""
    openings: int = 0
    promoted: str = ""
    settings: dict[str, Any] = {}


class StageDecision(_Part):
    """What was decided about a run that is on its way to all requests, and on what grounds.

    Attributes:
        deployment, run: the new one; `against` is the run it takes over from.
        share: of the requests, when it was decided.
        action: "wait" where too little is known, "advance" to the next stage, "finish" at all
            requests, "roll back".
        reason: in a sentence.
        figures: name → (requests, events, p-value) of what was compared, new run first.
    """

    at: str
    deployment: str
    run: str
    against: str
    share: float
    action: Literal["wait", "advance", "finish", "roll back"]
    reason: str
    figures: dict[str, tuple[float, ...]] = {}
