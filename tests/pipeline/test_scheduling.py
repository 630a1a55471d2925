"""Files by which cron and systemd start `burnish watch`, for a workspace as it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from past import three_runs
from typer.testing import CliRunner

from burnish import pipeline
from burnish.cli.main import app
from burnish.errors import DeployError
from burnish.records import Watch
from burnish.records.deploy_plan import WatchPlan

RUNNER = CliRunner()


def test_the_script_watches_this_workspace_with_this_burnish(tmp_path: Path) -> None:
    past = three_runs(tmp_path / "a task")
    plan = pipeline.run_schedule(past.workspace, tmp_path / "cron")
    assert plan.program == str(Path(sys.executable).with_name("burnish"))
    assert plan.workspace == str(past.folder.resolve())
    done = subprocess.run(
        ["/bin/sh", str(tmp_path / "cron" / "watch.sh")], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (past.folder / ".burnish-watch.lock").exists()
    past.workspace.brief.write_text("name: [")
    done = subprocess.run(
        ["/bin/sh", str(tmp_path / "cron" / "watch.sh")], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Error:" in done.stdout
    assert past.workspace.records(Watch) == []


def test_a_dry_run_writes_nothing_and_a_full_folder_is_refused(tmp_path: Path) -> None:
    past = three_runs(tmp_path / "task", mlflow="registry")
    line = ["deploy", "--to", "cron", "--every", "day", "-w", str(past.folder)]
    done = RUNNER.invoke(app, [*line, "--dry-run", "--json"])
    plan = WatchPlan.model_validate_json(done.output)
    assert (plan.output, plan.mirror) == ("", True)
    assert plan.schedule.split()[1] == "4"
    output = tmp_path / "cron"
    assert not output.exists()
    assert RUNNER.invoke(app, [*line, "--output", str(output)]).exit_code == 0
    assert (output / "crontab").read_text().startswith(plan.schedule)
    again = RUNNER.invoke(app, [*line, "--output", str(output)])
    assert isinstance(again.exception, DeployError)
    assert RUNNER.invoke(app, [*line, "--output", str(output), "--force"]).exit_code == 0
    wrong = RUNNER.invoke(app, [*line, "--output", str(output), "--gpu", "L4", "--replicas", "2"])
    assert isinstance(wrong.exception, DeployError)
    assert "--gpu, --replicas says nothing for cron" in wrong.exception.message


def test_without_a_program_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    past = three_runs(tmp_path / "task")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="no program called burnish"):
        pipeline.run_schedule(past.workspace, tmp_path / "cron")
