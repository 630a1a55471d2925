"""Progress of a step, for whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from burnish.records.preflight import Preflight


@dataclass(frozen=True)
class Event:
    """One sign of life.

    Attributes:
        step: "data", "base", "train" or "evaluate".
        message: what is being done, in a few words.
        done, total: units of work; a total of 0 is unknown.
        finished: the step is done, and `message` sums it up.
        skipped: nothing the step depends on has changed, so it was not repeated.
        figures: short values to show beside the message.
        preflight: the picture before training, to be shown whole.
        notice: it should stay on the screen: something that a user would want to know of later.
    """

    step: str
    message: str
    done: float = 0
    total: float = 0
    finished: bool = False
    skipped: bool = False
    figures: dict[str, str] = field(default_factory=dict)
    notice: bool = False
    preflight: Preflight | None = None


Progress = Callable[[Event], None]


def silent(_: Event) -> None:
    """A Progress that shows nothing."""
