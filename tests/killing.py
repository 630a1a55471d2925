"""Run a whole pipeline undisturbed, then killed at random moments; print both runs' hashes.

    python tests/killing.py FOLDER KILLS

FOLDER/brief holds burnish.yaml; workspaces are made beside it. A workspace whose run was killed is
run again, and killed again, until a run outlives its moment; then a new workspace takes its place.
Every second moment is counted from where training has begun, since training is a small part of the
whole on some machines.
Children are forked from a process that has imported everything, so that a kill lands in the work
and not in imports.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from burnish import pipeline
from burnish.records import BaseChoice, Dataset, Report, Run
from burnish.store import Workspace

KINDS = (Dataset, BaseChoice, Run, Report)


def main(folder: Path, kills: int) -> None:
    """Print the seconds of the calm run, what each kill left, and all hashes."""
    torch.set_num_threads(1)
    began = time.monotonic()
    finish(folder / "calm")
    seconds = time.monotonic() - began
    training = Workspace(folder / "calm").records(Run)[-1].seconds
    chance = random.Random(0)
    left: list[dict[str, str]] = []
    disturbed = [folder / "killed-1"]
    while len(left) < kills:
        child = start(disturbed[-1])
        if len(left) % 2:
            await_training(child, disturbed[-1])
        time.sleep(chance.uniform(0.05, 0.9) * (training if len(left) % 2 else seconds))
        os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == signal.SIGKILL:
            left.append(state(disturbed[-1]))
        else:
            disturbed.append(folder / f"killed-{len(disturbed) + 1}")
    finish(disturbed[-1])
    result = {
        "seconds": round(seconds, 2),
        "left": left,
        "calm": hashes(folder / "calm"),
        "killed": [hashes(workspace) for workspace in disturbed],
    }
    print(json.dumps(result))


def finish(workspace: Path) -> None:
    """Run to the end."""
    if os.waitstatus_to_exitcode(os.waitpid(start(workspace), 0)[1]) != 0:
        raise SystemExit(f"the run in {workspace} failed")


def start(workspace: Path) -> int:
    """Fork a child that runs the pipeline; its process id."""
    workspace.mkdir(exist_ok=True)
    shutil.copy(workspace.parent / "brief" / "burnish.yaml", workspace)
    child = os.fork()
    if child:
        return child
    try:
        pipeline.run(Workspace(workspace))
    except BaseException as error:
        print(error, file=sys.stderr)
        os._exit(1)
    os._exit(0)


def await_training(child: int, folder: Path) -> None:
    """Return when the run of training is on record, or the child has ended."""
    while "Run" not in state(folder):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.01)


def state(folder: Path) -> dict[str, str]:
    """Status of every record that a killed run left."""
    workspace = Workspace(folder)
    return {kind.__name__: record.status for kind in KINDS for record in workspace.records(kind)}


def hashes(folder: Path) -> dict[str, list[object]]:
    """Status, hash and files' hashes of all records of a workspace."""
    workspace = Workspace(folder)
    return {
        kind.__name__: [[one.status, one.hash, one.files] for one in workspace.records(kind)]
        for kind in KINDS
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
