"""Engines as processes: started, restarted when killed, stopped with all they started."""

import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from gateways import deployment_at, running, until

from burnish.errors import ServingError
from burnish.serve import commands, fleet
from burnish.serve.commands import Load, command, place_of

_ENGINE = """
    import sys
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b"{}")

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(b'{"choices": [{"message": {"content": "own"}}]}')

        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    print("up", flush=True)
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def own_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """transformers' place is taken by a small server in a process of its own."""
    script = tmp_path / "engine.py"
    script.write_text(textwrap.dedent(_ENGINE))
    monkeypatch.setattr(
        fleet, "command", lambda _, port, scoring: ([sys.executable, str(script), str(port)], {})
    )
    return script


def test_a_killed_engine_is_restarted_and_the_gateway_says_503_meanwhile(
    tmp_path: Path, tokenizer: Any, own_engine: Path
) -> None:
    own = deployment_at("", engine="transformers", weights="w")
    with running(tmp_path, tokenizer, [own]) as served:
        assert served.chat().json()["choices"][0]["message"]["content"] == "own"
        first = served.gateway.fleet.pids["one"]
        os.kill(first, signal.SIGKILL)
        until(lambda: served.chat().status_code == 503)
        until(lambda: served.chat().status_code == 200)
        second = served.gateway.fleet.pids["one"]
        assert second != first
        log = (tmp_path / "one.log").read_text()
        assert log.count("up") == 2
    until(lambda: not _lives(second))


def test_an_engine_that_cannot_start_is_named_by_readyz(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "command", lambda *_, **__: (["/no/such/engine"], {}))
    own = deployment_at("", engine="vllm", weights="w")
    with running(tmp_path, tokenizer, [own], wait=False) as served:

        def why() -> str:
            return str(served.client.get("/readyz").json()["engines"].get("one"))

        until(lambda: "/no/such/engine cannot be started" in why())


def test_the_gateway_ends_with_answers_under_way(
    tmp_path: Path, tokenizer: Any, own_engine: Path
) -> None:
    own = deployment_at("", engine="transformers", weights="w")
    began = time.monotonic()
    with running(tmp_path, tokenizer, [own]) as served:
        pid = served.gateway.fleet.pids["one"]
    assert time.monotonic() - began < 60
    assert not _lives(pid)


def test_adapters_over_one_base_share_an_engine_and_merged_weights_do_not() -> None:
    one = deployment_at("", "one", engine="vllm", weights="base", adapter="a")
    two = deployment_at("", "two", engine="vllm", weights="base", adapter="b")
    three = deployment_at("", "three", engine="transformers", weights="merged")
    assert place_of(one) == place_of(two) != place_of(three)


def test_each_engine_listens_on_loopback_alone() -> None:
    for engine in ("transformers", "vllm", "tgi", "llamacpp"):
        for scoring in (False, True):
            one = deployment_at("", engine=engine, weights="w", adapter="a", options=("--own",))
            line, _ = command(one, 4321, Load(at_once=8, tokens=300, scoring=scoring))
            assert "4321" in line
            assert line[-1] == "--own"
            scored = "burnish.engines.scoring_server" in line  # which listens nowhere else
            assert commands.LOOPBACK in line or scored
            room = line[line.index("--cb-num-blocks") + 1] if "--cb-num-blocks" in line else None
            assert room == ("16" if engine == "transformers" and not scoring else None)
    with pytest.raises(ServingError, match="does not start"):
        command(deployment_at("http://x"), 1, Load(at_once=8, tokens=300, scoring=False))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
