"""Callers for bench/serving.py: so many at once, each asking again as soon as it was answered."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MESSAGES = [{"role": "user", "content": "What is the exchange rate for euros on my card?"}]
CHAT = "/v1/chat/completions"


@dataclass
class Heard:
    """What callers heard.

    Attributes:
        seconds: of each whole answer.
        statuses: status → how often; 0 is a connection that broke.
        faults: what should not be, in words.
        kept: ids of acknowledged feedback.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """A percentile of the seconds, in ms."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Ask = tuple[str, dict[str, object]]
"""A path and a JSON body."""


def chats() -> Iterator[Ask]:
    """The same chat again and again."""
    return itertools.repeat((CHAT, {"model": "short", "messages": MESSAGES}))


class Caller:
    """One keep-alive connection; connects again where it broke."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname or "", split.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: dict[str, object]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer.

        Raises:
            OSError, EOFError: the connection broke.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        data = json.dumps(body).encode()
        try:
            writer.write(
                b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (path.encode(), len(data), data)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            content = await _body(reader, headers)
        except (OSError, EOFError):
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return int(lines[0].split(" ")[1]), headers, content

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def call(
    url: str,
    n: int,
    seconds: float,
    asks: Callable[[], Iterator[Ask]] = chats,
    *,
    check: Callable[[int, dict[str, str], bytes], str | None] = lambda *_: None,
    pause: float = 0.0,
    until: asyncio.Event | None = None,
) -> Heard:
    """Have `n` callers ask for so many seconds, or until an event.

    Args:
        asks: a caller's requests, in order.
        check: an answer's status, headers and body → what is wrong with it.
        pause: seconds after each answer.
    """
    heard = Heard()
    deadline = time.monotonic() + seconds

    async def one() -> None:
        caller = Caller(url)
        for path, body in asks():
            if time.monotonic() > deadline or (until is not None and until.is_set()):
                break
            began = time.monotonic()
            try:
                status, headers, content = await caller.ask(path, body)
            except (OSError, EOFError):
                heard.statuses[0] = heard.statuses.get(0, 0) + 1
                await asyncio.sleep(0.05)
                continue
            heard.seconds.append(time.monotonic() - began)
            heard.statuses[status] = heard.statuses.get(status, 0) + 1
            if (fault := check(status, headers, content)) is not None:
                heard.faults.append(fault)
            if path == "/v1/feedback" and status == 200:
                heard.kept.append(json.loads(content)["id"])
            if pause:
                await asyncio.sleep(pause)
        caller.close()

    await asyncio.gather(*(one() for _ in range(n)))
    return heard


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    pieces = []
    while size := int(await reader.readuntil(b"\n"), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)
