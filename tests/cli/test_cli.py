"""The commands over a pipeline that does no work: codes, streams, flags, and what is shown."""

import io
import json
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import burnish.pipeline as pipeline
from burnish.brief.check import known_keys
from burnish.brief.file import write_brief
from burnish.brief.propose import Proposal, Question
from burnish.cli import ask
from burnish.cli.flags import FILES, SETTINGS
from burnish.cli.main import MOST_FAULTS, QUIET_LIBRARIES, main
from burnish.cli.progress import Lines, live
from burnish.errors import DataError
from burnish.records import (
    BaseChoice,
    Dataset,
    DataSettings,
    Difference,
    Opening,
    PassMark,
    Report,
    Run,
    Score,
    Split,
    SystemResult,
    Task,
    TrainSettings,
    Verdict,
)
from burnish.records.event import Event, Progress
from burnish.store import Workspace

TASK = Task(
    name="tickets",
    kind="classify",
    metric="macro_f1",
    data=DataSettings(source="x.csv", inputs=("text",), output=("label",)),
)
WRITTEN = TASK.model_copy(update={"data": TASK.data.model_copy(update={"source": "../x.csv"})})
STEPS = {name: f"run_{name}" for name in ("data", "base", "train", "evaluate")}
WRONG_COLUMN = DataError("No column 'txt'.", faults=["row 3, txt: empty"], hint="--inputs text")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in (*QUIET_LIBRARIES, "BURNISH_DEBUG"):
        monkeypatch.setenv(key, "")  # so that teardown removes what main() sets
        monkeypatch.delenv(key)
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def record(**more: Any) -> dict[str, Any]:
    return {
        "id": "abc", "status": "complete", "inputs_hash": "1" * 64, "parents": {}, "seed": 0,
        "started_at": "2026-11-01T09:00:00Z", "packages": {}, "hash": "2" * 64, **more,
    }  # fmt: skip


def dataset(**more: Any) -> Dataset:
    counts = {"refund": 5, "top\x1b[2Jup": 3}
    splits = {
        name: Split(file=f"{name}.jsonl", n=n, sha256="3" * 64, labels=counts)
        for name, n in (("train", 256), ("validation", 32), ("test", 31))
    }
    fields: dict[str, Any] = {
        "splits": splits, "rows_read": 1320, "dropped": {"duplicate": 1, "empty answer": 1000},
        "labels": tuple(counts), "advice": ("Collect more refunds.",),
    }  # fmt: skip
    return Dataset(**record(**fields | more))


def system(name: str, value: float) -> SystemResult:
    names = ("accuracy", "macro_f1", "micro_f1") + (() if name == "classic" else ("perplexity",))
    scores = {
        metric: Score(metric=metric, value=value, low=value - 0.04, high=value + 0.04, n=31)
        for metric in names
    }
    return SystemResult(name=name, description=f"{name}.", scores=scores)


def report(decision: str = "ship", openings: int = 1) -> Report:
    verdict = Verdict(
        decision=decision, reason="Macro-F1 0.481 [brackets] kept.", metric="macro_f1", mark=0.4
    )
    difference = Difference(metric="macro_f1", other="classic", value=0.12, low=-0.02, high=0.26,
                            p_value=0.1, n=31)  # fmt: skip
    opening = Opening(at="2026-11-01T09:00:00Z", reason="evaluation of run abc", dataset_hash="4")
    return Report(
        **record(parents={"dataset": "2" * 64}), task_name="tickets", task_kind="classify",
        metric="macro_f1", pass_mark=PassMark(), settings=TASK.evaluate, n=31,
        systems=(system("classic", 0.361), system("tuned", 0.481)), differences=(difference,),
        verdict=verdict, openings=(opening,) * openings,
    )  # fmt: skip


BASE = BaseChoice(
    **record(), name="smollm2-135m", source="package", path="/models/smol", weights_sha256="5",
    template_sha256="6", architecture="llama", parameters=134_515_008, context_length=8192,
    vocabulary=49152, licence="Apache-2.0",
)  # fmt: skip
RUN = Run(
    **record(), settings=TrainSettings(), prompt=TASK.prompt, steps=96, best_epoch=2, resumed=1,
    validation_loss=(1.7, 1.612, 1.65), truncated=("a", "b"), tokens_per_second=1832.4,
    peak_memory_gib=3.61, seconds=75, device="cpu",
)  # fmt: skip


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], dict[str, Any]]:
    """Replace a step of the pipeline; what it was called with is filled in later."""

    def replace(name: str, result: Any) -> dict[str, Any]:
        calls: dict[str, Any] = {}

        def fake(workspace: Workspace, *, force: bool = False, progress: Progress) -> Any:
            calls.update(folder=workspace.folder, force=force)
            print("chatter of a library")
            progress(Event("data", "reading x.csv"))
            if isinstance(result, BaseException):
                raise result
            progress(Event("data", "256 / 32 / 31 examples", finished=True))
            return result

        monkeypatch.setattr(pipeline, STEPS.get(name, name), fake)
        return calls

    return replace


