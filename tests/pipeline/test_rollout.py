"""A run on its way to all requests, over a request log that the test writes itself."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from watched import served_workspace

from burnish import pipeline
from burnish.errors import ServingError, WorkspaceError
from burnish.pipeline.retune.rollout import advance, read_stage_decisions, start, under_way
from burnish.records import (
    Exchange,
    Feedback,
    RetuneSettings,
    Run,
    ServeSettings,
    StageDecision,
    Traffic,
)
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges
from burnish.store.traffic import current_traffic, mark_applied, read_traffic

NEW, OTHER = (f"openai-compatible:http://127.0.0.1:{port}/v1:m" for port in (8, 9))
BEGIN = datetime(2030, 5, 1, 12, tzinfo=UTC)


class Log:
    """A workspace in which one deployment answers, and its request log."""

    def __init__(self, place: Workspace) -> None:
        self.place = place
        self.database: Engine = connect(place.database)
        self.clock = BEGIN
        self.written = 0
        self.before = self.traffic()
        self.champion = self.before.routes[0].deployment

    def promoted(self, engine: str, **options: object) -> str:
        """The deployment of the run on an engine, which now answers."""
        state = pipeline.promote(self.place, None, engine=engine, overrule="x", **options)  # type: ignore[arg-type]
        mark_applied(self.database, state.number)
        return state.routes[0].deployment if not state.shadow else state.shadow[-1]

    def begin(self, **options: object) -> StageDecision:
        """The canary is on its way, and a gateway follows."""
        first = start(self.place, None, engine=NEW, overrule="x", now=self.clock, **options)  # type: ignore[arg-type]
        self.follow()
        return first

    def follow(self) -> None:
        """A gateway takes the newest traffic up."""
        mark_applied(self.database, self.traffic().number)

    def traffic(self) -> Traffic:
        found = current_traffic(self.database)
        assert found is not None
        return found

    def shares(self) -> dict[str, float]:
        return {route.deployment: route.share for route in self.traffic().routes}

    def answer(
        self,
        deployment: str,
        n: int,
        *,
        failed: int = 0,
        disliked: int = 0,
        texts: tuple[str, ...] = ("billing",),
    ) -> None:
        """`n` requests, one a second; the first of them fail, or are disliked."""
        exchanges, feedback = [], []
        for at in range(n):
            self.written += 1
            self.clock += timedelta(seconds=1)
            stamp = self.clock.strftime("%Y-%m-%dT%H:%M:%S.500Z")
            name = f"ex-{self.written}"
            exchanges.append(
                Exchange(
                    id=name, at=stamp, deployment=deployment, run="r", endpoint="tickets",
                    caller=f"user {self.written}", status=503 if at < failed else 200,
                    seconds=0.1, request=json.dumps({"text": "x"}), answer=texts[at % len(texts)],
                )
            )  # fmt: skip
            if at < disliked:
                feedback.append(Feedback(id=f"fb-{name}", exchange=name, at=stamp, thumb="down"))
        append_exchanges(self.database, exchanges, feedback)

    def look(self) -> StageDecision:
        """What `burnish watch` decides now; a gateway follows it."""
        found = advance(self.place, now=self.clock)
        assert found is not None
        self.clock += timedelta(seconds=1)
        self.follow()
        return found


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    consent = "examples may leave this machine for 127.0.0.1"
    place = served_workspace(
        tmp_path,
        serve=ServeSettings(consent=consent),
        retune=RetuneSettings(stage_requests=40, stage_margin=0.1),
    )
    made = Log(place)
    # Gateways mark the states of the traffic by the machine's clock: here it is the log's.
    now = lambda: made.clock.strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
    monkeypatch.setattr("burnish.store.traffic.now", now)
    yield made
    made.database.dispose()


def test_a_good_run_goes_through_all_stages(log: Log) -> None:
    first = log.begin()
    assert (first.action, first.share, first.to, first.stages) == (
        "start", 0.0, 0.1, (0.1, 0.5, 1.0),
    )  # fmt: skip
    new = first.deployment
    assert log.shares() == {new: 0.1, log.champion: 0.9}
    actions = []
    for mine, others in ((39, 350), (1, 10), (20, 20), (20, 20), (39, 0), (1, 0)):
        log.answer(log.champion, others)
        log.answer(new, mine)
        actions.append(log.look().action)
    assert actions == ["wait", "advance", "wait", "advance", "wait", "finish"]
    assert log.shares() == {new: 1.0}
    assert advance(log.place) is None
    assert under_way(log.place) is None
    decisions = read_stage_decisions(log.place)
    assert [one.step for one in decisions] == list(range(7))
    assert [(one.share, one.to) for one in decisions if one.action == "advance"] == [
        (0.1, 0.5), (0.5, 1.0),
    ]  # fmt: skip
    assert decisions[2].figures["errors"][:4] == (40, 0, 360, 0)
    states = read_traffic(log.database)
    assert {state.after for state in states[1:]} == {log.before.number}
    assert all(one.run in states[-1].reason for one in decisions[:1])


@pytest.mark.parametrize("what", ["errors", "empty answers", "no labels", "feedback"])
def test_a_worse_run_goes_back_to_what_was_before(log: Log, what: str) -> None:
    copies = log.promoted(OTHER, shadow=True)
    before = log.traffic()
    new = log.begin().deployment
    log.answer(log.champion, 180, failed=2, disliked=2)
    log.answer(
        new, 20,
        failed=8 if what == "errors" else 0,
        disliked=8 if what == "feedback" else 0,
        texts={"empty answers": ("", "login"), "no labels": ("?", "login")}.get(what, ("login",)),
    )  # fmt: skip
    done = log.look()
    assert (done.action, done.to) == ("roll back", 0.0)
    state = log.traffic()
    assert (state.routes, state.shadow) == (before.routes, (copies,))
    assert done.reason in state.reason
    assert done.traffic == state.number
    assert "against" not in done.reason
    assert ("Negative feedback" if what == "feedback" else "Errors") in done.reason
    assert advance(log.place) is None
    pipeline.rollback(log.place)  # goes behind the canary, as one from the state before would
    assert log.traffic().shadow == ()


def test_refusals_and_hangers_up_are_no_errors(log: Log) -> None:
    new = log.begin().deployment
    log.answer(log.champion, 360)
    log.answer(new, 40)
    odd = [
        Exchange(
            id=f"odd-{status}", at=log.clock.strftime("%Y-%m-%dT%H:%M:%S.700Z"), deployment=new,
            endpoint="chat", status=status, seconds=0.1,
        )
        for status in (400, 404, 429, 499)
    ]  # fmt: skip
    append_exchanges(log.database, odd)
    done = log.look()
    assert (done.action, done.figures["errors"][:2]) == ("advance", (40, 0))


def test_a_rollback_by_hand_restores_what_was_before_at_any_stage(log: Log) -> None:
    new = log.begin().deployment
    log.answer(log.champion, 360)
    log.answer(new, 40)
    assert log.look().to == 0.5
    pipeline.rollback(log.place, reason="a hunch")
    assert log.shares() == {log.champion: 1.0}
    done = log.look()
    assert (done.action, done.to) == ("stop", 0.0)
    assert "a hunch" in done.reason


def test_others_changes_are_left_alone(log: Log) -> None:
    new = log.begin().deployment
    third = log.promoted(OTHER, share=0.3)
    state = log.traffic()
    log.answer(new, 20, failed=20)
    log.answer(log.champion, 100)
    done = log.look()
    assert (done.action, done.to) == ("stop", pytest.approx(0.07))
    assert "Somebody else changed the traffic (burnish promote" in done.reason
    assert log.traffic() == state
    assert third in log.shares()
    assert advance(log.place) is None


def test_new_copies_do_not_stop_it(log: Log) -> None:
    new = log.begin().deployment
    log.promoted(OTHER, shadow=True)
    log.answer(log.champion, 360)
    log.answer(new, 40)
    assert log.look().action == "advance"


def test_a_canary_stays_where_its_stages_end(log: Log) -> None:
    new = log.begin(stages=(0.2,)).deployment
    log.answer(log.champion, 360)
    log.answer(new, 40)
    done = log.look()
    assert (done.action, log.shares()[new]) == ("wait", 0.2)
    assert "a person takes it further" in done.reason
    again = log.begin()
    assert (again.rollout, again.step, again.before) == (2, 0, done.before)
    assert [one.action for one in read_stage_decisions(log.place)] == [
        "start", "wait", "stop", "start",
    ]  # fmt: skip
    log.answer(log.champion, 100)
    log.answer(new, 30, failed=20)
    assert log.look().action == "roll back"
    assert log.shares() == {log.champion: 1.0}


def test_one_at_a_time(log: Log) -> None:
    log.begin()
    with pytest.raises(ServingError, match="is on its way to all requests, at 10%"):
        start(log.place, None, engine=OTHER, overrule="x")
    assert len(read_stage_decisions(log.place)) == 1


def test_where_nobody_else_answers_there_is_no_way(log: Log) -> None:
    log.promoted(NEW)
    with pytest.raises(ServingError, match="answers all requests already"):
        start(log.place, None, engine=NEW, overrule="x")
    log.place.database.unlink()
    with pytest.raises(ServingError, match="no rest of the traffic"):
        start(log.place, None, engine=NEW, overrule="x")
    assert read_stage_decisions(log.place) == []


def test_one_that_has_a_share_already_goes_back_to_what_was_before_that(log: Log) -> None:
    log.promoted(NEW, share=0.3)
    first = log.begin()
    assert (first.before, log.shares()[first.deployment]) == (log.before.number, 0.1)


def test_looks_without_news_leave_no_trace(log: Log) -> None:
    new = log.begin().deployment
    log.answer(new, 5)
    first = log.look()
    assert log.look() == first
    assert len(read_stage_decisions(log.place)) == 2
    log.answer(new, 1)
    assert log.look().step == 2


def test_two_looks_at_once_decide_once(log: Log) -> None:
    new = log.begin().deployment
    log.answer(log.champion, 360)
    log.answer(new, 40)
    meet = threading.Barrier(2, timeout=30)
    made: list[StageDecision | None] = []

    def met(session: Session, *_: object) -> None:
        if any(type(one).__name__ == "StageRow" for one in session.new):
            meet.wait()

    def one_look() -> None:
        made.append(advance(log.place, now=log.clock))

    event.listen(Session, "before_flush", met)
    try:
        threads = [threading.Thread(target=one_look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        event.remove(Session, "before_flush", met)
    assert made[0] is not None
    assert made[0] == made[1]
    assert [one.action for one in read_stage_decisions(log.place)] == ["start", "advance"]
    assert len(read_traffic(log.database)) == 3


@pytest.mark.parametrize("moment", ["before_flush", "after_flush", "before_commit"])
def test_a_kill_leaves_neither_decision_nor_traffic_without_the_other(
    log: Log, moment: str
) -> None:
    new = log.begin().deployment
    log.answer(new, 20, failed=15)
    log.answer(log.champion, 100)
    child = os.fork()
    if child == 0:  # pragma: no cover
        log.database.dispose(close=False)
        event.listen(Session, moment, lambda *_: os._exit(9))
        try:
            advance(log.place, now=log.clock)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(read_stage_decisions(log.place)) == 1
    assert log.shares()[new] == 0.1
    assert log.look().action == "roll back"
    assert log.shares() == {log.champion: 1.0}


def test_a_change_in_the_same_moment_wins(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    new = log.begin().deployment
    log.answer(new, 20, failed=15)
    log.answer(log.champion, 100)

    def quick(*_: object) -> None:
        monkeypatch.undo()
        pipeline.rollback(log.place, reason="quicker")

    from burnish.pipeline.retune import rollout

    kept = rollout.keep_decisions
    monkeypatch.setattr(rollout, "keep_decisions", lambda *given: (quick(), kept(*given))[1])
    with pytest.raises(WorkspaceError, match="at the same moment"):
        advance(log.place, now=log.clock)
    assert [one.action for one in read_stage_decisions(log.place)] == ["start"]
    assert log.look().action == "stop"


def test_a_clock_that_ran_back_hides_no_errors(log: Log) -> None:
    new = log.begin().deployment
    log.clock -= timedelta(hours=3)
    assert log.look().action == "wait"
    log.answer(log.champion, 100)
    log.answer(new, 20, failed=15)
    done = log.look()
    assert done.action == "roll back"
    assert "The clock ran back" in done.reason
    assert log.shares() == {log.champion: 1.0}


def test_requests_after_the_clock_ran_back_go_on_counting_when_it_is_right_again(log: Log) -> None:
    new = log.begin().deployment
    log.clock -= timedelta(hours=3)
    log.look()
    log.answer(new, 10)
    assert log.look().figures["errors"][0] == 10
    log.clock += timedelta(hours=6)
    log.answer(new, 10)
    assert log.look().figures["errors"][0] == 20


def test_requests_from_before_the_stage_do_not_count(log: Log) -> None:
    log.answer(log.champion, 50, failed=50)
    log.clock += timedelta(seconds=1)
    new = log.begin().deployment
    log.answer(log.champion, 5)
    log.answer(new, 5)
    assert log.look().figures["errors"][:4] == (5, 0, 5, 0)


def test_without_a_gateway_or_requests_it_waits(log: Log) -> None:
    first = start(log.place, None, engine=NEW, overrule="x", now=log.clock)
    waits = advance(log.place, now=log.clock)
    assert waits is not None
    assert (waits.action, waits.reason) == ("wait", "No gateway lets it answer yet.")
    log.follow()
    log.answer(log.champion, 300)
    none = log.look()
    assert none.action == "wait"
    assert none.reason.startswith("None of 300 requests came to it")
    assert log.shares()[first.deployment] == 0.1


def test_an_engine_that_never_starts_is_given_up(log: Log) -> None:
    start(log.place, None, engine=NEW, overrule="x", now=log.clock)
    log.answer(log.champion, 3500)
    waits = advance(log.place, now=log.clock)
    assert waits is not None
    assert waits.action == "wait"
    log.answer(log.champion, 200)
    done = log.look()
    assert done.action == "roll back"
    assert "its engine does not start" in done.reason
    assert log.shares() == {log.champion: 1.0}


def test_at_all_requests_at_once_it_is_compared_with_what_was_before(log: Log) -> None:
    log.answer(log.champion, 300, failed=3)
    log.clock += timedelta(seconds=1)
    new = log.begin(stages=(1.0,)).deployment
    assert log.shares() == {new: 1.0}
    log.answer(new, 10)
    waits = log.look()
    assert (waits.action, waits.figures["errors"][:4]) == ("wait", (10, 0, 200, 0))
    log.answer(new, 20, failed=15)
    assert log.look().action == "roll back"
    assert log.shares() == {log.champion: 1.0}


def test_the_run_it_takes_over_from_is_named(log: Log) -> None:
    (run,) = log.place.records(Run)
    first = log.begin()
    assert (first.run, first.against) == (run.id, run.id)  # the same run on another engine
