"""From a request to an answer: the three endpoints that ask an engine, and what is logged of each.

Every answer is written greedily unless the request says otherwise, as in the evaluation.
"""

import json
import math
import random
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema

from burnish.chat.answers import parse
from burnish.chat.render import Renderer
from burnish.records import Exchange, Task
from burnish.serve.gateway import Gateway, Served
from burnish.serve.journal import stamp
from burnish.serve.refusal import Refusal, unavailable
from burnish.serve.rendering import Asked, as_sent, logged, task_prompt, text_hash
from burnish.serve.tracing import Span
from burnish.serve.upstream import Upstream
from burnish.serve.wire import (
    ChatRequest,
    CompletionRequest,
    TaskAnswer,
    Usage,
)

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
_MOST_FAULTS = 20
_OPERATIONS = {"chat": "chat", "completion": "text_completion"}


@dataclass
class Turn:
    """One request on its way. Until it is logged, once, its deployment is kept.

    Attributes:
        served: the deployment that answers, as it was when the request came.
        endpoint: "chat", "completion" or the task's name.
        request: what is logged of it.
    """

    gateway: Gateway
    served: Served
    upstream: Upstream
    endpoint: str
    caller: str
    prompt_hash: str
    request: str
    id: str = field(default_factory=lambda: f"ex-{uuid.uuid4().hex}")
    shadow: bool = False
    began: float = field(default_factory=time.monotonic)
    at: str = field(default_factory=stamp)
    first: float | None = None

    def __post_init__(self) -> None:
        self.upstream.working += 1

    def log(
        self,
        status: int,
        *,
        answer: str | None = None,
        usage: Usage | None = None,
        probability: float | None = None,
        span: Span | None = None,
    ) -> None:
        """Hand the exchange to the journal and to the meters."""
        self.upstream.working -= 1
        gateway, deployment = self.gateway, self.upstream.deployment
        seconds = time.monotonic() - self.began
        kept = random.random() < gateway.settings.log_share
        gateway.journal.add(
            Exchange.model_construct(
                id=self.id, at=self.at, deployment=deployment.id, run=deployment.run,
                endpoint=self.endpoint, shadow=self.shadow, caller=self.caller,
                prompt_hash=self.prompt_hash, status=status, seconds=round(seconds, 4),
                first_seconds=None if self.first is None else round(self.first, 4),
                prompt_tokens=usage.prompt_tokens if usage else None,
                answer_tokens=usage.completion_tokens if usage else None,
                probability=probability, request=self.request if kept else None,
                answer=answer if kept else None,
            )
        )  # fmt: skip
        meters = gateway.meters
        if not self.shadow:
            meters.requests.labels(self.endpoint, deployment.id, status).inc()
            meters.seconds.labels(self.endpoint, deployment.id).observe(seconds)
        if usage:
            meters.tokens.labels(deployment.id, "prompt").inc(usage.prompt_tokens)
            meters.tokens.labels(deployment.id, "answer").inc(usage.completion_tokens)
        if span is not None:
            span.end(
                status=status,
                prompt_tokens=usage.prompt_tokens if usage else None,
                answer_tokens=usage.completion_tokens if usage else None,
                exchange=self.id,
            )


