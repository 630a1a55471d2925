"""`burnish retune`: propose to tune again and, where it is wanted, do it.

Reads the command line; writes the record (--json) or its picture to standard output, progress to
standard error. Exit codes: 0 proposed, or the verdict is ship; 1 another verdict.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag


def retune(
    go: Annotated[
        bool, typer.Option("--go", help="Do it: tune, and compare with the run that serves.")
    ] = False,
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Tune again on what was gathered, if it is better than what serves.

    Without --go, or retune.auto in the brief, it says what it would do, why, and what it takes.
    """
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_retune import show_retune
    from burnish.store import Workspace

    place = Workspace(workspace)
    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        found = pipeline.run_retune(place, go=go, progress=progress)
    if as_json:
        show.as_json(found)
    else:
        show_retune(place, found, brief=quiet)
    if found.decision not in (None, "ship"):
        raise typer.Exit(1)
