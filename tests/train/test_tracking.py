"""Trackers keep losses, brief, data set and verdict; read back from the files they write here."""

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_task import STEPS, small_workspace

from burnish import pipeline
from burnish.records import Dataset, Event, Report, Run
from burnish.store import Workspace
from burnish.train.tracking import FILE, attach_verdict

SECRET = "planted-5ecret-value"


@pytest.fixture(autouse=True)
def _here_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for name in ("MLFLOW_TRACKING_URI", "TENSORBOARD_LOGGING_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def tracked(tmp_path: Path, base: Path, tracker: str) -> tuple[Workspace, Run, Report]:
    """Train in two attempts and evaluate, under a tracker."""
    pytest.importorskip(tracker, reason=f"{tracker} is not installed")
    workspace = small_workspace(tmp_path / "task", base, report_to=(tracker,))

    def cut(event: Event) -> None:
        if event.total and event.done == STEPS + 1:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        pipeline.run_train(workspace, progress=cut)
    known = json.loads(workspace.path(workspace.records(Run)[0], FILE).read_text())
    run = pipeline.run_train(workspace)
    assert run.resumed == 1
    assert json.loads(workspace.path(run, FILE).read_text()) == known
    told: list[Event] = []
    report = pipeline.run_evaluate(workspace, progress=told.append)
    assert not [event for event in told if "was not told" in event.message]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    return workspace, run, report


def test_trackers_change_no_hash(tmp_path: Path, tiny_base: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    plain = pipeline.run_train(small_workspace(tmp_path / "plain", tiny_base))
    told = small_workspace(tmp_path / "told", tiny_base, report_to=("tensorboard",))
    run = pipeline.run_train(told)
    assert (run.files, run.inputs_hash) == (plain.files, plain.inputs_hash)
    assert not list(told.path(run).glob("checkpoints/*"))


def test_tensorboard(tmp_path: Path, tiny_base: Path) -> None:
    workspace, run, report = tracked(tmp_path, tiny_base, "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(workspace.path(run, "trackers/tensorboard")))
    events.Reload()
    steps = {event.step for event in events.Scalars("train/loss")}
    assert steps == set(range(1, run.steps + 1))
    losses = [event.value for event in events.Scalars("eval/loss")]
    assert losses[-1] == pytest.approx(run.validation_loss[-1], rel=1e-5)

    def text(name: str) -> str:
        value: bytes = events.Tensors(f"burnish/{name}/text_summary")[-1].tensor_proto.string_val[0]
        return value.decode()

    assert json.loads(text("brief"))["name"] == "short"
    assert text("dataset") == workspace.records(Dataset)[0].id
    assert report.verdict is not None
    assert text("verdict") == report.verdict.decision


def wandb_records(folder: Path) -> list[Any]:
    """All records of the offline files, oldest file first."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for file in sorted(folder.rglob("run-*.wandb"), key=lambda path: path.stat().st_mtime_ns):
        for data in logged(file.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            found.append(record)
    return found


def logged(data: bytes) -> Iterator[bytes]:
    """The entries of a LevelDB log, W&B's 7 bytes in front: pieces in blocks of 32 KiB, each after
    checksum (4 bytes), length (2) and kind (1: whole, 2: first, 3: middle, 4: last)."""
    assert data[:4] == b":W&B"
    at, entry = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        entry = (
            data[at + 7 : at + 7 + length]
            if kind in (1, 2)
            else entry + data[at + 7 : at + 7 + length]
        )
        at += 7 + length
        if kind in (1, 4):
            yield entry


def test_wandb_offline(tmp_path: Path, tiny_base: Path) -> None:
    workspace, run, report = tracked(tmp_path, tiny_base, "wandb")
    records = wandb_records(workspace.path(run, "trackers"))
    ids = {record.run.run_id for record in records if record.HasField("run")}
    assert ids == {json.loads(workspace.path(run, FILE).read_text())["wandb"]["id"]}
    history = [
        {(item.key or "/".join(item.nested_key)): json.loads(item.value_json)
         for item in record.history.item}
        for record in records if record.HasField("history")
    ]  # fmt: skip
    steps = {line["train/global_step"] for line in history if "train/loss" in line}
    assert steps == set(range(1, run.steps + 1))
    config = {
        item.key: json.loads(item.value_json)
        for record in records
        for update in (record.config, record.run.config)
        for item in update.update
    }
    assert config["burnish"]["brief"]["name"] == "short"
    assert config["burnish"]["run"] == run.id
    summary = {
        (item.key or "/".join(item.nested_key)): json.loads(item.value_json)
        for record in records
        for update in (record.summary, record.run.summary)
        for item in update.update
    }
    assert report.verdict is not None
    assert summary["verdict"] == report.verdict.decision


def test_mlflow(tmp_path: Path, tiny_base: Path) -> None:
    workspace, run, report = tracked(tmp_path, tiny_base, "mlflow")
    from mlflow import MlflowClient

    file = workspace.path(run, "trackers/mlflow.db").resolve()
    client = MlflowClient(tracking_uri=f"sqlite:///{file}")
    name = json.loads(workspace.path(run, FILE).read_text())["mlflow"]["id"]
    tags = client.get_run(name).data.tags
    assert json.loads(tags["burnish.brief.train"])["r"] == 2
    assert report.verdict is not None
    assert tags["burnish.verdict"] == report.verdict.decision
    steps = {metric.step for metric in client.get_metric_history(name, "loss")}
    assert steps == set(range(1, run.steps + 1))


def test_trackio(tmp_path: Path, tiny_base: Path) -> None:
    _, run, report = tracked(tmp_path, tiny_base, "trackio")
    (file,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(file) as connection:
        tables = [name for (name,) in connection.execute(
            "select name from sqlite_master where type = 'table'")]  # fmt: skip
        text = "\n".join(
            str(row) for table in tables for row in connection.execute(f"select * from {table}")
        )
    assert report.verdict is not None
    assert f"short-{run.id}" in text
    assert report.verdict.decision in text
    assert '"dataset"' in text


def test_a_tracker_that_cannot_be_told_is_named_and_harms_nothing(tmp_path: Path) -> None:
    assert attach_verdict(tmp_path, {"verdict": "ship"}) == []
    (tmp_path / FILE).write_text('{"tensorboard": {}}')
    (fault,) = attach_verdict(tmp_path, {"verdict": "ship"})
    assert fault.startswith("tensorboard was not told the verdict")