class Answering:
    """Answers requests through the gateway's engines."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._task = gateway.task

    async def chat(
        self, asked: ChatRequest, key: str
    ) -> tuple[Turn, dict[str, Any] | AsyncIterator[bytes]]:
        """The next turn of a chat: the completion, or the events of a stream."""
        upstream = self._upstream(asked)
        messages = as_sent(self._renderer(upstream), [one.turn() for one in asked.messages])
        most = asked.max_completion_tokens or asked.max_tokens
        body = self._body(asked, upstream, most) | {"messages": messages}
        turn = self._turn("chat", upstream, asked.user, key, logged(messages))
        return await self._answered(turn, CHAT, body, asked.stream, asked.model)

    async def complete(
        self, asked: CompletionRequest, key: str
    ) -> tuple[Turn, dict[str, Any] | AsyncIterator[bytes]]:
        """The text after a prompt: the completion, or the events of a stream."""
        upstream = self._upstream(asked)
        prompt = self._renderer(upstream).neutral(asked.prompt)
        body = self._body(asked, upstream, asked.max_tokens) | {"prompt": prompt}
        turn = self._turn("completion", upstream, asked.user, key, logged(prompt))
        return await self._answered(turn, COMPLETION, body, asked.stream, asked.model)

    async def answer_task(self, body: Any, key: str, user: str | None) -> TaskAnswer:
        """The parsed answer to a task's inputs."""
        gateway = self._gateway
        upstream = gateway.upstream(user)
        asked = task_prompt(self._renderer(upstream), body)
        turn = Turn(
            gateway, self._served(upstream), upstream, self._task.name, gateway.caller(key, user),
            asked.prompt_hash, asked.request,
        )  # fmt: skip
        answers = upstream.deployment.id
        gateway.shadow(lambda other: self._shadow_task(turn, other, asked), answers)
        return await self._task_answer(turn, asked)

    async def _task_answer(self, turn: Turn, asked: Asked) -> TaskAnswer:
        gateway = self._gateway
        with gateway.tracer.span("chat", self._task.name) as span:
            try:
                async with gateway.slots.one():
                    text, probability, usage = await self._written(turn, asked)
            except Refusal as refusal:
                turn.log(refusal.status, span=span)
                raise
            value = parse(self._task, text)
            faults = _faults(turn.served, value)
            turn.log(200, answer=text, usage=usage, probability=probability, span=span)
        return TaskAnswer(
            id=turn.id,
            task=self._task.name,
            deployment=turn.upstream.deployment.id,
            answer=value,
            text=text,
            probability=probability,
            valid=not faults,
            faults=faults,
            truncated=asked.truncated,
            usage=usage,
        )

    async def _written(self, turn: Turn, asked: Asked) -> tuple[str, float | None, Usage]:
        """The text, the label's share of the whole set where that is scored, and the tokens."""
        served, upstream = turn.served, turn.upstream
        if is_scored(self._task) and upstream.abilities.scores is not None:
            logs = await upstream.choose(asked.prompt, served.endings)
            best = max(range(len(logs)), key=logs.__getitem__)
            share = 1 / math.fsum(math.exp(one - logs[best]) for one in logs)
            n = len(asked.prompt)
            return served.labels[best], share, Usage(prompt_tokens=n, total_tokens=n)
        body = {
            "model": upstream.deployment.model,
            "messages": asked.messages,
            "temperature": 0,
            "max_tokens": self._task.evaluate.max_new_tokens,
        }
        found = await upstream.ask(CHAT, body)
        return _text(found), None, _usage(found)

    def _upstream(self, asked: ChatRequest | CompletionRequest) -> Upstream:
        """Who answers.

        Raises:
            Refusal: there is no such model (404).
        """
        gateway, name = self._gateway, self._task.name
        pinned = None
        if asked.model != name:
            prefix, _, pinned = asked.model.rpartition("@")
            if prefix != name or pinned not in gateway.served:
                message = f"There is no such model; {name} is."
                raise Refusal(404, message, code="model_not_found", param="model")
        return gateway.upstream(asked.user, pinned)

    def _served(self, upstream: Upstream) -> Served:
        return self._gateway.served[upstream.deployment.id]

    def _renderer(self, upstream: Upstream) -> Renderer:
        return self._served(upstream).renderer

    def _turn(
        self, endpoint: str, upstream: Upstream, user: str | None, key: str, request: str
    ) -> Turn:
        return Turn(
            self._gateway, self._served(upstream), upstream, endpoint,
            self._gateway.caller(key, user), text_hash(request), request,
        )  # fmt: skip

    def _body(
        self, asked: ChatRequest | CompletionRequest, upstream: Upstream, most: int | None
    ) -> dict[str, Any]:
        """The engine's request, but for the text.

        Raises:
            Refusal: it asks for what this engine does not do (400).
        """
        limit = self._gateway.settings.max_tokens
        if most is not None and most > limit:
            raise Refusal(400, f"At most {limit} tokens are written.", param="max_tokens")
        if asked.temperature and not upstream.abilities.samples:
            raise Refusal(
                400, "This engine writes greedily: leave temperature out, or set it to 0.",
                param="temperature", code="unsupported_value",
            )  # fmt: skip
        if asked.stop and not upstream.abilities.stops:
            raise Refusal(
                400, "This engine does not take stop texts.", param="stop",
                code="unsupported_parameter",
            )  # fmt: skip
        body: dict[str, Any] = {
            "model": upstream.deployment.model,
            "max_tokens": most or self._task.evaluate.max_new_tokens,
            "temperature": asked.temperature or 0,
        }
        if asked.temperature and asked.top_p is not None:
            body["top_p"] = asked.top_p
        if asked.stop:
            body["stop"] = asked.stop
        return body

    async def _answered(
        self, turn: Turn, path: str, body: dict[str, Any], stream: bool | None, model: str
    ) -> tuple[Turn, dict[str, Any] | AsyncIterator[bytes]]:
        gateway = self._gateway
        gateway.shadow(
            lambda other: self._shadow(turn, other, path, body), turn.upstream.deployment.id
        )
        if stream:
            events = self._streamed(turn, path, body, model)
            first = await anext(events)  # so that a refusal still has a status of its own
            return turn, _again(first, events)
        with gateway.tracer.span(_OPERATIONS[turn.endpoint], model) as span:
            try:
                async with gateway.slots.one():
                    found = await turn.upstream.ask(path, body)
                usage, text = _usage(found), _text(found)
            except Refusal as refusal:
                turn.log(refusal.status, span=span)
                raise
            turn.log(200, answer=text, usage=usage, span=span)
        found |= {"id": turn.id, "model": model, "system_fingerprint": turn.upstream.deployment.id}
        return turn, found

    async def _streamed(
        self, turn: Turn, path: str, body: dict[str, Any], model: str
    ) -> AsyncIterator[bytes]:
        """The events of a stream, ending in [DONE]; logged when it ends, however it does."""
        gateway, pieces, usage, status = self._gateway, [], None, 499
        own = {"id": turn.id, "model": model, "system_fingerprint": turn.upstream.deployment.id}
        if turn.upstream.deployment.engine != "transformers":  # which tells them always
            body = body | {"stream_options": {"include_usage": True}}
        with gateway.tracer.span(_OPERATIONS[turn.endpoint], model) as span:
            try:
                async with gateway.slots.one(), turn.upstream.stream(path, body) as events:
                    async for data in events:
                        chunk = json.loads(data)
                        if "error" in chunk:
                            raise unavailable("The engine broke off.")
                        if turn.first is None:
                            turn.first = time.monotonic() - turn.began
                        pieces.append(_delta(chunk))
                        usage = _usage(chunk) if chunk.get("usage") else usage
                        yield _event(chunk | own)
                status = 200
                yield b"data: [DONE]\n\n"
            except Refusal as refusal:
                status = refusal.status
                if turn.first is None:
                    raise
                yield _event(refusal.body())
            except ValueError:
                status = 502
                yield _event(Refusal(502, "The engine sent no JSON.", code="bad_gateway").body())
            finally:
                turn.log(status, answer="".join(pieces), usage=usage, span=span)

    async def _shadow(self, turn: Turn, other: Upstream, path: str, body: dict[str, Any]) -> None:
        copy = self._copied(turn, other)
        try:
            found = await other.ask(path, body | {"model": other.deployment.model})
            copy.log(200, answer=_text(found), usage=_usage(found))
        except Refusal as refusal:
            copy.log(refusal.status)

    async def _shadow_task(self, turn: Turn, other: Upstream, asked: Asked) -> None:
        copy = self._copied(turn, other)
        try:
            text, probability, usage = await self._written(copy, asked)
            copy.log(200, answer=text, usage=usage, probability=probability)
        except Refusal as refusal:
            copy.log(refusal.status)

    def _copied(self, turn: Turn, other: Upstream) -> Turn:
        return Turn(
            turn.gateway, self._served(other), other, turn.endpoint, turn.caller,
            turn.prompt_hash, turn.request, id=f"{turn.id}:{other.deployment.id}", shadow=True,
        )  # fmt: skip


