"""Shared by the tests of serving: the tokenizer of the tiny base, and a PostgreSQL of their own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateways import until


@pytest.fixture(scope="session")
def tokenizer(tiny_base: Path) -> Any:
    """One token a byte, with a chat template."""
    from burnish.base.load import load_tokenizer

    return load_tokenizer(tiny_base)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A test's own database, of both kinds in turn; which kind it is."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server")
        name = f"t{uuid.uuid4().hex}"
        _sql(url, f"CREATE DATABASE {name}")
        monkeypatch.setenv("BURNISH_DATABASE", f"{url}/{name}")
    return str(request.param)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on loopback; tests skip where PostgreSQL is not installed."""
    pytest.importorskip("psycopg")
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="burnish-postgres-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:  # as which PostgreSQL refuses to run
        shutil.chown(data, pwd.getpwnam("postgres").pw_uid)
        as_user = ["runuser", "-u", "postgres", "--"]
    line = ["initdb", "-D", str(data), "-A", "trust", "-U", "burnish", "-E", "UTF8"]
    subprocess.run([*as_user, *line], check=True, capture_output=True, cwd=folder)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    process = subprocess.Popen(
        [*as_user, "postgres", "-D", str(data), "-p", str(port), *settings],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    url = f"postgresql+psycopg://burnish@127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), seconds=30)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    import psycopg

    try:
        _sql(url, "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _sql(url: str, statement: str) -> None:
    import psycopg

    plain = url.replace("+psycopg", "") + "/postgres"
    with psycopg.connect(plain, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement.encode())
