"""Right answers that became known after a request was answered: taken in as feedback of their own.

Reads a JSONL file; writes feedback into the database, all of it or none.
"""

import json
import uuid
from pathlib import Path
from typing import Any

from burnish.errors import DataError
from burnish.pipeline.stepping import database_of, task_of
from burnish.pipeline.watch.sides import LABELLED
from burnish.records import Feedback, Task
from burnish.store import Workspace
from burnish.store.exchanges import append_exchanges, pick_exchanges
from burnish.store.workspace import now

_SHAPE = '{"exchange": "ex-…", "answer": …}'


def take_labels(workspace: Workspace, file: Path) -> int:
    """Take the right answers of a file; a later one for the same exchange counts.

    They are compared with what was answered, and that with the report's scores, as long as they
    are of requests that were chosen without looking at the answers.

    Returns:
        How many were taken.

    Raises:
        DataError: with every line that cannot be used.
    """
    task = task_of(workspace)
    lines, faults = _read(task, file)
    with database_of(workspace) as database:
        there = {one.id for one in pick_exchanges(database, [name for _, name, _ in lines])}
        faults += [
            f"line {number}: no exchange {name} is in the request log"
            for number, name, _ in lines
            if name not in there
        ]
        if faults:
            raise DataError(
                f"{len(faults):,} lines of {file} cannot be used; nothing was taken.",
                faults=faults,
                hint=f"one JSON object a line: {_SHAPE}",
            )
        feedback = [
            Feedback(id=f"fb-{uuid.uuid4().hex}", exchange=name, at=now(), caller=LABELLED,
                     answer=answer)
            for _, name, answer in lines
        ]  # fmt: skip
        append_exchanges(database, (), feedback)
    return len(lines)


def _read(task: Task, file: Path) -> tuple[list[tuple[int, str, Any]], list[str]]:
    """Line number, exchange and answer of each line; and the faults of the others."""
    from burnish.chat.answers import target_of

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as UTF-8 text: {error}.") from error
    output = (task.data.output or ("answer",))[0]
    found: list[tuple[int, str, Any]] = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            target_of(task, {output: value["answer"]})
            found.append((number, str(value["exchange"]), value["answer"]))
        except json.JSONDecodeError:
            faults.append(f"line {number}: not JSON")
        except (KeyError, TypeError):
            faults.append(f"line {number}: exchange and answer are needed")
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    return found, faults
