"""What all steps share: a started record that ends complete or failed, skipping, and the brief.

Reads and writes records through the workspace.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine

from burnish.errors import BurnishError
from burnish.records import BaseChoice, Dataset, Event, Progress, Record, Task
from burnish.store import Workspace
from burnish.store.database import connect

AnyRecord = TypeVar("AnyRecord", bound=Record)


@contextmanager
def step(
    workspace: Workspace,
    kind: type[AnyRecord],
    inputs_hash: str,
    parents: dict[str, str],
    seed: int,
    fields: dict[str, Any],
) -> Iterator[AnyRecord]:
    """A started record; on an error it is written as failed, with the reason.

    A failed data set or base leaves nothing to go on with, so nothing of it stays.
    """
    record = workspace.start(kind, inputs_hash, parents=parents, seed=seed, fields=fields)
    try:
        yield record
    except Exception as error:
        if isinstance(record, Dataset | BaseChoice):
            workspace.discard(record)
            raise
        reason = error.message if isinstance(error, BurnishError) else repr(error)
        with suppress(BurnishError):  # the disk may be what failed
            workspace.fail(record, reason)
        raise


def skip(record: AnyRecord, name: str, message: str, progress: Progress) -> AnyRecord:
    """Tell that a step need not be done again; the record that stands for it."""
    progress(Event(name, message, finished=True, skipped=True))
    return record


def task_of(workspace: Workspace) -> Task:
    """The brief of a workspace; BriefError with all its faults."""
    from burnish.brief.file import read_brief

    return read_brief(workspace.brief)


@contextmanager
def database_of(workspace: Workspace) -> Iterator[Engine]:
    """The workspace's database, for as long as the block runs."""
    workspace.refuse_no_folder()
    if not workspace.brief.exists():
        task_of(workspace)  # which says what is missing
    engine = connect(workspace.database)
    try:
        yield engine
    finally:
        engine.dispose()


def files_of(task: Task) -> dict[str, str]:
    """Role ("source", "train", "validation", "test") → the file that the brief names for it."""
    roles = ("source", "train", "validation", "test")
    return {role: path for role in roles if (path := getattr(task.data, role))}


def relative(path: str, folder: Path) -> str:
    """A path as the brief spells it: relative to the workspace where it exists."""
    if not Path(path).exists():
        return path
    return os.path.relpath(Path(path).resolve(), folder.resolve())