def is_scored(task: Task) -> bool:
    """Whether an answer is the likeliest label of a set, as in the evaluation."""
    return task.kind == "classify" and not task.multi_label


def _faults(served: Served, value: Any) -> list[str]:
    """Why an answer is not one of the task, one sentence each."""
    task = served.task
    if task.kind == "classify":
        said = value if task.multi_label else [value]
        wrong = [f"{one!r} is not a label" for one in said if one not in served.labels]
        return wrong[:_MOST_FAULTS]
    if task.kind == "extract":
        if value is None:
            return ["no JSON was written"]
        schema = served.json_schema or {}
        errors = jsonschema.validators.validator_for(schema)(schema).iter_errors(value)
        return [f"{one.json_path}: {one.message}"[:300] for one in errors][:_MOST_FAULTS]
    return [] if value else ["nothing was written"]


async def _again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for one in rest:
            yield one
    finally:
        if isinstance(rest, AsyncGenerator):
            await rest.aclose()


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def _text(found: dict[str, Any]) -> str:
    """The text of a completion.

    Raises:
        Refusal: it is none (502).
    """
    try:
        choice = found["choices"][0]
        message = choice.get("message")
        return str((message["content"] if message else choice["text"]) or "")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Refusal(502, "The engine's answer holds no text.", code="bad_gateway") from None


def _delta(chunk: dict[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or choices[0].get("text") or "")


def _usage(found: dict[str, Any]) -> Usage:
    told = found.get("usage")
    return Usage.model_validate(told) if isinstance(told, dict) else Usage()
