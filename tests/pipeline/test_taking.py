"""Taking: what people and callers say becomes examples, and nothing else does."""

import json
import random
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from gatherings import Log, dataset_of, ordinary, text_of, workspace_of

from burnish import pipeline
from burnish.brief.file import write_brief
from burnish.errors import DataError
from burnish.pipeline.gather.gathering import read_gathered
from burnish.pipeline.stepping import task_of
from burnish.pipeline.watch.sides import LABELLED
from burnish.records import Dataset, Gathered, Queued
from burnish.store import Workspace, read_split
from burnish.store.files import read_lines, write_lines

CHANCE = random.Random(12)


def text(label: str) -> str:
    return text_of(label, CHANCE)


def queue(workspace: Workspace) -> dict[str, Queued]:
    return {line.exchange: line for line in read_lines(workspace.queue, Queued)}


def answers(workspace: Workspace) -> dict[str, str]:
    return {one.exchange: one.example.answer for one in read_gathered(workspace)}


def decide(workspace: Workspace, file: Path | None = None, **rights: str) -> Path:
    """Write decisions into the queue, or a copy of it."""
    lines = [
        line.model_copy(update={"right": rights.get(name, line.right)})
        for name, line in queue(workspace).items()
    ]
    write_lines(file or workspace.queue, lines)
    return file or workspace.queue


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five exchanges in the queue, two of them corrected."""
    made = workspace_of(tmp_path)
    log = Log(made)
    for at in range(3):
        log.ask(text("card"), "card", id=f"unsure{at}", probability=0.2)
    log.say(log.ask(text("refund"), "card", id="right"), "c1", answer="refund")
    log.say(log.ask(text("refund"), "refund", id="hostile"), "c2", answer="pin")
    log.write()
    pipeline.run_gather(made)
    return made


def test_the_edited_queue_becomes_examples_with_provenance(workspace: Workspace) -> None:
    line = queue(workspace)["right"]
    file = decide(workspace, unsure0="keep", unsure1="drop", unsure2="new: fraud", right="accept")
    done = pipeline.take_gathered(workspace, file)
    assert (done.taken, done.dropped, done.undecided, done.new_labels) == (3, 1, 1, ("fraud",))
    assert answers(workspace) == {"unsure0": "card", "unsure2": "fraud", "right": "refund"}
    one = next(one for one in read_gathered(workspace) if one.exchange == "right")
    assert (one.caller, one.by, one.at, one.deployment) == ("c1", "person", line.at, "d1")
    example = one.example
    assert (example.id, example.time) == ("exchange:right", "2026-10-01")
    assert (example.inputs, example.labels) == (line.inputs, ("refund",))
    assert [one.example.row for one in read_gathered(workspace)] == [1, 2, 3]
    assert {name: line.right for name, line in queue(workspace).items()} == {
        "unsure1": "drop", "hostile": "",
    }  # fmt: skip


def test_what_was_settled_does_not_come_back(workspace: Workspace) -> None:
    pipeline.take_gathered(workspace, decide(workspace, unsure0="keep", unsure1="drop"))
    done = pipeline.run_gather(workspace)
    assert set(queue(workspace)) == {"unsure1", "unsure2", "right", "hostile"}
    assert (done.decided, done.gathered) == (1, 1)
    assert queue(workspace)["unsure1"].right == "drop"


def test_the_same_file_again_changes_nothing_and_a_changed_mind_does(workspace: Workspace) -> None:
    file = decide(workspace, workspace.folder / "copy.jsonl", unsure0="keep", right="accept")
    pipeline.take_gathered(workspace, file)
    before = workspace.gathered.read_bytes()
    done = pipeline.take_gathered(workspace, file)
    assert (done.taken, done.unchanged) == (0, 2)
    assert workspace.gathered.read_bytes() == before
    file.write_text(file.read_text().replace('"right":"keep"', '"right":"pin"'))
    assert pipeline.take_gathered(workspace, file).changed == 1
    assert answers(workspace)["unsure0"] == "pin"
    file.write_text(file.read_text().replace('"right":"pin"', '"right":"drop"'))
    pipeline.take_gathered(workspace, file)
    assert answers(workspace) == {"right": "refund"}


def test_every_fault_is_told_and_nothing_is_taken(workspace: Workspace) -> None:
    file = decide(
        workspace, workspace.folder / "copy.jsonl",
        unsure0="crd", unsure1="accept", right="keep", hostile="fraud",
    )  # fmt: skip
    strange = queue(workspace)["unsure2"].model_dump() | {"exchange": "", "right": "card"}
    lines = [*file.read_text().splitlines(), json.dumps(strange)]
    file.write_text("\n".join(lines) + "\n")
    before = workspace.queue.read_bytes()
    with pytest.raises(DataError) as caught:
        pipeline.take_gathered(workspace, file)
    faults = caught.value.faults
    assert len(faults) == 3, faults
    places = {fault.split(":")[0] for fault in faults}
    assert places <= {f"copy.jsonl line {number}" for number in range(1, 7)}
    assert any('did you mean "card"' in fault for fault in faults)
    assert any("no caller corrected it" in fault for fault in faults)
    assert any('write "new: fraud"' in fault for fault in faults)
    assert not workspace.gathered.exists()
    assert workspace.queue.read_bytes() == before


def test_broken_lines_are_told_together(workspace: Workspace) -> None:
    file = workspace.folder / "copy.jsonl"
    lines = workspace.queue.read_text().splitlines()
    file.write_text("\n".join([lines[0], "{", lines[1].replace('"score"', '"scores"'), ""]))
    with pytest.raises(DataError) as caught:
        pipeline.take_gathered(workspace, file)
    assert [fault.split(":")[0] for fault in caught.value.faults[:2]] == [
        "copy.jsonl line 2", "copy.jsonl line 3",
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["", "exchange,right\n", "text,label\na,b\n"])
def test_a_file_that_is_no_queue_is_refused(workspace: Workspace, content: str) -> None:
    file = workspace.folder / "other.csv"
    file.write_text(content)
    with pytest.raises(DataError):
        pipeline.take_gathered(workspace, file)
    with pytest.raises(DataError, match="There is no file"):
        pipeline.take_gathered(workspace, workspace.folder / "none.csv")
    with pytest.raises(DataError, match="Nothing is decided"):
        pipeline.take_gathered(workspace, workspace.queue)


def test_an_exchange_of_elsewhere_is_refused(workspace: Workspace) -> None:
    file = workspace.folder / "other.csv"
    file.write_text("exchange,right\nex-elsewhere,card\n")
    with pytest.raises(DataError) as caught:
        pipeline.take_gathered(workspace, file)
    assert caught.value.faults == (
        "other.csv row 1: ex-elsewhere stands neither in the queue nor in the request log",
    )


def test_a_spreadsheet_comes_back_as_csv_or_as_a_workbook(workspace: Workspace) -> None:
    table = workspace.queue_table.read_text("utf-8-sig")
    saved = workspace.folder / "saved.csv"
    saved.write_text(table.replace("right,,", "right,accept,").replace(",", ";"), "cp1252")
    assert pipeline.take_gathered(workspace, saved).taken == 1
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["right", "exchange"])
    sheet.append(["keep", "unsure0"])
    sheet.append([None, "unsure1"])
    book.save(workspace.folder / "saved.xlsx")
    done = pipeline.take_gathered(workspace, workspace.folder / "saved.xlsx")
    assert (done.taken, done.undecided) == (1, 1)
    assert answers(workspace) == {"right": "refund", "unsure0": "card"}


def studio(tasks: list[dict[str, Any]], **choices: str) -> str:
    """Label Studio's export of its own tasks, with an annotation of some."""
    for task in tasks:
        choice = choices.get(task["data"]["example_id"].removeprefix("exchange:"))
        value = {"choices": [choice]}
        result = [{"type": "choices", "value": value, "from_name": "label", "to_name": "text"}]
        task["annotations"] = [{"completed_by": 1, "result": result}] if choice else []
    return json.dumps(tasks)


