"""The queue's files: queue.jsonl, queue.csv for spreadsheets, tasks for annotation tools, and what
comes back of each.

Whatever cannot be used is reported together, with its line, before anything is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from burnish.errors import BriefError, DataError
from burnish.pipeline.gather.queueing import as_example
from burnish.pipeline.stepping import task_of
from burnish.records import Example, Queued, Task
from burnish.store import Workspace
from burnish.store.files import disk_errors, write_bytes, write_lines, write_text

Tool = Literal["label-studio", "prodigy"]


@dataclass(frozen=True)
class Given:
    """One decision in a file that came back.

    Attributes:
        where: it stands.
        right: as a person wrote it; "" where nobody did.
        line: as it stood in the file, where it was the queue itself.
    """

    where: str
    exchange: str
    right: str
    line: Queued | None = None


def read_queue(workspace: Workspace) -> list[Queued]:
    """The queue as it stands, with decisions that were written into queue.csv alone.

    Raises:
        DataError: with every line that is none any more, or that the two files decide differently.
    """
    if not workspace.queue.exists():
        return []
    lines = _queue_lines(workspace.queue)
    known = {given.exchange: given.line for given in lines if given.line is not None}
    if not known or not workspace.queue_table.exists():
        return list(known.values())
    faults = []
    for given in _table_rows(workspace.queue_table):
        line = known.get(given.exchange)
        if line is None or not given.right:
            continue
        said = line.right.strip()
        if said and said != given.right:
            faults.append(
                f'{given.where}: "{given.right}", but {workspace.queue.name} says "{said}" of '
                f"{given.exchange}"
            )
        known[given.exchange] = line.model_copy(update={"right": given.right})
    if faults:
        raise DataError(
            f"{workspace.queue_table.name} and {workspace.queue.name} decide differently.",
            faults=faults,
            hint="write the same into both, or empty one of them",
        )
    return list(known.values())


def write_queue(
    workspace: Workspace, decided: Sequence[Queued], open_: Sequence[Queued]
) -> list[Path]:
    """Write the queue, decided lines first, and its table, which has the others alone; the paths.

    So whatever stands under `right` in the table was written there by a person.
    """
    from burnish.gather.spreadsheet import as_table

    write_lines(workspace.queue, [*decided, *open_])
    write_text(workspace.queue_table, as_table(open_))
    return [workspace.queue, workspace.queue_table]


def export_queue(workspace: Workspace, tool: str) -> list[Path]:
    """Write the lines without a decision as tasks of an annotation tool; the paths.

    Raises:
        BriefError: there is no such tool. DataError: no line waits for a decision.
    """
    from burnish.data.review.export import SUFFIXES, export, label_studio_config, labels_of

    chosen = next((known for known in get_args(Tool) if known == tool), None)
    if chosen is None:
        raise BriefError(
            f"Tasks cannot be written for {tool}.", hint=f"choose {' or '.join(get_args(Tool))}"
        )
    with workspace.locked():
        task = task_of(workspace)
        waiting = [line for line in read_queue(workspace) if not line.right.strip()]
        if not waiting:
            raise DataError("No line of the queue waits for a decision.", hint="burnish gather")
        examples = [_shown(task, line, at) for at, line in enumerate(waiting, 1)]
        labels = _labels(workspace, task)
        path = workspace.queue.with_name(f"queue-{chosen}{SUFFIXES[chosen]}")
        write_bytes(path, export(task, examples, chosen, labels=labels))
        if chosen == "prodigy":
            return [path]
        interface = label_studio_config(task, labels_of(task, examples, labels))
        write_text(path.with_suffix(".xml"), interface)
        return [path, path.with_suffix(".xml")]


def given_in(file: Path) -> list[Given]:
    """The decisions in a file that came back: the queue, a spreadsheet, or a tool's export.

    Raises:
        DataError: with everything in it that cannot be read.
    """
    from burnish.gather.settling import form_of

    if not file.is_file():
        raise DataError(
            f"There is no file {file}.", hint="fill in queue.jsonl or queue.csv, and name that"
        )
    with disk_errors(file), file.open("rb") as opened:
        beginning = opened.read(4096).decode("utf-8", "replace")
    readers: dict[str, Callable[[Path], list[Given]]] = {
        "queue": _queue_lines, "table": _table_rows, "annotations": _annotations,
    }  # fmt: skip
    return readers[form_of(beginning)](file)


def _queue_lines(file: Path) -> list[Given]:
    found: list[Given] = []
    faults: list[str] = []
    with disk_errors(file):
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file.name} line {number}"
        try:
            queued = Queued.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            faults.append(f"{where}: {f'{field}: ' * bool(field)}{first['msg']}")
            continue
        found.append(Given(where, queued.exchange, queued.right.strip(), queued))
    if faults:
        raise DataError(
            f"{file} holds lines that are none of the queue any more; nothing was changed.",
            faults=faults,
            hint='mend these lines: a decision is text between quotes, as in "right": "keep"',
        )
    return found


def _table_rows(file: Path) -> list[Given]:
    from burnish.data.reading.readers import read
    from burnish.gather.spreadsheet import EXCHANGE, RIGHT, rights

    table = read(file)
    if missing := [name for name in (EXCHANGE, RIGHT) if name not in table.columns]:
        raise DataError(
            f"{file} has no column {' and no column '.join(missing)}, so it is not the queue.",
            hint="fill in queue.csv, as burnish gather wrote it",
        )
    return [
        Given(f"{file.name} row {number}", exchange, right)
        for number, (exchange, right) in zip(table.numbers, rights(table.rows), strict=True)
        if exchange
    ]


def _annotations(file: Path) -> list[Given]:
    from burnish.data.review.annotations import import_annotations
    from burnish.gather.asked import exchange_id

    with disk_errors(file):
        text = file.read_text(encoding="utf-8", errors="replace")
    return [
        Given(
            f"{file.name}, {review.id}",
            exchange_id(review.id) or review.id,
            f"answer: {review.answer}" if review.action == "answer" else f"action: {review.action}",
        )
        for review in import_annotations(text)
    ]


def _shown(task: Task, line: Queued, number: int) -> Example:
    """A line as an example of an annotation tool, with the answer that was given."""
    from burnish.chat.answers import parse

    example = as_example(line).model_copy(update={"source": "queue.jsonl", "row": number})
    if task.kind != "classify":
        return example
    said = parse(task, line.answer)
    return example.model_copy(update={"labels": tuple(said) if task.multi_label else (said,)})


def _labels(workspace: Workspace, task: Task) -> tuple[str, ...]:
    from burnish.pipeline.gather.assessing import Ground
    from burnish.pipeline.stepping import database_of

    if task.kind != "classify":
        return ()
    with database_of(workspace) as engine:
        return Ground.of(workspace, task, engine).answers.labels
