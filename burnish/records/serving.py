"""Serving: which runs answer, who gets which, and what was asked, answered and said of it."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.records.record import Record
from burnish.records.steps import Decision

EngineKind = Literal["transformers", "vllm", "tgi", "llamacpp", "server"]
Scope = Literal["answer", "feedback", "metrics"]
Thumb = Literal["up", "down"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Deployment(Record):
    """A run that may answer, on one engine.

    Attributes:
        task_name: of the brief; callers name it as the model.
        run, report: ids of the records it came from; no report means that none was made.
        retune: id of the re-tune that compared the run with the one that answered then.
        decision: of that re-tune or, where there was none, of the report.
        overruled: why it may answer although the decision is not *ship*; "" where it is.
        engine: what writes the answers.
        model: the name by which the engine knows it.
        weights: folder of the merged weights, or of the base where `adapter` lies over it.
        adapter: folder of the adapter, where the engine puts it over the base by itself.
        dtype: in which the run was evaluated, and so the engine computes; "" leaves it to it.
        options: more of the engine's command line, as the brief has it.
        url: of an engine that Burnish does not start.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {"weights", "adapter"}

    task_name: str
    run: str
    report: str | None = None
    retune: str | None = Field(None, exclude_if=lambda name: name is None)
    decision: Decision | None = None
    overruled: str = ""
    engine: EngineKind
    model: str
    weights: str = ""
    adapter: str = ""
    dtype: str = ""
    options: tuple[str, ...] = ()
    url: str = ""


class Route(_Part):
    """A deployment and its share of the requests, above 0 and at most 1."""

    deployment: str
    share: float = Field(gt=0, le=1)


class Traffic(_Part):
    """Who answers, from `at` on: the shares of `routes` add up to 1.

    Attributes:
        number: counts the states of a workspace, from 1.
        after: number of the state that this one took over from; a rollback goes back to it.
        shadow: deployments that get copies of all requests; their answers are logged alone.
        reason: why it was changed, in the words of whoever did.
        applied_at: when a gateway first answered by it.
    """

    number: int
    after: int | None = None
    at: str
    routes: tuple[Route, ...]
    shadow: tuple[str, ...] = ()
    reason: str = ""
    applied_at: str | None = None


class Key(_Part):
    """An API key, without its secret.

    Attributes:
        name: who holds it.
        scopes: what it may ask for.
        revoked_at: when it stopped to count.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    made_at: str
    revoked_at: str | None = None


class Exchange(_Part):
    """One request and its answer, as logged: no personal data, no key.

    Attributes:
        id: given to the caller with the answer; feedback names it.
        at: UTC, ISO 8601, to the millisecond.
        deployment, run: who answered; empty where the request was refused before.
        endpoint: "chat", "completion" or a task's name.
        shadow: a copy that the caller did not see.
        caller: a keyed hash of the API key's id and of the user it named.
        prompt_hash: SHA-256 of the messages as sent to the engine.
        status: HTTP status of the answer.
        seconds, first_seconds: to the end of the answer, and to its first piece if streamed.
        prompt_tokens, answer_tokens: as the engine counted them.
        probability: of the label, where one was chosen of a set.
        request: the inputs or messages as JSON; None where the brief's share leaves it out.
        answer: the text that was written; None likewise.
        changed: personal data was masked in one of the two.
    """

    id: str
    at: str
    deployment: str = ""
    run: str = ""
    endpoint: str
    shadow: bool = False
    caller: str = ""
    prompt_hash: str = ""
    status: int
    seconds: float
    first_seconds: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    probability: float | None = None
    request: str | None = None
    answer: str | None = None
    changed: bool = False


class Feedback(_Part):
    """What a caller said of an exchange: a thumb, a score from 1 to 5, or the right answer."""

    id: str
    exchange: str
    at: str
    caller: str = ""
    thumb: Thumb | None = None
    score: int | None = Field(None, ge=1, le=5)
    answer: Any = None
    comment: str = ""
