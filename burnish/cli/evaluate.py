"""`burnish evaluate`: the comparison itself, and what comes after it, by people and by a judge.

Reads the command line; writes the record (--json) or its picture to standard output, progress and
the voting page's address to standard error.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from burnish.cli.step import ForceFlag, JsonFlag, QuietFlag, WorkspaceFlag, run_step
from burnish.errors import BriefError

if TYPE_CHECKING:
    from burnish.store import Workspace

_PORT = 8642


def evaluate(
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    human: Annotated[
        bool, typer.Option("--human", help="Serve a page, on this machine, to vote on answers.")
    ] = False,
    human_sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a sheet to vote on, as .csv or .jsonl."),
    ] = None,
    human_import: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take over the votes of a sheet.")
    ] = None,
    human_results: Annotated[
        bool, typer.Option("--human-results", help="Show what people's votes come to.")
    ] = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="Have the brief's judge compare the answers.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Compare with another run on the same test split."),
    ] = None,
    rater: Annotated[
        str, typer.Option(metavar="NAME", help="For --human-sheet: who will vote on it.")
    ] = "rater-1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="For --human; 0 is any free one.")
    ] = _PORT,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Compare all systems on the sealed test split.

    The flags --human… and --judge are about the newest report: its answers are shown without their
    systems' names, and nothing is answered anew.
    """
    from burnish import pipeline
    from burnish.store import Workspace

    place = Workspace(workspace)
    wanted = [human, human_sheet is not None, human_import is not None, human_results, judge]
    wanted.append(against is not None)
    if sum(wanted) > 1:
        raise BriefError(
            "More than one of --human…, --judge and --against stands here.", hint="name one"
        )
    if force and any(wanted):
        raise BriefError("--force repeats the comparison alone.", hint="leave it out here")
    if against is not None:
        _against(place, against, as_json, quiet)
        return
    if human:
        _serve(place, port)
    elif human_sheet is not None:
        n = pipeline.write_human_sheet(place, human_sheet, rater=rater)
        typer.echo(f"Written: {human_sheet}, {n:,} items for {rater}")
        return
    elif human_import is not None:
        votes, empty = pipeline.import_human_sheet(place, human_import)
        typer.echo(f"Taken over: {votes:,} votes; {empty:,} items have none yet", err=True)
    elif judge:
        _judge(place, as_json, quiet)
        return
    elif not human_results:
        run_step(pipeline.run_evaluate, workspace, force=force, as_json=as_json, quiet=quiet)
        return
    _results(place, as_json)


def _against(place: "Workspace", other: str, as_json: bool, quiet: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_against import show_against

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        found = pipeline.run_against(place, other, progress=progress)
    if as_json:
        show.as_json(found)
    elif quiet:
        typer.echo(show.clean(found.reason))
    else:
        show_against(found)


def _serve(place: "Workspace", port: int) -> None:
    """Serve the page until Ctrl-C."""
    from burnish import pipeline

    with pipeline.human_page(place, port=port) as server:
        typer.echo(f"Vote at {server.url} (on this machine alone). Ctrl-C ends.", err=True)
        try:
            server.serve()
        except KeyboardInterrupt:
            typer.echo("", err=True)


def _results(place: "Workspace", as_json: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show, show_judgements

    found = pipeline.human_results(place)
    if as_json:
        show.as_json(found)
    else:
        show_judgements.people(found)


def _judge(place: "Workspace", as_json: bool, quiet: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show, show_judgements
    from burnish.cli.progress import shown

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        found = pipeline.run_judge(place, progress=progress)
    if as_json:
        show.as_json(found)
    else:
        show_judgements.judge(found)
    if found.decision != "ship":
        raise typer.Exit(1)
