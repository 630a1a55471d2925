"""What Prometheus reads at /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Meters:
    """The gateway's counters; each gateway has its own registry."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "burnish_requests", "Requests, by endpoint, deployment and status.",
            ("endpoint", "deployment", "status"), registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "burnish_request_seconds", "Time from request to the end of the answer.",
            ("endpoint", "deployment"), buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.tokens = Counter(
            "burnish_tokens", "Tokens, as engines counted them.",
            ("deployment", "kind"), registry=registry,
        )  # fmt: skip
        self.feedback = Counter(
            "burnish_feedback", "Feedback that was kept.", ("thumb",), registry=registry
        )
        self.working = Gauge(
            "burnish_requests_in_flight", "Requests that engines work on.", registry=registry
        )
        self.waiting = Gauge(
            "burnish_queue_length", "Requests that wait for their turn.", registry=registry
        )
        self.up = Gauge(
            "burnish_engine_up", "Whether a deployment's engine answers.",
            ("deployment",), registry=registry,
        )  # fmt: skip
        self.log_waiting = Gauge(
            "burnish_log_waiting", "Exchanges that are not yet written.", registry=registry
        )
        self.texts_left_out = Gauge(
            "burnish_log_texts_left_out", "Exchanges logged without their texts: too many came.",
            registry=registry,
        )  # fmt: skip
        self.log_lost = Gauge(
            "burnish_log_lost", "Exchanges that could not be written at all.", registry=registry
        )

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
