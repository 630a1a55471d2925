"""Two tuned models on the same sealed test examples: Against."""

from pydantic import BaseModel, ConfigDict

from burnish.records.steps import Difference


class Against(BaseModel):
    """Two tuned models on the same sealed test examples.

    Attributes:
        run, other: ids of the runs; differences are `run` minus `other`, the primary metric first.
        reports: where their answers come from, in the same order.
        reason: what the primary metric's interval says, in a sentence.
        openings: how often the test split was opened so far, this comparison included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    other: str
    reports: tuple[str, str]
    metric: str
    n: int
    values: dict[str, tuple[float, float]]
    differences: tuple[Difference, ...]
    reason: str
    openings: int
