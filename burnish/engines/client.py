"""Requests to an OpenAI-compatible server: tried again where that may help, refused clearly else.

A request is tried again after 429 (Retry-After is honoured), 408, 409, 5xx, a timeout, a broken
connection and an answer of the wrong shape: a bounded number of times and seconds, with
exponential backoff and jitter ("Exponential Backoff And Jitter", Brooker, AWS Architecture Blog
2015). No redirect is followed, so that a key goes to its own server alone.
"""

import json
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from burnish.engines.server import Server
from burnish.errors import ServerError

Shape = TypeVar("Shape", bound=BaseModel)

MOST_BYTES = 64 << 20
"""Longest body that is read."""
_MOST_LETTERS = 300
_GOES_ON = "the same command goes on where it stopped"


@dataclass(frozen=True)
class Patience:
    """How long one request is tried.

    Attributes:
        tries: most attempts.
        seconds: most seconds of all attempts and waits together.
        first_wait, longest_wait: seconds before the second attempt; it doubles with each more.
    """

    tries: int = 6
    seconds: float = 300.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


USUAL = Patience()


class Client:
    """Sends requests to one server; may be used by several threads at once.

    Raises:
        BriefError: the variable of the key is not set.
    """

    def __init__(
        self,
        server: Server,
        patience: Patience = USUAL,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = server
        self.patience = patience
        self._sleep = sleep
        self._key = server.key()
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        self._http = httpx.Client(headers=headers, follow_redirects=False)
        self._lock = threading.Lock()
        self._not_before = 0.0  # the server asked all requests to wait until then

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        shape: type[Shape],
        *,
        once: bool = False,
        **content: Any,
    ) -> Shape:
        """The server's answer to one request.

        Args:
            path: below the API's root, with a slash before it.
            shape: what the JSON of the answer must look like; further keys are ignored.
            once: the request must not be carried out twice: where it may have been, it is not
                repeated, and the error says `unsure`.
            content: json, data, files or params, as httpx takes them.

        Raises:
            ServerError: it was refused, or all attempts failed.
        """
        deadline = time.monotonic() + self.patience.seconds
        for number in count(1):
            self._await_turn()
            try:
                payload = self._send(method, path, deadline, content)
                return self._shaped(payload, shape)
            except _PassingError as fault:
                wait = self._wait(number, fault.after)
                late = time.monotonic() + wait > deadline
                if number == self.patience.tries or late or (once and fault.carried_out):
                    raise self._given_up(fault, number, wait if late else 0.0) from fault
                if fault.after is not None:
                    with self._lock:
                        self._not_before = max(self._not_before, time.monotonic() + wait)
                else:
                    self._sleep(wait)
        raise AssertionError("unreachable")  # pragma: no cover

    def _await_turn(self) -> None:
        with self._lock:
            wait = self._not_before - time.monotonic()
        if wait > 0:
            self._sleep(wait)

    def _wait(self, number: int, after: float | None) -> float:
        """Seconds before the next attempt. Jitter is to differ each time, so it has no seed."""
        if after is not None:
            return after + random.uniform(0, self.patience.first_wait)
        longest = min(self.patience.longest_wait, self.patience.first_wait * 2.0 ** (number - 1))
        return longest * random.uniform(0.5, 1)

    def _send(self, method: str, path: str, deadline: float, content: dict[str, Any]) -> Any:
        """One attempt: the JSON of the answer.

        Raises:
            _PassingError: another attempt may help.
            ServerError: it will not.
        """
        host = self.server.host
        seconds = min(self.server.timeout, max(1.0, deadline - time.monotonic()))
        try:
            with self._http.stream(
                method, self.server.url + path, timeout=seconds, **content
            ) as response:
                body = _read(response, time.monotonic() + seconds)
        except (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError) as error:
            why = self._clean(str(error)) or type(error).__name__
            raise _PassingError(f"{host} cannot be reached ({why})", carried_out=False) from error
        except httpx.TimeoutException as error:
            raise _PassingError(f"{host} did not answer within {round(seconds, 1):g} s") from error
        except httpx.DecodingError as error:
            raise _PassingError(f"{host} sent an answer that cannot be unpacked") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _PassingError(f"{host} broke the connection off") from error
        if not response.is_success:
            self._refuse(response, path, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            start = self._clean(body[:80].decode("utf-8", "replace"))
            raise _PassingError(f"{host} answered with no JSON, but {start!r}") from error

    def _refuse(self, response: httpx.Response, path: str, body: bytes) -> None:
        """Raise what a status other than 2xx means."""
        host, status = self.server.host, response.status_code
        reason, param, code = self._reason(body)
        told = f"{status}: {reason}" if reason else f"{status}"
        if status == 429 and code != "insufficient_quota":
            after = _retry_after(response)
            raise _PassingError(f"{host} limits the rate ({told})", after, carried_out=False)
        if status in (408, 409, 425) or status >= 500:
            raise _PassingError(f"{host} failed ({told})", _retry_after(response))
        variable = self.server.key_variable
        if status in (401, 403) and variable is None:
            message = f"{host} asks for a key ({told})."
            hint = "name the variable that holds it under provider.key_variable in burnish.yaml"
        elif status in (401, 403):
            message = f"{host} refuses the key in {variable}, or what it may do ({told})."
            hint = f"set {variable} to a key that {host} accepts for this model"
        elif 300 <= status < 400:
            place = self._clean(response.headers.get("location", "elsewhere"))
            message = f"{host} redirects {self.server.url}{path} to {place}."
            hint = "put the URL that it names into burnish.yaml"
        elif status == 404 and ("model" in reason.lower() or code == "model_not_found"):
            message = f"{host} does not know the model that was asked for ({told})."
            hint = (
                "check its name; a model tuned a moment ago may take minutes to be there, and one "
                "that was removed since is tuned again by burnish train --force"
            )
        elif status in (404, 405):
            message = f"{host} has nothing at {self.server.url}{path} ({told})."
            hint = "check the URL: it is the root of the API and mostly ends in /v1"
        else:
            message, hint = f"{host} refuses the request ({told}).", ""
        raise ServerError(message, hint=hint, status=status, param=param)

    def _shaped(self, payload: Any, shape: type[Shape]) -> Shape:
        try:
            return shape.model_validate(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "answer"
            raise _PassingError(
                f"{self.server.host} answered in another form than the OpenAI API's "
                f"({where}: {first['msg'].lower()})"
            ) from None

    def _given_up(self, fault: "_PassingError", number: int, wait: float) -> ServerError:
        tries = f", tried {number} times" if number > 1 else ""
        asked = f", asking to wait {wait:,.0f} s more" if wait and fault.after else ""
        return ServerError(
            f"{fault.message}{tries}{asked}.", hint=_GOES_ON, unsure=fault.carried_out
        )

    def _reason(self, body: bytes) -> tuple[str, str, str]:
        """Message, param and code of an error's body, as far as it has them."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return self._clean(body[:_MOST_LETTERS].decode("utf-8", "replace")), "", ""
        inner = told.get("error", told) if isinstance(told, dict) else told
        if not isinstance(inner, dict):
            return self._clean(str(inner or "")), "", ""
        message = inner.get("message") or inner.get("detail") or ""
        return (
            self._clean(str(message)),
            self._clean(str(inner.get("param") or "")),
            self._clean(str(inner.get("code") or "")),
        )

    def _clean(self, text: str) -> str:
        """A server's words as they may be shown: on one line, short, and without the key."""
        if self._key:
            text = text.replace(self._key, "…")
        line = " ".join(text.split())
        return line if len(line) <= _MOST_LETTERS else line[: _MOST_LETTERS - 1] + "…"


class _PassingError(Exception):
    """One attempt failed in a way that another may not.

    Attributes:
        after: seconds that the server asked to wait.
        carried_out: the server may have done what was asked all the same.
    """

    def __init__(
        self, message: str, after: float | None = None, *, carried_out: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.after = after
        self.carried_out = carried_out


def _read(response: httpx.Response, deadline: float) -> bytes:
    """The body; one that trickles or never ends is broken off."""
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer did not end in time")
        if size > MOST_BYTES:
            raise httpx.DecodingError("the answer is too long")
    return b"".join(pieces)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the Retry-After header asks for (RFC 9110, section 10.2.3), or None."""
    told = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        try:
            date = parsedate_to_datetime(told)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
