"""Re-tune a workspace undisturbed, and a copy of it that is killed in every part of the work.

    python tests/killing_retune.py CALM KILLED

Children are forked from a process that has imported everything and computed nothing. Prints the
records' hashes of both, the openings, and how each killed child ended.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from sqlalchemy import select
from sqlalchemy.orm import Session

from burnish import pipeline
from burnish.base import load
from burnish.records import Event, Report, Retune, Run
from burnish.store import Workspace
from burnish.store.database import OpeningRow, connect
from burnish.train import tune

MOMENTS: dict[str, Callable[[Event], bool]] = {
    "training": lambda event: event.step == "train" and event.done == 12,
    "the old test": lambda event: "answers the old test" in event.message and event.done >= 16,
    "the fresh test": lambda event: "answers the fresh test" in event.message and event.done >= 16,
    "the report": lambda event: event.step == "evaluate" and event.message == "comparing",
}


def main(calm: Path, killed: Path) -> None:
    """Print what was left of both workspaces."""
    assert load
    assert tune
    torch.set_num_threads(1)
    codes = [child(calm, None)]
    codes += [child(killed, strikes) for strikes in MOMENTS.values()]
    codes.append(child(killed, None))
    print(json.dumps({"codes": codes, "calm": left(calm), "killed": left(killed)}))


def child(folder: Path, strikes: Callable[[Event], bool] | None) -> int:
    """Re-tune in a process of its own, which dies at a moment; its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        pipeline.run_retune(
            Workspace(folder), go=True,
            progress=lambda event: os._exit(9) if strikes and strikes(event) else None,
        )  # fmt: skip
    except BaseException as error:
        print(error, file=sys.stderr)
        os._exit(1)
    os._exit(0)


def left(folder: Path) -> dict[str, list[object]]:
    """Status, hash and files of the records, and the reasons of all openings."""
    place = Workspace(folder)
    found: dict[str, list[object]] = {
        kind.__name__: [[one.status, one.hash, one.files] for one in place.records(kind)]
        for kind in (Retune, Run, Report)
    }
    engine = connect(place.database)
    with Session(engine) as session:
        rows = session.scalars(select(OpeningRow).order_by(OpeningRow.id)).all()
        found["openings"] = [[row.dataset_hash, row.reason] for row in rows]
    engine.dispose()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