@pytest.fixture
def proposing(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace `pipeline.init`, which asks for the output, and for the inputs once that is set."""
    seen: dict[str, Any] = {"overrides": []}
    output = Question("output", "Which column should be learned?", ("label", "topic"), "label")
    inputs = Question("inputs", "Which should be read?", ("text", "text, title"), "text")

    def init(files: dict[str, str], workspace: Workspace, overrides: dict[str, Any]) -> Proposal:
        seen["files"] = files
        seen["overrides"].append(overrides)
        print("chatter of a library")
        questions = [inputs] if "output" in overrides else [output]
        reasons = [("kind", "classify", "`label` repeats 2 values")]
        return Proposal(TASK, reasons, questions, ["Try a prompt first."])

    def write_proposal(workspace: Workspace, proposal: Proposal, *, force: bool = False) -> Path:
        seen["written"], seen["force"] = proposal, force
        write_brief(workspace.brief, WRITTEN)
        return workspace.brief

    monkeypatch.setattr(pipeline, "init", init)
    monkeypatch.setattr(pipeline, "write_proposal", write_proposal)
    return seen


@pytest.mark.parametrize(
    ("decision", "code"), [("ship", 0), ("don't ship", 1), ("not enough data", 1)]
)
@pytest.mark.parametrize("command", ["run", "evaluate", "demo"])
def test_the_verdict_is_the_exit_code(step: Any, command: str, decision: str, code: int) -> None:
    step(command, report(decision))
    assert call(command) == code


@pytest.mark.parametrize(
    ("command", "result"), [("data", dataset()), ("base", BASE), ("train", RUN)]
)
def test_a_step_without_a_verdict_ends_with_0(step: Any, command: str, result: Any) -> None:
    calls = step(command, result)
    assert call(command, "-w", "place", "--force") == 0
    assert calls == {"folder": Path("place"), "force": True}


def test_the_demo_has_a_folder_of_its_own(step: Any) -> None:
    calls = step("demo", report())
    call("demo")
    assert calls == {"folder": Path("burnish-demo"), "force": False}


@pytest.mark.parametrize(
    ("command", "result"),
    [("data", dataset()), ("base", BASE), ("train", RUN), ("run", report("don't ship"))],
)
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_json_stands_alone_on_standard_output(
    step: Any, capsys: pytest.CaptureFixture[str], command: str, result: Any, quiet: list[str]
) -> None:
    step(command, result)
    call(command, "--json", *quiet)
    out, err = capsys.readouterr()
    assert type(result).model_validate_json(out) == result
    assert "chatter of a library" in err


def test_json_is_ascii_where_nothing_else_can_be_shown(
    step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step("data", dataset(advice=("Größer",)))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert call("data", "--json") == 0
    stream.seek(0)
    assert json.loads(stream.read())["advice"] == ["Größer"]


@pytest.mark.parametrize("flags", [[], ["--json"], ["--quiet"]])
def test_a_mistake_is_one_message_on_standard_error(
    step: Any, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    step("run", WRONG_COLUMN)
    assert call("run", *flags) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("Error: No column 'txt'.\n  - row 3, txt: empty\nNext: --inputs text\n")
    assert "Traceback" not in err


def test_of_very_many_faults_the_rest_is_counted(
    step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    step("run", DataError("Bad.", faults=[f"row {n}: \x1b]0;x\x07" for n in range(1050)]))
    call("run")
    err = capsys.readouterr().err
    assert err.count("  - row") == MOST_FAULTS
    assert "  … and 1,000 more" in err
    assert "\x1b" not in err


def test_a_bug_has_its_traceback(step: Any, capsys: pytest.CaptureFixture[str]) -> None:
    step("run", ZeroDivisionError("division by zero"))
    assert call("run", "--json") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" in err
    assert "ZeroDivisionError: division by zero" in err


def test_ctrl_c_says_that_the_work_goes_on(step: Any, capsys: pytest.CaptureFixture[str]) -> None:
    step("run", KeyboardInterrupt())
    assert call("run") == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "Stopped. The same command goes on where it stopped."
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["fly"], ["run", "--wings"], ["init", "x.csv", "--seed", "a"]]
)
def test_a_wrong_command_line_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert call(*arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_libraries_are_silent_and_the_users_settings_stay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "info")
    seen: dict[str, str] = {}

    def noisy(*_: Any, **__: Any) -> BaseChoice:
        seen.update(os.environ)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("loud", stacklevel=1)
        return BASE

    monkeypatch.setattr(pipeline, "run_base", noisy)
    call("base")
    assert "loud" in caplog.text
    assert seen["TRANSFORMERS_VERBOSITY"] == "info"
    assert seen["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"


def test_a_report_shows_every_figure_with_its_interval(
    step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = report("not enough data", openings=2)
    place = Workspace("place")
    place.write(dataset())
    step("run", made)
    call("run", "-w", "place")
    out = capsys.readouterr().out
    header = next(line for line in out.splitlines() if "system" in line and "macro_f1" in line)
    assert header.split() == ["system", "macro_f1", "accuracy", "micro_f1", "perplexity"]
    tuned = next(line for line in out.splitlines() if line.split()[:1] == ["tuned"])
    assert "0.481 [0.441, 0.521]" in tuned
    assert "n = 31 test examples" in out
    assert "+0.120 [-0.020, +0.260]" in out
    assert "Verdict: not enough data" in out
    assert "Macro-F1 0.481 [brackets] kept." in out
    assert "Advice: Collect more refunds." in out
    assert "opened 2 times" in out
    assert str(Path("place", "reports", "abc", "report.html")) in out


def test_one_opening_is_not_worth_a_word(step: Any, capsys: pytest.CaptureFixture[str]) -> None:
    step("run", report())
    call("run")
    assert "opened" not in capsys.readouterr().out


def test_a_narrow_screen_cuts_no_interval(
    step: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    step("run", report())
    call("run", "--quiet")
    assert capsys.readouterr().out.count("\n") == 1
    call("run")
    out = capsys.readouterr().out
    assert "[0.441, 0.521]" in out
    assert "0.481 [0.441" not in out


def test_a_dataset_shows_what_was_dropped_and_cannot_move_the_cursor(
    step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    step("data", dataset())
    call("data")
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["train", "256", str(Path("datasets", "abc", "train.jsonl"))] in rows
    assert ["1,000", "empty", "answer"] in rows
    assert ["refund", "5", "5", "5"] in rows
    assert "Dropped: 1,001" in out
    assert "Rows read: 1,320" in out
    assert "Advice: Collect more refunds." in out
    assert "\x1b" not in out


def test_a_base_and_a_run_show_where_they_lie(
    step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    step("base", BASE)
    call("base")
    out = capsys.readouterr().out
    for shown in ("smollm2-135m", "134.5 million", "Apache-2.0", "package", "/models/smol"):
        assert shown in out
    step("train", RUN)
    call("train")
    out = capsys.readouterr().out
    for shown in ("96 (taken up 1×)", "2 of 3", "1.700, 1.612, 1.650", "1,832", "3.6 GiB",
                  "2 examples", str(Path("runs", "abc", "adapter")), "loss.svg"):  # fmt: skip
        assert shown in out


def test_init_passes_the_flags_as_keys_of_the_brief(proposing: dict[str, Any]) -> None:
    code = call(
        "init", "x.csv", "--kind", "classify", "--inputs", "text,title", "--output", "a, b",
        "--output", "c", "--group", "none", "--labels", "x, y", "--over", "none", "--at-least",
        "0.8", "--no-multi-label", "--allow-small", "--epochs", "2", "--learning-rate", "1e-4",
        "--set", "train.r=8", "--set", "labels_like=[a, b]", "--set", "id=null",
    )  # fmt: skip
    assert code == 0
    assert proposing["files"] == {"source": "x.csv"}
    assert proposing["overrides"] == [{
        "kind": "classify", "data.inputs": "text,title", "data.output": ["a, b", "c"],
        "data.group": "", "data.labels": ["x", "y"], "pass_mark.over": "",
        "pass_mark.at_least": 0.8, "multi_label": False, "data.allow_small": True,
        "train.epochs": 2, "train.learning_rate": 1e-4, "train.r": 8,
        "labels_like": ["a", "b"], "id": "",
    }]  # fmt: skip


def test_init_takes_split_files(proposing: dict[str, Any]) -> None:
    assert call("init", "--train", "a.csv", "--test", "b.csv", "--force") == 0
    assert proposing["files"] == {"train": "a.csv", "test": "b.csv"}
    assert proposing["force"] is True
    assert proposing["overrides"] == [{}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No file of examples"),
        (["x.csv", "--train", "y.csv"], "x.csv stands beside --train"),
        (["--test", "y.csv"], "without --train"),
        (["x.csv", "--set", "epochs"], "'epochs': expected KEY=VALUE"),
        (["x.csv", "--set", "epochs="], "'epochs=': expected KEY=VALUE"),
        (["x.csv", "--set", "prompt.system={"], "not YAML"),
        (["x.csv", "--set", "r=1", "--set", "r=2"], "`r` is given twice"),
        (["x.csv", "--epochs", "1", "--set", "epochs=2"], "given twice, by a flag and by --set"),
    ],
)
def test_init_refuses_what_contradicts_itself(
    proposing: dict[str, Any], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert call("init", *arguments) == 2
    assert said in capsys.readouterr().err
    assert "written" not in proposing


def test_init_keeps_a_brief_that_stands(
    proposing: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("burnish.yaml").write_text("name: mine\n")
    assert call("init", "x.csv") == 2
    assert "--force" in capsys.readouterr().err
    assert "written" not in proposing
    assert call("init", "x.csv", "--force") == 0
    assert "written" in proposing


def test_init_prints_the_task_as_it_was_written(
    proposing: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("init", "x.csv", "--json") == 0
    assert Task.model_validate_json(capsys.readouterr().out) == WRITTEN


def test_init_without_a_terminal_names_the_flags_that_answer(
    proposing: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("init", "x.csv", "-w", "my task") == 0
    out = capsys.readouterr().out
    assert "Taken: label. To change it: --output topic" in out
    assert "`label` repeats 2 values" in out
    assert "Advice: Try a prompt first." in out
    assert "Next: burnish run --workspace 'my task'" in out


def test_init_asks_at_a_terminal_until_nothing_is_in_doubt(
    proposing: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ask, "at_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("7\n2\n\n"))
    assert call("init", "x.csv", "--kind", "classify") == 0
    out = capsys.readouterr().out
    assert "Type a number from 1 to 2" in out
    assert "To change it" not in out
    assert proposing["overrides"] == [{"kind": "classify"}, {"kind": "classify", "output": "topic"}]


def test_init_asks_nothing_with_yes(
    proposing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "at_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert call("init", "x.csv", "--yes") == 0
    assert call("init", "x.csv", "--json", "--force") == 0
    assert call("init", "x.csv", "--force") == 130


def test_every_flag_of_init_is_described_by_its_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("init", "--help") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert set((FILES | SETTINGS).values()) <= set(known_keys())
    for name, key in (FILES | SETTINGS).items():
        section, _, leaf = key.rpartition(".")
        model: Any = Task.model_fields[section].annotation if section else Task
        assert model.model_fields[leaf].description in out
        assert name == "file" or f"--{name.replace('_', '-')}" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("burnish 0.")


def test_plain_progress_is_a_few_lines() -> None:
    written: list[str] = []
    now = 0.0
    lines = Lines(written.append, clock=lambda: now)
    for step in range(10_801):
        now = float(step)
        figures = {"loss": "1.83"}
        lines(Event("train", "epoch 1 of 3", done=step, total=10_801, figures=figures))
    lines(Event("train", "96 steps", finished=True))
    lines(Event("base", "smollm2-135m", finished=True, skipped=True))
    assert written[0] == "train: epoch 1 of 3 · loss 1.83"
    assert "train: 0%, epoch 1 of 3 · loss 1.83" in written[1:-2]
    assert 10 <= len(written[1:-2]) <= 12
    assert written[-2] == "train: 96 steps (3:00:00)"
    assert written[-1] == "base: smollm2-135m · unchanged, not repeated"


def test_live_progress_keeps_a_line_per_step_and_marks_the_one_that_failed() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)

    def fail_in_training() -> None:
        with live(console) as progress:
            progress(Event("data", "[red] 256 / 32 / 31", finished=True))
            progress(Event("base", "smollm2", finished=True, skipped=True))
            figures = {"loss": "1.83"}
            progress(Event("train", "epoch 2 of 3", done=37, total=96, figures=figures))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_training()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).splitlines()
    data, base, train = (line for line in lines[-3:] if line.strip())
    assert data.startswith("✓ data  [red] 256 / 32 / 31")
    assert base.startswith("– base  smollm2 · unchanged, not repeated")
    assert train.startswith("✗ train epoch 2 of 3 · loss 1.83")
    assert "━" in train
    assert "━" not in data
