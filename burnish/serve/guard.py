"""What stands before every endpoint: keys, scopes, rates, and bodies of a bounded size and time.

Plain ASGI, so that a refused request costs next to nothing and a stream is not wrapped.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from burnish.records import Key, Scope
from burnish.serve.gateway import Gateway
from burnish.serve.refusal import Refusal

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""Paths that need no key: they tell nothing of any request."""
_TAKE_JSON = ("/v1/chat/", "/v1/completions", "/v1/tasks/", "/v1/feedback")
_BODY_SECONDS = 20.0
_NOBODY = Key(id="", name="", scopes=("answer", "feedback", "metrics"), made_at="")


class Guard:
    """Lets a request through to the app, or refuses it."""

    def __init__(self, app: _App, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway
        self._most_bytes = gateway.settings.max_body_kib * 1024

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if scope["path"] not in OPEN and scope["method"] != "OPTIONS":
                scope["state"]["key"] = self._admit(scope)
            if scope["method"] == "POST" and scope["path"].startswith(_TAKE_JSON):
                _refuse_other_types(scope)
            if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
                receive = await self._whole_body(scope, receive)
        except Refusal as refusal:
            self._gateway.meters.requests.labels("refused", "", refusal.status).inc()
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, scope: _Scope) -> str:
        """The id of the request's key; "" where none is asked for.

        Raises:
            Refusal: no key that counts (401), one that may not do this (403), or too often (429).
        """
        keyring, key = self._gateway.keyring, _NOBODY
        if keyring.required:
            scheme, _, text = _header(scope, b"authorization").partition(" ")
            if scheme.lower() != "bearer" or not text:
                raise Refusal(
                    401, "An API key is needed: Authorization: Bearer KEY.", code="no_api_key"
                )
            found = keyring.find(text.strip())
            if found is None:
                raise Refusal(401, "The API key does not count.", code="invalid_api_key")
            key = found
        if (needed := _scope_of(scope["path"])) not in key.scopes:
            raise Refusal(403, f"The API key is not for {needed}.", code="wrong_scope")
        self._gateway.rate.take(key.id)
        return key.id

    async def _whole_body(self, scope: _Scope, receive: _Receive) -> _Receive:
        """A receive that gives the body, which is here in whole.

        Raises:
            Refusal: it is too large (413), or too slow (408).
        """
        told = _header(scope, b"content-length")
        if told.isdecimal() and int(told) > self._most_bytes:
            raise self._too_large()
        pieces, size = [], 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    pieces.append(message.get("body", b""))
                    size += len(pieces[-1])
                    if size > self._most_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Refusal(408, "The request's body did not come in time.", code="slow") from None
        body: MutableMapping[str, Any] | None = {
            "type": "http.request", "body": b"".join(pieces), "more_body": False,
        }  # fmt: skip

        async def given() -> MutableMapping[str, Any]:
            nonlocal body
            if body is not None:
                message, body = body, None
                return message
            return await receive()

        return given

    def _too_large(self) -> Refusal:
        kib = self._most_bytes // 1024
        return Refusal(413, f"A request may have at most {kib} KiB.", code="too_large")


def _scope_of(path: str) -> Scope:
    if path == "/metrics":
        return "metrics"
    return "feedback" if path == "/v1/feedback" else "answer"


def _refuse_other_types(scope: _Scope) -> None:
    if "json" not in _header(scope, b"content-type").lower():
        raise Refusal(415, "Send JSON, with Content-Type: application/json.", code="not_json")


def _header(scope: _Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""
