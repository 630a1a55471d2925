"""What evaluation asks of an engine, so that a model, a server and a fake are alike to it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from burnish.records import Message, Usage


@dataclass(frozen=True)
class Written:
    """A written answer: token ids without the end token, and whether it ended itself."""

    ids: list[int]
    stopped: bool


Constraint = Callable[[list[int]], list[int]]
"""Token ids written so far → token ids that may come next."""


class Engine(Protocol):
    """Prompts in as token ids, answers out."""

    def write(
        self,
        prompts: Sequence[list[int]],
        *,
        max_new_tokens: int,
        constraint: Constraint | None = None,
    ) -> list[Written]:
        """Greedy answers to a batch of prompts, in their order."""

    def choose(
        self, prompts: Sequence[list[int]], endings: Sequence[list[int]]
    ) -> list[list[float]]:
        """Log-probability of every ending after every prompt, nats [prompts][endings]."""

    def losses(self, prompts: Sequence[list[int]], references: Sequence[list[int]]) -> list[float]:
        """Negative log-likelihood of each prompt's reference, nats, summed over its tokens."""


@runtime_checkable
class ModelEngine(Protocol):
    """An engine whose model is a transformers model in this process."""

    def stock(self) -> AbstractContextManager[Any]:
        """The model itself, for callers that know no rows."""


@dataclass(frozen=True)
class Said:
    """An answer as text, whether it ended before its longest length, and what it took."""

    text: str
    stopped: bool
    usage: Usage


@runtime_checkable
class ChatEngine(Protocol):
    """Messages in, text out: all that a server offers. It scores nothing."""

    def answer(
        self,
        chats: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        heard: Callable[[int, Said], None] | None = None,
        json_schema: dict[str, Any] | None = None,
    ) -> list[Said]:
        """Greedy answers to all chats, in their order; `heard` gets each as it comes.

        `json_schema` asks for answers of this form; a server that cannot write any leaves it be.
        """
