"""The extended data set: a complete record whose old test split is the same sealed file."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from gatherings import LABELS, dataset_of, text_of, workspace_of

from burnish.brief.file import write_brief
from burnish.errors import DataError, SealError
from burnish.pipeline.gather.gathering import extend_data, read_gathered
from burnish.pipeline.stepping import task_of
from burnish.records import Dataset, Dropped, Event, Example, Gathered, silent
from burnish.records.data_checks import DataReport
from burnish.store import Workspace, open_test, read_split
from burnish.store.files import read_lines, sha256_file, write_lines
from burnish.store.seal import sealed_inputs

CHANCE = random.Random(13)


def gathered(number: int, label: str = "", **fields: Any) -> Gathered:
    label = label or LABELS[number % 4]
    name = f"ex-{number:03d}"
    example = Example(
        id=f"exchange:{name}", source="gathered.jsonl", row=number + 1,
        inputs={"text": text_of(label if label in LABELS else "card", CHANCE)}, answer=label,
        references=(label,), labels=(label,), time="2026-10-02",
    )  # fmt: skip
    known: dict[str, Any] = {
        "example": example, "exchange": name, "at": f"2026-10-02T00:{number:02d}:00.000Z",
        "by": "person", "taken_at": "2026-10-03T00:00:00Z",
    }  # fmt: skip
    return Gathered.model_validate(known | fields)


def old_of(workspace: Workspace) -> Dataset:
    """The data set that the brief's file made."""
    return next(one for one in workspace.records(Dataset) if not one.parents)


