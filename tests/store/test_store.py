"""Workspace, records, atomic files and the sealed test split."""

from pathlib import Path

import pytest

from burnish.errors import SealError, WorkspaceError
from burnish.records import Dataset, Example, Split
from burnish.store import Workspace, open_test, read_split
from burnish.store.files import (
    append_lines,
    read_finished_lines,
    sha256_file,
    write_lines,
    write_text,
)


def example(number: int) -> Example:
    return Example(
        id=str(number), source="x", row=number, inputs={"i": "a"}, answer="b", references=("b",)
    )


def made(workspace: Workspace) -> Dataset:
    fields = {"splits": {}, "rows_read": 3, "dropped": {}}
    record = workspace.start(Dataset, "a" * 64, parents={}, seed=0, fields=fields)
    splits = {}
    for at, name in enumerate(("train", "validation", "test")):
        path = workspace.path(record, f"{name}.jsonl")
        write_lines(path, [example(at)])
        splits[name] = Split(file=path.name, n=1, sha256=sha256_file(path))
    return workspace.complete(record, {"splits": splits})


def test_a_killed_step_is_taken_up_and_a_repeated_one_stands_beside(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    fields = {"splits": {}, "rows_read": 3, "dropped": {}}
    first = workspace.start(Dataset, "b" * 64, parents={}, seed=0, fields=fields)
    assert workspace.find_complete(Dataset, "b" * 64) is None
    again = workspace.start(Dataset, "b" * 64, parents={}, seed=0, fields=fields)
    assert again.id == first.id
    done = workspace.complete(again, {})
    assert workspace.find_complete(Dataset, "b" * 64) == done
    forced = workspace.start(Dataset, "b" * 64, parents={}, seed=0, fields=fields)
    assert forced.id == f"{first.id}-2"


def test_records_stand_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    """Several are made within a second, and their ids run against that order."""
    workspace = Workspace(tmp_path)
    fields = {"splits": {}, "rows_read": 3, "dropped": {}}
    records = [
        workspace.start(Dataset, letter * 64, parents={}, seed=0, fields=fields)
        for letter in "fedcb"
    ]
    assert workspace.records(Dataset) == records
    assert workspace.survey(Dataset) == (records, [])


def test_the_hash_of_a_record_does_not_know_the_time(tmp_path: Path) -> None:
    one = made(Workspace(tmp_path / "one"))
    other = one.model_copy(update={"started_at": "2020", "finished_at": "2021", "id": "x"})
    assert one.hash == other.content_hash()
    assert one.model_copy(update={"seed": 1}).content_hash() != one.hash


def test_training_cannot_have_the_test_split(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    dataset = made(workspace)
    assert read_split(workspace, dataset, "train")[0].id == "0"
    with pytest.raises(SealError, match="sealed"):
        read_split(workspace, dataset, "test")  # type: ignore[arg-type]


def test_every_opening_is_on_record_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    dataset = made(workspace)
    examples, first = open_test(workspace, dataset, reason="report 1")
    assert [one.id for one in examples] == ["2"]
    _, resumed = open_test(workspace, dataset, reason="report 1")
    assert len(first) == len(resumed) == 1
    _, second = open_test(workspace, dataset, reason="report 2")
    assert [opening.reason for opening in second] == ["report 1", "report 2"]


def test_a_changed_test_file_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    dataset = made(workspace)
    append_lines(workspace.path(dataset, "test.jsonl"), [example(9)])
    with pytest.raises(SealError, match="not the file"):
        open_test(workspace, dataset, reason="report 1")


def test_two_commands_do_not_share_a_workspace(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path).locked(),
        pytest.raises(WorkspaceError, match="Another"),
        Workspace(tmp_path).locked(),
    ):
        pass


def test_a_line_cut_off_by_a_kill_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "parts.jsonl"
    append_lines(path, [example(1), example(2)])
    path.write_bytes(path.read_bytes()[:-5])
    assert [one.id for one in read_finished_lines(path, Example)] == ["1"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    with pytest.raises(WorkspaceError, match="could not be"):
        write_text(path / "below-a-file.txt", "x")
    assert [child.name for child in tmp_path.iterdir()] == ["a.txt"]
