"""What bases score before any tuning, on validation examples (`burnish base --probe`)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.steps import Score
from burnish.records.task import MetricName, TaskKind


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProbedPrompt(_Part):
    """One way of asking, or one classic baseline, and what it scored.

    Attributes:
        name: "zero-shot", "few-shot", or the baseline's.
        description: what it is, in a sentence.
        seconds: that all answers took, together.
    """

    name: str
    description: str
    score: Score
    seconds: float | None = None


class ProbedBase(_Part):
    """One base and its scores.

    Attributes:
        rank: from 1, by the better of its prompts; equal scores keep the shortlist's order.
        listed: its rank on the shortlist.
        prompts: the better one first.
    """

    rank: int
    name: str
    parameters: int
    listed: int
    prompts: tuple[ProbedPrompt, ...]


class Probe(_Part):
    """Scores of the bases on this machine, each on the same validation examples.

    Attributes:
        dataset: hash of the data set.
        n, available: validation examples that were asked, and that there are.
        classic: baselines without a language model on the same examples, the best first.
        left_out: candidate on this machine → why it was not asked.
    """

    schema_version: Literal[1] = 1
    id: str
    task_name: str
    task_kind: TaskKind
    metric: MetricName
    dataset: str
    seed: int
    n: int
    available: int
    bases: tuple[ProbedBase, ...]
    classic: tuple[ProbedPrompt, ...] = ()
    left_out: dict[str, str] = {}
