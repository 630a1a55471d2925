"""OpenTelemetry traces, where its SDK is installed and the environment names a collector.

Spans follow the semantic conventions for generative AI (OpenTelemetry, "Semantic conventions for
generative client AI spans"); no text of a request or an answer stands in one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from burnish.errors import ServingError

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Tracer:
    """Makes spans, or nothing where no collector is named.

    Raises:
        ServingError: a collector is named and OpenTelemetry is not installed.
    """

    def __init__(self) -> None:
        self._tracer: Any = None
        self._provider: Any = None
        if not any(os.environ.get(name) for name in _ENDPOINTS):
            return
        if find_spec("opentelemetry.exporter.otlp.proto.http") is None:
            raise ServingError(
                "The environment names an OpenTelemetry collector, but its SDK is not installed.",
                hint="pip install burnish[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT",
            )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(resource=Resource.create({"service.name": "burnish"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("burnish.serve")

    @contextmanager
    def span(self, operation: str, model: str, **more: Any) -> Iterator["Span"]:
        """A span around one exchange with an engine.

        Args:
            operation: "chat" or "text_completion".
        """
        if self._tracer is None:
            yield _NOTHING
            return
        given = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "burnish",
            "gen_ai.request.model": model,
        }
        kind = _client()
        with self._tracer.start_as_current_span(
            f"{operation} {model}", kind=kind, attributes=given | more
        ) as span:
            yield Span(span)

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()


class Span:
    """Takes what is known at the end of an exchange."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(
        self, *, status: int, prompt_tokens: int | None, answer_tokens: int | None, exchange: str
    ) -> None:
        """Put the outcome on the span."""
        if self._span is None:
            return
        found = {
            "gen_ai.response.id": exchange,
            "gen_ai.usage.input_tokens": prompt_tokens,
            "gen_ai.usage.output_tokens": answer_tokens,
            "http.response.status_code": status,
            "error.type": str(status) if status >= 400 else None,
        }
        self._span.set_attributes({k: v for k, v in found.items() if v is not None})


_NOTHING = Span(None)


def _client() -> Any:
    from opentelemetry.trace import SpanKind

    return SpanKind.CLIENT
