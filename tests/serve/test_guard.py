"""Keys, scopes, rates, sizes, queues: what the gateway refuses before an engine is asked."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gateways import MESSAGES, Echo, Running, deployment_at, running, short_task, until
from sqlalchemy import text

from burnish.errors import ServingError, WorkspaceError
from burnish.serve import connections
from burnish.serve.limits import Rate
from burnish.serve.refusal import Refusal
from burnish.serve.running import refuse_open_door
from burnish.store.database import connect
from burnish.store.exchanges import read_exchanges
from burnish.store.keys import Keyring, make_key, read_keys, revoke_key

pytestmark = pytest.mark.usefixtures("either_database")


def _bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_without_keys_loopback_is_open_and_elsewhere_is_refused() -> None:
    refuse_open_door("127.0.0.1", key_required=False)
    refuse_open_door("::1", key_required=False)
    refuse_open_door("0.0.0.0", key_required=True)
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.com", ""):
        with pytest.raises(ServingError, match="API key"):
            refuse_open_door(host, key_required=False)


def test_keys_count_by_secret_and_scope_until_revoked(tmp_path: Path, tokenizer: Any) -> None:
    database = connect(tmp_path / "burnish.db")
    key, secret = make_key(database, "shop", ["answer"])
    _, watcher = make_key(database, "prometheus", ["metrics"])
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        body = {"model": "short", "messages": MESSAGES}

        def status(path: str, headers: dict[str, str]) -> int:
            return served.post(path, body, headers=headers).status_code

        chat = "/v1/chat/completions"
        assert served.chat().status_code == 401
        assert served.chat().headers["www-authenticate"] == "Bearer"
        assert status(chat, _bearer(secret)) == 200
        assert status(chat, {"Authorization": f"bearer  {secret}"}) == 200
        wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
        other = secret.replace(key.id, "00000000")
        for bad in (wrong, other, secret[:-1], secret + "x", "x", "bk", "bk-", key.id, "é" * 9):
            assert status(chat, {"Authorization": f"Bearer {bad}".encode()}) == 401
        assert status("/v1/feedback", _bearer(secret)) == 403
        assert status(chat, _bearer(watcher)) == 403
        assert served.client.get("/metrics", headers=_bearer(watcher)).status_code == 200
        assert served.client.get("/metrics").status_code == 401
        assert served.client.get("/healthz").status_code == 200
        revoke_key(database, "shop")
        until(lambda: status(chat, _bearer(secret)) == 401, seconds=2)
    database.dispose()


def test_no_secret_of_a_key_is_kept(tmp_path: Path, tokenizer: Any) -> None:
    database = connect(tmp_path / "burnish.db")
    _, secret = make_key(database, "shop", ["answer"])
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        answer = served.post(
            "/v1/chat/completions",
            {"model": "short", "messages": MESSAGES, "user": "anna@example.com"},
            headers=_bearer(secret),
        )
        assert answer.status_code == 200
        served.wait_written()
        (one,) = read_exchanges(served.database)
        assert one.caller
        assert one.caller != read_keys(database)[0].id
    database.dispose()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert secret.split("-", 2)[2].encode() not in held
    assert b"anna@example.com" not in held


def test_a_workspace_whose_keys_are_all_revoked_stays_closed(tmp_path: Path) -> None:
    database = connect(tmp_path / "burnish.db")
    assert not Keyring(database).required
    _, secret = make_key(database, "shop", ["answer"])
    with pytest.raises(WorkspaceError, match="already"):
        make_key(database, "shop", ["answer"])
    revoke_key(database, "shop")
    with pytest.raises(WorkspaceError, match="No key"):
        revoke_key(database, "shop")
    assert Keyring(database).required
    assert Keyring(database).find(secret) is None
    database.dispose()


def test_the_rate_is_a_bucket_that_fills_again() -> None:
    now = [0.0]
    rate = Rate(600, clock=lambda: now[0])
    for _ in range(60):
        rate.take("a")
    with pytest.raises(Refusal) as refused:
        rate.take("a")
    assert refused.value.status == 429
    assert refused.value.retry_after == pytest.approx(0.1)
    rate.take("b")
    now[0] = 1.0
    for _ in range(10):
        rate.take("a")
    with pytest.raises(Refusal):
        rate.take("a")


def test_too_many_at_once_are_refused_with_a_time_to_come_back(
    tmp_path: Path, tokenizer: Any
) -> None:
    task = short_task(at_once=2, waiting=2, longest_wait=30)
    with (
        Echo(delay=0.5) as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda _: served.chat(), range(8)))
        statuses = sorted(one.status_code for one in answers)
        assert statuses == [200] * 4 + [429] * 4
        assert all("retry-after" in one.headers for one in answers if one.status_code == 429)


def test_one_that_waits_too_long_is_refused(tmp_path: Path, tokenizer: Any) -> None:
    task = short_task(at_once=1, waiting=5, longest_wait=0.2)
    with (
        Echo(delay=1) as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
        ThreadPoolExecutor(2) as pool,
    ):
        answers = list(pool.map(lambda _: served.chat(), range(2)))
        assert sorted(one.status_code for one in answers) == [200, 429]


def test_large_deep_and_broken_bodies_are_refused(tmp_path: Path, tokenizer: Any) -> None:
    task = short_task(max_body_kib=64)
    with (
        Echo() as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
    ):

        def status(content: Any, kind: str = "application/json") -> int:
            headers = {"Content-Type": kind}
            url = "/v1/chat/completions"
            return served.client.post(url, content=content, headers=headers).status_code

        assert status(b"x" * 70_000) == 413
        assert status(iter([b"x" * 40_000] * 2)) == 413
        assert status(b"{}", "text/plain") == 415
        deep = b"[" * 30_000 + b"]" * 30_000
        for bad in (deep, b"{", b"\xff\xfe", b"null", b"[]", b'{"model": NaN}', b""):
            assert status(bad) == 400
        assert served.chat().status_code == 200
        assert len(echo.asked) == 1


def test_names_in_paths_reach_nothing(tmp_path: Path, tokenizer: Any) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        for path in ("/v1/tasks/..%2f..%2fetc", "/v1/models/../../etc/passwd", "/v1//models"):
            assert _raw(served, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").startswith(
                (b"HTTP/1.1 404", b"HTTP/1.1 405")
            )
        evil = b"short\r\nX-Evil: yes"
        answer = served.chat(model=evil.decode(), user="a\r\nX-Evil: yes")
        assert answer.status_code == 404
        assert "x-evil" not in answer.headers
        answer = _raw(served, "GET /healthz HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")


def test_slow_and_idle_connections_are_closed_and_bounded(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    task = short_task(connections=20)
    with (
        Echo() as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
    ):
        idle = [_connect(served) for _ in range(60)]
        until(lambda: sum(map(_is_closed, idle)) >= 40, seconds=5)
        slow = idle[0] if not _is_closed(idle[0]) else _connect(served)
        ended = threading.Event()

        def drip() -> None:
            try:
                for _ in range(100):
                    slow.sendall(b"G")
                    time.sleep(0.05)
            except OSError:
                ended.set()

        thread = threading.Thread(target=drip)
        thread.start()
        until(lambda: all(map(_is_closed, idle)), seconds=5)
        thread.join()
        assert ended.is_set()
        assert served.chat().status_code == 200
        for one in idle:
            one.close()


def test_no_origin_may_ask_unless_it_is_named(tmp_path: Path, tokenizer: Any) -> None:
    asks = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    for cors, seen in (((), None), (("https://example.com",), "https://example.com")):
        folder = tmp_path / str(len(cors))
        folder.mkdir()
        task = short_task(cors=cors)
        with (
            Echo() as echo,
            running(folder, tokenizer, [deployment_at(echo.url)], task=task) as served,
        ):
            answer = served.client.options("/v1/chat/completions", headers=asks)
            assert answer.headers.get("access-control-allow-origin") == seen


def test_sqlite_keeps_a_log_that_opens_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BURNISH_DATABASE", raising=False)
    database = connect(tmp_path / "burnish.db")
    with database.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    database.dispose()


def _connect(served: Running) -> socket.socket:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def _is_closed(one: socket.socket) -> bool:
    try:
        one.setblocking(False)
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        one.setblocking(True)


def _raw(served: Running, request: str) -> bytes:
    with _connect(served) as one:
        one.sendall(request.encode())
        return one.recv(4096)
