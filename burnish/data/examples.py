"""From rows to examples: what goes in, what should come out, and every fault on the way.

Reads tables as a reader found them and the brief; writes nothing. Rows that hold no usable
example are set aside with a reason; too many of them, or anything else that makes a file unfit,
becomes a fault, and all faults are raised together.
"""

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from burnish.chat.answers import Target, target_of
from burnish.data.times import read_time
from burnish.errors import DataError
from burnish.records import Dropped, Example, Message, Table, Task, canonical_hash

MAX_CELL = 50_000
"""Longest cell, in characters."""

MAX_UNUSABLE = 0.1
"""Share of a file's rows that may hold no usable example."""

EXCERPT = 200
"""Characters of a dropped row's input that are kept."""

_MAX_FAULTS = 20
_MAX_NAME = 80
_MAX_PLACES = 10
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class RowsRead:
    """What became of the rows of one table that did not become examples as they were.

    Attributes:
        dropped: rows without a usable example, in row order.
        cut_chats: rows of chats whose turns after the last assistant turn were cut.
    """

    dropped: list[Dropped]
    cut_chats: tuple[int, ...] = ()


class Placed(Protocol):
    """What stands somewhere in the user's files: an example, or a row without its texts."""

    @property
    def id(self) -> str:
        """The example's id."""

    @property
    def source(self) -> str:
        """The file, as the user named it."""

    @property
    def row(self) -> int:
        """The user's number of the row."""


class Faults:
    """Collects what is wrong, so that the user mends it all at once."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._lines: list[str] = []
        self._hints: list[str] = []

    def add(self, message: str, lines: Iterable[str] = (), *, hint: str) -> None:
        """Notes one kind of fault, with a line for each place."""
        self._messages.append(message)
        self._lines += lines
        self._hints.append(hint)

    def stop(self) -> None:
        """Raises DataError when anything was noted; at most 20 places are listed."""
        if not self._messages:
            return
        lines = self._lines[:_MAX_FAULTS]
        if len(self._lines) > _MAX_FAULTS:
            lines.append(f"and {len(self._lines) - _MAX_FAULTS:,} more")
        hint = "; ".join(dict.fromkeys(self._hints))
        raise DataError(" ".join(self._messages), faults=lines, hint=hint)


def read_examples(
    task: Task, table: Table, faults: Faults, take: Callable[[Example], str | None]
) -> RowsRead:
    """Gives every example of a table to `take`, in row order.

    Inputs are stripped text with Unix line ends; lists and mappings become JSON text. A chat's
    last assistant turn is the answer and what precedes it the history.

    Args:
        faults: receives cells that are too long, dates that cannot be read, and the unusable rows
            where they are more than a tenth of all.
        take: receives each example; returns why it is left out, or None.
    """
    dropped: list[Dropped] = []
    left_out: list[Dropped] = []
    cut: list[int] = []
    for number, row in zip(table.numbers, table.rows, strict=True):
        try:
            example, was_cut = _example(task, table.path, number, row)
        except _UnusableError as unusable:
            dropped.append(_unusable(task, table.path, number, row, unusable))
            continue
        if reason := take(example):
            left_out.append(_unusable(task, table.path, number, row, _UnusableError(reason)))
        elif was_cut:
            cut.append(number)
    _check_cells(task, table, faults)
    _check_times(task, table, faults)
    if len(dropped) > MAX_UNUSABLE * len(table.rows):
        faults.add(
            f"{len(dropped):,} of the {len(table.rows):,} rows of {table.path} hold no usable "
            f"example ({counted_reasons(dropped)}); at most {MAX_UNUSABLE:.0%} may.",
            (f"{drop.source} row {drop.row}: {_described(drop)}" for drop in dropped),
            hint="fill or delete these rows, or name the right columns under `data:`",
        )
    return RowsRead([*dropped, *left_out], tuple(cut))


def check_columns(task: Task, tables: dict[str, Table]) -> None:
    """Refuses columns that the files do not have.

    Raises:
        DataError: listing every one of them with the nearest names.
    """
    faults = Faults()
    for table in tables.values():
        unknown = [
            f'{table.path}: no column "{name}" (data.{setting}){nearest(name, table.columns)}'
            for setting, name in _named_columns(task)
            if name not in table.columns
        ]
        if unknown:
            columns = ", ".join(f'"{name}"' for name in table.columns)
            faults.add(
                f"{table.path} lacks columns that the brief names; it has {columns}.",
                unknown,
                hint="name the columns as the file does, under `data:`",
            )
    faults.stop()


def check_ids(task: Task, examples: Iterable[Placed], faults: Faults) -> None:
    """Notes ids of the named id column that are empty or stand in several rows of any file."""
    if not task.data.id:
        return
    places: dict[str, list[str]] = defaultdict(list)
    for example in examples:
        places[example.id].append(place(example))
    repeated = [
        f'"{shortened(name)}": {_some(rows)}' if name else f"no id: {_some(rows)}"
        for name, rows in sorted(places.items())
        if len(rows) > 1 or not name
    ]
    if repeated:
        faults.add(
            f'The id column "{task.data.id}" does not name each example: {len(repeated):,} of its '
            "values are empty or repeated.",
            repeated,
            hint="make the ids unique over all files, or leave out `id` under `data:`",
        )


def content_hash(example: Example) -> str:
    """SHA-256 (hex) of what the model reads and learns: inputs, history and answer."""
    return _content_hash(example.inputs, example.history, example.answer)


def input_key(example: Example) -> str:
    """What the model reads, with white space folded and case ignored; equal means same input."""
    inputs = {name: folded(text) for name, text in example.inputs.items()}
    turns = [[turn.role, folded(turn.content)] for turn in example.history]
    return json.dumps([inputs, turns], ensure_ascii=False, sort_keys=True)


def answer_key(task: Task, example: Example) -> str:
    """The answer, folded like an input; JSON answers do not depend on the order of their keys."""
    if task.kind == "extract":
        return folded(json.dumps(json.loads(example.answer), ensure_ascii=False, sort_keys=True))
    return folded(example.answer)


def folded(text: str) -> str:
    """Text with runs of white space as one space, stripped, without case."""
    return " ".join(text.split()).casefold()


def place(example: Placed) -> str:
    """Where an example stands, for messages: "<source> row N"."""
    return f"{example.source} row {example.row}"


def excerpt(example: Example) -> str:
    """The beginning of what the model reads, on one line."""
    texts = [*example.inputs.values(), *(turn.content for turn in example.history)]
    return " ".join(" ".join(texts).split())[:EXCERPT]


def shortened(text: str) -> str:
    """The beginning of a label or an id, for a message."""
    return text if len(text) <= _MAX_NAME else f"{text[:_MAX_NAME]}… ({len(text):,} characters)"


def counted_reasons(dropped: Iterable[Dropped]) -> str:
    """ "3 empty answer, 1 not a chat" for a message."""
    counts = Counter(drop.reason for drop in dropped)
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.items()))


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; nearest: ..." for a message, or nothing where no known name is like it."""
    by_case = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), by_case, n=3)
    return "; nearest: " + ", ".join(f'"{by_case[match]}"' for match in close) if close else ""


