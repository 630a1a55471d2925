"""The gateway's OpenAPI description holds: schemathesis tries to find where it does not."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from gateways import Echo, deployment_at, running, short_task

_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,"
_CHECKS += "response_schema_conformance,response_headers_conformance,unsupported_method,"
_CHECKS += "negative_data_rejection"


def test_schemathesis_finds_nothing(tmp_path: Path, tokenizer: Any) -> None:
    task = short_task(requests_per_minute=1_000_000)
    with (
        Echo() as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
    ):
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"), "run",
                f"{served.url}/openapi.json", "--checks", _CHECKS, "--max-examples", "15",
                "--phases", "examples,coverage,fuzzing", "--seed", "1", "--workers", "1",
                "--suppress-health-check", "all",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_endpoint_is_described(tmp_path: Path, tokenizer: Any) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        found = served.client.get("/openapi.json").json()
        assert set(found["paths"]) == {
            "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/models/{model}",
            "/v1/chat/completions", "/v1/completions", "/v1/tasks/{name}", "/v1/feedback",
        }  # fmt: skip
        body = found["components"]["schemas"]["TaskRequest"]
        assert list(body["properties"]) == ["text"]
        assert body["additionalProperties"] is False
