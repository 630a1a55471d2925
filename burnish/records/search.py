"""What several runs of one brief told: a search over settings, or the spread over seeds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

SearchedKey = Literal["learning_rate", "r", "lora_alpha", "epochs"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trial(_Part):
    """One choice of settings, tried.

    Attributes:
        state: "pruned" is given up after an epoch, as most others were better by then.
        validation_loss: the lowest of its epochs, nats per answer token; None where none was
            finished.
        error: why it failed.
    """

    number: int
    learning_rate: float
    r: int
    lora_alpha: int
    epochs: int
    state: Literal["complete", "pruned", "failed"]
    validation_loss: float | None
    seconds: float
    error: str = ""


class SearchReport(_Part):
    """All trials of a search so far, and the best settings of the complete ones.

    Attributes:
        id: of the search; the same brief and data continue it.
        trials: in order; the first has the brief's own settings.
        best: the complete trial with the lowest validation loss.
        out_of_time: the minutes were up before all trials were made; one may wait half done.
    """

    schema_version: Literal[1] = 1
    id: str
    seed: int
    asked: int
    trials: tuple[Trial, ...]
    best: Trial | None
    out_of_time: bool = False

    @property
    def proposal(self) -> dict[str, float | int]:
        """Key of the brief → value, as the best trial had it."""
        if self.best is None:
            return {}
        names: tuple[SearchedKey, ...] = ("learning_rate", "r", "lora_alpha", "epochs")
        return {f"train.{name}": getattr(self.best, name) for name in names}


class SeedReport(_Part):
    """Runs that differ in the seed alone, on the same data.

    Attributes:
        runs: ids, in the order of `seeds`.
        validation_loss: of each, the lowest of its epochs, nats per answer token.
        deviation: standard deviation (n - 1).
    """

    schema_version: Literal[1] = 1
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    validation_loss: tuple[float, ...]
    mean: float
    deviation: float
    low: float
    high: float
