"""The HTTP engine: any OpenAI-compatible server, given messages, answering in text.

Asks `/chat/completions` for greedy answers (temperature 0), several at once. A server gives no
probabilities of a reference, so nothing that needs scores can be measured with it.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from pydantic import BaseModel, Field

from burnish.engines.client import USUAL, Client, Patience
from burnish.engines.engine import Said
from burnish.engines.server import Server
from burnish.errors import ServerError
from burnish.records import Message, Usage

_LIMITS = ("max_tokens", "max_completion_tokens")
"""What servers call the longest answer: most the first, OpenAI's newer models only the second."""


class _Written(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Written
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What is read of a chat completion; the rest of it is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


class HttpEngine:
    """Answers with a model behind a URL.

    Raises:
        BriefError: the variable of the key is not set.
    """

    def __init__(self, server: Server, patience: Patience = USUAL) -> None:
        self._server = server
        self._client = Client(server, patience)
        self._limit = _LIMITS[0]
        self._forms = True  # until the server refuses response_format

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def answer(
        self,
        chats: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        heard: Callable[[int, Said], None] | None = None,
        json_schema: dict[str, Any] | None = None,
    ) -> list[Said]:
        """Greedy answers to all chats, in their order.

        Args:
            stop: texts that end an answer.
            heard: called in this thread with each answer and the place of its chat, as it comes.
            json_schema: form of the answers. Servers that refuse it are asked without, so the
                caller checks what comes.

        Raises:
            ServerError: a request failed for good. Those under way are heard out before.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for place in range(len(chats)):
            waiting.put(place)
        found: queue.SimpleQueue[tuple[int, Said | Exception | None]] = queue.SimpleQueue()
        ended = threading.Event()
        working = workers = min(self._server.requests, len(chats))
        unheard = threading.Semaphore(workers)  # so a kill loses no more answers than workers

        def work() -> None:
            while unheard.acquire() and not ended.is_set():
                try:
                    place = waiting.get_nowait()
                except queue.Empty:
                    break
                try:
                    found.put((place, self._ask(chats[place], max_new_tokens, stop, json_schema)))
                except Exception as error:
                    ended.set()
                    found.put((place, error))
                    break
            found.put((-1, None))

        for _ in range(workers):
            # Daemons: Ctrl-C need not wait for a server that hangs.
            threading.Thread(target=work, daemon=True).start()
        answers: dict[int, Said] = {}
        fault: Exception | None = None
        try:
            while working:
                place, said = found.get()
                if isinstance(said, Said):
                    answers[place] = said
                    if heard is not None:
                        heard(place, said)
                elif said is None:
                    working -= 1
                else:
                    fault = fault or said
                unheard.release()
        finally:
            ended.set()
            unheard.release(workers + 1)  # whoever waits may go
        if fault is not None:
            raise fault
        return [answers[place] for place in range(len(chats))]

    def _ask(
        self,
        chat: Sequence[Message],
        max_new_tokens: int,
        stop: Sequence[str],
        json_schema: dict[str, Any] | None,
    ) -> Said:
        request: dict[str, Any] = {
            "model": self._server.model,
            "messages": [turn.model_dump() for turn in chat],
            "temperature": 0,
        }
        if stop:
            request["stop"] = list(stop)
        began = time.monotonic()
        completion = self._formed(request, max_new_tokens, json_schema)
        choice = completion.choices[0]
        return Said(
            text=choice.message.content or choice.message.refusal or "",
            stopped=choice.finish_reason != "length",
            usage=Usage(
                seconds=round(time.monotonic() - began, 3),
                prompt_tokens=_counted(completion.usage, "prompt_tokens"),
                answer_tokens=_counted(completion.usage, "completion_tokens"),
            ),
        )

    def _formed(
        self, request: dict[str, Any], max_new_tokens: int, json_schema: dict[str, Any] | None
    ) -> _Completion:
        """The completion in the form that was asked for, or in none where that is refused."""
        if json_schema is None or not self._forms:
            return self._limited(request, max_new_tokens)
        named = {"name": "answer", "schema": json_schema, "strict": True}
        form = {"response_format": {"type": "json_schema", "json_schema": named}}
        try:
            return self._limited(request | form, max_new_tokens)
        except ServerError as error:
            if error.status not in (400, 422):
                raise
            completion = self._limited(request, max_new_tokens)
            self._forms = False
            return completion

    def _limited(self, request: dict[str, Any], max_new_tokens: int) -> _Completion:
        limit = self._limit
        try:
            return self._complete(request | {limit: max_new_tokens})
        except ServerError as error:
            if limit == _LIMITS[1] or _LIMITS[0] not in (error.param, *error.message.split("'")):
                raise
            completion = self._complete(request | {_LIMITS[1]: max_new_tokens})
            self._limit = _LIMITS[1]
            return completion

    def _complete(self, request: dict[str, Any]) -> _Completion:
        return self._client.call("POST", "/chat/completions", _Completion, json=request)


def _counted(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
