"""`burnish watch` on the command line: exit codes, JSON, and what a person reads."""

import json
from pathlib import Path

import pytest
from watched import exchanges, log, served_workspace, tickets

from burnish.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_an_alarm_exits_with_one_and_says_what_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = served_workspace(tmp_path)
    log(workspace, exchanges(tickets(120, 1), "2024-03-01", 7))
    log(workspace, exchanges(tickets(120, 50, (6, 1, 1), words=16), "2024-03-08", 7))
    code, out, _ = run(capsys, "watch", "--workspace", str(tmp_path))
    assert code == 1
    assert "Alarm, 2024-03-08 to 2024-03-15" in out
    assert "billing" in out
    assert "burnish gather" in out
    code, out, _ = run(capsys, "watch", "--workspace", str(tmp_path))
    assert code == 0
    assert "Alarm" not in out


def test_json_holds_the_outcome_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = served_workspace(tmp_path)
    log(workspace, exchanges(tickets(120, 1), "2024-03-01", 7))
    code, out, _ = run(capsys, "watch", "--workspace", str(tmp_path), "--json")
    found = json.loads(out)
    assert code == 0
    assert [one["alarm"] for one in found["judged"]] == [False]
    assert {"open", "notes", "canary"} <= set(found)


def test_no_brief_and_no_labels_are_the_users_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "watch", "--workspace", str(tmp_path / "none"))[0] == 2
    workspace = served_workspace(tmp_path / "there")
    code, _, err = run(
        capsys, "watch", "--workspace", str(workspace.folder), "--labels", str(tmp_path / "no")
    )
    assert code == 2
    assert "cannot be read" in err
