"""What the request log's own process does: texts masked, rows written.

Nothing of it runs in the gateway's process, where it would hold answers up.
"""

import json
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from burnish.records import Exchange, Feedback
from burnish.serve.process import die_with_parent
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges

Texts = tuple[str | None, str | None]
"""A request as JSON, and its answer."""
Mask = Callable[[Sequence[Texts]], list[Texts]]
"""Texts → the same, personal data masked. A function at the top of a module, for its process."""

log = logging.getLogger("burnish.serve")


@dataclass(frozen=True)
class Written:
    """What became of a batch.

    Attributes:
        left_out: exchanges whose texts could not be masked, and so are not kept.
        refused: ids of feedback that could not be masked, and so was not written.
        fault: why nothing was written; "" where all else was.
    """

    left_out: int = 0
    refused: tuple[str, ...] = ()
    fault: str = ""


def begin() -> None:
    """At the start of the process: the gateway alone heeds Ctrl-C, and takes it along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()


def write(
    database: Path, mask: Mask, exchanges: Sequence[Exchange], feedback: Sequence[Feedback]
) -> Written:
    """Mask a batch, and write it in one transaction."""
    texts = [(one.request, one.answer) for one in exchanges]
    said = [
        (None if one.answer is None else json.dumps(one.answer), one.comment) for one in feedback
    ]
    left_out = 0
    try:
        masked = mask([*texts, *said])
    except Exception:
        log.exception("Texts could not be masked, so they are not kept")
        left_out = sum(one.request is not None for one in exchanges)
        masked = [(None, None)] * len(texts)
    clean = [
        one.model_copy(update={"request": after[0], "answer": after[1], "changed": before != after})
        for one, before, after in zip(exchanges, texts, masked, strict=False)
    ]
    kept = [
        one.model_copy(update={"answer": json.loads(after[0] or "null"), "comment": after[1] or ""})
        for one, after in zip(feedback, masked[len(texts) :], strict=False)
    ]
    refused = () if kept else tuple(one.id for one in feedback)
    try:
        append_exchanges(_engine(database), clean, kept)
    except SQLAlchemyError as error:
        return Written(fault=type(error).__name__)
    return Written(left_out, refused)


@lru_cache(maxsize=1)
def _engine(database: Path) -> Engine:
    return connect(database)
