"""Gathering: the queue that comes of a log, its masking, its memory of decisions, its limits."""

import csv
import io
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from gatherings import LABELS, Log, dataset_of, ordinary, text_of, workspace_of

from burnish import pipeline
from burnish.brief.file import write_brief
from burnish.errors import DataError
from burnish.pipeline.gather.gathering import read_gathered
from burnish.pipeline.masking import mask_texts
from burnish.pipeline.stepping import task_of
from burnish.records import Dataset, Exchange, Feedback, Queued
from burnish.serve import scribe
from burnish.store import Workspace, read_split
from burnish.store.files import read_lines, write_lines
from burnish.store.seal import sealed_inputs

CHANCE = random.Random(11)


def queue(workspace: Workspace) -> dict[str, Queued]:
    return {line.exchange: line for line in read_lines(workspace.queue, Queued)}


def text(label: str) -> str:
    return text_of(label, CHANCE)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A log with one exchange of each reason among 150 ordinary ones, gathered."""
    workspace = workspace_of(tmp_path_factory.mktemp("plain"))
    log = Log(workspace)
    ordinary(log, 150)
    log.ask(text("card"), "card", id="unsure", probability=0.3)
    log.ask("quantum ledger of martian crypto staking", "card", id="strange")
    log.say(log.ask(text("refund"), "card", id="wrong"), "c1", answer="refund")
    log.say(log.ask(text("refund"), "refund", id="hostile"), "c2", answer="pin")
    log.say(log.ask(text("pin"), "pin", id="disliked"), "c2", thumb="down")
    log.say(log.ask(text("pin"), "pin", id="poor"), "c3", score=2)
    log.say(log.ask(text("pin"), "pin", id="liked"), "c3", score=4, comment="Thanks.")
    log.say(log.ask(text("pin"), "pin", id="confirmed"), "c3", answer=" pin ")
    log.shadow(log.ask(text("transfer"), "transfer", id="disputed"), "card")
    log.shadow(log.ask(text("transfer"), "transfer", id="agreed"), "transfer")
    log.write()
    pipeline.run_gather(workspace)
    return workspace


def test_each_reason_is_found_and_nothing_else(plain: Workspace) -> None:
    found = {name: line.why for name, line in queue(plain).items() if line.score > 0.1}
    assert found == {
        "unsure": ("uncertain",), "strange": ("novel",), "wrong": ("corrected",),
        "hostile": ("corrected",), "disliked": ("negative feedback",),
        "poor": ("negative feedback",), "disputed": ("disagreed",),
    }  # fmt: skip


def test_lines_are_ranked_and_say_what_was_logged(plain: Workspace) -> None:
    lines = read_lines(plain.queue, Queued)
    assert [line.score for line in lines] == sorted((line.score for line in lines), reverse=True)
    line = queue(plain)["wrong"]
    assert (line.answer, line.corrections, line.flags) == ("card", (("refund", "c1"),), ())
    assert queue(plain)["disputed"].shadows == (("card", "d2"),)
    assert "not pin" in queue(plain)["hostile"].flags[0]
    assert queue(plain)["unsure"].probability == 0.3
    assert all(line.right == "" for line in lines)


def test_the_table_holds_the_same_lines(plain: Workspace) -> None:
    rows = csv.DictReader(io.StringIO(plain.queue_table.read_text("utf-8-sig"), newline=""))
    assert [row["exchange"] for row in rows] == list(queue(plain))


def test_the_same_log_gives_the_same_queue(plain: Workspace) -> None:
    before = plain.queue.read_bytes()
    pipeline.run_gather(plain)
    assert plain.queue.read_bytes() == before


def test_decisions_are_kept_when_the_queue_is_written_again(plain: Workspace) -> None:
    lines = read_lines(plain.queue, Queued)
    decided = [
        line.model_copy(update={"right": "keep"}) if line.exchange == "disliked" else line
        for line in lines
    ]
    write_lines(plain.queue, decided)
    table = plain.queue_table.read_text("utf-8-sig")
    plain.queue_table.write_text(table.replace("\nstrange,,", "\nstrange,drop,"))
    done = pipeline.run_gather(plain, most=1)
    after = queue(plain)
    assert {name: line.right for name, line in after.items() if line.right} == {
        "disliked": "keep", "strange": "drop",
    }  # fmt: skip
    assert (done.decided, done.queued, len(after)) == (2, 1, 3)
    assert "disliked" not in plain.queue_table.read_text()
    write_lines(plain.queue, lines)
    pipeline.run_gather(plain)


def test_a_queue_broken_by_hand_is_not_overwritten(plain: Workspace) -> None:
    good = plain.queue.read_bytes()
    broken = good.replace(b'"right":""', b'"right":keep', 1)
    plain.queue.write_bytes(broken)
    with pytest.raises(DataError) as caught:
        pipeline.run_gather(plain)
    assert caught.value.faults[0].startswith("queue.jsonl line 1: ")
    assert plain.queue.read_bytes() == broken
    plain.queue.write_bytes(good)


def test_two_files_that_decide_differently_are_refused(plain: Workspace) -> None:
    good, table = plain.queue.read_bytes(), plain.queue_table.read_bytes()
    name = next(iter(queue(plain)))
    plain.queue.write_bytes(good.replace(b'"right":""', b'"right":"keep"', 1))
    plain.queue_table.write_bytes(table.replace(f"{name},,".encode(), f"{name},drop,".encode()))
    with pytest.raises(DataError, match="decide differently") as caught:
        pipeline.run_gather(plain)
    assert caught.value.faults == (
        f'queue.csv row 1: "drop", but queue.jsonl says "keep" of {name}',
    )
    plain.queue.write_bytes(good)
    plain.queue_table.write_bytes(table)


def test_since_and_most_bound_the_queue(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    log = Log(workspace, every=timedelta(days=1))
    for _ in range(12):
        log.ask(text("card"), "card", probability=0.3)
    log.write()
    assert pipeline.run_gather(workspace, since="2026-10-05T").exchanges == 8
    done = pipeline.run_gather(workspace, most=5)
    assert (done.exchanges, done.queued, done.worth) == (12, 5, 12)


def test_inputs_of_the_data_set_and_repeats_are_left_out(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    dataset = workspace.records(Dataset)[-1]
    log = Log(workspace)
    train = read_split(workspace, dataset, "train")[0].text
    test = sealed_inputs(workspace, dataset, "test")[0].text
    for known in (train, train.upper(), f"{train} now", test, f"{test} now"):
        log.ask(known, "card", probability=0.3)
    fresh = "where is the parcel that was promised for this very day by the shop"
    for again in (fresh, fresh.title(), f"{fresh} there"):
        log.ask(again, "card", probability=0.3)
    log.write()
    done = pipeline.run_gather(workspace)
    (line,) = queue(workspace).values()
    assert line.inputs["text"].casefold().startswith(fresh)
    assert done.left_out == {
        "an input of the data set, or one that is settled": 5,
        "nearly the same as another in the queue": 1,
    }


def test_one_loud_caller_and_one_label_do_not_fill_the_queue(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    log = Log(workspace)
    for _ in range(120):
        log.ask(text("card"), "card", caller="loud", probability=0.1)
    for at in range(40):
        label = LABELS[at % 4]
        log.ask(text(label), label, caller=f"quiet {at % 8}", probability=0.4)
    log.write()
    pipeline.run_gather(workspace, most=40)
    lines = queue(workspace).values()
    assert len(lines) == 40
    assert sum(line.caller == "loud" for line in lines) <= 10
    assert max(sum(line.answer == label for line in lines) for label in LABELS) <= 20


def test_what_the_queue_shows_is_masked(tmp_path: Path) -> None:
    """The log's own process writes it; every file of the queue is searched for what was said."""
    workspace = workspace_of(tmp_path)
    secrets = ["jane.roe@example.com", "+44 20 7946 0958", "4111 1111 1111 1111"]
    inputs = {"text": f"I am {secrets[0]}, ring {secrets[1]} about card {secrets[2]} please"}
    exchange = Exchange(
        id="ex-1", at="2026-10-01T08:00:00.000Z", endpoint="intents", status=200, seconds=0.1,
        caller="c1", request=json.dumps(inputs), answer="card", probability=0.2,
    )  # fmt: skip
    said = Feedback(id="fb-1", exchange="ex-1", at="2026-10-01T09:00:00.000Z", caller="c1",
                    answer=f"tell {secrets[0]}", comment=f"ring {secrets[1]}")  # fmt: skip
    assert not scribe.write(workspace.database, mask_texts, [exchange], [said]).fault
    pipeline.run_gather(workspace)
    pipeline.export_queue(workspace, "label-studio")
    pipeline.export_queue(workspace, "prodigy")
    (line,) = queue(workspace).values()
    assert "[EMAIL_ADDRESS_1]" in line.inputs["text"]
    written = sorted(tmp_path.glob("queue*"))
    assert len(written) == 5
    for path in written:
        content = path.read_text(encoding="utf-8")
        assert [secret for secret in secrets if secret in content] == [], path.name


