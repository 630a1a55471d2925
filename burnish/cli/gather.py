"""`burnish gather`: the exchanges most worth a label, and what people and callers said is right.

Reads the command line; writes what was found or taken to standard output, as lines or as JSON.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag
from burnish.errors import BriefError


def gather(
    most: Annotated[
        int | None,
        typer.Option("--most", min=1, metavar="N", help="Lines to decide on; 200 if not said."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Look at exchanges from then on, in UTC."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TOOL", help="Write tasks for label-studio or prodigy too."),
    ] = None,
    take: Annotated[
        Path | None,
        typer.Option("--take", metavar="FILE", help="Take over what people decided in a file."),
    ] = None,
    corrections: Annotated[
        bool,
        typer.Option(
            "--take-corrections", help="Take the callers' corrections that nothing speaks against."
        ),
    ] = False,
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Queue what is most worth a label, or take over what was said of it."""
    _refuse_contradictions(most, since, to, take, corrections)
    from burnish import pipeline
    from burnish.cli import show, show_gathering
    from burnish.cli.progress import shown
    from burnish.pipeline.gather.gathering import MOST
    from burnish.store import Workspace

    place = Workspace(workspace)
    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        if take is not None:
            taken = pipeline.take_gathered(place, take, progress=progress)
        elif corrections:
            taken = pipeline.take_corrections(place, progress=progress)
        else:
            start = None if since is None else _in_utc(since)
            found = pipeline.run_gather(place, most=most or MOST, since=start, progress=progress)
            tasks = pipeline.export_queue(place, to) if to and found.queued else []
    if take is not None or corrections:
        show.as_json(taken) if as_json else show_gathering.taken(place, taken, brief=quiet)
        return
    files = (*found.files, *map(str, tasks))
    found = found.model_copy(update={"files": files})
    show.as_json(found) if as_json else show_gathering.found(place, found, brief=quiet)


def _refuse_contradictions(
    most: int | None, since: str | None, to: str | None, take: Path | None, corrections: bool
) -> None:
    if take is not None and corrections:
        raise BriefError(
            "--take and --take-corrections stand together.", hint="do one after the other"
        )
    queued = (most, since, to)
    if (take is not None or corrections) and any(flag is not None for flag in queued):
        raise BriefError(
            "--most, --since and --to are about the queue, and a taking over writes none anew.",
            hint="leave them out here; burnish gather writes the queue again",
        )
    if to is not None and to not in ("label-studio", "prodigy"):
        raise BriefError(
            f"Tasks cannot be written for {to}.", hint="choose label-studio or prodigy"
        )


def _in_utc(text: str) -> str:
    """A date or a time as the log writes times."""
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BriefError(
            f"--since {text} is no date; expected one such as 2026-11-01 or 2026-11-01T09:30.",
            hint="write it as year-month-day",
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
