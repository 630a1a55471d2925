"""A gateway on a free port with engines that answer at once, for tests of serving.

    with running(tmp_path) as served:
        served.post("/v1/tasks/short", {"text": "a note"})

The engine echoes: its answer to a chat is what `Echo.answer` makes of the last message.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine

from burnish.chat.render import Renderer
from burnish.records import (
    DataSettings,
    Deployment,
    EvaluateSettings,
    PromptSettings,
    Route,
    ServeSettings,
    Task,
)
from burnish.serve.commands import Load
from burnish.serve.fleet import Fleet
from burnish.serve.gateway import Gateway, Served
from burnish.serve.journal import Journal
from burnish.serve.running import serve
from burnish.serve.scribe import Texts
from burnish.store.database import connect
from burnish.store.traffic import change_traffic

MESSAGES = [{"role": "user", "content": "hello"}]


@dataclass
class Echo:
    """An OpenAI-compatible engine in a thread of its own.

    Attributes:
        answer: model and messages → text.
        delay: seconds before an answer.
        status: answered instead of 200 where it is not 200.
        break_off: close the connection after this many pieces of a stream.
    """

    answer: Callable[[str, list[dict[str, str]]], str] = lambda _, turns: turns[-1]["content"]
    delay: float = 0.0
    status: int = 200
    break_off: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> "Echo":
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(
                asyncio.start_server(self._serve, "127.0.0.1", 0)
            )
            self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]  # noqa: UP031
            ready.set()
            self._loop.run_forever()
            server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = 0
                for line in head.split(b"\r\n")[1:]:
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                body = await reader.readexactly(size)
                await self._one(head.split(b" ", 2)[1].decode(), body, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not body:
            _send(writer, 200, b"{}")
            return
        asked = json.loads(body)
        self.asked.append({"path": path} | asked)
        await asyncio.sleep(self.delay)
        if self.status != 200:
            _send(writer, self.status, b'{"error": {"message": "told so"}}')
            return
        if path.endswith("/v1/score"):
            scores = [-float(len(ending)) for ending in asked["endings"]]
            _send(writer, 200, json.dumps({"scores": scores}).encode())
            return
        chat = "messages" in asked
        turns = asked.get("messages") or [{"content": asked["prompt"]}]
        text = self.answer(asked["model"], turns)
        if asked.get("stream"):
            await self._stream(text, chat, writer)
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        _send(writer, 200, json.dumps({"choices": [choice], "usage": _usage(text)}).encode())

    async def _stream(self, text: str, chat: bool, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for number, piece in enumerate(text.split(" ")):
            if self.break_off == number:
                writer.close()
                return
            choice = {"index": 0, "delta": {"content": piece + " "}} if chat else {"text": piece}
            _chunk(writer, json.dumps({"choices": [choice]}))
            await asyncio.sleep(0)
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        _chunk(writer, json.dumps(end | {"usage": _usage(text)}))
        _chunk(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")


def _usage(text: str) -> dict[str, int]:
    n = len(text.split())
    return {"prompt_tokens": 7, "completion_tokens": n, "total_tokens": 7 + n}


def _send(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)


def _chunk(writer: asyncio.StreamWriter, data: str) -> None:
    line = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%b\r\n" % (len(line), line))


def unmasked(texts: Sequence[Texts]) -> list[Texts]:
    """The texts as they are, except that Anna is nobody."""
    hide = lambda text: None if text is None else text.replace("Anna", "[PERSON_1]")  # noqa: E731
    return [(hide(request), hide(answer)) for request, answer in texts]


def short_task(**settings: Any) -> Task:
    """A brief that shortens a text; keywords are settings of serving."""
    return Task(
        name="short",
        kind="summarize",
        metric="rougeL",
        data=DataSettings(source="rows.jsonl", inputs=("text",), output=("answer",)),
        prompt=PromptSettings(system="Shorten.", template="{text}"),
        evaluate=EvaluateSettings(max_new_tokens=8),
        serve=ServeSettings(**settings),
    )


def deployment_at(url: str, name: str = "one", **fields: Any) -> Deployment:
    """A deployment on a server that runs already."""
    given = {
        "id": name, "status": "complete", "inputs_hash": "", "parents": {}, "seed": 0,
        "started_at": "2026-01-01T00:00:00Z", "packages": {}, "task_name": "short",
        "run": f"run-{name}", "engine": "server", "model": f"model-{name}", "url": url,
    }  # fmt: skip
    return Deployment.model_validate(given | fields)


@dataclass
class Running:
    """A gateway that takes requests."""

    gateway: Gateway
    database: Engine
    url: str
    deployments: dict[str, Deployment]
    client: httpx.Client

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """The answer to a POST with a JSON body."""
        return self.client.post(path, json=body, **options)

    def chat(self, **fields: Any) -> httpx.Response:
        """The answer to a chat."""
        body = {"model": "short", "messages": MESSAGES} | fields
        return self.post("/v1/chat/completions", body)

    def wait_written(self) -> None:
        """Until all exchanges so far are in the database."""
        until(lambda: not self.gateway.journal.waiting)


@contextmanager
def running(
    folder: Path,
    tokenizer: Any,
    deployments: Sequence[Deployment],
    *,
    task: Task | None = None,
    traffic: bool = True,
    mask: Callable[[Sequence[Texts]], list[Texts]] = unmasked,
    in_process: bool = False,
    wait: bool = True,
) -> Iterator[Running]:
    """A gateway of these deployments; the first gets all the traffic.

    Args:
        mask: in place of the recognisers.
        in_process: masks in a process of its own, as it is in use, and not in a thread.
        wait: until it is ready.
    """
    task = task or short_task()
    database = connect(folder / "burnish.db")
    known = {one.id: one for one in deployments}
    renderer = Renderer(tokenizer, task, max_length=400)
    if traffic:
        first = Route(deployment=deployments[0].id, share=1)
        change_traffic(database, [first], reason="test")
    gateway = Gateway(
        task,
        lambda name: Served(known[name], task, renderer, task.data.labels or ()),
        database,
        lambda session: Fleet(
            session,
            log=lambda one: folder / f"{one.id}.log",
            load=Load(at_once=8, tokens=512, scoring=False),
            timeout=10,
        ),
        lambda: Journal(
            database,
            folder / "burnish.db",
            partial(mask),
            keep_days=task.serve.keep_days,
            make_pool=None if in_process else partial(ThreadPoolExecutor, 1),
        ),
    )
    told: list[str] = []
    thread = threading.Thread(
        target=serve, args=(gateway, "127.0.0.1", 0), kwargs={"listening": told.append}, daemon=True
    )
    thread.start()
    until(lambda: bool(told) or not thread.is_alive())
    try:
        with httpx.Client(base_url=told[0], timeout=30) as client:
            if wait:
                until(lambda: client.get("/readyz").status_code == 200)
            yield Running(gateway, database, told[0], known, client)
    finally:
        gateway.end()
        thread.join(30)
        database.dispose()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come to hold")
        time.sleep(0.02)
