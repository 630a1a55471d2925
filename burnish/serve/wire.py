"""What goes over the wire: the part of the OpenAI API that the gateway speaks, and its own.

A field that would change an answer and cannot be honoured is refused; one that changes nothing
is accepted and passed over.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from burnish.records import Message, Task, Thumb

Text = Annotated[str, Field(max_length=2_000_000)]


def _whole(value: Any) -> Any:
    """5.0, which JSON Schema calls an integer, as 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer as JSON Schema understands it."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TextPart(_Body):
    """A piece of a message."""

    type: Literal["text"]
    text: Text


class ChatMessage(_Body):
    """One turn. The gateway serves text: no pictures, sounds or tools."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]
    name: str | None = None

    def turn(self) -> Message:
        """The turn as the renderer knows it."""
        text = self.content
        if not isinstance(text, str):
            text = "".join(part.text for part in text)
        return Message(role="system" if self.role == "developer" else self.role, content=text)


class StreamOptions(_Body):
    """What a stream is to hold."""

    include_usage: bool = False
    include_obfuscation: bool = False


class _Asked(_Body):
    """What chat and completion have in common."""

    model: str = Field(min_length=1, max_length=200)
    max_tokens: Whole | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=512)
    # What follows changes no greedy answer, and is passed over.
    metadata: Any = None
    parallel_tool_calls: Any = None
    prompt_cache_key: Any = None
    safety_identifier: Any = None
    seed: Any = None
    service_tier: Any = None
    store: Any = None


class ChatRequest(_Asked):
    """A request for the next turn of a chat."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=2048)
    max_completion_tokens: Whole | None = Field(None, ge=1)


class CompletionRequest(_Asked):
    """A request for the text after a prompt, without a chat template."""

    prompt: Text = Field(min_length=1)


class Usage(BaseModel):
    """Tokens, as the engine counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class TaskAnswer(BaseModel):
    """What a task answers.

    Attributes:
        id: of the exchange; name it in feedback.
        deployment: who answered.
        answer: a label, a list of labels, JSON, or text; null where JSON did not parse.
        text: what was written.
        probability: of the label, where the engine scores the whole set.
        valid: a label of the set, or JSON that the schema allows; true for other kinds.
        faults: why it is not, one a line.
        truncated: the input was cut to fit.
    """

    id: str
    object: Literal["task.answer"] = "task.answer"
    task: str
    deployment: str
    answer: Any
    text: str
    probability: float | None = None
    valid: bool
    faults: list[str] = []
    truncated: bool
    usage: Usage


class FeedbackRequest(_Body):
    """What you say of an answer: at least one of thumb, score, answer and comment."""

    exchange: str = Field(min_length=1, max_length=64, description="The id of the answer.")
    thumb: Thumb | None = None
    score: Whole | None = Field(None, ge=1, le=5)
    answer: Any = Field(None, description="What it should have been.")
    comment: str = Field("", max_length=4000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        said = [self.thumb, self.score, self.answer, self.comment or None]
        if all(one is None for one in said):
            raise ValueError("one of thumb, score, answer and comment is needed")
        return self


class FeedbackKept(BaseModel):
    """The feedback is in the database."""

    id: str
    object: Literal["feedback"] = "feedback"
    exchange: str


class ErrorBody(BaseModel):
    """What was wrong, as the OpenAI API says it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """Any answer but a 2xx."""

    error: ErrorBody


class ModelCard(BaseModel):
    """A model that may be named."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "burnish"


class ModelList(BaseModel):
    """All that may be named."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


def task_request(task: Task) -> type[BaseModel]:
    """The body of a task's endpoint: its input columns, or its messages where it learned chats."""
    if task.data.messages is not None:
        return create_model(
            "TaskRequest", __base__=_Body, messages=(list[ChatMessage], Field(min_length=1))
        )
    fields: dict[str, Any] = {
        f"column_{place}": (Text, Field(alias=name)) for place, name in enumerate(task.data.inputs)
    }
    return create_model("TaskRequest", __base__=_Body, **fields)


def inputs_of(task: Task, body: BaseModel) -> dict[str, str]:
    """Input column → text."""
    return {name: getattr(body, f"column_{i}") for i, name in enumerate(task.data.inputs)}
