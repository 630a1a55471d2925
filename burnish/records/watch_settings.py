"""The brief's sections on what comes after: `watch` the requests, `retune` on what was learned, and
`history`, what stays of it all.

They stand in a file of their own, and in the brief beside `serve`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Auto = Literal["propose", "canary", "full"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WatchSettings(_Settings):
    """What `burnish watch` compares, and how often it may be wrong."""

    window_days: float = Field(
        7.0, gt=0, description="Days of requests that are judged together, once, when they end."
    )
    least_requests: int = Field(
        30, ge=10, description="Requests of a window; with fewer it stays open for longer."
    )
    false_alarms: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Chance that a month in which nothing changed raises an alarm at all.",
    )
    reference: Literal["examples", "log"] = Field(
        "examples",
        description="What requests are compared with: the examples of the tuning and the answers "
        "to its test split, or the first weeks of the request log.",
    )
    reference_days: int = Field(
        28, ge=1, description="reference log: days of the log, from its first, to compare with."
    )
    season: Literal["off", "weekday", "weekday-hour"] = Field(
        "off",
        description="reference log: compare requests with those of the same weekday, or the same "
        "weekday and quarter of the day.",
    )
    most_texts: int = Field(
        2000, ge=50, description="Texts of a window that are read; of more, a random sample."
    )
    meaning: str | None = Field(
        None, description="sentence-transformers model that also compares requests by meaning."
    )
    webhook: str | None = Field(
        None,
        pattern=r"^https?://",
        description="URL to which an alarm is posted as JSON, without texts.",
    )


class RetuneSettings(_Settings):
    """When and how `burnish retune` tunes again, and how far it may go by itself."""

    auto: Auto = Field(
        "propose",
        description="How far it goes unasked: propose stops at a proposal; canary tunes, and gives "
        "a better run its first share of the requests; full takes it on to all of them.",
    )
    least_examples: int = Field(
        30, ge=1, description="New examples without which nothing is proposed."
    )
    fresh_fraction: float = Field(
        0.5, gt=0, lt=1, description="Share of the new examples, the latest, for the fresh test."
    )
    continue_adapter: bool = Field(
        False, description="Go on from the serving run's adapter instead of the base."
    )
    most_loss: float = Field(
        0.05,
        ge=0,
        description="Loss on the old test, in points of the metric, that is allowed; it has to be "
        "ruled out, which takes about 75 examples without any difference, and more with some.",
    )
    stages: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.1, 0.5, 1.0), min_length=1, description="Shares of the requests on the way to all."
    )
    stage_requests: int = Field(
        200, ge=20, description="Requests that the new run answers before its next stage."
    )
    stage_margin: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Share of the requests by which its errors, or its negative feedback, may "
        "exceed those of the run it takes over from; a stage has to rule out more.",
    )

    @model_validator(mode="after")
    def _stages_rise(self) -> "RetuneSettings":
        if list(self.stages) != sorted(set(self.stages)) or self.stages[-1] != 1:
            raise ValueError("stages must rise and end with 1, as in [0.1, 0.5, 1.0]")
        return self


class HistorySettings(_Settings):
    """What `burnish history --prune` leaves, and where runs are mirrored to."""

    keep_runs: int = Field(5, ge=1, description="Newest runs whose weights stay in any case.")
    keep_days: int = Field(
        30, ge=0, description="Days for which a run's weights stay after it last answered."
    )
    keep_champions: int = Field(
        1, ge=1, description="Former champions that `burnish rollback` can still bring back."
    )
    mlflow: str | None = Field(
        None,
        description="MLflow whose model registry mirrors runs, verdicts and traffic: a URI, a "
        "folder, or environment, which takes MLFLOW_TRACKING_URI.",
    )
