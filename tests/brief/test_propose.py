"""A file of examples → a brief: right on the data sets people have, obedient to overrides."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from burnish.brief.file import read_brief, write_brief
from burnish.brief.propose import Proposal, propose
from burnish.errors import BriefError, DataError
from burnish.records import Table


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("BURNISH_DATA", ""))
    if not os.environ.get("BURNISH_DATA") or not folder.is_dir():
        pytest.skip("BURNISH_DATA names no folder of real data sets")
    return folder


def load(path: Path, most: int | None = None) -> Table:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return table(rows[:most], path=str(path))


def table(rows: list[dict[str, Any]], path: str = "examples.csv", format: str = "csv") -> Table:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(path, format, "utf-8", columns, rows, list(range(1, len(rows) + 1)))


def source(rows: list[dict[str, Any]], **overrides: Any) -> Proposal:
    return propose({"source": table(rows)}, overrides=overrides)


def why(proposal: Proposal, key: str, value: str = "") -> str:
    return "\n".join(
        f"{name} {found}: {reason}"
        for name, found, reason in proposal.reasons
        if name == key and (not value or found == value)
    )


NOTES = [
    {
        "visit_id": f"visit-{n:03}",
        "note": f"Patient number {n} came in with a cough and a fever of several days, was "
        f"examined, and was sent home with paracetamol and advice to rest, visit {n}.",
        "summary": f"Patient {n} with cough and fever, sent home with paracetamol.",
    }
    for n in range(60)
]
TICKETS = [
    {"text": f"My order {n} has not arrived yet, {word}", "label": label}
    for n in range(30)
    for word, label in (("where is it", "delivery"), ("refund me", "refund"), ("thanks", "praise"))
]


def test_mts_dialog(data: Path) -> None:
    folder = data / "summarisation-mts-dialog" / "raw"
    train = load(folder / "MTS-Dialog-TrainingSet.csv")
    proposal = propose({"source": train}, overrides={})
    task = proposal.task
    assert (task.kind, task.metric) == ("summarize", "rougeL")
    assert (task.data.inputs, task.data.output) == (("dialogue",), ("section_text",))
    assert task.data.id == "ID"
    assert task.prompt.template == "{dialogue}"
    assert task.prompt.system == "Summarise the dialogue as a section text."
    assert task.evaluate.max_new_tokens == 512
    asked = next(question for question in proposal.questions if question.key == "inputs")
    assert asked.choices == ("dialogue", "section_header, dialogue")
    assert asked.default == "dialogue"
    assert "section_header" in why(proposal, "ignored")


def test_mts_dialog_ids_restart_in_each_file(data: Path) -> None:
    folder = data / "summarisation-mts-dialog" / "raw"
    tables = {
        "train": load(folder / "MTS-Dialog-TrainingSet.csv"),
        "validation": load(folder / "MTS-Dialog-ValidationSet.csv"),
    }
    proposal = propose(tables, overrides={"inputs": ["section_header", "dialogue"]})
    assert proposal.task.data.id is None
    assert "repeat from file to file" in why(proposal, "data.id")
    assert proposal.task.data.source is None
    assert proposal.task.data.validation == str(folder / "MTS-Dialog-ValidationSet.csv")
    assert proposal.task.data.inputs == ("section_header", "dialogue")
    assert proposal.task.prompt.template == (
        "Section header: {section_header}\n\nDialogue: {dialogue}"
    )
    assert "given the section header" in proposal.task.prompt.system


@pytest.mark.parametrize(
    ("file", "output", "labels"),
    [
        ("classification-banking77/raw/train.csv", "category", 77),
        ("classification-clinc150/train.jsonl", "label", 151),
    ],
)
def test_intents_are_classified(data: Path, file: str, output: str, labels: int) -> None:
    proposal = propose({"source": load(data / file)}, overrides={})
    task = proposal.task
    assert (task.kind, task.metric, task.multi_label) == ("classify", "macro_f1", False)
    assert (task.data.inputs, task.data.output) == (("text",), (output,))
    assert task.prompt.system.count("\n- ") == labels
    assert "exactly one of these labels" in task.prompt.system
    assert task.evaluate.max_new_tokens <= 48
    assert task.data.group is None
    assert task.name == ("classification-" + Path(file).parts[0].split("-")[1])
    assert not proposal.questions
    assert (task.pass_mark.over, task.pass_mark.at_least) == ("classic", 0.0)


def test_snips_slots_are_extracted(data: Path) -> None:
    rows = load(data / "extraction-snips-slots/train.jsonl").rows
    task = source(rows).task
    assert (task.kind, task.metric) == ("extract", "field_f1")
    assert (task.data.inputs, task.data.output) == (("text",), ("intent", "slots"))
    assert '"intent" is one of: AddToPlaylist' in task.prompt.system
    assert "playlist_owner" in task.prompt.system
    as_csv = [row | {"slots": json.dumps(row["slots"])} for row in rows]
    assert source(as_csv).task.data == task.data


def test_xquad_answers_share_contexts(data: Path) -> None:
    proposal = propose({"source": load(data / "qa-xquad-en/test.jsonl")}, overrides={})
    task = proposal.task
    assert (task.kind, task.metric) == ("answer", "token_f1")
    assert (task.data.inputs, task.data.output) == (("context", "question"), ("answers",))
    assert (task.data.group, task.data.id) == ("context", "id")
    assert task.prompt.template == "Context: {context}\n\nQuestion: {question}"
    assert "short phrase copied from the context" in task.prompt.system
    assert "240" in why(proposal, "data.group")
    assert "title" in why(proposal, "ignored")


def test_pubmedqa_is_yes_no_maybe_and_never_reads_an_answer(data: Path) -> None:
    train = load(data / "qa-pubmedqa/train.jsonl")
    task = propose({"source": train}, overrides={}).task
    assert (task.kind, task.data.inputs, task.data.output) == (
        "classify",
        ("context", "question"),
        ("answer",),
    )
    assert task.prompt.system.startswith("Answer the question from the context.")
    assert task.prompt.system.endswith("- maybe\n- no\n- yes")
    long = propose({"source": train}, overrides={"output": "long_answer"}).task
    assert (long.kind, long.data.inputs) == ("generate", ("context", "question"))


def test_e2e_facts_become_text(data: Path) -> None:
    task = propose({"source": load(data / "generation-e2e-restaurants/train.jsonl")}, overrides={})
    assert task.task.kind == "generate"
    assert task.task.data.inputs == ("meaning_representation",)
    assert task.task.data.output == ("text",)
    assert task.task.data.group == "meaning_representation"
    assert "slots" in why(task, "ignored")


def test_instructions_are_followed(data: Path) -> None:
    task = propose({"source": load(data / "instruction-seed-tasks/train.jsonl")}, overrides={}).task
    assert (task.kind, task.data.inputs, task.data.output) == (
        "generate",
        ("instruction", "input"),
        ("output",),
    )
    assert task.prompt.template == "{instruction}\n\n{input}"
    assert task.data.id == "id"


@pytest.mark.parametrize(
    ("file", "kind", "inputs", "output", "group"),
    [
        ("extraction-contractnli/test.jsonl", "extract", ("text",), ("clauses",), None),
        ("extraction-contractnli/pairs_test.jsonl", "classify", ("hypothesis", "evidence"),
         ("label",), "doc_id"),
        ("drift-rustsec-advisories/stream.jsonl", "classify", ("title", "text"), ("label",), None),
        ("neardup-mts-backtranslation/train.jsonl", "classify", ("text",), ("section_header",),
         "group"),
        ("paraphrase-covid-questions/test.jsonl", "classify", ("question_1", "question_2"),
         ("duplicate",), "question_1"),
        ("pii-presidio-synth-v2/test.jsonl", "extract", ("text",), ("spans",), None),
    ],
)  # fmt: skip
def test_other_real_files(
    data: Path, file: str, kind: str, inputs: tuple[str, ...], output: tuple[str, ...],
    group: str | None,
) -> None:  # fmt: skip
    found = propose({"source": load(data / file)}, overrides={}).task
    assert (found.kind, found.data.inputs, found.data.output, found.data.group) == (
        kind, inputs, output, group,
    )  # fmt: skip


def test_visit_notes() -> None:
    proposal = source(NOTES)
    task = proposal.task
    assert (task.kind, task.data.inputs, task.data.output) == ("summarize", ("note",), ("summary",))
    assert task.data.id == "visit_id"
    assert task.prompt.system == "Summarise the note."
    assert (task.pass_mark.over, task.pass_mark.at_least) == ("zero-shot", 0.2)
    assert (task.evaluate.max_new_tokens, task.train.max_length) == (32, 256)
    assert not proposal.questions


@pytest.mark.parametrize("path", ["examples.csv", "/data/my notes/train.csv", "train.csv"])
def test_a_name_comes_from_the_file_or_its_folder(path: str) -> None:
    named = {"/data/my notes/train.csv": "my-notes"}
    task = propose({"train": table(NOTES, path=path)}, overrides={}).task
    assert task.name == named.get(path, "summarize-task")


def test_chats() -> None:
    chat = [
        {"role": "user", "content": "Hello, what is two and two?"},
        {"role": "assistant", "content": "Four."},
    ]
    proposal = propose(
        {"source": table([{"messages": chat}] * 60, format="openai-chat")}, overrides={}
    )
    task = proposal.task
    assert (task.kind, task.data.messages, task.metric) == ("generate", "messages", "chrf")
    assert (task.data.inputs, task.data.output, task.prompt.template) == ((), (), "")
    assert task.evaluate.max_new_tokens == 16


def test_chats_that_end_with_the_user_are_reported() -> None:
    rows = [{"messages": [{"role": "user", "content": "Hello?"}]}] * 60
    advice = propose({"source": table(rows)}, overrides={}).advice
    assert "60 of 60 rows hold no answer" in advice[0]


@pytest.mark.parametrize(
    "cell", [["red", "round"], "red|round", "red | round", "red; round", '["red", "round"]']
)
def test_several_labels_in_a_cell(cell: object) -> None:
    one: object = ["red"] if isinstance(cell, list) else '["red"]' if "[" in str(cell) else "red"
    rows = [{"text": f"A thing, the {n}th of its kind", "tags": cell if n % 2 else one}
            for n in range(60)]  # fmt: skip
    task = source(rows).task
    assert (task.kind, task.multi_label, task.data.output) == ("classify", True, ("tags",))
    assert task.prompt.system.endswith("one a line, or none:\n- red\n- round")


def test_fields_that_stand_in_the_text_are_extracted() -> None:
    rows = [
        {"text": f"Invoice of {month} {n}, 2024 by Firm{n} Ltd, to be paid: {n * 7 + 100} euros",
         "vendor": f"Firm{n} Ltd", "due": f"{month} {n}, 2024", "total": str(n * 7 + 100)}
        for n, month in enumerate(["May", "June"] * 40)
    ]  # fmt: skip
    task = source(rows).task
    assert (task.kind, task.data.output) == ("extract", ("vendor", "due", "total"))
    assert '"vendor", "due" and "total"' in task.prompt.system


def test_questions_without_a_context_are_not_told_to_copy() -> None:
    rows = [{"question": f"What is {n} times three?", "answer": f"It is {n * 3}"}
            for n in range(60)]  # fmt: skip
    task = source(rows).task
    assert task.kind == "answer"
    assert task.prompt.system == "Answer the question with a short phrase."


def test_columns_with_odd_names_stand_in_the_template_as_they_are() -> None:
    rows = [{"What happened? {1}": f"It {n} fell off the wall yesterday", "Class: A/B": "AB"[n % 2]}
            for n in range(60)]  # fmt: skip
    task = source(rows).task
    assert task.prompt.template == "{What happened? {1}}"
    assert task.data.output == ("Class: A/B",)


def test_one_column_is_refused() -> None:
    with pytest.raises(DataError, match="one column, 'text'"):
        source([{"text": "a"}, {"text": "b"}])


def test_no_plausible_output_lists_columns_and_flags() -> None:
    rows = [{"text": f"A long sentence about the number {n}", "id": n, "created": f"2024-01-{n}"}
            for n in range(60)]  # fmt: skip
    with pytest.raises(DataError, match="No column looks like the answer") as caught:
        source(rows)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["text", "id", "created"]
    assert "--inputs" in caught.value.hint
    assert "--output" in caught.value.hint


def test_no_rows_and_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no rows"):
        source([])
    with pytest.raises(BriefError, match="found only test"):
        propose({"test": table(NOTES)}, overrides={})


def test_overrides_win_and_the_rest_follows() -> None:
    task = source(
        TICKETS, kind="generate", inputs="label", output="text", base="other", name="mine",
        max_rows=50, epochs=1, **{"evaluate.batch_size": 4, "group": "", "id": None},
    ).task  # fmt: skip
    assert (task.kind, task.metric) == ("generate", "chrf")
    assert (task.data.inputs, task.data.output) == (("label",), ("text",))
    assert (task.base, task.name, task.data.max_rows) == ("other", "mine", 50)
    assert (task.train.epochs, task.train.batch_size, task.evaluate.batch_size) == (1, 8, 4)
    assert task.prompt.template == "{label}"


def test_every_choice_of_a_question_is_taken_as_an_override() -> None:
    rows = [ticket | {"channel": "mail" if n % 2 else "chat"} for n, ticket in enumerate(TICKETS)]
    questions = source(rows).questions
    assert questions
    for question in questions:
        assert question.default in question.choices
        for choice in question.choices:
            found = source(rows, **{question.key: choice}).task
            assert ", ".join(getattr(found.data, question.key)) == choice
            assert all("{" + name + "}" in found.prompt.template for name in found.data.inputs)


def test_labels_keep_only_those_named() -> None:
    system = source(TICKETS, labels=("refund", "praise")).task.prompt.system
    assert system.endswith("labels:\n- praise\n- refund")


def test_wrong_overrides_are_explained() -> None:
    with pytest.raises(BriefError, match="no such setting") as unknown:
        source(TICKETS, outptu="label")
    assert "did you mean `data.output`" in unknown.value.faults[0]
    with pytest.raises(BriefError, match="no such setting") as section:
        source(TICKETS, train="tickets.csv")
    assert "`train` is a section" in section.value.faults[0]
    with pytest.raises(DataError, match="does not exist") as missing:
        source(TICKETS, output="labels")
    assert "did you mean 'label'" in missing.value.faults[0]
    with pytest.raises(BriefError, match="cannot stand together") as metric:
        source(TICKETS, metric="rougeL")
    assert "does not measure classify" in metric.value.faults[0]
    with pytest.raises(BriefError, match="cannot be used") as kind:
        source(TICKETS, kind="clasify")
    assert "Did you mean classify?" in kind.value.faults[0]


def test_a_column_that_another_file_lacks_is_named() -> None:
    short = [{"text": row["text"]} for row in TICKETS]
    tables = {"train": table(TICKETS), "test": table(short, path="test.csv")}
    with pytest.raises(DataError) as caught:
        propose(tables, overrides={})
    assert caught.value.faults == ("test.csv has no column 'label' (`data.output`)",)


def test_every_column_is_used_or_named_as_ignored() -> None:
    rows = [note | {"created": "2024", "ward": f"W{n % 4}"} for n, note in enumerate(NOTES)]
    proposal = source(rows)
    used = {*proposal.task.data.inputs, *proposal.task.data.output, proposal.task.data.id}
    ignored = {value for key, value, _ in proposal.reasons if key == "ignored"}
    assert used | ignored == set(rows[0])
    assert ignored == {"created", "ward"}


def test_the_mark_is_over_a_system_that_is_compared() -> None:
    task = source(TICKETS, systems=("few-shot", "tuned")).task
    assert task.pass_mark.over == "few-shot"
    assert source(TICKETS, systems=("tuned",)).task.pass_mark.over is None


def test_advice_on_size_balance_and_cheaper_ways() -> None:
    assert "too few to tune on" in source(NOTES[:20]).advice[0]
    assert "few-shot prompt to a larger model first" in source(NOTES).advice[0]
    many = source(TICKETS * 7).advice
    assert any("classic classifier" in sentence for sentence in many)
    skewed = source([*TICKETS[:3], *[TICKETS[0]] * 100]).advice
    assert any("answering it always would look accurate" in sentence for sentence in skewed)
    assert any("2 of 3 labels have fewer than 5" in sentence for sentence in skewed)
    assert any("sealed test will have about 10" in sentence for sentence in skewed)
    big = propose({"train": table(NOTES * 5), "test": table(NOTES * 2, path="b.csv")}, overrides={})
    assert not any("sealed test" in sentence for sentence in big.advice)


def test_a_proposal_is_written_and_read_back_equal(tmp_path: Path) -> None:
    for rows in (NOTES, TICKETS):
        task = source(rows).task
        write_brief(tmp_path / "burnish.yaml", task)
        assert read_brief(tmp_path / "burnish.yaml") == task


def test_new_labels_join_the_listing_of_the_instruction() -> None:
    from burnish.brief.prompts import with_labels

    listed = "Classify text. Answer with exactly one of these labels:\n- a\n- c"
    assert with_labels(listed, ("a", "c"), ("a", "b", "c")) == listed[:-3] + "- b\n- c"
    turned = "Labels:\n- c\n- a\nOne of them."
    assert (
        with_labels(turned, ("a", "c"), ("a", "b", "c")) == "Labels:\n- c\n- a\n- b\nOne of them."
    )
    for other in ("Sort.", "Rules:\n- be brief\n- be kind", "- a\nthen\n- c"):
        assert with_labels(other, ("a", "c"), ("a", "b", "c")) == other
    assert with_labels(listed, ("a", "c"), ("a", "c")) == listed
