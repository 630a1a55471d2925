"""Tasks of lm-evaluation-harness in the whole way: refused before any work, or in the report."""

import importlib.util
import json
from pathlib import Path

import pytest
from harnesses import Asked, mean, single, write_tasks
from test_alternatives import changed
from test_pipeline import workspace_for

from burnish import pipeline
from burnish.brief.check import check
from burnish.brief.file import read_brief
from burnish.cli.main import main
from burnish.evaluate.general_set import INSTRUCTIONS, TEXTS
from burnish.records import Report
from burnish.store import Workspace

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed"
)


def asking(folder: Path, base: Path, more: str) -> Workspace:
    workspace = workspace_for(folder, base, "classify")
    changed(workspace, "  resamples: 200\n", f"  resamples: 200\n  harness: [sums]\n{more}")
    return workspace


def steps(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.folder.iterdir() if path.is_dir())


@pytest.fixture(autouse=True)
def short_general_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The general set is measured elsewhere."""
    monkeypatch.setattr("burnish.evaluate.forgetting.INSTRUCTIONS", INSTRUCTIONS[:2])
    monkeypatch.setattr("burnish.evaluate.forgetting.TEXTS", TEXTS[:2])


def refused(capsys: pytest.CaptureFixture[str], command: str, workspace: Workspace) -> str:
    """What a command says that ends with exit code 2."""
    with pytest.raises(SystemExit) as end:
        main([command, "--workspace", str(workspace.folder)])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_without_the_package_nothing_begins(
    tmp_path: Path,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("burnish.engines.harness.find_spec", lambda _: None)
    workspace = asking(tmp_path / "task", tiny_base, "")
    told = refused(capsys, "run", workspace)
    assert "not installed" in told
    assert "burnish[harness]" in told
    assert steps(workspace) == []


def test_an_unknown_task_is_told_before_anything_begins(
    tmp_path: Path,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Asked({"sum": single(acc=mean)}, []).install(monkeypatch)
    workspace = asking(tmp_path / "task", tiny_base, "")
    told = refused(capsys, "evaluate", workspace)
    assert "did you mean sum?" in told
    assert steps(workspace) == []


def test_a_task_that_stops_leaves_no_report_and_what_was_answered(
    tmp_path: Path,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = Asked(
        {"sums": single(acc=mean)},
        [ValueError("no docs"), {"sums": [1.0] * 9}, {"sums": [0.0] * 9}],
    )
    asked.install(monkeypatch)
    workspace = asking(tmp_path / "task", tiny_base, "")
    told = refused(capsys, "run", workspace)
    assert "stopped at sums: no docs" in told
    (failed,) = workspace.records(Report)
    assert failed.status == "failed"
    assert [path.name for path in workspace.path(failed).iterdir()].count("answers.jsonl") == 0

    report = pipeline.run(workspace)
    assert report.verdict is not None
    assert report.forgetting is not None
    assert report.forgetting.harness[0].difference == -1
    assert report.verdict.reason.endswith(report.forgetting.warning)
    assert "acc on sums went from 1.000 to 0.000" in report.forgetting.warning
    assert pipeline.run(workspace).id == report.id
    assert len(asked.calls) == 3


def test_a_base_at_a_server_cannot_be_asked(tmp_path: Path, tiny_base: Path) -> None:
    values = read_brief(asking(tmp_path / "task", tiny_base, "").brief).model_dump(mode="json")
    _, faults = check(values | {"base": "openai-compatible:https://x.org/v1:m"})
    assert any("`evaluate.harness` names tasks, but `base` is at a server" in f for f in faults)


@needs_harness
def test_the_real_harness_on_tasks_of_ones_own(tmp_path: Path, tiny_base: Path) -> None:
    workspace = asking(tmp_path / "task", tiny_base, "  harness_limit: 12\n  harness_tasks: own\n")
    rows = [
        {"question": f"{a} and {b}:", "choices": [" one", " two"], "answer": a % 2, "written": ""}
        for a in range(6) for b in range(3)
    ]  # fmt: skip
    folder = write_tasks(workspace.folder / "own", rows)
    report = pipeline.run(workspace)
    assert report.forgetting is not None
    (found,) = report.forgetting.harness
    assert (found.task, found.metric, found.n, found.version) == ("sums", "acc", 12, "1.0")
    page = json.loads(workspace.path(report, "report.json").read_text())
    assert page["report"]["forgetting"]["harness"][0]["n"] == 12

    (folder / "sums.yaml").write_text((folder / "sums.yaml").read_text() + "# changed\n")
    assert pipeline.run_evaluate(workspace).id != report.id
