"""A server on loopback that speaks the OpenAI API, for tests: files, tuning jobs, chats, faults.

    with OpenAIServer(answer=lambda model, messages: "yes") as server:
        server.fail("POST /v1/files", status=500)
        ...
        server.asked("POST /v1/files")

Every request is kept. A fault is used up by the first request that its name fits.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = Callable[[str, list[dict[str, str]]], str]


@dataclass
class Fault:
    """What goes wrong with one request.

    Attributes:
        where: "METHOD /path"; a longer path that begins so fits too.
        status: answered instead; 0 leaves the answer as it is.
        body, headers: of that answer.
        hang: seconds to wait before anything else.
        drop: close the connection without an answer.
        carried_out: do what was asked all the same, before the fault.
        trickle: send the body one byte every so many seconds.
    """

    where: str
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    drop: bool = False
    carried_out: bool = False
    trickle: float = 0.0


@dataclass
class Request:
    """One request as it came."""

    where: str
    path: str
    headers: dict[str, str]
    body: Any


class OpenAIServer:
    """See the module.

    Attributes:
        course: status of a job at each look at it; the last one stays.
        error: what a failed job tells.
        files: id → {"filename", "content"}.
        before, after: called with each request, before and after it is carried out.
    """

    def __init__(
        self,
        *,
        answer: Answer = lambda model, messages: "yes",
        key: str = "",
        models: tuple[str, ...] = ("base",),
        course: tuple[str, ...] = ("validating_files", "queued", "running", "succeeded"),
    ) -> None:
        self.answer = answer
        self.key = key
        self.models = list(models)
        self.course = course
        self.error: dict[str, Any] | None = None
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.under_way = 0
        self.most_under_way = 0
        self.before: Callable[[Request], None] = lambda request: None
        self.after: Callable[[Request], None] = lambda request: None
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients get killed
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def fail(self, where: str, times: int = 1, **fault: Any) -> None:
        """Let the next requests to `where` go wrong."""
        self.faults += [Fault(where, **fault) for _ in range(times)]

    def asked(self, where: str) -> list[Request]:
        return [request for request in self.requests if request.where == where]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self, "GET")

            def do_POST(self) -> None:
                outer._serve(self, "POST")

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        content = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        path, _, query = handler.path.partition("?")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(f"{method} {path}", handler.path, headers, _parsed(handler, content))
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self.faults if request.where.startswith(one.where)), None)
            if fault is not None:
                self.faults.remove(fault)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.before(request)
            if fault is None or fault.carried_out or not (fault.status or fault.drop):
                status, body = self._carry_out(method, path, query, request)
            if fault is not None and fault.status:
                status, body = fault.status, fault.body
            self.after(request)
        finally:
            with self._lock:
                self.under_way -= 1
        if fault is not None:
            self._closing.wait(fault.hang)
            if fault.drop:
                handler.close_connection = True
                return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            handler.send_response(status)
            for name, value in (fault.headers if fault else {}).items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            for byte in data if fault and fault.trickle else ():
                handler.wfile.write(bytes([byte]))
                if self._closing.wait(fault.trickle if fault else 0):
                    break
            else:
                handler.wfile.write(b"" if fault and fault.trickle else data)
        except OSError:
            handler.close_connection = True  # the client went away

    def _carry_out(self, method: str, path: str, query: str, request: Request) -> tuple[int, Any]:
        if self.key and request.headers.get("authorization", "") != f"Bearer {self.key}":
            given = request.headers.get("authorization", "no key").removeprefix("Bearer ")
            return 401, _error(f"Incorrect API key provided: {given}.", code="invalid_api_key")
        with self._lock:
            match [method, *path.removeprefix("/v1/").split("/")]:
                case ["POST", "chat", "completions"]:
                    pass
                case ["GET", "models"]:
                    return 200, {"object": "list", "data": [{"id": one} for one in self.models]}
                case ["POST", "files"]:
                    return 200, self._add_file(request.body)
                case ["GET", "files"]:
                    return 200, _page(
                        [
                            {"id": key, "filename": one["filename"]}
                            for key, one in self.files.items()
                        ],
                        query,
                    )
                case ["POST", "fine_tuning", "jobs"]:
                    return self._add_job(request.body)
                case ["GET", "fine_tuning", "jobs"]:
                    return 200, _page(list(self.jobs.values()), query)
                case ["GET", "fine_tuning", "jobs", job] if job in self.jobs:
                    return 200, self._look(job)
                case ["GET", "fine_tuning", "jobs", job, "events"] if job in self.jobs:
                    return 200, _page(self._events(job), query)
                case ["POST", "fine_tuning", "jobs", job, "cancel"] if job in self.jobs:
                    self.jobs[job]["status"] = "cancelled"
                    return 200, self.jobs[job]
                case ["GET", "fine_tuning", "jobs", job, *_]:
                    return 404, _error(f"Could not find fine tune: {job}")
                case _:
                    return 404, _error(f"Unknown request URL: {method} {path}")
        return self._complete(request.body)

    def _complete(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["model"] not in self.models:
            told = f"The model `{body['model']}` does not exist or you do not have access to it."
            return 404, _error(told, code="model_not_found")
        text = self.answer(body["model"], body["messages"])
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 10**6
        words = text.split(" ")
        return 200, {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": " ".join(words[:limit])},
                    "finish_reason": "length" if len(words) > limit else "stop",
                }
            ],
            "usage": {
                "prompt_tokens": sum(len(one["content"].split()) for one in body["messages"]),
                "completion_tokens": min(len(words), limit),
            },
        }

    def _add_file(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = {"filename": body["filename"], "content": body["file"]}
        size = len(body["file"])
        return {
            "id": name, "object": "file", "bytes": size, "filename": body["filename"],
            "purpose": body["purpose"], "status": "processed",
        }  # fmt: skip

    def _add_job(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["model"] not in self.models:
            return 400, _error(f"Model {body['model']} is not available for fine-tuning.")
        for name in (body["training_file"], body.get("validation_file")):
            if name is not None and name not in self.files:
                return 400, _error(f"invalid training_file: {name}")
        job = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[job] = {
            "id": job, "object": "fine_tuning.job", "created_at": 1_700_000_000,
            "finished_at": None, "fine_tuned_model": None, "status": self.course[0], "error": None,
            "trained_tokens": None, "result_files": [], "organization_id": "org-1", **body,
        }  # fmt: skip
        self.looks[job] = 0
        return 200, self.jobs[job]

    def _look(self, name: str) -> dict[str, Any]:
        job = self.jobs[name]
        if job["status"] not in ("succeeded", "failed", "cancelled"):
            self.looks[name] += 1
            job["status"] = self.course[min(self.looks[name], len(self.course) - 1)]
            if job["status"] == "succeeded":
                job["fine_tuned_model"] = f"ft:{job['model']}:org:{job.get('suffix', '')}:{name}"
                job |= {"finished_at": 1_700_000_060, "trained_tokens": 1234}
                self.models.append(job["fine_tuned_model"])
            if job["status"] == "failed":
                job["error"] = self.error
        return job

    def _events(self, name: str) -> list[dict[str, Any]]:
        def event(number: int, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
            return {
                "id": f"ftevent-{number}", "object": "fine_tuning.job.event", "level": "info",
                "created_at": 1_700_000_000 + number, "message": message,
                "type": "metrics" if data else "message", "data": data,
            }  # fmt: skip

        made = [event(0, "Created fine-tuning job")]
        for step in range(1, 2 * self.looks[name] + 1):
            losses = {"step": step, "total_steps": 8, "train_loss": 1 / step, "valid_loss": None}
            made.append(event(step, f"Step {step}/8: training loss={1 / step:.2f}", losses))
        return made


def _page(items: list[dict[str, Any]], query: str) -> dict[str, Any]:
    """The newest first, as OpenAI lists them, from the one after `after`."""
    asked = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    newest = items[::-1]
    start = next((i + 1 for i, one in enumerate(newest) if one["id"] == asked.get("after")), 0)
    stop = start + int(asked.get("limit", 20))
    return {"object": "list", "data": newest[start:stop], "has_more": stop < len(newest)}


def _error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


def _parsed(handler: BaseHTTPRequestHandler, content: bytes) -> Any:
    kind = handler.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        parts = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + content)
        fields: dict[str, Any] = {}
        for part in parts.get_payload():
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            fields[str(name)] = part.get_payload(decode=True)  # type: ignore[union-attr]
            if part.get_filename():  # type: ignore[union-attr]
                fields["filename"] = part.get_filename()  # type: ignore[union-attr]
        fields["purpose"] = fields["purpose"].decode()
        fields["file"] = fields["file"].decode()
        return fields
    return json.loads(content) if content else None


def wait_until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something; fail where it does not happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