def _some(places: Sequence[str]) -> str:
    """The first places, and how many more there are."""
    more = f" and {len(places) - _MAX_PLACES:,} more" if len(places) > _MAX_PLACES else ""
    return ", ".join(places[:_MAX_PLACES]) + more


class _UnusableError(ValueError):
    """The row holds no usable example; the message is the reason it is dropped for."""

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.details = details


def _example(task: Task, source: str, number: int, row: dict[str, Any]) -> tuple[Example, bool]:
    """The example of one row, and whether turns at the end of its chat were cut."""
    data = task.data
    history: tuple[Message, ...] = ()
    cut = False
    inputs = {name: _text(row.get(name)) for name in data.inputs}
    if data.messages:
        turns = _turns(row.get(data.messages))
        last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=None)
        if last is None:
            raise _UnusableError("no assistant turn")
        history, cut = tuple(turns[:last]), last + 1 < len(turns)
        cells: dict[str, Any] = {data.messages: turns[last].content}
    else:
        cells = {
            name: _cell(row.get(name), as_text=task.kind == "classify") for name in data.output
        }
    target = _target(task, cells)
    read = [*inputs.values(), *(turn.content for turn in history if turn.role != "system")]
    if not any(text.strip() for text in read):
        raise _UnusableError("empty input")
    name = _text(row.get(data.id)) if data.id else _content_hash(inputs, history, target.text)[:16]
    group = _text(row.get(data.group)) if data.group else ""
    example = Example(
        id=name, source=source, row=number, inputs=inputs, history=history, answer=target.text,
        references=target.references, labels=target.labels, group=group or None,
        time=_time(row.get(data.time)) if data.time else None,
    )  # fmt: skip
    return example, cut