def test_label_studios_tasks_go_out_and_come_back(workspace: Workspace) -> None:
    tasks, interface = pipeline.export_queue(workspace, "label-studio")
    assert interface.name == "queue-label-studio.xml"
    assert all(label in interface.read_text() for label in ("card", "pin", "refund", "transfer"))
    exported = json.loads(tasks.read_text())
    assert len(exported) == 5
    file = workspace.folder / "from-label-studio.json"
    file.write_text(studio(exported, unsure0="card", unsure1="pin", hostile="refund"))
    done = pipeline.take_gathered(workspace, file)
    assert done.taken == 3
    assert answers(workspace) == {"unsure0": "card", "unsure1": "pin", "hostile": "refund"}


def test_prodigys_tasks_go_out_and_come_back(workspace: Workspace) -> None:
    (tasks,) = pipeline.export_queue(workspace, "prodigy")
    lines = [json.loads(line) for line in tasks.read_text().splitlines()]
    assert {option["id"] for option in lines[0]["options"]} == {"card", "pin", "refund", "transfer"}
    said = {"exchange:unsure0": ("accept", ["pin"]), "exchange:unsure1": ("reject", [])}
    for line in lines:
        answer, accept = said.get(line["meta"]["id"], ("ignore", []))
        line |= {"answer": answer, "accept": accept}
    file = workspace.folder / "from-prodigy.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = pipeline.take_gathered(workspace, file)
    assert (done.taken, done.dropped) == (1, 1)
    assert answers(workspace) == {"unsure0": "pin"}