def extended(workspace: Workspace, dataset: Dataset | None = None) -> Dataset:
    old = dataset or old_of(workspace)
    return extend_data(workspace, task_of(workspace), old, silent)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A data set, and thirty gathered examples."""
    made = workspace_of(tmp_path)
    write_lines(made.gathered, [gathered(at) for at in range(30)])
    return made


def test_the_old_test_is_the_same_file_and_the_latest_examples_are_a_second_one(
    workspace: Workspace,
) -> None:
    old = old_of(workspace)
    _, before = open_test(workspace, old, reason="a report")
    new = extended(workspace)
    assert (new.status, new.parents) == ("complete", {"dataset": old.hash})
    assert new.splits["test"] == old.splits["test"]
    path = workspace.path(new, "test.jsonl")
    assert path.read_bytes() == workspace.path(old, "test.jsonl").read_bytes()
    assert new.splits["fresh"].n == 15
    examples, openings = open_test(workspace, new, reason="fresh", split="fresh")
    assert {e.id for e in examples} == {f"exchange:ex-{at:03d}" for at in range(15, 30)}
    assert len(openings) == 1
    _, after = open_test(workspace, new, reason="another report")
    assert after[:1] == before, "its openings go on counting"
    with pytest.raises(SealError):
        read_split(workspace, new, "fresh")  # type: ignore[arg-type]


def test_everything_of_a_data_set_stands_beside_it(workspace: Workspace) -> None:
    old, new = old_of(workspace), extended(workspace)
    names = {path.name for path in workspace.path(new).iterdir()}
    assert names >= {
        "record.json", "train.jsonl", "validation.jsonl", "test.jsonl", "fresh.jsonl",
        "dropped.jsonl", "findings.jsonl", "changes.jsonl", "checks.json", "data.html",
    }  # fmt: skip
    train = {e.id for e in read_split(workspace, new, "train")}
    assert train > {e.id for e in read_split(workspace, old, "train")}
    assert len(read_split(workspace, new, "validation")) == old.splits["validation"].n + 2
    assert sum(new.splits[name].n for name in ("train", "validation", "test", "fresh")) == (
        new.rows_read
    )
    report = DataReport.model_validate_json(workspace.path(new, "checks.json").read_bytes())
    assert report.splits["fresh"] == 15
    assert any(old.id in sentence for sentence in new.advice)
    for name, seal in new.files.items():
        assert sha256_file(workspace.path(new, name)) == seal


def test_it_is_done_once_and_anew_when_something_was_gathered(workspace: Workspace) -> None:
    first = extended(workspace)
    told: list[Event] = []
    old = old_of(workspace)
    assert extend_data(workspace, task_of(workspace), old, told.append) == first
    assert told[-1].skipped
    write_lines(workspace.gathered, [gathered(at) for at in range(34)])
    second = extended(workspace)
    assert second.id != first.id
    assert second.splits["fresh"].n == 17


def test_a_second_extension_learns_from_the_fresh_test_of_the_first(workspace: Workspace) -> None:
    first = extended(workspace)
    write_lines(workspace.gathered, [*read_gathered(workspace), *map(gathered, range(30, 50))])
    second = extended(workspace, first)
    assert second.splits["test"] == first.splits["test"]
    learned = {e.id for e in read_split(workspace, second, "train")}
    chosen = {e.id for e in read_split(workspace, second, "validation")}
    fresh, _ = open_test(workspace, second, reason="r", split="fresh")
    names = {f"exchange:ex-{at:03d}" for at in range(50)}
    assert (learned | chosen | {e.id for e in fresh}) >= names
    assert {e.id for e in fresh} == {f"exchange:ex-{at:03d}" for at in range(32, 50)}
    assert second.parents == {"dataset": first.hash}


def test_an_example_that_was_withdrawn_is_learned_no_more(workspace: Workspace) -> None:
    first = extended(workspace)
    kept = [one for one in read_gathered(workspace) if one.exchange != "ex-003"]
    write_lines(workspace.gathered, [*kept, *map(gathered, range(30, 34))])
    second = extended(workspace, first)
    everywhere = {
        e.id for name in ("train", "validation")
        for e in read_split(workspace, second, name)  # type: ignore[arg-type]
    }  # fmt: skip
    assert "exchange:ex-003" not in everywhere
    dropped = read_lines(workspace.path(second, "dropped.jsonl"), Dropped)
    assert [drop.reason for drop in dropped] == ["withdrawn since"]
    assert second.dropped == {"withdrawn since": 1}


def test_no_example_repeats_the_test_split(workspace: Workspace) -> None:
    old = old_of(workspace)
    leak = sealed_inputs(workspace, old, "test")[0]
    assert (leak.answer, leak.references, leak.labels) == ("", (), ())
    for at, more in enumerate(["", " now"]):
        one = gathered(40 + at)
        example = one.example.model_copy(update={"inputs": {"text": leak.text + more}})
        write_lines(
            workspace.gathered,
            [*read_gathered(workspace), one.model_copy(update={"example": example})],
        )
    new = extended(workspace)
    assert new.dropped == {"also in test": 1, "near-duplicate in test": 1}


def test_new_labels_are_told_and_join_the_set(workspace: Workspace) -> None:
    more = [gathered(at, "fraud" if at % 3 else "card") for at in range(30, 42)]
    write_lines(workspace.gathered, [*read_gathered(workspace), *more])
    new = extended(workspace)
    assert new.labels == ("card", "fraud", "pin", "refund", "transfer")
    assert "New labels: fraud." in new.advice


def test_balancing_is_done_anew(tmp_path: Path) -> None:
    checks = {"balance": "oversample", "personal_data": "off", "label_errors": "off"}
    workspace = workspace_of(tmp_path, checks=checks)
    old = dataset_of(workspace)
    write_lines(workspace.gathered, [gathered(at, "card") for at in range(20)])
    new = extended(workspace, old)
    counts = new.splits["train"].labels
    assert len(set(counts.values())) == 1
    ids = [e.id for e in read_split(workspace, new, "train")]
    assert len(ids) == len(set(ids))
    assert not any(name.count("#") > 1 for name in ids)


def test_nothing_new_or_nothing_usable_is_one_message(workspace: Workspace) -> None:
    write_lines(workspace.gathered, [])
    with pytest.raises(DataError, match="Nothing was gathered"):
        extended(workspace)
    old = old_of(workspace)
    one = gathered(1)
    known = sealed_inputs(workspace, old, "test")[0].inputs
    example = one.example.model_copy(update={"inputs": known})
    write_lines(workspace.gathered, [one.model_copy(update={"example": example})])
    with pytest.raises(DataError, match="also in test"):
        extended(workspace)
    assert len(workspace.records(Dataset)) == 1


def test_a_test_file_that_was_changed_is_refused(workspace: Workspace) -> None:
    path = workspace.path(old_of(workspace), "test.jsonl")
    path.write_bytes(path.read_bytes().replace(b"card", b"pin", 1))
    with pytest.raises(SealError):
        extended(workspace)


def test_json_answers_and_texts_can_be_extended_too(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    rows = (tmp_path / "rows.csv").read_text().splitlines()[1:]
    task = task_of(workspace)
    data = task.data.model_copy(update={"source": "rows.jsonl"})
    for kind, metric in (("extract", "field_f1"), ("generate", "chrf")):
        lines = []
        for row in rows:
            text, _, label = row.rpartition(",")
            value: Any = {"intent": label} if kind == "extract" else f"It is about {label}."
            lines.append(json.dumps({"text": text, "label": value}))
        (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
        brief = task.model_copy(update={"kind": kind, "metric": metric, "data": data})
        write_brief(workspace.brief, brief)
        old = dataset_of(workspace)
        some = []
        for at in range(12):
            one = gathered(at)
            answer = '{"intent": "fraud"}' if at == 2 else f'{{"intent": "{one.example.answer}"}}'
            fields = {"answer": answer, "references": (answer,), "labels": ()}
            some.append(one.model_copy(update={"example": one.example.model_copy(update=fields)}))
        write_lines(workspace.gathered, some)
        new = extended(workspace, old)
        assert new.splits["fresh"].n == 6
        assert (new.json_schema is not None) == (kind == "extract")
