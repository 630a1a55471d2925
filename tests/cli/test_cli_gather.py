"""`burnish gather`: what it prints, its JSON, its mistakes, and the commands of its page."""

import json
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gatherings import Log, ordinary, text_of, workspace_of
from typer.testing import CliRunner

from burnish.cli.main import app
from burnish.errors import BurnishError
from burnish.store import Workspace

RUNNER = CliRunner()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An ordinary log with one uncertain answer, honest corrections and a hostile caller."""
    made = workspace_of(tmp_path)
    chance = random.Random(7)
    log = Log(made)
    ordinary(log, 50)
    log.ask(text_of("card", chance), "card", id="unsure", probability=0.2)
    log.ask({"body": "of an older brief"}, "card")
    for at in range(40):
        name = log.ask(text_of("refund", chance), "card", id=f"honest{at}")
        log.say(name, f"c{at % 9}", answer="refund")
    for at in range(6):
        name = log.ask(text_of("transfer", chance), "transfer", id=f"poison{at}")
        log.say(name, "enemy", answer="pin")
    log.write()
    return made


def invoke(workspace: Workspace, *line: str) -> str:
    done = RUNNER.invoke(app, ["gather", *line, "-w", str(workspace.folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_prints_what_it_found_whom_it_doubts_and_what_to_type_next(workspace: Workspace) -> None:
    said = invoke(workspace)
    assert "Exchanges: 98" in said
    assert re.search(r"\b1  left out: without the brief's column \"text\"", said)
    assert re.search(r"\b46  corrected\n", said)
    assert re.search(r"\b1  uncertain\n", said)
    assert "Corrections by callers: 46; 6 have a flag, 40 can be taken" in said
    assert re.search(r"enemy\s+6\s+6\s+40\s+0", said)
    assert re.search(r"enemy\s+transfer → pin\s+6 of 6\s+0 of 40", said)
    assert f"Written: {workspace.queue}" in said
    at = f"--workspace {shlex.quote(str(workspace.folder))}"
    assert f"then type burnish gather --take FILE {at}" in said
    assert f"Next: burnish gather --take-corrections {at}" in said


def test_json_is_the_record_and_nothing_else(workspace: Workspace) -> None:
    found = json.loads(invoke(workspace, "--json", "--most", "5", "--to", "prodigy"))
    assert (found["queued"], found["corrections"], found["doubted"]) == (5, 46, 6)
    assert [Path(name).name for name in found["files"]] == [
        "queue.jsonl", "queue.csv", "queue-prodigy.jsonl",
    ]  # fmt: skip
    taken = json.loads(invoke(workspace, "--take-corrections", "--json"))
    assert (taken["taken"], taken["flagged"]) == (40, 6)
    assert [one["caller"] for one in taken["callers"]] == ["enemy"]


def test_quiet_is_one_line(workspace: Workspace) -> None:
    assert invoke(workspace, "-q") == f"47 exchanges in {workspace.queue}\n"
    assert invoke(workspace, "-q", "--take-corrections") == "40 taken; 40 examples gathered\n"


def test_a_decision_is_taken_and_said(workspace: Workspace) -> None:
    invoke(workspace)
    file = workspace.folder / "mine.csv"
    file.write_text("exchange,right\nunsure,new: fraud\npoison0,accept\npoison1,drop\npoison2,\n")
    said = invoke(workspace, "--take", str(file))
    assert "New examples: 2" in said
    assert "1  dropped" in said
    assert "1  without a decision" in said
    assert "Labels that the data set does not have: fraud" in said
    assert "Next: burnish retune" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--since", "yesterday"], "is no date"),
        (["--to", "excel"], "Tasks cannot be written for excel"),
        (["--take", "a.csv", "--take-corrections"], "stand together"),
        (["--take", "a.csv", "--most", "3"], "are about the queue"),
        (["--take", "none.csv"], "There is no file"),
    ],
)
def test_each_mistake_gives_one_message(tmp_path: Path, line: list[str], said: str) -> None:
    workspace = workspace_of(tmp_path)
    done = RUNNER.invoke(app, ["gather", *line, "-w", str(workspace.folder)])
    assert isinstance(done.exception, BurnishError)
    assert said in done.exception.message
    assert done.exception.hint
    assert not workspace.queue.exists()


def test_a_folder_without_a_brief_is_refused_and_stays_empty(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["gather", "-w", str(tmp_path)])
    assert isinstance(done.exception, BurnishError)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".burnish.lock"] == []


def test_times_are_taken_in_utc(workspace: Workspace) -> None:
    all_ = json.loads(invoke(workspace, "--json"))["exchanges"]
    late = json.loads(invoke(workspace, "--json", "--since", "2026-10-01T10:00+02:00"))
    assert late["since"] == "2026-10-01T08:00:00.000Z"
    assert late["exchanges"] == all_
    assert json.loads(invoke(workspace, "--json", "--since", "2026-10-02"))["exchanges"] == 0


def test_wrong_decisions_exit_with_2_and_all_faults(workspace: Workspace) -> None:
    invoke(workspace)
    before = workspace.queue.read_bytes()
    file = workspace.folder / "mine.csv"
    file.write_text("exchange,right\nunsure,crad\npoison0,fraud\nelsewhere,card\n")
    line = ["gather", "--take", str(file), "-w", str(workspace.folder)]
    done = subprocess.run(
        [sys.executable, "-c", "from burnish.cli.main import main; main()", *line],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert "3 decisions in" in done.stderr
    assert 'mine.csv row 1: "crad" is no label of the data set; did you mean "card"?' in done.stderr
    assert "mine.csv row 3: elsewhere stands neither in the queue" in done.stderr
    assert "Traceback" not in done.stderr
    assert workspace.queue.read_bytes() == before
    assert not workspace.gathered.exists()


def test_the_commands_of_the_page_do_what_it_says(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of docs/gathering.md, in its order, in one workspace."""
    page = (ROOT / "docs" / "gathering.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    monkeypatch.chdir(workspace.folder)
    met = []
    for line in filter(None, lines):
        name, command, *rest = shlex.split(line)
        assert name == "burnish"
        if command != "gather":
            continue
        if "--take" in rest:
            file = workspace.folder / rest[rest.index("--take") + 1]
            file.write_text("exchange,right\nunsure,keep\n")
        done = RUNNER.invoke(app, [command, *rest])
        assert done.exit_code == 0, (line, done.output, done.exception)
        met.append(rest[0] if rest else "")
    assert {"", "--take", "--take-corrections", "--to"} <= set(met)