def test_after_the_brief_has_other_columns_older_exchanges_are_counted(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    log = Log(workspace)
    log.ask({"body": "an older brief had this column"}, "card", probability=0.1)
    log.ask({"text": text("card"), "language": "en"}, "card", id="more", probability=0.1)
    log.ask([{"role": "user", "content": "hello"}], "card", endpoint="chat", probability=0.1)
    log.ask(text("card"), None, id="no text")
    log.ask(text("card"), "card", status=503)
    log.write()
    done = pipeline.run_gather(workspace)
    assert list(queue(workspace)) == ["more"]
    assert queue(workspace)["more"].inputs.keys() == {"text"}
    assert done.left_out == {
        'without the brief\'s column "text"': 1,
        "asked at the chat endpoint, not by the brief's columns": 1,
        "texts not kept (serve.log_share)": 1,
        "not answered": 1,
    }


def test_a_chat_task_is_queued_as_a_chat(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    task = task_of(workspace)
    data = task.data.model_copy(update={"inputs": (), "output": (), "messages": "chat"})
    chats = [
        {"chat": [{"role": "user", "content": text_of(label, CHANCE)},
                  {"role": "assistant", "content": f"It is about {label} number {at}."}]}
        for at, label in enumerate(LABELS * 20)
    ]  # fmt: skip
    lines = "".join(json.dumps(chat) + "\n" for chat in chats)
    (tmp_path / "chats.jsonl").write_text(lines)
    data = data.model_copy(update={"source": "chats.jsonl"})
    write_brief(
        workspace.brief,
        task.model_copy(update={"kind": "generate", "metric": "chrf", "data": data}),
    )
    dataset_of(workspace)
    log = Log(workspace)
    turns = [{"role": "user", "content": "an entirely other subject of astronomy"}]
    log.say(log.ask(turns, "It is about stars.", endpoint="chat"), thumb="down")
    log.write()
    pipeline.run_gather(workspace)
    (line,) = queue(workspace).values()
    assert [turn.content for turn in line.history] == [turns[0]["content"]]
    line = line.model_copy(update={"right": "It is about the planets."})
    write_lines(workspace.queue, [line])
    pipeline.take_gathered(workspace, workspace.queue)
    (gathered,) = read_gathered(workspace)
    assert gathered.example.history[0].content == turns[0]["content"]
    assert gathered.example.answer == "It is about the planets."


def test_without_a_data_set_or_a_log_one_message_or_an_empty_queue(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "some")
    done = pipeline.run_gather(workspace)
    assert (done.exchanges, done.queued, queue(workspace)) == (0, 0, {})
    other = Workspace(tmp_path / "none")
    write_brief(other.brief, task_of(workspace))
    with pytest.raises(DataError, match="no data set yet"):
        pipeline.run_gather(other)


def test_more_than_memory_should_hold_is_cut_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_of(tmp_path)
    log = Log(workspace)
    for at in range(30):
        log.say(log.ask(text("refund"), "card", id=f"wrong{at:02}"), f"c{at % 9}", answer="refund")
        log.ask(text("card"), "card", caller=f"c{at % 9}", probability=0.2)
    log.write()
    whole = pipeline.run_gather(workspace)
    assert (whole.corrections, whole.queued, whole.notes) == (30, 60, ())
    monkeypatch.setattr("burnish.pipeline.gather.assessing.MOST_CORRECTED", 12)
    monkeypatch.setattr("burnish.pipeline.gather.queueing.MOST_CANDIDATES", 20)
    few = pipeline.run_gather(workspace)
    assert (few.corrections, few.queued) == (12, 20)
    assert few.notes == (
        "Of more than 20 different inputs these were looked at closely: the most worth it of each "
        "day, caller and label.",
        "Of the corrected exchanges the newest 12 were looked at; 18 older ones were not.",
    )
    assert any(line.why == ("uncertain",) for line in queue(workspace).values())
    monkeypatch.setattr("burnish.pipeline.gather.assessing.MOST_CHARACTERS", 200)
    assert 0 < pipeline.run_gather(workspace).corrections < 12
