"""`burnish evaluate --human…` and `--judge` over a finished report, as a user types them."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai_server import OpenAIServer

from burnish.brief.file import write_brief
from burnish.cli.main import main
from burnish.engines.server import PREFIX
from burnish.records import (
    Answer,
    AnsweredExample,
    DataSettings,
    JudgeReport,
    JudgeSettings,
    PassMark,
    PeopleReport,
    PeopleSettings,
    PromptSettings,
    Report,
    SystemResult,
    Task,
    Verdict,
)
from burnish.store import Workspace
from burnish.store.files import sha256_file, write_lines

N = 45


def workspace_with_report(folder: Path, judge: str | None = None, **people: Any) -> Workspace:
    """A workspace with a brief and one finished report, whose better answers say so."""
    task = Task(
        name="notes", kind="summarize", metric="rougeL", goal="Condense a visit note.",
        data=DataSettings(source="a.csv", inputs=("note",), output=("summary",)),
        prompt=PromptSettings(system="Condense the note."),
        people=PeopleSettings(**people), judge=JudgeSettings(model=judge, timeout=2.0),
    )  # fmt: skip
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    systems = tuple(
        SystemResult(name=name, description=name, scores={}) for name in ("few-shot", "tuned")
    )
    verdict = Verdict(decision="ship", reason="r", metric="rougeL", mark=0, strongest="few-shot")
    fields = {
        "task_name": "notes", "task_kind": "summarize", "metric": "rougeL",
        "pass_mark": PassMark(), "settings": task.evaluate,
    }  # fmt: skip
    report = workspace.start(Report, "1" * 64, parents={}, seed=0, fields=fields)
    lines = []
    for at in range(N):
        better = hashlib.sha256(str(at).encode()).digest()[0] % 4 > 0  # tuned, three times in four
        texts = (f"good summary {at}", f"poor summary {at}")
        tuned, few = texts if better else texts[::-1]
        answers = {"few-shot": Answer(text=few), "tuned": Answer(text=tuned)}
        lines.append(
            AnsweredExample(
                id=f"row-{at}", row=at, inputs={"note": f"Note {at}."}, references=("r",),
                answers=answers,
            )
        )  # fmt: skip
    path = workspace.path(report, "answers.jsonl")
    write_lines(path, lines)
    workspace.complete(
        report,
        {"systems": systems, "verdict": verdict, "n": N, "files": {path.name: sha256_file(path)}},
    )
    return workspace


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", *arguments])
    return int(end.value.code or 0)


def judging(model: str, messages: list[dict[str, str]]) -> str:
    material = json.loads(messages[1]["content"])
    return json.dumps(
        {"reason": "r", "verdict": "1" if material["answer_1"].startswith("good") else "2"}
    )


def fill(path: Path, rater: str, wrong: int = 0) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for at, row in enumerate(rows):
        good = row["answer_1"].startswith("good") != (at < wrong)
        row |= {"vote": "1" if good else "2", "rater": rater}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_sheets_out_votes_in_then_a_judge_that_may_decide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(answer=judging) as served:
        workspace = workspace_with_report(tmp_path / "t", f"{PREFIX}{served.url}:base")
        here = ["-w", str(workspace.folder)]
        assert call("--judge", *here) == 1
        assert "withheld" in capsys.readouterr().out
        for rater, wrong in (("anna", 0), ("cleo", 0), ("ben", 4)):
            sheet = tmp_path / f"{rater}.jsonl"
            assert call("--human-sheet", str(sheet), "--rater", rater, *here) == 0
            assert f"{N} items for {rater}" in capsys.readouterr().out
            fill(sheet, rater, wrong)
            assert call("--human-import", str(sheet), "--json", *here) == 0
        out = capsys.readouterr()
        people = PeopleReport.model_validate_json(out.out)
        assert people.raters == {"anna": N, "ben": N, "cleo": N}
        assert people.win_rates[0].rate.low > 0.5
        assert people.choice_alpha is not None
        assert 0.5 < people.choice_alpha.value < 1
        asked = len(served.requests)
        assert asked == 2 * N
        assert call("--judge", "--json", *here) == 0
        assert len(served.requests) == asked  # all from the cache
        found = JudgeReport.model_validate_json(capsys.readouterr().out)
        assert (found.decision, found.withheld) == ("ship", ())
        assert call("--human-results", *here) == 0
        shown = capsys.readouterr().out
    assert "Krippendorff's alpha of choices (nominal)" in shown
    folder = workspace.path(workspace.records(Report)[0])
    assert {"judge.json", "judge.jsonl", "people.json"} <= {path.name for path in folder.iterdir()}
    (report,) = workspace.records(Report)
    assert workspace.find_complete(Report, report.inputs_hash) == report


def test_the_page_is_served_until_it_is_stopped_and_votes_outlive_it(tmp_path: Path) -> None:
    workspace = workspace_with_report(tmp_path / "t", examples=5)
    arguments = ["evaluate", "--human", "--port", "0", "-w", str(workspace.folder)]
    for done in (0, 2):  # taken up again where it was left
        child = subprocess.Popen(
            [sys.executable, "-c", f"from burnish.cli.main import main; main({arguments!r})"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {},
            # a shell's background job ignores SIGINT, and its children would too
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            assert child.stderr is not None
            told = child.stderr.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/", told)
            assert url is not None, told
            for step in range(done, done + 2):
                page = httpx.get(url[0], params={"rater": "anna"}).text
                assert f"{step} of 5 done" in page
                fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
                form = {name: unescape(value) for name, value in fields.items()} | {"vote": "1"}
                origin = {"Origin": url[0].rstrip("/")}
                assert httpx.post(url[0], data=form, headers=origin).status_code == 303
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
        assert child.returncode == 0, err
        assert f"Votes: {done + 2} (anna {done + 2})" in out


def test_what_cannot_be_done_is_told_in_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = workspace_with_report(tmp_path / "t")
    here = ["-w", str(workspace.folder)]
    far = "openai-compatible:https://far.example/v1:m"
    cases = [
        (["--judge"], "names no judge"),
        (["--judge", "--human-results"], "More than one"),
        (["--human-results", "--force"], "--force repeats the comparison alone"),
        (["--human-sheet", "votes.txt"], ".csv or .jsonl"),
        (["--human-sheet", "votes.csv", "--rater", " "], "the rater has no name"),
        (["--human-import", str(tmp_path / "none.csv")], "none.csv"),
    ]
    for arguments, message in cases:
        assert call(*arguments, *here) == 2
        assert message in capsys.readouterr().err
    text = workspace.brief.read_text().replace("judge:", f"judge:\n  model: {far}")
    workspace.brief.write_text(text)
    assert call("--judge", *here) == 2
    assert '"examples may leave this machine for far.example"' in capsys.readouterr().err
    empty = tmp_path / "empty"
    write_brief(Workspace(empty).brief, Task.model_validate(
        {"name": "t", "kind": "classify", "metric": "accuracy",
         "data": {"source": "a", "inputs": ["x"], "output": ["y"]}}))  # fmt: skip
    assert call("--human", "-w", str(empty)) == 2
    assert "no finished report" in capsys.readouterr().err
