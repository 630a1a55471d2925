"""A bound on connections, and on the time in which a request's head must have come.

uvicorn closes a connection that is idle after an answer; one that never asks, or that sends its
head a byte at a time, it would hold for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""Seconds from the connection, or from the first byte of a later head, to the head's end."""


def bounded(most: int) -> type[HttpToolsProtocol]:
    """uvicorn's protocol for at most so many connections; one more is closed at once."""

    class Bounded(HttpToolsProtocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.close()
                return
            self._start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            if self._late is None:
                self._start_timer()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._stop_timer()
            super().on_headers_complete()

        def _start_timer(self) -> None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

        def _stop_timer(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Bounded