def _time(cell: Any) -> str | None:
    """The date of a row; one that cannot be read is noted by `_check_times`."""
    try:
        return read_time(cell)
    except ValueError:
        return None


def _target(task: Task, cells: dict[str, Any]) -> Target:
    may_be_empty = task.kind == "classify" and task.multi_label
    if not may_be_empty and all(_blank(value) for value in cells.values()):
        raise _UnusableError("empty answer")
    try:
        return target_of(task, cells)
    except ValueError as error:
        reason = "answer is not JSON" if task.kind == "extract" else "empty answer"
        raise _UnusableError(reason, why=str(error)) from None


def _turns(cell: Any) -> list[Message]:
    """The turns of a chat, given as a list or as its JSON text."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise _UnusableError("not a chat", why="the cell is not JSON") from None
    if not isinstance(cell, list) or not cell:
        raise _UnusableError("not a chat", why="expected a list of turns")
    turns = []
    for number, turn in enumerate(cell, start=1):
        role, content = (
            (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (0, 0)
        )
        if role not in _ROLES or not isinstance(content, str):
            expected = f"expected a role of {', '.join(_ROLES)} and text content"
            raise _UnusableError("not a chat", why=f"turn {number}: {expected}")
        turns.append(Message(role=role, content=_text(content)))
    return turns


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return text.replace("\r\n", "\n").strip()


def _cell(value: Any, *, as_text: bool) -> Any:
    """An output cell with Unix line ends; as text, numbers are written out (labels 0, 1, 2)."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    if isinstance(value, list):
        return [_cell(item, as_text=as_text) for item in value]
    if isinstance(value, dict):
        return {key: _cell(item, as_text=as_text) for key, item in value.items()}
    return str(value) if as_text and value is not None else value


def _blank(value: Any) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _content_hash(inputs: dict[str, str], history: Sequence[Message], answer: str) -> str:
    turns = [[turn.role, turn.content] for turn in history]
    return canonical_hash({"inputs": inputs, "history": turns, "answer": answer})


def _named_columns(task: Task) -> list[tuple[str, str]]:
    """(setting, column) for every column the brief names."""
    data = task.data
    single = [("messages", data.messages), ("group", data.group), ("id", data.id)]
    single.append(("time", data.time))
    return [
        *(("inputs", name) for name in data.inputs),
        *(("output", name) for name in data.output),
        *((setting, name) for setting, name in single if name),
    ]


def _check_cells(task: Task, table: Table, faults: Faults) -> None:
    columns = dict.fromkeys(name for _, name in _named_columns(task))
    long = [
        f'{table.path} row {number}, column "{name}": {length:,} characters'
        for number, row in zip(table.numbers, table.rows, strict=True)
        for name in columns
        if (length := len(_text(row.get(name)))) > MAX_CELL
    ]
    if long:
        count = f"{len(long):,} cells of {table.path} are"
        if len(long) == 1:
            count = f"1 cell of {table.path} is"
        faults.add(
            f"{count} longer than {MAX_CELL:,} characters.",
            long,
            hint="shorten such cells or delete their rows; such a length is mostly a broken quote",
        )


def _check_times(task: Task, table: Table, faults: Faults) -> None:
    column = task.data.time
    if column is None:
        return
    wrong = []
    for number, row in zip(table.numbers, table.rows, strict=True):
        try:
            read_time(row.get(column))
        except ValueError:
            found = shortened(_text(row.get(column)))
            wrong.append(f'{table.path} row {number}, column "{column}": "{found}"')
    if wrong:
        count = f"{len(wrong):,} cells are no dates" if len(wrong) > 1 else "1 cell is no date"
        faults.add(
            f'{count} in the column "{column}" of {table.path}; expected dates such as 2024-03-01, '
            "2024-03, 2024 or 2024-03-01T09:30, or nothing.",
            wrong,
            hint="write these dates by ISO 8601, or leave out `time` under `data:`",
        )


def _unusable(
    task: Task, source: str, number: int, row: dict[str, Any], why: _UnusableError
) -> Dropped:
    names = [task.data.messages] if task.data.messages else task.data.inputs
    text = " ".join(" ".join(_text(row.get(name)) for name in names).split())[:EXCERPT]
    if task.checks.personal_data in ("mask", "replace", "drop"):
        text = ""  # the row was left out before anything in it was masked
    return Dropped(source=source, row=number, reason=str(why), text=text, details=why.details)


def _described(drop: Dropped) -> str:
    return f"{drop.reason} ({drop.details['why']})" if "why" in drop.details else drop.reason
