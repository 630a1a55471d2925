"""Pruning: what goes and what never does, a kill in the middle, and what is said of pruned runs."""

import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from past import MERGED, WEIGHTS, Past, three_runs
from small_task import small_workspace

from burnish import pipeline
from burnish.errors import DeployError, ExportError, ServingError, WorkspaceError
from burnish.pipeline import deploying, serving
from burnish.pipeline.exporting import find_run
from burnish.pipeline.history import pruning
from burnish.records import (
    Event,
    Export,
    HistorySettings,
    Pruned,
    Pruning,
    Report,
    Run,
    TrainSettings,
)
from burnish.store import Workspace

BIG = ("adapter", "model", "checkpoints")


def going(found: Pruning) -> set[str]:
    return {one.id for one in found.going}


def why(found: Pruning, name: str) -> str:
    return next(one.why for one in (*found.staying, *found.going) if one.id == name)


def old_runs(folder: Path, n: int = 8, **settings: Any) -> Past:
    """n runs of which none ever answered."""
    past = Past(folder, HistorySettings(**settings))
    data = past.dataset("data1")
    for number in range(n):
        past.run(f"run{number}", data, train={"learning_rate": 1e-3 + number})
    return past


def days_ago(days: float) -> int:
    """The day of October 2026 that lies so far back, as `past.at` counts."""
    return int((datetime.now(UTC) - timedelta(days=days) - datetime(2026, 10, 1, tzinfo=UTC)).days)


def test_the_newest_stay_and_nothing_is_touched_without_yes(tmp_path: Path) -> None:
    past = old_runs(tmp_path, keep_runs=3)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = pipeline.prune(past.workspace)
    assert not found.done
    assert going(found) == {f"run{number}" for number in range(5)}
    assert why(found, "run7") == "one of the newest 3"
    assert why(found, "run0") == "older than the newest 3, never answered"
    assert found.freed == 5 * (WEIGHTS + 2)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_weights_go_and_figures_stay(tmp_path: Path) -> None:
    past = old_runs(tmp_path, keep_runs=3)
    run = past.run_of("run0")
    (tmp_path / "runs" / "run0" / "checkpoints" / "checkpoint-4").mkdir(parents=True)
    (tmp_path / "runs" / "run0" / "checkpoints" / "checkpoint-4" / "x.bin").write_bytes(b"x" * 50)
    report = past.report("report1", run, past.data("data1"))
    past.export("export1", run)
    found = pipeline.prune(past.workspace, yes=True)
    assert found.done
    assert going(found) == {*(f"run{number}" for number in range(5)), "export1"}
    assert found.freed == 5 * (WEIGHTS + 2) + 50 + MERGED
    left = {path.name for path in (tmp_path / "runs" / "run0").iterdir()}
    assert left == {"record.json", "pruned.json", "metrics.jsonl", "loss.svg"}
    assert past.run_of("run0") == run
    assert past.workspace.records(Report) == [report]
    assert past.workspace.path(report, "answers.jsonl").exists()
    marked = past.workspace.pruned(run)
    assert marked is not None
    assert marked.files["checkpoints/checkpoint-4/x.bin"] == 50
    line = pipeline.read_history(past.workspace).runs[0]
    assert (line.weights, line.bytes, line.pruned) == ("pruned", 0, marked)
    assert pipeline.read_history(past.workspace).faults == ()
    again = pipeline.prune(past.workspace, yes=True)
    assert (again.going, again.freed) == ((), 0)


def test_what_answers_or_may_come_back_never_goes(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0)
    zero = past.run("aaa0", past.data("data1"), train={"r": 3})
    newest = past.run("ddd4", past.data("data1"), train={"r": 2})
    past.export("export0", zero)
    found = pipeline.prune(past.workspace)
    assert going(found) == {"aaa0", "export0"}
    assert why(found, "bbb2") == why(found, "export2") == "answers now"
    assert why(found, "ccc3") == "answers now"
    assert why(found, "aaa1") == "burnish rollback may bring it back"
    assert why(found, newest.id) == "one of the newest 1"
    # The canary becomes the champion: the one before it may come back, the first no more.
    past.traffic((past.deployments[2], 1), day=24)
    found = pipeline.prune(past.workspace, yes=True)
    assert going(found) >= {"aaa1", "export1"}
    assert why(found, "bbb2") == "burnish rollback may bring it back"
    for _ in range(2):
        state = pipeline.rollback(past.workspace)
        assert {route.deployment for route in state.routes} <= {"deploy2", "deploy3"}
    with pytest.raises(WorkspaceError, match="run aaa1 were pruned"):
        pipeline.rollback(past.workspace)
    assert pipeline.traffic_states(past.workspace)[-1] == state


