"""Export: what is written is what the tools read, and what Burnish reads back."""

import io
import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from burnish.chat.render import Renderer
from burnish.data.reading.readers import read
from burnish.data.review.export import (
    SUFFIXES,
    ExportFormat,
    export,
    export_files,
    import_annotations,
    label_studio_config,
    labels_of,
)
from burnish.errors import DataError
from burnish.records import Dataset, DataSettings, Example, Message, PromptSettings, Task


def task(kind: Any = "classify", *, system: str = "Name the intent.", **more: Any) -> Task:
    return Task(
        name="t",
        kind=kind,
        metric="accuracy",
        data=DataSettings(source="x", inputs=("text",), output=("label",)),
        prompt=PromptSettings(system=system, template="Text: {text}"),
        **more,
    )


def example(row: int, text: str, answer: str = "lost", **more: Any) -> Example:
    inputs = {} if "history" in more else {"text": text}
    return Example(
        id=f"id{row}", source="a.csv", row=row, inputs=inputs, answer=answer, references=(answer,),
        labels=more.pop("labels", (answer,)), **more,
    )  # fmt: skip


EXAMPLES = [
    example(1, 'Where is my card?\nIt was "blue".', "lost & found"),
    example(2, "[PERSON_1] möchte Geld\u2028zurück 😀", "refund"),
    example(3, "x\x85y </Text> {text}", "lost & found", group="g"),
]
CHAT = [
    example(
        4, "", "Fine.", labels=(),
        history=(
            Message(role="system", content="Be kind."),
            Message(role="user", content="Hello"),
            Message(role="assistant", content="Hi!"),
            Message(role="user", content="How are you?"),
        ),
    ),
]  # fmt: skip


def written(
    folder: Path, made: Task, examples: list[Example], format_name: ExportFormat
) -> list[dict[str, Any]]:
    path = folder / f"out{SUFFIXES[format_name]}"
    path.write_bytes(export(made, examples, format_name))
    return read(path).rows


def test_openai_holds_the_messages_of_the_renderer(tmp_path: Path) -> None:
    made = task()
    rows = written(tmp_path, made, EXAMPLES, "openai")
    assert [row["messages"][-1] for row in rows] == [
        {"role": "assistant", "content": e.answer} for e in EXAMPLES
    ]

    class Tokens:
        chat_template = "any"
        all_special_tokens: list[str] = []

    tokenizer: Any = Tokens()
    for row, e in zip(rows, EXAMPLES, strict=True):
        expected = [turn.model_dump() for turn in Renderer(tokenizer, made).messages(e)]
        assert row["messages"][:-1] == expected
    assert export(made, EXAMPLES, "openai").count(b"\n") == 3
    assert len(export(made, EXAMPLES, "openai").decode().splitlines()) == 3


def test_chats_keep_their_turns(tmp_path: Path) -> None:
    made = task("generate")
    for format_name in ("openai", "sharegpt"):
        (row,) = written(tmp_path, made, CHAT, format_name)
        assert [turn["content"] for turn in row["messages"]] == [
            "Be kind.", "Hello", "Hi!", "How are you?", "Fine.",
        ]  # fmt: skip
        assert [turn["role"] for turn in row["messages"]] == [
            "system", "user", "assistant", "user", "assistant",
        ]  # fmt: skip
    (row,) = json.loads(export(made, CHAT, "sharegpt"))
    assert row["id"] == "id4"
    assert row["conversations"][0] == {"from": "system", "value": "Be kind."}
    assert row["conversations"][-1] == {"from": "gpt", "value": "Fine."}
    (row,) = json.loads(export(made, CHAT, "alpaca"))
    assert row == {
        "instruction": "How are you?", "input": "", "output": "Fine.", "system": "Be kind.",
        "history": [["Hello", "Hi!"]],
    }  # fmt: skip


def test_alpaca_splits_instruction_and_input(tmp_path: Path) -> None:
    rows = written(tmp_path, task(), EXAMPLES, "alpaca")
    assert rows[0] == {
        "instruction": "Name the intent.",
        "input": 'Text: Where is my card?\nIt was "blue".',
        "output": "lost & found",
    }
    assert read(tmp_path / "out.json").format == "alpaca"
    rows = written(tmp_path, task(system=""), EXAMPLES, "alpaca")
    assert (rows[2]["instruction"], rows[2]["input"]) == ("Text: x\x85y </Text> {text}", "")


def test_alpaca_refuses_chats_it_cannot_hold() -> None:
    turns = (Message(role="user", content="a"), Message(role="user", content="b"))
    with pytest.raises(DataError, match=r"a\.csv row 7.*user, user"):
        export(task("generate"), [example(7, "", "c", history=turns)], "alpaca")


def test_parquet_rows_are_the_examples_again(tmp_path: Path) -> None:
    rows = written(tmp_path, task(), EXAMPLES, "parquet")
    again = [
        Example(
            id=row["id"], source=row["source"], row=row["row"], inputs={"text": row["text"]},
            answer=row["answer"], references=tuple(row["references"]),
            labels=tuple(row["labels"]), group=row["group"],
        )
        for row in rows
    ]  # fmt: skip
    assert again == EXAMPLES


