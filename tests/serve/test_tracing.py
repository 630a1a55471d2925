"""Traces: one span an exchange, by the conventions, without a text; nothing where none is asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gateways import Echo, deployment_at, running
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from burnish.errors import ServingError
from burnish.serve import tracing


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What an OpenTelemetry collector on loopback gets."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield got
    server.shutdown()
    server.server_close()


def test_each_exchange_is_a_span_without_its_texts(
    tmp_path: Path, tokenizer: Any, collector: list[bytes]
) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        answer = served.chat(messages=[{"role": "user", "content": "a secret thing"}])
        served.post("/v1/tasks/short", {"text": "another secret"})
        served.chat(stream=True)
    spans = [
        span
        for body in collector
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["chat short"] * 3
    found = {one.key: one.value for one in spans[0].attributes}
    assert found["gen_ai.operation.name"].string_value == "chat"
    assert found["gen_ai.response.id"].string_value == answer.json()["id"]
    assert found["gen_ai.usage.input_tokens"].int_value == 7
    assert found["gen_ai.usage.output_tokens"].int_value == 3
    assert b"secret" not in b"".join(collector)


def test_a_collector_without_the_sdk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    with pytest.raises(ServingError, match="OpenTelemetry"):
        tracing.Tracer()
