"""The data step and what goes round it: findings, decisions, versions, exports, masking."""

import json
import random
import stat
from pathlib import Path
from typing import Any

import pytest

from burnish import pipeline
from burnish.brief.file import write_brief
from burnish.data.reading.readers import read
from burnish.errors import BriefError, DataError, SealError
from burnish.records import (
    CheckSettings,
    Dataset,
    DataSettings,
    Dropped,
    Event,
    Example,
    Finding,
    PromptSettings,
    Task,
)
from burnish.records.data_checks import DataReport
from burnish.store import Workspace, outline, read_split
from burnish.store.files import read_lines

WORDS = ["ward", "nurse", "chart", "pulse", "fever", "cough", "sleep", "diet", "walk", "stairs"]
MAIL = "jane.doe@example.com"


def rows(n: int = 80) -> list[dict[str, Any]]:
    """Rows of two labels, the last two planted: a near-duplicate and personal data."""
    chance = random.Random(0)
    made = [
        {"text": " ".join(chance.choices(WORDS, k=20)) + f" {'x' * at}", "label": "ab"[at % 2]}
        for at in range(n)
    ]
    made.append({"text": "Hello! " + made[0]["text"].upper(), "label": "a"})
    made.append({"text": f"Please write to {MAIL} about the chart of ward seven", "label": "b"})
    return made


def workspace_for(folder: Path, base: Path, **checks: Any) -> Workspace:
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    task = Task(
        name="tickets", kind="classify", metric="macro_f1", base=str(base),
        data=DataSettings(source="rows.jsonl", inputs=("text",), output=("label",)),
        checks=CheckSettings(**checks), prompt=PromptSettings(system="Which ward?"),
    )  # fmt: skip
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    return workspace


def findings(workspace: Workspace, dataset: Dataset) -> list[Finding]:
    return read_lines(workspace.path(dataset, "findings.jsonl"), Finding)


def decide(workspace: Workspace, dataset: Dataset, kind: str, decision: str) -> Finding:
    """Write a decision into the first finding of a kind and take the file over."""
    found = findings(workspace, dataset)
    chosen = next(one for one in found if one.kind == kind)
    edited = [
        one.model_copy(update={"decision": decision}) if one is chosen else one for one in found
    ]
    file = workspace.folder / "edited.jsonl"
    file.write_text("".join(one.model_dump_json() + "\n" for one in edited))
    pipeline.fix_data(workspace, file)
    return chosen