def test_a_queue_that_was_written_again_meanwhile_loses_no_decision(workspace: Workspace) -> None:
    file = decide(workspace, workspace.folder / "copy.jsonl", unsure0="keep", right="accept")
    pipeline.run_gather(workspace, most=1)
    assert len(queue(workspace)) == 1
    assert pipeline.take_gathered(workspace, file).taken == 2
    assert answers(workspace) == {"unsure0": "card", "right": "refund"}


def test_lines_of_another_brief_are_refused(workspace: Workspace) -> None:
    file = decide(workspace, unsure0="keep")
    rows = (workspace.folder / "rows.csv").read_text().splitlines()
    titled = [f"{row},{title}" for row, title in zip(rows, ["title", *"ab" * 99], strict=False)]
    (workspace.folder / "rows.csv").write_text("\n".join(titled) + "\n")
    task = task_of(workspace)
    data = task.data.model_copy(update={"inputs": ("text", "title")})
    write_brief(workspace.brief, task.model_copy(update={"data": data}))
    dataset_of(workspace)
    with pytest.raises(DataError) as caught:
        pipeline.take_gathered(workspace, file)
    assert 'it lacks "title"' in caught.value.faults[0]


def test_corrections_are_taken_unless_they_have_a_flag(workspace: Workspace) -> None:
    done = pipeline.take_corrections(workspace)
    assert (done.taken, done.flagged) == (1, 1)
    (one,) = read_gathered(workspace)
    assert (one.exchange, one.by, one.caller) == ("right", "feedback", "c1")
    assert "right" not in queue(workspace)
    assert queue(workspace)["hostile"].flags
    assert pipeline.take_corrections(workspace).taken == 0
    accepted = decide(workspace, hostile="accept")
    assert pipeline.take_gathered(workspace, accepted).taken == 1
    assert {one.by for one in read_gathered(workspace)} == {"feedback", "person"}


def test_what_a_person_decided_is_not_taken_from_a_caller(workspace: Workspace) -> None:
    decide(workspace, right="keep")
    assert pipeline.take_corrections(workspace).taken == 0
    assert queue(workspace)["right"].right == "keep"
    pipeline.take_gathered(workspace, decide(workspace, right="drop"))
    assert pipeline.take_corrections(workspace).taken == 0


