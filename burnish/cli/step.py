"""Doing a step: the flags that every command has, the step under progress, its record printed.

Writes the record (--json) or its picture to standard output, progress to standard error.
"""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from burnish.records import BaseChoice, Dataset, Report, Run

WorkspaceFlag = Annotated[
    Path, typer.Option("--workspace", "-w", metavar="DIR", help="The task's folder.")
]
ForceFlag = Annotated[bool, typer.Option("--force", help="Repeat even where nothing changed.")]
JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the record as JSON, and nothing else.")
]
QuietFlag = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the outcome in one line; no progress.")
]


def run_step(
    step: "Callable[..., Dataset | BaseChoice | Run | Report]",
    folder: Path, *, force: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Do a step under progress, print its record, and exit with the code of its verdict."""
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.records import Report
    from burnish.store import Workspace

    workspace = Workspace(folder)
    # Whatever a library prints goes to standard error: standard output holds the record alone.
    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        record = step(workspace, force=force, progress=progress)
    if as_json:
        show.as_json(record)
    elif quiet:
        show.outcome(workspace, record)
    else:
        show.record(workspace, record)
    if isinstance(record, Report) and (record.verdict is None or record.verdict.decision != "ship"):
        raise typer.Exit(1)