def test_everything_found_stands_beside_the_splits(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    dataset = pipeline.run_data(workspace)
    assert dataset.findings["near-duplicate"] == 1
    assert dataset.findings["personal-data"] == 1
    assert dataset.dropped == {"near-duplicate": 1}
    (drop,) = read_lines(workspace.path(dataset, "dropped.jsonl"), Dropped)
    assert (drop.reason, drop.kept) == ("near-duplicate", "rows.jsonl row 1")
    report = DataReport.model_validate_json(workspace.path(dataset, "checks.json").read_bytes())
    assert report.token_fit is not None
    assert report.token_fit.n == dataset.splits["train"].n
    assert report.balance is not None
    page = workspace.path(dataset, "data.html").read_text()
    assert "rows.jsonl row 82" in page
    assert MAIL not in workspace.path(dataset, "findings.jsonl").read_text() + page


def test_a_second_run_is_skipped_until_a_check_changes(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    first = pipeline.run_data(workspace)
    events: list[Event] = []
    assert pipeline.run_data(workspace, progress=events.append) == first
    assert [event.skipped for event in events if event.step == "data"] == [True]
    other = workspace_for(tmp_path, tiny_base, near_duplicates="report")
    second = pipeline.run_data(other)
    assert second.id != first.id
    assert second.dropped == {}


def test_masked_data_are_nowhere_in_the_workspace(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, personal_data="mask")
    dataset = pipeline.run_data(workspace)
    files = [p for p in workspace.path(dataset).rglob("*") if p.is_file()]
    assert [p for p in files if MAIL.encode() in p.read_bytes()] == []
    assert any(b"[EMAIL_ADDRESS_1]" in p.read_bytes() for p in files)


def test_the_mapping_is_for_its_owner_alone(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, personal_data="mask", keep_mapping=True)
    path = workspace.path(pipeline.run_data(workspace), "stand-ins.json")
    assert MAIL in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_decisions_hold_for_every_later_build(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    first = pipeline.run_data(workspace)
    kept = decide(workspace, first, "near-duplicate", "keep")
    second = pipeline.run_data(workspace)
    assert second.dropped == {}
    masked = decide(workspace, second, "personal-data", "accept")
    third = pipeline.run_data(workspace)
    assert third.dropped == {}
    assert "personal-data" not in third.findings
    text = "".join(
        workspace.path(third, f"{name}.jsonl").read_text()
        for name in ("train", "validation", "test")
    )
    assert MAIL not in text
    assert {kept.ids[0], masked.ids[0]} <= {
        e.id for name in third.splits for e in outline(workspace, third, name)
    }


def test_decisions_that_cannot_be_taken_over_change_nothing(
    tmp_path: Path, tiny_base: Path
) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    dataset = pipeline.run_data(workspace)
    with pytest.raises(DataError, match="cannot be applied"):
        decide(workspace, dataset, "personal-data", "burn it")
    assert not workspace.decisions.exists()
    with pytest.raises(DataError, match=r"no file absent\.jsonl") as told:
        pipeline.fix_data(workspace, Path("absent.jsonl"))
    assert "findings.jsonl" in told.value.hint
    with pytest.raises(DataError, match="no data set yet"):
        pipeline.fix_data(workspace_for(tmp_path / "other", tiny_base), Path("x.jsonl"))


def test_versions_are_compared_without_opening_the_test_split(
    tmp_path: Path, tiny_base: Path
) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    first = pipeline.run_data(workspace)
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()[2:]
    lines.append(json.dumps({"text": "something new " * 5, "label": "a"}))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    second = pipeline.run_data(workspace)
    found = pipeline.diff_data(workspace, first.id, second.id)
    assert found.counts["added"] == 2  # the new row, and the copy whose original is gone
    assert found.counts["removed"] == 2
    test = read_lines(workspace.path(second, "test.jsonl"), Example)
    printed = found.model_dump_json()
    assert not any(e.inputs["text"][:40] in printed for e in test)
    with pytest.raises(DataError, match="no data set nothing"):
        pipeline.diff_data(workspace, "nothing", second.id)


@pytest.mark.parametrize("form", ["openai", "alpaca", "sharegpt", "prodigy", "parquet"])
def test_exports_are_read_by_others(tmp_path: Path, tiny_base: Path, form: str) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    dataset = pipeline.run_data(workspace)
    suffix = {"alpaca": "json", "sharegpt": "json", "parquet": "parquet"}.get(form, "jsonl")
    (path,) = pipeline.export_data(workspace, tmp_path / f"out.{suffix}", format=form)
    assert len(read(path).rows) == dataset.splits["train"].n


def test_the_test_split_is_not_exported(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    pipeline.run_data(workspace)
    with pytest.raises(SealError):
        pipeline.export_data(workspace, tmp_path / "out", format="openai", split="test")
    with pytest.raises(BriefError, match="format word"):
        pipeline.export_data(workspace, tmp_path / "out", format="word")
    assert not (tmp_path / "out").exists()


def test_annotations_come_back(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base)
    dataset = pipeline.run_data(workspace)
    (path,) = pipeline.export_data(workspace, tmp_path / "tasks.jsonl", format="prodigy")
    tasks = [json.loads(line) for line in path.read_text().splitlines()]
    for task in tasks[:3]:
        task |= {"answer": "accept", "accept": ["b" if task["accept"] == ["a"] else "a"]}
    tasks[3] |= {"answer": "reject"}
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks[:4]))
    reviews = pipeline.fix_data(workspace, path)
    assert sorted(review.action for review in reviews) == ["answer", "answer", "answer", "drop"]
    again = pipeline.run_data(workspace)
    assert again.dropped["dropped by a person"] == 1
    before = {e.id: e.answer for e in read_split(workspace, dataset, "train")}
    after = {
        e.id: e.answer
        for name in ("train", "validation")
        for e in read_split(workspace, again, name)  # type: ignore[arg-type]
    }
    changed = {one for one in before.keys() & after.keys() if before[one] != after[one]}
    assert changed <= {review.id for review in reviews}
    assert changed


def test_weights_reach_the_record(tmp_path: Path, tiny_base: Path) -> None:
    workspace = workspace_for(tmp_path, tiny_base, balance="weights")
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    kept = [line for at, line in enumerate(lines) if at % 4 or '"a"' in line]
    (tmp_path / "rows.jsonl").write_text("\n".join(kept) + "\n")
    dataset = pipeline.run_data(workspace)
    assert set(dataset.weights) == {"a", "b"}
    counts = dataset.splits["train"].labels
    rare = min(counts, key=lambda label: counts[label])
    assert dataset.weights[rare] == max(dataset.weights.values())
