"""What evaluation asks of an engine, so that a model, a server and a fake are alike to it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Embedded:
    """A text as the embeddings of its tokens.

    Attributes:
        vectors: float32 [tokens, size], each of length 1.
        counted: [tokens]; False for the marks of begin and end.
        cut: the text was longer than the model reads.
    """

    vectors: NDArray[np.float32]
    counted: NDArray[np.bool_]
    cut: bool = False


class TokenEncoder(Protocol):
    """Texts in, embeddings of their tokens out."""

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """The tokens of every text, in the order of the texts."""


class EntailmentModel(Protocol):
    """Pairs of texts in, and whether the first entails or contradicts the second."""

    @property
    def room(self) -> int:
        """Tokens that the two texts of a pair may have together."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of entailment and of contradiction, [pairs, 2]."""