def test_more_champions_can_be_kept(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0, keep_champions=2)
    past.run("ddd4", past.data("data1"), train={"r": 2})
    past.traffic((past.deployments[2], 1), day=24)
    assert going(pipeline.prune(past.workspace)) == set()


def test_copies_count_as_answering(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0)
    past.run("ddd4", past.data("data1"), train={"r": 2})
    past.traffic((past.deployments[2], 1), day=24)
    past.traffic((past.deployments[2], 1), (past.deployments[0], 0), day=25)
    assert why(pipeline.prune(past.workspace), "aaa1") == "answers now"


def test_who_answered_lately_stays(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=30)
    past.run("ddd4", past.data("data1"), train={"r": 2})
    past.traffic((past.deployments[2], 1), day=days_ago(31))
    found = pipeline.prune(past.workspace)
    assert going(found) == {"aaa1", "export1"}
    assert "last answered on 2026-10-22" in why(found, "aaa1")
    past.traffic((past.deployments[1], 1), day=days_ago(10))
    past.traffic((past.deployments[0], 1), day=days_ago(9))
    assert why(pipeline.prune(past.workspace), "ccc3") == "answered within 30 days"


def test_what_a_started_step_needs_stays(tmp_path: Path) -> None:
    past = old_runs(tmp_path, keep_runs=1)
    for kind, name, fields in (
        (Report, "report1", {"task_name": "t", "task_kind": "summarize", "metric": "rougeL",
                             "pass_mark": {}, "settings": {}}),
        (Export, "export1", {"form": "merged", "precision": "F16", "run": "run1", "base": "b"}),
    ):  # fmt: skip
        run = past.run_of("run0" if kind is Report else "run1")
        past.add(kind, name, {"run": str(run.hash)}, fields | {"status": "started"})
    retune = past.retune("retune1", serving=past.run_of("run2"))
    past.workspace.write(retune.model_copy(update={"status": "started"}))
    started = past.run("begun", past.data("data1"), status="started", files={}, train={"r": 9})
    (tmp_path / "runs" / started.id / "checkpoints").mkdir()
    (tmp_path / "runs" / started.id / "checkpoints" / "x").write_text("x")
    found = pipeline.prune(past.workspace)
    assert going(found) == {"run3", "run4", "run5", "run6"}
    assert {why(found, f"run{number}") for number in range(3)} == {"a started step needs it"}
    assert why(found, "begun") == "started, and goes on where it stopped"


def test_a_failed_run_keeps_its_checkpoints_for_a_while(tmp_path: Path) -> None:
    past = old_runs(tmp_path, n=1, keep_runs=1, keep_days=30)
    now = datetime.now(UTC)
    for name, days in (("fresh", 2), ("stale", 40)):
        ended = (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        past.run(name, past.data("data1"), status="failed", finished_at=ended, train={"r": 9})
    found = pipeline.prune(past.workspace)
    assert going(found) == {"stale"}
    assert why(found, "fresh") == "stopped, and goes on where it did"


def test_the_runs_of_the_brief_and_without_known_traffic_stay(tmp_path: Path) -> None:
    past = Past(tmp_path, HistorySettings(keep_runs=1))
    data = past.dataset("data1")
    past.run("brief", data, train=TrainSettings().model_dump())
    past.run("served", data, train={"r": 3})
    past.run("newest", data, train={"r": 4})
    past.deployment("deploy1", past.run_of("served"))
    found = pipeline.prune(past.workspace)
    assert going(found) == set()
    assert why(found, "brief") == "tuned with the brief's settings"
    assert "BURNISH_DATABASE" in why(found, "served")


def test_nothing_goes_where_it_is_not_known_who_answers(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0)
    (tmp_path / "deployments" / "deploy2" / "record.json").write_text("?")
    with pytest.raises(WorkspaceError, match="cannot be told who answers"):
        pipeline.prune(past.workspace, yes=True)
    past = three_runs(tmp_path / "other", keep_runs=1)
    past.workspace.brief.write_text("name: [")
    with pytest.raises(WorkspaceError, match="not known what is to be kept"):
        pipeline.prune(past.workspace)
    past = three_runs(tmp_path / "third", keep_runs=1)
    with past.workspace.locked(), pytest.raises(WorkspaceError, match="Another burnish command"):
        pipeline.prune(past.workspace, yes=True)
    assert not list(tmp_path.rglob("pruned.json"))


def test_an_export_without_its_run_is_left_alone(tmp_path: Path) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0)
    past.traffic((past.deployments[2], 1), day=24)
    shutil.rmtree(tmp_path / "runs" / "aaa1")
    found = pipeline.prune(past.workspace)
    assert why(found, "export1") == "its run is not in the workspace"