def test_parquet_has_a_column_for_everything(tmp_path: Path) -> None:
    one = Example(
        id="7", source="s", row=3, inputs={"id": "in", "answer": "put"}, answer="a\nb",
        references=("a\nb", "c"), labels=("a", "b"),
    )  # fmt: skip
    table = pyarrow.parquet.read_table(io.BytesIO(export(task(), [one], "parquet")))
    assert table.to_pylist() == [
        {
            "id": "in", "answer": "put", "answer_": "a\nb", "references": ["a\nb", "c"],
            "labels": ["a", "b"], "id_": "7", "group": None, "time": None, "source": "s",
                "row": 3,
        }
    ]  # fmt: skip
    (row,) = written(tmp_path, task("generate"), CHAT, "parquet")
    assert row["messages"][1] == {"role": "user", "content": "Hello"}


def test_prodigy_choices_are_ticked_and_come_back(tmp_path: Path) -> None:
    rows = written(tmp_path, task(), EXAMPLES, "prodigy")
    assert rows[0] == {
        "text": 'Where is my card?\nIt was "blue".',
        "original": "lost & found",
        "options": [
            {"id": "lost & found", "text": "lost & found"},
            {"id": "refund", "text": "refund"},
        ],
        "accept": ["lost & found"],
        "config": {"choice_style": "single"},
        "_view_id": "choice",
        "meta": {"id": "id1", "row": "a.csv row 1"},
    }
    rows[0] |= {"accept": ["refund"], "answer": "accept"}
    rows[1] |= {"answer": "accept"}
    rows[2] |= {"answer": "reject"}
    reviews = import_annotations("\n".join(map(json.dumps, rows)))
    assert [(r.id, r.action, r.answer, r.row, r.kind) for r in reviews] == [
        ("id1", "answer", "refund", "a.csv row 1", "label-error"),
        ("id2", "keep", "", "a.csv row 2", "label-error"),
        ("id3", "drop", "", "a.csv row 3", "label-error"),
    ]


def test_label_studio_tasks_fit_their_config() -> None:
    for made, examples in (
        (task(), EXAMPLES),
        (task("classify", multi_label=True), [example(1, "x", "none", labels=()), *EXAMPLES]),
        (task("summarize"), EXAMPLES),
    ):
        config = ElementTree.fromstring(label_studio_config(made, labels_of(made, examples)))
        names = {tag.get("name"): tag for tag in config.iter() if tag.get("name")}
        offered = {tag.get("value") for tag in config.iter("Choice")}
        for one, e in zip(
            json.loads(export(made, examples, "label-studio")), examples, strict=True
        ):
            assert one["data"]["example_id"] == e.id
            (result,) = one["predictions"][0]["result"]
            control = names[result["from_name"]]
            assert control.tag.lower() == result["type"]
            assert control.get("toName") == result["to_name"] == names["text"].get("name")
            assert one["data"][names["text"].get("value", "").removeprefix("$")] == e.inputs["text"]
            if made.kind == "classify":
                assert set(result["value"]["choices"]) <= offered
                assert control.get("choice") == ("multiple" if made.multi_label else "single")
            else:
                assert result["value"] == {"text": [e.answer]}


def test_files_have_names_and_label_studio_its_interface() -> None:
    dataset = Dataset(
        id="d1", status="complete", inputs_hash="", parents={}, seed=0, started_at="",
        packages={}, splits={}, rows_read=3, dropped={},
        labels=("lost & found", "other", "refund"),
    )  # fmt: skip
    for name, suffix in SUFFIXES.items():
        files = export_files(task(), dataset, EXAMPLES, name)
        assert files[f"d1-{name}{suffix}"] == export(task(), EXAMPLES, name, labels=dataset.labels)
        assert len(files) == 1 + (name == "label-studio")
    config = export_files(task(), dataset, EXAMPLES, "label-studio")["d1-label-studio.xml"]
    choices = [choice.get("value") for choice in ElementTree.fromstring(config).iter("Choice")]
    assert choices == ["lost & found", "other", "refund"]
    first = json.loads(
        export_files(task(), dataset, EXAMPLES, "prodigy")["d1-prodigy.jsonl"].split(b"\n")[0]
    )
    assert [option["id"] for option in first["options"]] == choices


def test_nothing_and_unknown_formats_are_refused() -> None:
    with pytest.raises(DataError, match="no examples"):
        export(task(), [], "openai")
    unknown: Any = "csv"
    with pytest.raises(DataError) as caught:
        export(task(), EXAMPLES, unknown)
    assert "label-studio" in caught.value.hint


def test_real_data_come_back_from_every_format(tmp_path: Path) -> None:
    folder = Path(os.environ.get("BURNISH_DATA", "-"))
    if not folder.is_dir():
        pytest.skip("BURNISH_DATA names no folder of real data sets")
    data = DataSettings(source="x", inputs=("dialogue",), output=("section_text",))
    made = Task(name="t", kind="summarize", metric="rougeL", data=data)
    table = read(folder / "summarisation-mts-dialog" / "test.jsonl")
    examples = [
        Example(
            id=str(number), source=table.path, row=number, inputs={"dialogue": row["dialogue"]},
            answer=row["section_text"], references=(row["section_text"],),
        )
        for number, row in zip(table.numbers, table.rows, strict=True)
    ]  # fmt: skip
    assert len(examples) > 100
    texts = [e.inputs["dialogue"] for e in examples]
    rows = {name: written(tmp_path, made, examples, name) for name in SUFFIXES}
    assert [row["messages"][0]["content"] for row in rows["openai"]] == texts
    assert [row["messages"][0]["content"] for row in rows["sharegpt"]] == texts
    assert [row["instruction"] for row in rows["alpaca"]] == texts
    assert [row["text"] for row in rows["prodigy"]] == texts
    assert [row["data"]["text"] for row in rows["label-studio"]] == texts
    assert [row["dialogue"] for row in rows["parquet"]] == texts
