"""`burnish retune` and `burnish promote --in-stages` as a user types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from watched import served_workspace

from burnish import pipeline
from burnish.cli.main import main
from burnish.records import Compared, Difference, Gain, Retune, Score, ServeSettings
from burnish.store import Workspace

NEW = "openai-compatible:http://127.0.0.1:8/v1:m"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def compared(test: str, gain: float) -> Compared:
    def score(value: float) -> Score:
        return Score(metric="accuracy", value=value, low=value - 0.1, high=value + 0.1, n=40)

    return Compared(
        test=test, serving=score(0.5), new=score(0.5 + gain),
        difference=Difference(metric="accuracy", other="old", value=gain, low=gain - 0.1,
                              high=gain + 0.1, p_value=0.01, n=40),
    )  # type: ignore[arg-type]  # fmt: skip


def retune(**fields: Any) -> Retune:
    given: dict[str, Any] = {
        "id": "r1", "status": "complete", "inputs_hash": "x", "parents": {}, "seed": 0,
        "started_at": "2026-01-01T00:00:00Z", "packages": {}, "task_name": "sort",
        "metric": "accuracy", "why": ("60 new examples.", "Labels it cannot know: \x1b[31mc."),
        "serving": "old", "new_examples": 60, "fresh": 30, "cost_note": "Training: 2 min.",
        "price": 0.5,
        "gain": Gain(sizes=(60, 90), scores=(0.5, 0.7), expected=0.2, low=0.1, high=0.3, n=30,
                     measured="By a classic baseline."),
    }  # fmt: skip
    return Retune.model_validate(given | fields)


def judged(decision: str, gain: float = 0.2, **fields: Any) -> Retune:
    both = (compared("old", 0.0), compared("fresh", gain))
    return retune(run="new", decision=decision, reason="So it is.", compared=both, **fields)


class Made:
    """Stands in for the step, which other tests walk: says what came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[bool] = []
        self.found = retune()
        monkeypatch.setattr(pipeline, "run_retune", self._run)

    def _run(self, _: Workspace, *, go: bool, progress: object) -> Retune:
        self.asked.append(go)
        return self.found


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(monkeypatch)


def test_a_proposal_ends_with_the_next_command(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    made.found = retune()
    assert run("retune") == 0
    shown = capsys.readouterr().out
    assert "Why: 60 new examples." in shown
    assert "Labels it cannot know: \ufffd[31mc." in shown
    assert "Gain: +0.200 [+0.100, +0.300] accuracy on new requests (n = 30)." in shown
    assert "Cost: Training: 2 min. At your price per hour: 0.50." in shown
    assert "Next: burnish retune --go" in shown
    assert made.asked == [False]
    made.found = retune(gain=None, gain_note="It cannot be told.")
    assert run("retune") == 0
    assert "Gain: It cannot be told." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decision", "code", "next_"),
    [
        ("ship", 0, "Next: burnish promote new --in-stages"),
        ("don't ship", 1, "Nothing is promoted; run old goes on answering."),
        ("not enough data", 1, "Nothing is promoted; run old goes on answering."),
    ],
)
def test_a_verdict_sets_the_exit_code(
    made: Made, capsys: pytest.CaptureFixture[str], decision: str, code: int, next_: str
) -> None:
    made.found = judged(decision)
    assert run("retune", "--go") == code
    shown = capsys.readouterr().out
    assert made.asked == [True]
    assert f"{decision}: So it is." in shown
    assert "+0.200 [+0.100, +0.300]" in shown
    assert next_ in shown
    assert run("retune", "--go", "--quiet") == code
    assert capsys.readouterr().out == f"{decision}: So it is.\n"
    assert run("retune", "--go", "--json") == code
    assert Retune.model_validate_json(capsys.readouterr().out) == judged(decision)


def test_what_was_promoted_is_said(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    made.found = judged("ship", promoted="On Monday it was given 10% of the requests.")
    assert run("retune") == 0
    shown = capsys.readouterr().out
    assert "On Monday it was given 10% of the requests." in shown
    assert "Next:" not in shown
    assert made.asked == [False]


def test_without_anybody_who_serves_it_is_the_users_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served_workspace(tmp_path).database.unlink()
    assert run("retune", "--workspace", str(tmp_path)) == 2
    told = capsys.readouterr().err
    assert "Nobody answers here yet" in told
    assert "Next: burnish serve" in told


def test_stages_begin_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    consent = "examples may leave this machine for 127.0.0.1"
    served_workspace(tmp_path, serve=ServeSettings(consent=consent))
    place = ["--workspace", str(tmp_path), "--engine", NEW, "--overrule", "x"]
    assert run("promote", "--in-stages", "--share", "0.5", *place) == 2
    assert "--in-stages stands beside" in capsys.readouterr().err
    assert run("promote", "--in-stages", "--reason", "a trial", "--json", *place) == 0
    state = json.loads(capsys.readouterr().out)
    assert [route["share"] for route in state["routes"]] == [0.1, 0.9]
    assert "a trial" in state["reason"]
    (first,) = pipeline.read_stage_decisions(Workspace(tmp_path))
    assert (first.action, first.reason, first.to) == ("start", "a trial", 0.1)
