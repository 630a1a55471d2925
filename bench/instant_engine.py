"""An OpenAI-compatible engine that answers at once, or after a delay, for bench/serving.py.

    python bench/instant_engine.py --port N [--delay SECONDS]

The delay of each answer is drawn evenly from half to one and a half times SECONDS, by seed. Other
arguments are ignored, so that it can stand in for an engine that Burnish starts.
"""

import argparse
import asyncio
import json
import random

import uvloop

TEXT = "a b c d"
_CHANCE = random.Random(0)
_USAGE = {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--served-model-name", default=TEXT)
    arguments, _ = parser.parse_known_args()
    uvloop.run(_serve(arguments.port, arguments.delay, arguments.served_model_name))


async def _serve(port: int, delay: float, text: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Engine(delay, text), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


class _Engine(asyncio.Protocol):
    """One connection; every whole request gets an answer."""

    def __init__(self, delay: float, text: str) -> None:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "text": text, "finish_reason": "stop"}
        whole = json.dumps({"id": "x", "choices": [choice], "usage": _USAGE}).encode()
        self._whole = _response(b"application/json", whole)
        self._pieces = _stream(text)
        self._delay = delay
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            at = self._held.lower().find(b"content-length:", 0, end)
            size = int(self._held[at + 15 : self._held.find(b"\r\n", at)]) if at >= 0 else 0
            if len(self._held) < end + 4 + size:
                return
            body, self._held = self._held[end + 4 : end + 4 + size], self._held[end + 4 + size :]
            answer = self._pieces if b'"stream": true' in body else self._whole
            if self._delay and size:
                asyncio.get_running_loop().call_later(
                    self._delay * _CHANCE.uniform(0.5, 1.5), self._send, answer
                )
            else:
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _response(kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


def _stream(text: str) -> bytes:
    events = [
        {"choices": [{"index": 0, "delta": {"content": piece + " "}}]} for piece in text.split()
    ]
    events.append(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": _USAGE}
    )
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return _response(b"text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())


if __name__ == "__main__":
    main()
