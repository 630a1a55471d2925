"""`burnish watch`: judge the windows of the request log that were finished since the last call.

Reads the command line; writes the outcome (--json) or lines to standard output. Exits with 1 where
a window raised an alarm, so that a scheduler can tell.
"""

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag

if TYPE_CHECKING:
    from burnish.records import WatchOutcome
    from burnish.store import Workspace


def watch(
    workspace: WorkspaceFlag = Path(),
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="Take right answers that became known later: JSONL of exchange and answer.",
        ),
    ] = None,
    judge: Annotated[
        int | None,
        typer.Option(
            "--judge", min=1, metavar="N", help="Have the brief's judge grade N answers first."
        ),
    ] = None,
    follow: Annotated[
        float | None,
        typer.Option("--follow", min=1, metavar="SECONDS", help="Look again so often, to Ctrl-C."),
    ] = None,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Judge what was asked and answered since the last call; exit 1 on an alarm."""
    from burnish import pipeline
    from burnish.store import Workspace

    place = Workspace(workspace)
    if labels is not None:
        taken = pipeline.take_labels(place, labels)
        typer.echo(f"{taken:,} right answers taken from {labels}.", err=True)
    if judge is not None:
        graded = pipeline.judge_log(place, judge)
        typer.echo(f"{graded:,} answers graded by the judge.", err=True)
    outcome = _once(place, as_json=as_json, quiet=quiet)
    while follow is not None:
        time.sleep(follow)
        outcome = _once(place, as_json=as_json, quiet=quiet)
    if outcome.alarm:
        raise typer.Exit(1)


def _once(place: "Workspace", *, as_json: bool, quiet: bool) -> "WatchOutcome":
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_watch import show_watch

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        outcome = pipeline.run_watch(place, progress=progress)
    show.as_json(outcome) if as_json else show_watch(outcome, place.watch_page, brief=quiet)
    return outcome