def test_corrections_that_contradict_each_other_or_the_data_set_wait(workspace: Workspace) -> None:
    dataset = workspace.records(Dataset)[-1]
    known = read_split(workspace, dataset, "train")[0]
    other = next(label for label in ("card", "pin") if label != known.answer)
    log = Log(workspace)
    two = log.ask(text("pin"), "card", id="two")
    log.say(two, "c3", answer="pin")
    log.say(two, "c4", answer="transfer")
    log.say(log.ask(text("pin"), "card", id="liked"), "c5", answer="pin")
    log.say("liked", "c6", thumb="up")
    log.say(log.ask(known.text, known.answer, id="known"), "c7", answer=other)
    log.say(log.ask(text("pin"), "card", id="strange"), "c8", answer="something new")
    log.say(log.ask(text("pin"), "card", id="nothing"), "c9", answer=[])
    log.feedback = [one.model_copy(update={"id": f"more-{one.id}"}) for one in log.feedback]
    log.write()
    done = pipeline.run_gather(workspace)
    assert done.no_answers == 1
    assert (done.corrections, done.doubted, done.free) == (7, 6, 1)
    flags = {name: " ".join(line.flags) for name, line in queue(workspace).items()}
    assert "of the same input" in flags["two"]
    assert "Caller c6 approved" in flags["liked"]
    assert f'The data set says "{known.answer}"' in flags["known"]
    assert 'no label "something new"' in flags["strange"]
    assert queue(workspace)["nothing"].why == ("negative feedback",)
    assert pipeline.take_corrections(workspace).taken == 1


def test_labels_of_your_own_are_taken_as_they_are(workspace: Workspace) -> None:
    log = Log(workspace)
    ids = ordinary(log, 4)
    for name in ids:
        log.say(name, LABELLED, answer="a new label")
    log.say(ids[0], "c3", answer="pin")
    log.feedback = [one.model_copy(update={"id": f"own-{one.id}"}) for one in log.feedback]
    log.write()
    done = pipeline.run_gather(workspace)
    assert (done.labelled, done.callers) == (4, ())
    assert not set(ids) & set(queue(workspace)), "nobody has to label them again"
    taken = pipeline.take_corrections(workspace)
    assert (taken.taken, taken.new_labels) == (5, ("a new label",))
    assert {one.by for one in read_gathered(workspace) if one.exchange in ids} == {"person"}


def poisoned(workspace: Workspace, honest: int, hostile: int) -> None:
    """Honest corrections by many callers, and hostile ones of answers that were right by one."""
    log = Log(workspace)
    for at in range(honest):
        name = log.ask(text("refund"), "card", id=f"honest{at}", caller=f"c{at % 12}")
        log.say(name, f"c{at % 12}", answer="refund")
    for at in range(hostile):
        name = log.ask(text("transfer"), "transfer", id=f"poison{at}", caller="enemy")
        log.say(name, "enemy", answer="pin")
    log.feedback = [one.model_copy(update={"id": f"p-{one.id}"}) for one in log.feedback]
    log.write()


def test_a_hostile_caller_is_flagged_and_nothing_of_it_is_taken(workspace: Workspace) -> None:
    poisoned(workspace, honest=95, hostile=5)
    done = pipeline.take_corrections(workspace)
    assert [one.caller for one in done.callers] == ["enemy"]
    assert done.callers[0].corrections == 5
    assert [one.exchange for one in read_gathered(workspace) if one.caller == "enemy"] == []
    assert done.taken == 96
    pipeline.run_gather(workspace)
    line = next(line for name, line in queue(workspace).items() if name.startswith("poison"))
    assert "corrections of caller enemy" in line.flags[0]


def test_what_was_taken_before_a_caller_was_found_out_is_taken_back(workspace: Workspace) -> None:
    poisoned(workspace, honest=60, hostile=30)
    gathered = [
        Gathered(
            example=_example(workspace, f"poison{at}"), exchange=f"poison{at}", at="2026-10-02",
            caller="enemy", by="feedback", taken_at="2026-10-03",
        )
        for at in (0, 1)
    ]  # fmt: skip
    old = gathered[0].model_copy(update={"exchange": "long gone"})
    write_lines(workspace.gathered, [*gathered, old])
    done = pipeline.run_gather(workspace)
    assert done.withdrawn == 3
    assert read_gathered(workspace) == []
    line = queue(workspace)["long gone"]
    assert line.corrections == (("pin", "enemy"),)
    assert line.inputs == old.example.inputs


def _example(workspace: Workspace, name: str) -> Any:
    from burnish.pipeline.gather.queueing import as_example

    line = queue(workspace)["right"].model_copy(update={"exchange": name})
    fields = {"answer": "pin", "references": ("pin",), "labels": ("pin",), "row": 1}
    return as_example(line).model_copy(update=fields)
