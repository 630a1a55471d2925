"""The whole way on a tiny base, for every kind of task."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from burnish import pipeline
from burnish.base import machine
from burnish.brief.file import write_brief
from burnish.errors import TrainingError
from burnish.records import (
    METRICS,
    DataSettings,
    EvaluateSettings,
    Event,
    PromptSettings,
    Report,
    Run,
    Task,
    TaskKind,
    TrainSettings,
)
from burnish.store import Workspace

WORDS = ["ward", "nurse", "chart", "pulse", "fever", "cough", "sleep", "diet", "walk"]


def rows(kind: str, n: int = 60) -> list[dict[str, Any]]:
    chance = random.Random(0)
    made = []
    for at in range(n):
        text = " ".join(chance.choices(WORDS, k=10)) + f" {at}"
        answers: dict[str, Any] = {
            "classify": WORDS[at % 3],
            "several": WORDS[: at % 3],
            "summarize": " ".join(text.split()[:3]),
            "answer": [text.split()[0], text.split()[1]],
            "extract": {"first": text.split()[0], "number": at},
            "generate": text[::-1],
        }
        if kind == "chat":
            turns = ["user", "assistant", "user", "assistant"]
            made.append({"messages": [{"role": r, "content": f"{r} {text}"} for r in turns]})
        else:
            made.append({"text": text, "answer": answers[kind]})
    return made


def workspace_for(folder: Path, base: Path, kind: str, **train: Any) -> Workspace:
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(kind)))
    kinds: dict[str, TaskKind] = {"several": "classify", "chat": "generate"}
    task_kind: TaskKind = kinds.get(kind, kind)  # type: ignore[arg-type]
    columns = {"messages": "messages"} if kind == "chat" else {"inputs": "text", "output": "answer"}
    task = Task(
        name=kind,
        kind=task_kind,
        multi_label=kind == "several",
        metric=METRICS[task_kind][0],
        base=str(base),
        data=DataSettings.model_validate({"source": "rows.jsonl", **columns}),
        prompt=PromptSettings(system="Do it.", shots=1),
        train=TrainSettings(**{"dtype": "float32", "epochs": 1, "r": 2, "max_length": 300} | train),
        evaluate=EvaluateSettings(max_new_tokens=8, batch_size=4, resamples=200),
    )
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    return workspace


@pytest.mark.parametrize(
    "kind", ["classify", "several", "summarize", "answer", "extract", "generate", "chat"]
)
def test_every_kind_reaches_a_verdict(tmp_path: Path, tiny_base: Path, kind: str) -> None:
    report = pipeline.run(workspace_for(tmp_path, tiny_base, kind))
    assert report.verdict is not None
    assert report.verdict.decision in ("ship", "don't ship", "not enough data")
    assert {"zero-shot", "few-shot", "tuned"} <= {system.name for system in report.systems}
    folder = Workspace(tmp_path).path(report)
    lines = (folder / "answers.jsonl").read_text().splitlines()
    assert len(lines) == report.n
    assert "<html" in (folder / "report.html").read_text()
    if kind in ("classify", "several"):
        for line in lines:
            values = json.loads(line)["answers"]["tuned"]["value"]
            chosen = values if kind == "several" else [values]
            assert set(chosen) <= set(WORDS)


def test_rows_are_as_long_as_memory_allows(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = machine.read_machine().model_copy(update={"memory_gib": 0.5, "devices": ()})
    monkeypatch.setattr(machine, "read_machine", lambda: small)
    workspace = workspace_for(tmp_path, tiny_base, "chat", batch_size=16)
    flight = pipeline.run_preflight(workspace)
    run = pipeline.run_train(workspace)
    assert flight.cost.tokens_per_row is not None
    assert 256 <= flight.cost.tokens_per_row <= 300
    assert run.tokens_per_row == flight.cost.tokens_per_row
    assert run.settings.tokens_per_row == 4096


def test_finished_steps_are_skipped_until_something_changes(
    tmp_path: Path, tiny_base: Path
) -> None:
    workspace = workspace_for(tmp_path, tiny_base, "classify")
    first = pipeline.run(workspace)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    events: list[Event] = []
    assert pipeline.run(workspace, progress=events.append) == first
    assert [(event.step, event.skipped) for event in events] == [
        ("data", True),
        ("base", True),
        ("train", True),
        ("evaluate", True),
    ]
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed <= {".burnish.lock"}
    text = workspace.brief.read_text().replace("resamples: 200", "resamples: 300")
    assert text != workspace.brief.read_text()
    workspace.brief.write_text(text)
    events.clear()
    second = pipeline.run(workspace, progress=events.append)
    skipped = {event.step for event in events if event.skipped}
    assert skipped == {"data", "base", "train"}
    assert len(second.openings) == 2
    forced = pipeline.run_data(workspace, force=True)
    assert forced.id.endswith("-2")


def test_an_interrupted_training_goes_on_to_the_same_adapter(
    tmp_path: Path, tiny_base: Path
) -> None:
    settings = {"epochs": 2, "save_steps": 3, "early_stopping_patience": 0}
    calm = workspace_for(tmp_path / "calm", tiny_base, "summarize", **settings)
    stopped = workspace_for(tmp_path / "stopped", tiny_base, "summarize", **settings)
    wanted = pipeline.run_train(calm)

    class StopError(Exception):
        pass

    def interrupt(event: Event) -> None:
        if event.step == "train" and event.done == 8:
            raise StopError

    with pytest.raises(StopError):
        pipeline.run_train(stopped, progress=interrupt)
    assert stopped.records(Run)[0].status == "failed"
    given = pipeline.run_train(stopped)
    assert given.resumed == 1
    assert given.files == wanted.files
    assert given.hash == wanted.hash


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, tiny_base: Path) -> None:
    from burnish.train.checkpoints import latest_checkpoint

    workspace = workspace_for(tmp_path, tiny_base, "summarize", save_steps=2)

    def interrupt(event: Event) -> None:
        if event.step == "train" and event.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.run_train(workspace, progress=interrupt)
    folder = workspace.path(workspace.records(Run)[0], "checkpoints")
    newest = latest_checkpoint(folder)
    assert newest is not None
    assert newest.name == "checkpoint-4"
    (newest / "adapter_model.safetensors").write_bytes(b"torn")
    older = latest_checkpoint(folder)
    assert older is not None
    assert older.name == "checkpoint-2"
    assert pipeline.run_train(workspace).status == "complete"


def test_examples_that_cannot_fit_are_refused_before_training(
    tmp_path: Path, tiny_base: Path
) -> None:
    workspace = workspace_for(tmp_path, tiny_base, "generate", max_length=32)
    with pytest.raises(TrainingError, match="fits into 32 tokens"):
        pipeline.run_train(workspace)


def test_a_tracker_that_is_not_installed_is_refused(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, "classify", report_to=("trackio",))
    with pytest.raises(TrainingError, match="trackio, which is not installed"):
        pipeline.run_train(workspace)


def test_a_step_whose_files_were_changed_is_done_again(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, "classify")
    run = pipeline.run_train(workspace)
    workspace.path(run, "adapter/adapter_model.safetensors").write_bytes(b"changed")
    again = pipeline.run_train(workspace)
    assert again.id == f"{run.id}-2"
    assert again.files == run.files


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(
        tmp_path, tiny_base, "summarize", epochs=6, learning_rate=0.3, batch_size=4
    )
    run = pipeline.run_train(workspace)
    losses = run.validation_loss
    assert run.best_epoch == losses.index(min(losses)) + 1
    assert len(losses) < 6 or run.best_epoch >= 5


def test_no_secret_enters_the_workspace(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "planted-5ecret-value"
    for name in ("WANDB_API_KEY", "HF_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.setitem(os.environ, name, secret)
    pipeline.run(workspace_for(tmp_path, tiny_base, "classify"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_a_prompt_that_renders_otherwise_is_not_compared(tmp_path: Path, tiny_base: Path) -> None:
    from burnish.errors import EvaluationError

    workspace = workspace_for(tmp_path, tiny_base, "classify")
    run = pipeline.run_train(workspace)
    workspace.write(run.model_copy(update={"prompt_hash": "0" * 64}))
    with pytest.raises(EvaluationError, match="render otherwise"):
        pipeline.run_evaluate(workspace)
    assert workspace.records(Report)[0].status == "failed"
