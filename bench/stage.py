"""Starts engines and gateways as processes of their own, for bench/serving.py."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from burnish.base.load import load_tokenizer
from burnish.base.resolve import cache_folder

HERE = Path(__file__).parent
MIB = 2**20


@dataclass
class Gateway:
    """A gateway's process."""

    url: str
    folder: Path
    process: psutil.Process

    def memory(self) -> float:
        """Resident memory, MiB."""
        return float(self.process.memory_info().rss / MIB)


@contextmanager
def gateway_over(rows: list[dict[str, str]]) -> Iterator[Gateway]:
    """A gateway before these engines, in a folder of its own."""
    with tempfile.TemporaryDirectory() as held, started(prepared(Path(held), rows)) as gateway:
        yield gateway


def prepared(folder: Path, rows: list[dict[str, str]]) -> Path:
    """The folder of a gateway: its engines, and the tokenizer of the embedded base."""
    given = [{"engine": "server", "model": row["id"]} | row for row in rows]
    (folder / "deployments.json").write_text(json.dumps(given))
    base = next((cache_folder() / "bases").glob("*/tokenizer.json"), None)
    if base is None:
        raise SystemExit("The embedded base is not in the cache yet: make demo puts it there.")
    load_tokenizer(base.parent).save_pretrained(str(folder / "tokenizer"))
    return folder


@contextmanager
def started(folder: Path) -> Iterator[Gateway]:
    """A gateway of a prepared folder, ready; it is asked to end after the block."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "gateway_alone.py"), str(folder)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        gateway = Gateway(url, folder, psutil.Process(process.pid))
        _wait_ready(gateway.url)
        yield gateway
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextmanager
def engine_of(*, delay: float = 0.0, text: str = "a b c d") -> Iterator[str]:
    """The URL of an instant engine, or of one that takes its time."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    script = str(HERE / "instant_engine.py")
    line = [sys.executable, script, "--port", str(port), "--delay", str(delay)]
    process = subprocess.Popen([*line, "--served-model-name", text])
    try:
        _wait_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_ready(url: str) -> None:
    import httpx

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(url + "/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{url} did not become ready")
