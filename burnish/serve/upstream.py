"""A deployment as the gateway sees it: where its engine is, and how to ask it.

aiohttp rather than httpx: at 64 requests at once its client takes a fraction of the time of
httpx's (docs/experiments.md), and the gateway is to be a small share of an answer.
"""

import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from burnish.records import Deployment
from burnish.serve.commands import ABILITIES
from burnish.serve.refusal import Refusal, busy, unavailable

_MOST_BYTES = 16 << 20
_MOST_LETTERS = 300


class Upstream:
    """Asks the engine of one deployment.

    Args:
        url: its address now; None while it is down.
        key: of a server that asks for one.

    Attributes:
        working: requests that were given to it and are not yet answered, waiting ones too.
    """

    def __init__(
        self,
        deployment: Deployment,
        session: aiohttp.ClientSession,
        url: Callable[[], str | None],
        *,
        timeout: float,
        key: str | None = None,
    ) -> None:
        self.deployment = deployment
        self.abilities = ABILITIES[deployment.engine]
        self.working = 0
        self._session = session
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=5)
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    @property
    def ready(self) -> bool:
        """Whether it can be asked now."""
        return self._url() is not None

    async def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The engine's answer, as JSON.

        Raises:
            Refusal: it is down, refuses, or answers nonsense.
        """
        async with self._sent(path, body) as answer:
            content = await answer.content.read(_MOST_BYTES)
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            raise Refusal(502, "The engine answered with no JSON.", code="bad_gateway") from None
        if not isinstance(found, dict):
            raise Refusal(502, "The engine answered with no JSON object.", code="bad_gateway")
        return found

    @asynccontextmanager
    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The data of the engine's server-sent events, one after the other, without [DONE].

        Raises:
            Refusal: it is down or refuses; once begun, the iterator raises when it breaks off.
        """
        async with self._sent(path, body | {"stream": True}) as answer:
            yield _events(answer)

    async def choose(self, prompt: Sequence[int], endings: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of every ending after the prompt, nats [endings]."""
        if self.abilities.scores == "route":
            found = await self.ask("/v1/score", {"prompt": prompt, "endings": endings})
            return [float(one) for one in found["scores"]]
        body = {
            "model": self.deployment.model,
            "prompt": [[*prompt, *ending] for ending in endings],
            "max_tokens": 1,
            "temperature": 0,
            "prompt_logprobs": 0,
        }
        choices = (await self.ask("/v1/completions", body))["choices"]
        ordered = sorted(choices, key=lambda one: one["index"])
        return [
            _sum(one["prompt_logprobs"], [*prompt, *ending], len(prompt))
            for one, ending in zip(ordered, endings, strict=True)
        ]

    @asynccontextmanager
    async def _sent(self, path: str, body: dict[str, Any]) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._url()
        if url is None:
            raise unavailable("The engine is starting or down; try again shortly.")
        try:
            async with self._session.post(
                url + path,
                data=json.dumps(body).encode(),
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                if answer.status != 200:
                    raise _refused(answer.status, await answer.content.read(65_536))
                yield answer
        except TimeoutError:
            raise Refusal(504, "The engine took too long.", code="timeout") from None
        except aiohttp.ClientError:
            raise unavailable("The engine broke off; try again shortly.") from None


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for line in answer.content:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            yield data


def _refused(status: int, body: bytes) -> Refusal:
    """What an engine's refusal means to the caller."""
    if status == 429:
        return busy("The engine has too much to do; try again shortly.")
    if status >= 500:
        return unavailable("The engine failed; try again shortly.")
    if status in (400, 413, 422):
        return Refusal(400, f"The engine refuses the request: {_reason(body)}", code="refused")
    return Refusal(502, f"The engine answered with status {status}.", code="bad_gateway")


def _reason(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "no reason given"
    error = found.get("error", found.get("detail")) if isinstance(found, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    return str(said or "no reason given")[:_MOST_LETTERS]


def _sum(logs: Sequence[dict[str, Any] | None], ids: Sequence[int], start: int) -> float:
    """The log-probabilities of a prompt's tokens from a place on, summed."""
    found = (logs[place][str(ids[place])] for place in range(start, len(ids)))  # type: ignore[index]
    return math.fsum(float(one["logprob"]) for one in found)
