"""One example: what goes in, what should come out, and where it came from."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["system", "user", "assistant"]


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    content: str


class Example(BaseModel):
    """One example in the shape every later step reads.

    `answer` is the text the model learns: a label, a summary, JSON, or the last assistant turn.
    `references` are all accepted answers, the learned one first. `labels` is set for classify
    alone (one label, or several, or none for a multi-label task). `time` is a date by ISO 8601, or
    a year or a month; without one it is not written out, so that older files keep their hashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: str
    row: int
    inputs: dict[str, str] = {}
    history: tuple[Message, ...] = ()
    answer: str
    references: tuple[str, ...]
    labels: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = Field(None, exclude_if=lambda time: time is None)

    @property
    def texts(self) -> list[str]:
        """All that the model reads, in order: the turns so far, then the inputs."""
        return [*(turn.content for turn in self.history), *self.inputs.values()]

    @property
    def text(self) -> str:
        """The same as one text, a line end between any two."""
        return "\n".join(self.texts)


class Dropped(BaseModel):
    """A row that did not become an example, or left its split, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    row: int
    reason: str
    text: str = ""
    kept: str | None = None
    details: dict[str, Any] = {}
