"""Tuning again: what was gathered, what was proposed, and what came of it."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.example import Example, Message
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
        inputs: as logged, masked; of a chat, `history` instead.
        answer: what was answered.
        probability: of the label, where one was chosen of a set.
        corrections: what callers said the answer should be, with who said it.
        shadows: what shadow deployments answered otherwise, with the deployment.
        why: reasons; `score` sums them up, from 0 to 1, and ranks the queue.
        flags: why a correction should not be believed unseen, in sentences.
        right: the right answer, by a person: "accept" takes the one correction, "keep" the answer
            that was given, "drop" nothing; else the answer itself, after "new: " where the data set
            has no such label. Empty until then.
    """

    exchange: str
    at: str
    deployment: str = ""
    caller: str = ""
    inputs: dict[str, str] = {}
    history: tuple[Message, ...] = ()
    answer: str
    probability: float | None = None
    corrections: tuple[tuple[str, str], ...] = ()
    shadows: tuple[tuple[str, str], ...] = ()
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
    """The new run against the serving one on one test split, paired over its examples.

    Attributes:
        reused: the serving run's answers were those of its report, or of the re-tune it came from.
    """

    test: Literal["old", "fresh"]
    serving: Score
    new: Score
    difference: Difference
    reused: bool = False


class Gain(_Part):
    """The gain to expect of new examples, on the primary metric, by the learning curve.

    Attributes:
        sizes, scores: the points of the curve: examples learned from, and the score on new
            examples that were not. The first is the data set as it stands.
        expected, low, high: difference that the new examples should make, with its 95% interval.
        n: new examples that were scored.
        measured: how the points were come by, in words.
    """

    sizes: tuple[int, ...]
    scores: tuple[float, ...]
    expected: float
    low: float
    high: float
    n: int = 0
    measured: str


class Retune(Record):
    """A proposal to tune again, and what came of it.

    Attributes:
        why: what speaks for it, in sentences.
        serving: id of the run that answers now.
        continues: the new run goes on from its adapter, instead of the base.
        new_examples: gathered since its data set was made; `fresh` of them are for the fresh test.
        new_labels: labels of these that its data set did not have.
        gain: what the learning curve promises; None where it cannot be told, and `gain_note` says
            why.
        seconds: that training and evaluation should take on this machine; `price`, what that costs
            at the brief's price per hour. Neither is hashed.
        cost_note: how they were estimated.
        run: id of the new run; "" where it is only proposed.
        compared: against the serving run, on the old test and on the fresh one.
        decision: on the new run; None where it is only proposed.
        needed: test examples that would probably decide it ("not enough data" alone).
        openings: of the old test split so far, as the reports count them; not hashed.
        promoted: what was done with the traffic, in words; "" where nothing was. Not hashed: it is
            filled in when the verdict stands.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {
        "seconds", "price", "cost_note", "openings", "promoted",
    }  # fmt: skip

    task_name: str
    metric: str = ""
    why: tuple[str, ...] = ()
    serving: str = ""
    continues: bool = False
    new_examples: int = 0
    fresh: int = 0
    new_labels: tuple[str, ...] = ()
    gain: Gain | None = None
    gain_note: str = ""
    seconds: float = 0.0
    price: float | None = None
    cost_note: str = ""
    run: str = ""
    compared: tuple[Compared, ...] = ()
    decision: Decision | None = None
    reason: str = ""
    needed: int | None = None
    openings: int = 0
    promoted: str = ""
    settings: dict[str, Any] = {}


StageAction = Literal["start", "wait", "advance", "finish", "roll back", "stop"]
"""What is decided about a run on its way to all requests: "wait" where too little is known, and
"stop" where somebody else changed the traffic, which is then left as it is."""


class StageDecision(_Part):
    """What was decided about a run that is on its way to all requests, and on what grounds.

    Attributes:
        rollout, step: the way it goes, and the place of this decision on it, both counted; the
            first step of each is its "start".
        deployment, run: the new one; `against` is the run it takes over from.
        share: of the requests, when it was decided; `to` from then on.
        reason: in a sentence.
        figures: "errors" and "negative feedback" → (its requests, its events, the others' requests,
            their events; the same four as far as they count; the p-value) of this stage. A caller
            whom only one side answered counts once.
        since: when the stage began whose exchanges these are.
        traffic: number of the state that holds from then on.
        before: number of the state that a roll-back restores.
        stages: shares on the way.
    """

    rollout: int
    step: int
    at: str
    deployment: str
    run: str
    against: str
    share: float
    to: float
    action: StageAction
    reason: str
    figures: dict[str, tuple[float, ...]] = {}
    since: str = ""
    traffic: int
    before: int
    stages: tuple[float, ...]

    @property
    def ends(self) -> bool:
        """Whether nothing comes after it."""
        return self.action in ("finish", "roll back", "stop")
