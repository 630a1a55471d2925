"""The tasks of lm-evaluation-harness that a brief names.

Reads the brief and, through the harness, the tasks and their data.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from burnish.records import Task
from burnish.store import Workspace
from burnish.store.files import sha256_tree

if TYPE_CHECKING:
    from burnish.engines.harness import Harness


def harness_of(workspace: Workspace, task: Task) -> "Harness | None":
    """What the brief's tasks are asked with; None where it names none.

    Raises:
        EvaluationError: the harness is not installed, or a task cannot be asked.
    """
    if not task.evaluate.harness:
        return None
    from burnish.engines.harness import load_harness

    return load_harness(
        task.evaluate.harness,
        _folder(workspace, task),
        limit=task.evaluate.harness_limit,
        seed=task.seed,
    )


def own_tasks(workspace: Workspace, task: Task) -> dict[str, str]:
    """Hashes of the files in the brief's own folder of tasks, so that a change is noticed."""
    folder = _folder(workspace, task)
    if not task.evaluate.harness or folder is None:
        return {}
    files = sha256_tree(folder)
    return {name: sha for name, sha in files.items() if "__pycache__" not in Path(name).parts}


def _folder(workspace: Workspace, task: Task) -> Path | None:
    own = task.evaluate.harness_tasks
    return None if own is None else workspace.folder / own
