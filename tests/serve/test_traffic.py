"""Who answers: shares, users that stay, shadows, promotion and rollback while requests run."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gateways import Echo, Running, deployment_at, running, short_task, until

from burnish.errors import WorkspaceError
from burnish.records import Route, Traffic
from burnish.serve.routing import choose
from burnish.store.database import connect
from burnish.store.exchanges import read_exchanges
from burnish.store.traffic import change_traffic, current_traffic, read_traffic, roll_back

pytestmark = pytest.mark.usefixtures("either_database")


def _traffic(**shares: float) -> Traffic:
    routes = tuple(Route(deployment=name, share=share) for name, share in shares.items())
    return Traffic(number=1, at="", routes=routes)


def test_shares_hold_by_chance_and_by_user() -> None:
    traffic = _traffic(canary=0.1, champion=0.9)
    by_user = Counter(choose(traffic, f"user {number}") for number in range(20_000))
    by_chance = Counter(choose(traffic, None) for _ in range(20_000))
    for found in (by_user, by_chance):
        assert found["canary"] == pytest.approx(2000, abs=200)


def test_a_user_stays_and_a_growing_canary_loses_nobody() -> None:
    users = [f"user {number}" for number in range(2000)]
    before = {user: choose(_traffic(canary=0.1, champion=0.9), user) for user in users}
    after = {user: choose(_traffic(canary=0.5, champion=0.5), user) for user in users}
    assert before == {user: choose(_traffic(canary=0.1, champion=0.9), user) for user in users}
    assert all(after[user] == "canary" for user in users if before[user] == "canary")


def test_states_are_appended_and_each_rollback_goes_one_further_back(tmp_path: Path) -> None:
    database = connect(tmp_path / "burnish.db")
    with pytest.raises(WorkspaceError, match="nothing to roll back"):
        roll_back(database, reason="")
    for name in ("a", "b", "c"):
        change_traffic(database, [Route(deployment=name, share=1)], reason=f"to {name}")
    assert roll_back(database, reason="worse").routes[0].deployment == "b"
    assert roll_back(database, reason="worse still").routes[0].deployment == "a"
    with pytest.raises(WorkspaceError, match="nothing to roll back"):
        roll_back(database, reason="")
    change_traffic(database, [Route(deployment="d", share=1)], reason="to d")
    assert roll_back(database, reason="").routes[0].deployment == "a"
    assert [state.number for state in read_traffic(database)] == list(range(1, 8))
    database.dispose()


def test_a_deployment_may_be_named_and_shadows_are_logged_alone(
    tmp_path: Path, tokenizer: Any
) -> None:
    with Echo() as one, Echo(answer=lambda *_: "shadow") as two:
        known = [deployment_at(one.url), deployment_at(two.url, "two")]
        with running(tmp_path, tokenizer, known) as served:
            routes = [Route(deployment="one", share=1)]
            change_traffic(served.database, routes, shadow=["two"], reason="look")
            until(lambda: bool(served.gateway.traffic and served.gateway.traffic.shadow))
            assert served.chat().json()["choices"][0]["message"]["content"] == "hello"
            assert served.post("/v1/tasks/short", {"text": "x"}).json()["answer"] == "x"
            pinned = served.chat(model="short@two")
            assert pinned.headers["burnish-deployment"] == "two"
            until(lambda: len(two.asked) == 3)
            served.wait_written()
            found = list(read_exchanges(served.database))
            shadows = [exchange for exchange in found if exchange.shadow]
            assert {(s.deployment, s.answer) for s in shadows} == {("two", "shadow")}
            assert len(shadows) == 2
            own = {exchange.id for exchange in found if not exchange.shadow}
            assert {s.id.partition(":")[0] for s in shadows} <= own


def test_promotions_and_rollbacks_under_load_lose_and_mix_nothing(
    tmp_path: Path, tokenizer: Any
) -> None:
    """The large form of this stands in bench/serving.py; the same checks hold there."""
    with Echo(answer=lambda *_: "a a a a") as one, Echo(answer=lambda *_: "b b b b") as two:
        known = [deployment_at(one.url), deployment_at(two.url, "two")]
        task = short_task(requests_per_minute=1_000_000)
        with running(tmp_path, tokenizer, known, task=task) as served:
            faults: list[str] = []
            seen: Counter[str] = Counter()
            over = threading.Event()

            def ask() -> None:
                while not over.is_set():
                    answer = served.chat(stream=True)
                    text = answer.text
                    named = answer.headers.get("burnish-deployment", "")
                    letter = {"one": "a", "two": "b"}.get(named, "?")
                    other = "b" if letter == "a" else "a"
                    mixed = f'"{other} "' in text or f'"{letter} "' not in text
                    if answer.status_code != 200 or "[DONE]" not in text or mixed:
                        faults.append(f"{answer.status_code} {named} {text[:200]}")
                    seen[named] += 1

            askers = [threading.Thread(target=ask) for _ in range(4)]
            for asker in askers:
                asker.start()
            for _ in range(6):
                on = [Route(deployment="two", share=1)]
                _applied(served, change_traffic(served.database, on, reason="on").number)
                _applied(served, roll_back(served.database, reason="back").number)
            over.set()
            for asker in askers:
                asker.join()
            assert not faults
            assert seen["one"]
            assert seen["two"]
            # The gateway says so in the database after it has begun to act on it.
            until(lambda: _told(served), seconds=10)


def _told(served: Running) -> bool:
    traffic = current_traffic(served.database)
    return traffic is not None and traffic.applied_at is not None


def _applied(served: Running, number: int) -> None:
    until(lambda: served.gateway.traffic.number == number, seconds=5)


def test_a_slow_answer_outlives_two_promotions(tmp_path: Path, tokenizer: Any) -> None:
    with Echo(delay=2) as slow, Echo() as fast, ThreadPoolExecutor(3) as pool:
        known = [
            deployment_at(slow.url), deployment_at(fast.url, "two"),
            deployment_at(fast.url, "three"),
        ]  # fmt: skip
        with running(tmp_path, tokenizer, known) as served:
            task = pool.submit(served.post, "/v1/tasks/short", {"text": "slow"})
            whole, streamed = pool.submit(served.chat), pool.submit(served.chat, stream=True)
            until(lambda: len(slow.asked) == 3)
            for name in ("two", "three"):
                on = [Route(deployment=name, share=1)]
                _applied(served, change_traffic(served.database, on, reason="on").number)
            until(lambda: set(served.gateway.fleet.upstreams) == {"two", "three"})
            assert served.chat().headers["burnish-deployment"] == "three"
            assert task.result().json()["answer"] == "slow"
            assert whole.result().status_code == 200
            assert "[DONE]" in streamed.result().text
            until(lambda: not served.gateway.fleet._going)


def test_a_state_whose_engine_does_not_come_leaves_the_one_before(
    tmp_path: Path, tokenizer: Any
) -> None:
    with Echo() as echo:
        known = [deployment_at(echo.url), deployment_at("http://127.0.0.1:9", "gone")]
        with running(tmp_path, tokenizer, known) as served:
            change_traffic(served.database, [Route(deployment="gone", share=1)], reason="oops")
            until(lambda: "gone" in served.gateway.fleet.upstreams)
            assert served.chat().headers["burnish-deployment"] == "one"
            roll_back(served.database, reason="back")
            until(lambda: served.gateway.traffic.number == 3)
            assert served.chat().headers["burnish-deployment"] == "one"