def test_trials_of_a_search_go(tmp_path: Path) -> None:
    past = old_runs(tmp_path, n=1)
    place = Workspace(past.workspace.search("search1"))
    shutil.copytree(tmp_path / "runs", place.folder / "runs")
    place.write(place.records(Run)[0].model_copy(update={"status": "complete"}))
    found = pipeline.prune(past.workspace, yes=True)
    assert [(one.kind, one.id) for one in found.going] == [("trial", "run0")]
    assert not (place.folder / "runs" / "run0" / "adapter").exists()
    assert (tmp_path / "runs" / "run0" / "adapter").exists()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_killed_in_the_middle_and_finished_the_next_time(tmp_path: Path, after: int) -> None:
    past = old_runs(tmp_path, n=6, keep_runs=3)
    child = os.fork()
    if not child:
        calls = 0

        def cut_off(path: Path) -> None:
            nonlocal calls
            calls += 1
            if calls > after:
                next(path.rglob("*.safetensors")).unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            real(path)

        real = shutil.rmtree
        pruning.shutil.rmtree = cut_off  # type: ignore[attr-defined,assignment]
        try:
            pipeline.prune(past.workspace, yes=True)
        finally:
            os._exit(1)
    killed = os.waitpid(child, 0)[1] == signal.SIGKILL
    assert killed == (after < 3)
    for number in range(3):
        run = past.run_of(f"run{number}")
        assert past.workspace.pruned(run) is not None
        assert past.workspace.find_complete(Run, run.inputs_hash) is None
        with pytest.raises(ServingError, match="were pruned"):
            pipeline.deploy(past.workspace, run=run.id, overrule="x")
    assert pipeline.read_history(past.workspace).faults == ()
    rest = pipeline.prune(past.workspace, yes=True)
    assert len(rest.going) == (3 - after if killed else 0)
    assert {one.why for one in rest.going} <= {"left by a pruning that was cut off"}
    left = [path.name for path in (tmp_path / "runs").glob("*/adapter")]
    assert len(left) == 3


def test_one_promoted_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    past = three_runs(tmp_path, keep_runs=1, keep_days=0)
    past.traffic((past.deployments[2], 1), day=24)
    mark = Workspace.mark_pruned

    def promoted(place: Workspace, record: Any, pruned: Pruned | None) -> None:
        mark(place, record, pruned)
        if pruned and record.id == "aaa1":
            past.traffic((past.deployments[0], 1), day=25)

    monkeypatch.setattr(Workspace, "mark_pruned", promoted)
    found = pipeline.prune(past.workspace, yes=True)
    assert found.going == ()
    assert why(found, "aaa1") == "answers now"
    assert past.workspace.pruned(past.run_of("aaa1")) is None
    assert (tmp_path / "runs" / "aaa1" / "adapter").is_dir()


def test_a_pruned_run_is_refused_in_words(tmp_path: Path, tiny_base: Path) -> None:
    workspace = small_workspace(tmp_path, tiny_base, n=50, epochs=1)
    run = pipeline.run_train(workspace)
    consent = "openai-compatible:http://127.0.0.1:9/v1:m"
    mark = Pruned(at="2026-11-01T00:00:00Z", why="older than the newest 5", files={})
    workspace.mark_pruned(run, mark)
    sentence = rf"weights of run {run.id} were pruned on 2026-11-01 \(older than the newest 5"
    with pytest.raises(ServingError, match=sentence):
        pipeline.promote(workspace, run.id[:5], engine=consent, overrule="x")
    with pytest.raises(ServingError, match=sentence):
        pipeline.deploy(workspace, overrule="x")
    with pytest.raises(ExportError, match=sentence):
        find_run(workspace, run.id)
    with pytest.raises(DeployError, match=sentence):
        deploying._exported(workspace, run)
    told: list[Event] = []
    again = pipeline.run_train(workspace, progress=told.append)
    assert again.id == f"{run.id}-2"
    assert again.hash == run.hash
    assert any("were pruned" in event.message and "again" in event.message for event in told)
    assert workspace.pruned(again) is None
    assert pipeline.run_train(workspace) == again
    workspace.mark_pruned(run, None)
    assert serving._run(workspace, again.id) == again


def test_a_failed_run_that_was_pruned_is_whole_when_it_is_done_again(tmp_path: Path) -> None:
    past = old_runs(tmp_path, n=1)
    failed = past.run("gone", past.data("data1"), status="failed", train={"r": 9})
    past.workspace.mark_pruned(failed, Pruned(at="", why="", files={}))
    fields = {"settings": failed.settings, "prompt": failed.prompt}
    taken = past.workspace.start(Run, "gone", parents={}, seed=0, fields=fields)
    assert taken.id == "gone"
    assert past.workspace.pruned(taken) is None
