"""`burnish watch` over a request log: what it finds, what it survives, and what it says."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from openai_server import OpenAIServer
from watched import exchanges, log, served_workspace, tickets

from burnish.brief.file import read_brief, write_brief
from burnish.errors import BriefError, DataError
from burnish.pipeline import judge_log, run_watch, take_labels, watches
from burnish.pipeline.watch import watching as watching_module
from burnish.records import Feedback, JudgeSettings, ServeSettings, Watch, WatchSettings
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges

LATER = datetime(2024, 6, 1, tzinfo=UTC)
OTHER = (6, 1, 1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def calm_weeks(workspace: Workspace, weeks: int = 2, each: int = 120) -> None:
    for week in range(weeks):
        log(workspace, exchanges(tickets(each, 10 + week), f"2024-03-{1 + 7 * week:02d}", 7))


def test_a_change_raises_an_alarm_that_says_what_moved(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace)
    log(workspace, exchanges(tickets(120, 50, OTHER, words=16), "2024-03-15", 7))
    found = run_watch(workspace, now=at("2024-03-23"))
    assert [one.alarm for one in found.judged] == [False, False, True]
    alarm = found.judged[-1]
    assert alarm.explanation is not None
    assert alarm.explanation.labels[0].name == "billing"
    assert alarm.explanation.labels[0].after > alarm.explanation.labels[0].before
    assert any("longer" in one for one in alarm.explanation.sentences)
    assert 1 <= len(alarm.explanation.typical) <= 5
    assert alarm.p_value <= alarm.threshold
    page = workspace.watch_page.read_text()
    assert "Alarm: 2024-03-15 to 2024-03-22" in page
    assert found.open is not None


def test_a_window_is_judged_once(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace)
    first = run_watch(workspace, now=at("2024-03-16"))
    again = run_watch(workspace, now=at("2024-03-16"))
    assert (len(first.judged), len(again.judged), again.before) == (2, 0, 2)


def test_four_windows_are_judged_again_together(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace, weeks=4, each=60)
    found = run_watch(workspace, now=at("2024-03-30"))
    assert [one.windows for one in found.judged] == [1, 1, 1, 1, 4]
    assert found.judged[-1].requests == 240
    assert (found.judged[-1].since, found.judged[-1].until) == (
        found.judged[0].since, found.judged[3].until,
    )  # fmt: skip


def dying(real: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """The function, for so many calls; then the process is stopped."""
    left = iter(range(calls))

    def called(*given: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*given, **named)

    return called


def test_killed_at_any_moment_the_next_call_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(folder: Path, kill: str | None) -> list[Watch]:
        workspace = served_workspace(folder)
        calm_weeks(workspace, weeks=4, each=60)
        log(workspace, exchanges(tickets(120, 50, OTHER), "2024-03-29", 7))
        for moment in range(6) if kill else ():
            monkeypatch.setattr(
                watching_module, kill, dying(getattr(watching_module, kill), moment)
            )
            with suppress(KeyboardInterrupt):
                run_watch(workspace, now=LATER)
            monkeypatch.undo()
        run_watch(workspace, now=LATER)
        return watches(workspace)

    whole = outcome(tmp_path / "whole", None)
    for name in ("window_side", "write_text"):
        killed = outcome(tmp_path / name, name)
        assert [one.content_hash() for one in killed] == [one.content_hash() for one in whole]


def test_a_clock_that_ran_back_judges_nothing_twice(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace)
    run_watch(workspace, now=at("2024-03-16"))
    found = run_watch(workspace, now=at("2024-03-02"))
    assert not found.judged
    assert any("ran back" in note for note in found.notes)


def test_exchanges_of_a_wrong_clock_are_told(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace)
    run_watch(workspace, now=at("2024-03-16"))
    log(workspace, exchanges(tickets(5, 1), "2024-03-03", 1, id="late")[:1])
    log(workspace, exchanges(tickets(3, 2), "2024-09-01", 1))
    found = run_watch(workspace, now=at("2024-03-17"))
    assert any("1 exchanges were logged into windows" in note for note in found.notes)
    assert any("3 exchanges are logged later than now" in note for note in found.notes)


def test_masks_of_the_log_are_no_change(tmp_path: Path) -> None:
    address = " write to anna.berg@example.com"
    workspace = served_workspace(tmp_path, ending=address)
    masked = [(f"{text} write to [EMAIL_ADDRESS_1]", label) for text, label in tickets(120, 1)]
    log(workspace, exchanges(masked, "2024-03-01", 7))
    assert not run_watch(workspace, now=at("2024-03-09")).alarm
    kept = next((tmp_path / "watches").glob("examples-*.jsonl")).read_text()
    assert "anna.berg" not in kept
    assert "[EMAIL_ADDRESS_1]" in kept


def test_a_gap_is_told_and_no_alarm(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace, weeks=1)
    log(workspace, exchanges(tickets(120, 60), "2024-04-19", 7))
    found = run_watch(workspace, now=at("2024-04-27"))
    assert len(found.judged) == 2
    assert not found.alarm
    assert any("No request came" in note for note in found.judged[1].notes)


def test_one_request_a_day_waits_for_enough_of_them(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path, serve=ServeSettings(keep_days=60))
    log(workspace, exchanges(tickets(60, 1), "2024-03-01", 60))
    found = run_watch(workspace, now=at("2024-04-30"))
    assert [one.requests for one in found.judged] == [35]
    assert found.judged[0].threshold > 0.07  # five weeks may spend what five weeks have


def test_requests_of_an_older_brief_and_chats_are_left_out_and_counted(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    lines = exchanges(tickets(90, 1), "2024-03-01", 7)
    for place, one in enumerate(lines):
        if place < 20:
            old = {"request": json.dumps({"subject": "a", "body": "b"})}
            lines[place] = one.model_copy(update=old)
        elif place < 30:
            turns = json.dumps([{"role": "user", "content": "hello"}])
            lines[place] = one.model_copy(update={"request": turns, "endpoint": "chat"})
        elif place < 35:
            lines[place] = one.model_copy(update={"request": None, "answer": None})
    log(workspace, lines)
    judged = run_watch(workspace, now=at("2024-03-09")).judged[0]
    assert (judged.requests, judged.texts) == (90, 55)
    assert not judged.alarm
    told = " ".join(judged.notes)
    assert "20 requests have other inputs" in told
    assert "10 requests came as chats" in told


def test_shadows_are_no_requests(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace, weeks=1)
    copies = exchanges(tickets(200, 3, OTHER, words=30), "2024-03-02", 2, shadow=True)
    log(workspace, [one.model_copy(update={"id": f"{one.id}:b"}) for one in copies])
    judged = run_watch(workspace, now=at("2024-03-09")).judged[0]
    assert (judged.requests, judged.alarm) == (120, False)


def weekly(workspace: Workspace) -> None:
    """Six weeks in which weekends are about other things, busier in the last."""
    for day in range(42):
        start = datetime(2024, 3, 4, tzinfo=UTC).timestamp() + 86_400 * day
        date = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d")
        weekend = day % 7 >= 5
        count = 40 if not weekend else 40 if day < 28 else 120
        weights = (1, 8, 1) if weekend else (8, 1, 1)
        log(workspace, exchanges(tickets(count, day, weights), date, 1))


@pytest.mark.parametrize(("season", "alarm"), [("off", True), ("weekday", False)])
def test_a_season_is_matched_where_the_log_is_the_reference(
    tmp_path: Path, season: Any, alarm: bool
) -> None:
    settings = WatchSettings(reference="log", season=season)
    keep = ServeSettings(keep_days=60)
    workspace = served_workspace(tmp_path, watch=settings, serve=keep)
    weekly(workspace)
    found = run_watch(workspace, now=at("2024-04-16"))
    assert [one.windows for one in found.judged] == [1, 1]
    assert found.alarm is alarm
    assert workspace.watch_reference.exists()


def test_late_labels_are_held_against_the_report(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    lines = exchanges(tickets(120, 1), "2024-03-01", 7)
    log(workspace, lines)
    wrong = {"billing": "login", "login": "shipping", "shipping": "billing"}
    labels = [
        {"exchange": one.id, "answer": one.answer if place % 3 else wrong[one.answer or ""]}
        for place, one in enumerate(lines[:60])
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in labels))
    assert take_labels(workspace, file) == 60
    found = run_watch(workspace, now=at("2024-03-09"))
    signal = next(one for one in found.judged[0].signals if one.family == "performance")
    assert (signal.name, signal.n) == ("score", 60)
    assert found.alarm


def test_wrong_lines_of_labels_are_told_together_and_nothing_is_taken(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    lines = exchanges(tickets(3, 1), "2024-03-01", 1)
    log(workspace, lines)
    file = tmp_path / "labels.jsonl"
    good = json.dumps({"exchange": lines[0].id, "answer": "login"})
    file.write_text(f'{good}\n{{"exchange": "ex-none", "answer": "login"}}\nno\n{{"answer": 1}}\n')
    with pytest.raises(DataError) as caught:
        take_labels(workspace, file)
    assert len(caught.value.faults) == 3
    assert run_watch(workspace, now=at("2024-03-09")).judged == () or not any(
        one.family == "performance" for one in run_watch(workspace).judged
    )


def test_failures_are_an_alarm_only_where_they_matter(tmp_path: Path) -> None:
    def judged(folder: Path, failed: int) -> bool:
        workspace = served_workspace(folder)
        calm_weeks(workspace, weeks=1, each=400)
        lines = exchanges(tickets(400, 90), "2024-03-08", 7)
        lines = [
            one.model_copy(update={"status": 503, "answer": None}) if place < failed else one
            for place, one in enumerate(lines)
        ]
        log(workspace, lines)
        return run_watch(workspace, now=at("2024-03-16")).alarm

    assert judged(tmp_path / "many", 40)
    assert not judged(tmp_path / "few", 2)


def test_ratings_are_held_against_the_first_window(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    calm_weeks(workspace, weeks=1)
    later = exchanges(tickets(120, 91), "2024-03-08", 7)
    log(workspace, later)
    database = connect(workspace.database)
    said = [
        Feedback(id=f"fb-{week}-{place}", exchange=f"ex-{start}-{place:06d}", at=start,
                 thumb="down" if place < bad else "up")
        for week, (start, bad) in enumerate((("2024-03-01", 3), ("2024-03-08", 30)))
        for place in range(60)
    ]  # fmt: skip
    append_exchanges(database, (), said)
    database.dispose()
    found = run_watch(workspace, now=at("2024-03-16"))
    assert [one.alarm for one in found.judged] == [False, True]
    assert any(one.name == "ratings" for one in found.judged[1].signals)


def test_grades_of_a_judge_are_held_against_the_first_window(tmp_path: Path) -> None:
    def graded(_: str, turns: list[dict[str, str]]) -> str:
        strict = any("parcel" in turn["content"] for turn in turns)
        return json.dumps({"reason": "r", "grade": 2 if strict else 5})

    with OpenAIServer(answer=graded) as served:
        judge = JudgeSettings(model=f"openai-compatible:{served.url}:base", timeout=5.0)
        workspace = served_workspace(tmp_path, judge=judge)
        calm = [("my invoice was charged twice", "billing")] * 60
        log(workspace, exchanges(calm, "2024-03-01", 7))
        later = [("my invoice was charged twice for a parcel", "billing")] * 60
        log(workspace, exchanges(later, "2024-03-08", 7))
        assert judge_log(workspace, 100) == 100
        asked = len(served.requests)
        assert judge_log(workspace, 100) == 0
        assert len(served.requests) == asked
    found = run_watch(workspace, now=at("2024-03-16"))
    signal = next(one for one in found.judged[1].signals if one.family == "performance")
    assert (signal.name, signal.before, signal.after) == ("grades", "median 5", "median 2")


def test_an_alarm_is_posted_without_any_text(tmp_path: Path) -> None:
    posted: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    workspace = served_workspace(tmp_path, watch=WatchSettings(webhook=url))
    log(workspace, exchanges(tickets(120, 50, OTHER, words=16), "2024-03-01", 7))
    found = run_watch(workspace, now=at("2024-03-09"))
    server.shutdown()
    assert found.alarm
    body = json.loads(posted[0])
    assert body["alarm"] is True
    assert "typical" not in body["explanation"]
    typical = found.judged[0].explanation.typical[0].text  # type: ignore[union-attr]
    assert typical not in posted[0]


def test_a_webhook_that_fails_is_told_and_changes_nothing(tmp_path: Path) -> None:
    settings = WatchSettings(webhook="http://127.0.0.1:9/")
    workspace = served_workspace(tmp_path, watch=settings)
    log(workspace, exchanges(tickets(120, 50, OTHER, words=16), "2024-03-01", 7))
    told: list[str] = []
    found = run_watch(
        workspace, now=at("2024-03-09"), progress=lambda event: told.append(event.message)
    )
    assert found.alarm
    assert any("webhook" in one for one in told)


def test_windows_longer_than_the_log_remembers_are_refused(tmp_path: Path) -> None:
    workspace = served_workspace(tmp_path)
    task = read_brief(workspace.brief)
    write_brief(workspace.brief, task.model_copy(update={"watch": WatchSettings(window_days=90)}))
    with pytest.raises(BriefError, match="forgets after 30 days"):
        run_watch(workspace)


def test_an_empty_log_is_no_alarm(tmp_path: Path) -> None:
    found = run_watch(served_workspace(tmp_path))
    assert (found.judged, found.open, found.alarm) == ((), None, False)
