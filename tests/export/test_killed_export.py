"""An export killed at any moment leaves nothing that looks finished, and is made the next time."""

import os
import signal
import time
from pathlib import Path

import pytest
from exporting import save_base, trained  # type: ignore[import-not-found]

from burnish import pipeline
from burnish.records import Event, Export
from burnish.store import Workspace

pytestmark = pytest.mark.filterwarnings("ignore")

MOMENTS = ("the tuned weights answer", "writing", "the exported files answer")


def killed_at(workspace: Workspace, moment: str) -> None:
    """Export in a child that is killed as soon as it tells that it has come so far."""
    child = os.fork()
    if not child:

        def tell(event: Event) -> None:
            if event.message == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            pipeline.run_export(workspace, "gguf", precision="F16", progress=tell)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 120
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
    assert ended[1] == signal.SIGKILL


def test_killed_three_times_then_whole(tmp_path: Path) -> None:
    workspace = trained(tmp_path / "task", save_base(tmp_path / "base"))
    for moment in MOMENTS:
        killed_at(workspace, moment)
        (record,) = workspace.records(Export)
        assert record.status == "started"
        assert not workspace.path(record, "model").exists()
        files = {path.name for path in workspace.path(record).iterdir()}
        assert files <= {"record.json", ".making", ".proof"}
    done = pipeline.run_export(workspace, "gguf", precision="F16")
    assert (done.id, done.status) == (record.id, "complete")
    assert {path.name for path in workspace.path(done).iterdir()} == {"record.json", "model"}
