"""The request log and feedback: masked, in order, durable, and never in an answer's way."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from gateways import Echo, deployment_at, running, short_task, unmasked
from sqlalchemy import text

from burnish.records import Exchange, Feedback
from burnish.serve.scribe import Texts
from burnish.store.database import connect
from burnish.store.exchanges import (
    append_exchanges,
    read_exchanges,
    read_feedback,
    remove_before,
)

pytestmark = pytest.mark.usefixtures("either_database")


def broken_mask(texts: Sequence[Texts]) -> list[Texts]:
    """A mask that fails on all but the first, warming call."""
    if texts != [("{}", "")]:
        raise ValueError("no")
    return list(texts)


def dying_mask(texts: Sequence[Texts]) -> list[Texts]:
    """A mask whose process dies on a certain text, as by a lack of memory."""
    if any("die" in (request or "") for request, _ in texts):
        os._exit(1)
    return list(texts)


def test_every_exchange_is_logged_with_its_figures_and_masked_texts(
    tmp_path: Path, tokenizer: Any
) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        answer = served.post("/v1/tasks/short", {"text": "for Anna today"}).json()
        served.wait_written()
        (one,) = read_exchanges(served.database)
        assert one.id == answer["id"]
        assert (one.deployment, one.run, one.endpoint) == ("one", "run-one", "short")
        assert json.loads(one.request or "") == {"text": "for [PERSON_1] today"}
        assert one.answer == "for [PERSON_1] today"
        assert one.changed
        assert (one.prompt_tokens, one.answer_tokens, one.status) == (7, 3, 200)
        assert len(one.prompt_hash) == 64
        assert 0 < one.seconds < 30
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"Anna" not in held


def test_the_share_of_kept_texts_is_the_briefs(tmp_path: Path, tokenizer: Any) -> None:
    task = short_task(log_share=0)
    with (
        Echo() as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], task=task) as served,
    ):
        served.chat()
        served.wait_written()
        (one,) = read_exchanges(served.database)
        assert (one.request, one.answer, one.prompt_tokens) == (None, None, 7)


def test_feedback_is_acknowledged_when_it_is_in_the_database(
    tmp_path: Path, tokenizer: Any
) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        name = served.chat().json()["id"]
        said = {"exchange": name, "thumb": "down", "score": 2, "answer": "Anna is well"}
        kept = served.post("/v1/feedback", said)
        assert kept.status_code == 200
        (one,) = read_feedback(served.database)
        assert one.id == kept.json()["id"]
        assert (one.exchange, one.thumb, one.score) == (name, "down", 2)
        assert one.answer == "[PERSON_1] is well"
        assert [exchange.id for exchange in read_exchanges(served.database)] == [name]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"exchange": "ex-none", "thumb": "up"}, 404),
        ({"thumb": "up"}, 400),
        ({"exchange": "KNOWN"}, 400),
        ({"exchange": "KNOWN", "score": 6}, 400),
        ({"exchange": "KNOWN", "thumb": "sideways"}, 400),
        ({"exchange": "KNOWN", "comment": "x" * 5000}, 400),
    ],
)
def test_feedback_that_says_nothing_or_of_nothing_is_refused(
    tmp_path: Path, tokenizer: Any, said: dict[str, Any], status: int
) -> None:
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        name = served.chat().json()["id"]
        said = {key: name if value == "KNOWN" else value for key, value in said.items()}
        assert served.post("/v1/feedback", said).status_code == status
        assert read_feedback(served.database) == []


def test_feedback_on_an_exchange_of_an_earlier_gateway_is_taken(
    tmp_path: Path, tokenizer: Any
) -> None:
    with Echo() as echo:
        with running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
            name = served.chat().json()["id"]
        with running(tmp_path, tokenizer, [deployment_at(echo.url)], traffic=False) as served:
            kept = served.post("/v1/feedback", {"exchange": name, "thumb": "up"})
            assert kept.status_code == 200


def test_texts_that_cannot_be_masked_are_not_kept(tmp_path: Path, tokenizer: Any) -> None:
    with (
        Echo() as echo,
        running(tmp_path, tokenizer, [deployment_at(echo.url)], mask=broken_mask) as served,
    ):
        assert served.chat().status_code == 200
        served.wait_written()
        (one,) = read_exchanges(served.database)
        assert (one.request, one.answer) == (None, None)
        assert "burnish_log_texts_left_out 1.0" in served.client.get("/metrics").text
        said = {"exchange": one.id, "answer": "of Anna"}
        assert served.post("/v1/feedback", said).status_code == 503
        assert read_feedback(served.database) == []


def test_a_masking_process_that_dies_is_replaced(tmp_path: Path, tokenizer: Any) -> None:
    with (
        Echo() as echo,
        running(
            tmp_path, tokenizer, [deployment_at(echo.url)], mask=dying_mask, in_process=True
        ) as served,
    ):
        served.chat(messages=[{"role": "user", "content": "die"}])
        served.wait_written()
        served.chat()
        served.wait_written()
        first, second = read_exchanges(served.database)
        assert first.request is None
        assert "hello" in (second.request or "")


def test_a_database_that_is_away_delays_no_answer_and_nothing_is_lost(
    tmp_path: Path, tokenizer: Any, either_database: str
) -> None:
    lock = "BEGIN IMMEDIATE"
    if either_database == "postgresql":
        lock = "LOCK TABLE exchanges IN ACCESS EXCLUSIVE MODE"
    with Echo() as echo, running(tmp_path, tokenizer, [deployment_at(echo.url)]) as served:
        other = connect(tmp_path / "burnish.db")
        with other.connect() as connection:
            connection.execute(text(lock))
            for _ in range(5):
                assert served.chat().status_code == 200
            done = threading.Event()
            name = served.chat().json()["id"]

            def say() -> None:
                assert served.post("/v1/feedback", {"exchange": name, "thumb": "up"}).is_success
                done.set()

            thread = threading.Thread(target=say)
            thread.start()
            assert not done.wait(0.5)
            connection.rollback()
        thread.join(30)
        assert done.is_set()
        assert len(list(read_exchanges(served.database))) == 6
        other.dispose()


def test_old_exchanges_go_with_their_feedback(tmp_path: Path) -> None:
    database = connect(tmp_path / "burnish.db")
    exchanges = [
        Exchange(id=f"e{day}", at=f"2026-01-0{day}T00:00:00.000Z", endpoint="chat", status=200,
                 seconds=0.1)
        for day in (1, 2, 3)
    ]  # fmt: skip
    feedback = [
        Feedback(id=f"f{one.id}", exchange=one.id, at=one.at, answer={"a": [1]})
        for one in exchanges
    ]
    append_exchanges(database, exchanges, feedback)
    assert list(read_exchanges(database)) == exchanges
    assert list(read_exchanges(database, since="2026-01-02", until="2026-01-03")) == exchanges[1:2]
    assert read_feedback(database) == feedback
    assert remove_before(database, "2026-01-03") == 2
    assert [one.id for one in read_exchanges(database)] == ["e3"]
    assert [one.id for one in read_feedback(database)] == ["fe3"]
    database.dispose()


_KILLED = """
import sys; sys.path.insert(0, {tests!r})
from pathlib import Path
from gateways import deployment_at, running
from burnish.base.load import load_tokenizer
folder = Path({folder!r})
tokenizer = load_tokenizer(Path({base!r}))
with running(folder, tokenizer, [deployment_at({url!r})], in_process=True) as served:
    print("ready", flush=True)
    while True:
        name = served.chat().json()["id"]
        kept = served.post("/v1/feedback", {{"exchange": name, "thumb": "up"}})
        print(kept.json()["id"], flush=True)
"""


def test_acknowledged_feedback_outlives_a_kill(tmp_path: Path, tiny_base: Path) -> None:
    """Fifty random kills under load stand in bench/serving.py."""
    with Echo() as echo:
        program = _KILLED.format(
            tests=str(Path(__file__).parent.parent), folder=str(tmp_path), base=str(tiny_base),
            url=echo.url,
        )  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", f"if __name__ == '__main__':\n{_indented(program)}"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(5)][1:]
        process.kill()
        acknowledged += process.stdout.read().split()
        process.wait()
    database = connect(tmp_path / "burnish.db")
    kept = {one.id for one in read_feedback(database)}
    logged = {one.id for one in read_exchanges(database)}
    assert len(acknowledged) >= 4
    assert set(acknowledged) <= kept
    assert {one.exchange for one in read_feedback(database)} <= logged
    database.dispose()


def _indented(program: str) -> str:
    return "".join(f"    {line}\n" for line in program.splitlines())


def test_the_stand_in_mask_hides_a_name() -> None:
    assert unmasked([("Anna", None)]) == [("[PERSON_1]", None)]
