"""The sealed test split: its hash is checked, each opening is logged, training cannot have it."""

import hashlib
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from burnish.errors import SealError
from burnish.records import Dataset, Example, Opening, SplitName
from burnish.store.database import OpeningRow, connect
from burnish.store.files import read_lines, sha256_file
from burnish.store.workspace import Workspace, now


def read_split(
    workspace: Workspace, dataset: Dataset, split: Literal["train", "validation"]
) -> list[Example]:
    """The examples of a split that may be learned from or chosen with.

    Raises:
        SealError: the test split was asked for, or the file is not the one that was recorded.
    """
    if split not in ("train", "validation"):
        raise SealError(
            f"The {split} split is sealed: only an evaluation may open it.",
            hint="burnish evaluate",
        )
    return _read(workspace, dataset, split)


def outline(workspace: Workspace, dataset: Dataset, split: SplitName) -> list[Example]:
    """The examples of any split with a digest in place of every text, to compare versions by.

    No text of the test split can be learned from it, so this does not open it.

    Raises:
        SealError: the file is not the one that was recorded.
    """
    return [
        example.model_copy(
            update={
                "inputs": {name: _digest(text) for name, text in example.inputs.items()},
                "history": tuple(
                    turn.model_copy(update={"content": _digest(turn.content)})
                    for turn in example.history
                ),
                "answer": _digest(example.answer),
                "references": tuple(map(_digest, example.references)),
            }
        )
        for example in _read(workspace, dataset, split)
    ]


def sealed_inputs(
    workspace: Workspace, dataset: Dataset, split: Literal["test", "fresh"]
) -> list[Example]:
    """What stands in a sealed split without any answer, so that nothing learned repeats it.

    For that comparison alone: an input says nothing of how well a model does, so this is no
    opening.

    Raises:
        SealError: the file is not the one that was recorded.
    """
    return [
        example.model_copy(update={"answer": "", "references": (), "labels": ()})
        for example in _read(workspace, dataset, split)
    ]


def open_test(
    workspace: Workspace,
    dataset: Dataset,
    *,
    reason: str,
    split: Literal["test", "fresh"] = "test",
) -> tuple[list[Example], tuple[Opening, ...]]:
    """Open the sealed test split and put the opening on record.

    An opening with the same reason as one before it (an evaluation taken up again after it was
    killed) is the same opening.

    Args:
        split: `fresh` is the later test split of a data set that was extended by gathered examples.

    Returns:
        The test examples, and every opening so far, this one last.

    Raises:
        SealError: the file is not the one that was sealed.
    """
    examples = _read(workspace, dataset, split)
    seal = dataset.splits[split].sha256
    engine = connect(workspace.database)
    try:
        with Session(engine) as session, session.begin():
            query = select(OpeningRow).where(OpeningRow.dataset_hash == seal)
            rows = list(session.scalars(query.order_by(OpeningRow.id)))
            if not any(row.reason == reason for row in rows):
                row = OpeningRow(at=now(), dataset_hash=seal, reason=reason)
                session.add(row)
                rows.append(row)
            openings = tuple(
                Opening(at=row.at, reason=row.reason, dataset_hash=row.dataset_hash) for row in rows
            )
    finally:
        engine.dispose()
    return examples, openings


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _read(workspace: Workspace, dataset: Dataset, split: SplitName) -> list[Example]:
    recorded = dataset.splits[split]
    path = workspace.path(dataset, recorded.file)
    if not path.exists() or sha256_file(path) != recorded.sha256:
        raise SealError(
            f"{path} is not the file that was recorded: it was changed or removed since.",
            hint="burnish data --force makes the data set again; scores before and after differ",
        )
    return read_lines(path, Example)
