"""Export: examples as files that other tools read, for training elsewhere or for annotation.

Reads examples as they are, masked or replaced where the data set is de-identified; returns bytes
and writes nothing. Prompts are built as in training, so another tool learns the same task.
"""

import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from burnish.chat.messages import MessageRenderer
from burnish.data.examples import place
from burnish.data.review.annotations import (
    import_annotations,
    label_studio_config,
    label_studio_tasks,
    labels_of,
    prodigy_tasks,
)
from burnish.errors import DataError
from burnish.records import Dataset, Example, Message, Task

__all__ = [
    "SUFFIXES",
    "ExportFormat",
    "export",
    "export_files",
    "import_annotations",
    "label_studio_config",
    "labels_of",
]

ExportFormat = Literal["openai", "alpaca", "sharegpt", "prodigy", "label-studio", "parquet"]
SUFFIXES: dict[ExportFormat, str] = {
    "openai": ".jsonl",
    "alpaca": ".json",
    "sharegpt": ".json",
    "prodigy": ".jsonl",
    "label-studio": ".json",
    "parquet": ".parquet",
}
"""What the names of the files end with, as the tools tell formats by it."""

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def export_files(
    task: Task, dataset: Dataset, examples: Sequence[Example], format: ExportFormat
) -> dict[str, bytes]:
    """File name → bytes: the export of some of a data set's examples and, for Label Studio, the
    labelling interface that belongs to it.

    Raises:
        DataError: as `export` does.
    """
    name = f"{dataset.id}-{format}"
    files = {name + SUFFIXES.get(format, ""): export(task, examples, format, labels=dataset.labels)}
    if format == "label-studio":
        labels = labels_of(task, examples, dataset.labels)
        files[f"{name}.xml"] = label_studio_config(task, labels).encode()
    return files


def export(
    task: Task, examples: Sequence[Example], format: ExportFormat, *, labels: Sequence[str] = ()
) -> bytes:
    """The examples in a format of another tool.

    Args:
        labels: further ones to choose from in Prodigy, such as those of the other splits.
        format: "openai" (chat fine-tuning JSONL), "alpaca" (JSON with instruction, input and
            output; a chat adds system and history, as LLaMA-Factory reads them), "sharegpt" (JSON
            with conversations), "prodigy" (JSONL of tasks), "label-studio" (JSON of tasks with
            predictions; `label_studio_config` writes their interface) or "parquet" (a row an
            example, a column an input).

    Raises:
        DataError: there are no examples, no such format, or chats that Alpaca cannot hold.
    """
    if not examples:
        raise DataError("There are no examples to export.", hint="name a split that has examples")
    if format == "openai":
        return _json_lines({"messages": _turns(task, example)} for example in examples)
    if format == "alpaca":
        return _json([_alpaca(task, example) for example in examples])
    if format == "sharegpt":
        return _json([_sharegpt(task, example) for example in examples])
    if format == "prodigy":
        return _json_lines(prodigy_tasks(task, examples, labels))
    if format == "label-studio":
        return _json(label_studio_tasks(task, examples))
    if format == "parquet":
        return _parquet(examples)
    raise DataError(
        f'"{format}" is no export format.',
        hint=f"choose one of {', '.join(get_args(ExportFormat))}",
    )


def _messages(task: Task, example: Example) -> list[Message]:
    """The chat before the answer, as the renderer builds it; no tokenizer is asked anything."""
    return MessageRenderer(task).messages(example)


def _turns(task: Task, example: Example) -> list[dict[str, str]]:
    answer = Message(role="assistant", content=example.answer)
    return [turn.model_dump() for turn in [*_messages(task, example), answer]]


def _sharegpt(task: Task, example: Example) -> dict[str, Any]:
    turns = [
        {"from": _SPEAKERS[turn["role"]], "value": turn["content"]}
        for turn in _turns(task, example)
    ]
    return {"id": example.id, "conversations": turns}


def _alpaca(task: Task, example: Example) -> dict[str, Any]:
    """The instruction is the system prompt and the input the user's turn, or, without a system
    prompt and in chats, the instruction is the user's turn."""
    messages = _messages(task, example)
    system = messages[0].content if messages[0].role == "system" else ""
    turns = messages[1:] if messages[0].role == "system" else messages
    roles = [turn.role for turn in turns]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise DataError(
            f"{place(example)}: Alpaca holds chats in which user and assistant take turns, this "
            f"one goes {', '.join(roles) or 'without a turn'}.",
            hint="export as openai or sharegpt",
        )
    said = [turn.content for turn in turns]
    if not example.history:
        instruction, text = (system, said[-1]) if system else (said[-1], "")
        return {"instruction": instruction, "input": text, "output": example.answer}
    history = [list(pair) for pair in zip(said[:-1:2], said[1::2], strict=True)]
    row: dict[str, Any] = {"instruction": said[-1], "input": "", "output": example.answer}
    return row | {"system": system, "history": history}


def _parquet(examples: Sequence[Example]) -> bytes:
    """Inputs under their own names; a column of ours that has the same name gets a "_" behind."""
    import pyarrow
    import pyarrow.parquet

    text = pyarrow.string()
    turn = pyarrow.struct([("role", text), ("content", text)])
    inputs = list(dict.fromkeys(name for example in examples for name in example.inputs))
    columns: dict[str, tuple[Any, list[Any]]] = {
        name: (text, [example.inputs.get(name) for example in examples]) for name in inputs
    }
    ours: dict[str, tuple[Any, list[Any]]] = {
        "answer": (text, [example.answer for example in examples]),
        "references": (pyarrow.list_(text), [list(example.references) for example in examples]),
        "labels": (pyarrow.list_(text), [list(example.labels) for example in examples]),
        "id": (text, [example.id for example in examples]),
        "group": (text, [example.group for example in examples]),
        "time": (text, [example.time for example in examples]),
        "source": (text, [example.source for example in examples]),
        "row": (pyarrow.int64(), [example.row for example in examples]),
    }
    if any(example.history for example in examples):
        chats = [[said.model_dump() for said in example.history] for example in examples]
        ours = {"messages": (pyarrow.list_(turn), chats), **ours}
    for name, column in ours.items():
        while name in columns:
            name += "_"
        columns[name] = column
    schema = pyarrow.schema([(name, kind) for name, (kind, _) in columns.items()])
    table = pyarrow.table({name: cells for name, (_, cells) in columns.items()}, schema=schema)
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """One object a line; line ends that only Unicode knows are escaped, as some readers split at
    them."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    for mark in "\x85\u2028\u2029":
        lines = lines.replace(mark, f"\\u{ord(mark):04x}")
    return lines.encode()
