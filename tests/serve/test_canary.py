"""Through the gateway: a worse canary is taken back by itself, a good one goes to the end."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateways import Echo, Running, running, until
from watched import served_workspace

from burnish import pipeline
from burnish.brief.file import read_brief
from burnish.pipeline.retune.rollout import advance, read_stage_decisions, start
from burnish.records import RetuneSettings, ServeSettings, StageDecision
from burnish.store import Workspace
from burnish.store.traffic import current_traffic

pytestmark = pytest.mark.usefixtures("either_database")

CONSENT = "examples may leave this machine for 127.0.0.1"
Answered = Callable[[Running, httpx.Response], None]


@contextmanager
def canary(
    folder: Path, tokenizer: Any, new: Echo, old: Echo
) -> Iterator[tuple[Workspace, Running]]:
    """Two engines behind one gateway; the second has all requests, the first is to get them."""
    place = served_workspace(
        folder,
        serve=ServeSettings(consent=CONSENT),
        retune=RetuneSettings(stage_requests=20, stage_margin=0.3),
    )
    engines = [f"openai-compatible:{one.url}/v1:m" for one in (new, old)]
    known = [pipeline.deploy(place, engine=engine, overrule="x") for engine in engines]
    pipeline.promote(place, None, engine=engines[1], overrule="x")
    task = read_brief(place.brief)
    with running(folder, tokenizer, known, task=task, traffic=False) as served:
        start(place, None, engine=engines[0], overrule="x")
        follow(place, served)
        yield place, served


def follow(place: Workspace, served: Running) -> None:
    """Until the gateway answers by the newest traffic."""
    newest = current_traffic(served.database)
    assert newest is not None
    until(lambda: served.gateway.traffic is not None
          and served.gateway.traffic.number == newest.number)  # fmt: skip


def ask(served: Running, n: int, answered: Answered = lambda *_: None) -> Counter[str]:
    """n requests, some at a time; who answered how many of them."""

    def one(at: int) -> str:
        found = served.post("/v1/tasks/tickets", {"text": f"parcel {at}"})
        answered(served, found)
        return str(found.json().get("deployment", ""))

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(one, range(n)))


def decide(
    place: Workspace, served: Running, answered: Answered = lambda *_: None, *, most: int = 40
) -> list[StageDecision]:
    """Ask and look, as `burnish watch` does by the clock, until it is over."""
    for _ in range(most):
        ask(served, 60, answered)
        served.wait_written()
        found = advance(place)
        follow(place, served)
        if found is None or found.ends:
            break
    return read_stage_decisions(place)


def test_a_good_one_goes_through_all_stages(tmp_path: Path, tokenizer: Any) -> None:
    with (
        Echo(answer=lambda *_: "billing") as new,
        Echo(answer=lambda *_: "login") as old,
        canary(tmp_path, tokenizer, new, old) as (place, served),
    ):
        decisions = decide(place, served)
        actions = [one.action for one in decisions if one.action != "wait"]
        assert actions == ["start", "advance", "advance", "finish"]
        assert [one.to for one in decisions if one.action == "advance"] == [0.5, 1.0]
        name = decisions[0].deployment
        assert set(ask(served, 20)) == {name}


@pytest.mark.parametrize("fault", ["errors", "no label"])
def test_a_broken_one_is_taken_back_without_a_person(
    tmp_path: Path, tokenizer: Any, fault: str
) -> None:
    with (
        Echo(answer=lambda *_: "I think billing", status=500 if fault == "errors" else 200) as new,
        Echo(answer=lambda *_: "login") as old,
        canary(tmp_path, tokenizer, new, old) as (place, served),
    ):
        decisions = decide(place, served)
        assert decisions[-1].action == "roll back"
        assert decisions[-1].share == 0.1
        requests, failed, others, fine, *_ = decisions[-1].figures["errors"]
        assert requests == failed
        assert fine == 0
        assert requests + others <= 180
        assert len(by := ask(served, 30)) == 1
        assert decisions[0].deployment not in by


def test_one_that_callers_dislike_is_taken_back(tmp_path: Path, tokenizer: Any) -> None:
    with (
        Echo(answer=lambda *_: "billing") as new,
        Echo(answer=lambda *_: "login") as old,
        canary(tmp_path, tokenizer, new, old) as (place, served),
    ):

        def say(gateway: Running, found: httpx.Response) -> None:
            body = found.json()
            if body["answer"] == "billing":
                gateway.post("/v1/feedback", {"exchange": body["id"], "answer": "login"})
            else:
                gateway.post("/v1/feedback", {"exchange": body["id"], "thumb": "up"})

        decisions = decide(place, served, say)
        assert decisions[-1].action == "roll back"
        assert decisions[-1].reason.startswith("Negative feedback in ")
        assert decisions[-1].figures["errors"][1] == 0
        assert len(by := ask(served, 30)) == 1
        assert decisions[0].deployment not in by
