"""All records of a workspace at once, and the traffic, whatever of them is damaged or gone.

Reads the brief, all record.json and the database; makes neither where they are missing.
"""

import os
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from burnish.errors import BurnishError, WorkspaceError
from burnish.pipeline.stepping import task_of
from burnish.records import (
    BaseChoice,
    Dataset,
    Deployment,
    Export,
    Record,
    Report,
    Retune,
    Run,
    StageDecision,
    Task,
    Traffic,
    Watch,
)
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.rollouts import read_decisions
from burnish.store.traffic import read_traffic

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class Surveyed:
    """What a workspace holds, each list oldest first.

    Attributes:
        task: the brief; None where it cannot be read.
        states: of the traffic; None where the database cannot be read.
        stages: what was decided about runs on their way to all requests.
        faults: a sentence for each thing that cannot be read.
    """

    workspace: Workspace
    task: Task | None
    datasets: list[Dataset]
    bases: list[BaseChoice]
    runs: list[Run]
    reports: list[Report]
    exports: list[Export]
    deployments: list[Deployment]
    watches: list[Watch]
    retunes: list[Retune]
    states: list[Traffic] | None
    stages: list[StageDecision]
    faults: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the task: in the brief, or else in the newest record that has it."""
        if self.task is not None:
            return self.task.name
        names = [one.task_name for one in self.reports] + [
            one.task_name for one in self.deployments
        ]
        return names[-1] if names else self.workspace.folder.resolve().name

    def run_of(self, deployment: str) -> str:
        """The run of a deployment; "" where its record is gone."""
        return next((one.run for one in self.deployments if one.id == deployment), "")


def survey(workspace: Workspace) -> Surveyed:
    """Read all that can be read.

    Raises:
        WorkspaceError: there is no workspace in the folder.
    """
    workspace.refuse_no_folder()
    if not workspace.folder.is_dir():
        raise WorkspaceError(
            f"There is no folder {workspace.folder}.", hint="name a workspace with --workspace"
        )
    faults: list[str] = []

    def read(kind: type[AnyRecord]) -> list[AnyRecord]:
        found, told = workspace.survey(kind)
        faults.extend(told)
        return found

    task = _task(workspace, faults)
    states, stages = _traffic(workspace, faults)
    found = Surveyed(
        workspace=workspace,
        task=task,
        datasets=read(Dataset),
        bases=read(BaseChoice),
        runs=read(Run),
        reports=read(Report),
        exports=read(Export),
        deployments=read(Deployment),
        watches=read(Watch),
        retunes=read(Retune),
        states=states,
        stages=stages,
        faults=tuple(faults),
    )
    if task is None and not (faults[1:] or found.datasets or found.runs or found.states):
        raise WorkspaceError(
            f"{workspace.folder} is no workspace: there are no brief and no records in it.",
            hint="name one with --workspace, or begin with burnish init FILE",
        )
    return found


def has_database(workspace: Workspace) -> bool:
    """Whether there is a database to read; connecting would make one."""
    return "BURNISH_DATABASE" in os.environ or workspace.database.is_file()


def _task(workspace: Workspace, faults: list[str]) -> Task | None:
    try:
        return task_of(workspace)
    except BurnishError as error:
        faults.append(f"The brief cannot be read: {error.message}")
        return None


def _traffic(
    workspace: Workspace, faults: list[str]
) -> tuple[list[Traffic] | None, list[StageDecision]]:
    """The states of the traffic and the decisions on its stages; none of either where nothing was
    ever promoted.
    """
    if not has_database(workspace):
        return [], []
    try:
        engine = connect(workspace.database)
        try:
            return read_traffic(engine), read_decisions(engine)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ValueError, OSError) as error:
        # Not the error itself: it may hold the database's address with its password.
        faults.append(f"The database cannot be read ({type(error).__name__}).")
        return None, []
