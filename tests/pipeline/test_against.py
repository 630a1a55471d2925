"""One run against another on the same sealed test split."""

import json
from pathlib import Path

import pytest
from pipeline.test_pipeline import workspace_for

from burnish import pipeline
from burnish.errors import EvaluationError
from burnish.records import Report, Run
from burnish.store import Workspace


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> tuple[Workspace, Run]:
    """A workspace with two evaluated runs; the brief is that of the second."""
    folder = tmp_path_factory.mktemp("runs")
    workspace = workspace_for(folder, tiny_base, "summarize")
    pipeline.run(workspace)
    first = workspace.records(Run)[0]
    pipeline.run(workspace_for(folder, tiny_base, "summarize", learning_rate=0.01))
    return workspace, first


def test_two_runs_are_paired_over_the_same_examples(two_runs: tuple[Workspace, Run]) -> None:
    workspace, first = two_runs
    found = pipeline.run_against(workspace, first.id[:6])
    reports = {report.id: report for report in workspace.records(Report)}
    own, other = (reports[each] for each in found.reports)
    assert own.parents["run"] != other.parents["run"]
    assert other.parents["run"] == first.hash
    for each in found.differences:
        values = [
            next(system for system in report.systems if system.name == "tuned")
            .scores[each.metric]
            .value
            for report in (own, other)
        ]
        assert found.values[each.metric] == pytest.approx(tuple(values))
        assert each.value == pytest.approx(values[0] - values[1])
        assert each.other == first.id
    assert found.differences[0].metric == own.metric
    written = json.loads(workspace.path(own, f"against-{first.id}.json").read_text())
    assert written["reason"] == found.reason
    assert found.openings == 3


def test_nothing_is_answered_anew(two_runs: tuple[Workspace, Run]) -> None:
    workspace, first = two_runs
    before = {path: path.stat().st_mtime_ns for path in workspace.folder.rglob("answers.jsonl")}
    pipeline.run_against(workspace, first.id)
    after = {path: path.stat().st_mtime_ns for path in workspace.folder.rglob("answers.jsonl")}
    assert before == after
    assert len(workspace.records(Report)) == 2


def test_a_run_that_is_none_or_the_own_is_refused(two_runs: tuple[Workspace, Run]) -> None:
    workspace, first = two_runs
    second = next(run for run in workspace.records(Run) if run.id != first.id)
    with pytest.raises(EvaluationError, match="no complete run") as caught:
        pipeline.run_against(workspace, "nothing")
    assert first.id in str(caught.value.hint)
    with pytest.raises(EvaluationError, match="brief's own") as caught:
        pipeline.run_against(workspace, second.id)
    assert first.id in str(caught.value.hint)
    with pytest.raises(EvaluationError, match="several runs"):
        pipeline.run_against(workspace, "")


def test_answers_that_were_changed_since_are_refused(two_runs: tuple[Workspace, Run]) -> None:
    workspace, first = two_runs
    report = next(r for r in workspace.records(Report) if r.parents["run"] == first.hash)
    path = workspace.path(report, "answers.jsonl")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b"ward", b"wart"))
        with pytest.raises(EvaluationError, match="does not hold the answers"):
            pipeline.run_against(workspace, first.id)
    finally:
        path.write_bytes(whole)
