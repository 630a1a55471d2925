"""`burnish watch` again and again on this machine: the files that cron or systemd start it by.

Reads the brief; writes the output folder and nothing in the workspace.
"""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from burnish.errors import DeployError
from burnish.pipeline.stepping import task_of
from burnish.store import Workspace

if TYPE_CHECKING:
    from burnish.records.deploy_plan import Every, WatchPlan


def run_schedule(
    workspace: Workspace,
    output: Path,
    *,
    every: "Every" = "hour",
    dry_run: bool = False,
    force: bool = False,
) -> "WatchPlan":
    """Write a crontab line, a unit of systemd with its timer, and the script that both start.

    Args:
        output: a folder that is absent or empty, in which the files stay.
        every: how often a look is taken.
        dry_run: write nothing.
        force: replace a folder that an earlier call wrote.

    Raises:
        DeployError: the output is not empty, or burnish cannot be found as a program.
    """
    from importlib.metadata import version

    from burnish.deploy.watching import WatchFacts, make_watch_files
    from burnish.deploy.writing import refuse_full, write_files

    workspace.refuse_no_folder()
    task = task_of(workspace)
    if not dry_run:
        refuse_full(output, force=force)
    plan, files = make_watch_files(
        WatchFacts(
            task_name=task.name,
            burnish=version("burnish"),
            workspace=workspace.folder.resolve(),
            program=_program(),
            folder=output.resolve(),
            every=every,
            mirror=task.history.mlflow is not None,
        )
    )
    if dry_run:
        return plan
    write_files(files, output)
    return plan.model_copy(update={"output": str(output)})


def _program() -> Path:
    """The burnish that runs now: beside its Python, or else on the path."""
    beside = Path(sys.executable).with_name("burnish")
    found = beside if beside.is_file() else shutil.which("burnish")
    if found is None:
        raise DeployError(
            "There is no program called burnish beside this Python, and none on the path.",
            hint="pip install burnish",
        )
    return Path(found).absolute()
