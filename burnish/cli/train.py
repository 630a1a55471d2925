"""`burnish train`: tune the base, look before it, search settings, or repeat with other seeds.

Writes the outcome to standard output, progress to standard error.
"""

import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from burnish.cli.step import ForceFlag, JsonFlag, QuietFlag, WorkspaceFlag, run_step
from burnish.errors import BriefError

if TYPE_CHECKING:
    from burnish.store import Workspace


def train(
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what training would see; train nothing.")
    ] = False,
    search: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Try N settings on validation; repeated, it goes on."
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", min=0, help="With --search: stop after M minutes.")
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="With --search: write the best settings to the brief.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="K", min=2, help="Train with K seeds and show their spread."),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the job that runs at a provider.")
    ] = False,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Tune the base model on the training split."""
    from burnish import pipeline
    from burnish.store import Workspace

    _refuse_together(dry_run, search, seeds, cancel, minutes=minutes, take=take)
    place = Workspace(workspace)
    if cancel:
        typer.echo(f"Cancelled: {pipeline.cancel_train(place)}")
    elif dry_run:
        _dry_run(place, as_json, quiet)
    elif search is not None:
        _search(place, search, minutes, take, as_json, quiet)
    elif seeds is not None:
        _seeds(place, seeds, as_json, quiet)
    else:
        run_step(pipeline.run_train, workspace, force=force, as_json=as_json, quiet=quiet)


def _refuse_together(
    dry_run: bool, search: int | None, seeds: int | None, cancel: bool,
    *, minutes: float | None, take: bool,
) -> None:  # fmt: skip
    given = {
        "--dry-run": dry_run,
        "--search": search is not None,
        "--seeds": seeds is not None,
        "--cancel": cancel,
    }
    named = [flag for flag, there in given.items() if there]
    if len(named) > 1:
        raise BriefError(f"{' and '.join(named)} do not go together.", hint="give one of them")
    if (take or minutes is not None) and search is None:
        raise BriefError(
            f"{'--take' if take else '--minutes'} goes with --search alone.",
            hint="burnish train --search 10",
        )


def _dry_run(place: "Workspace", as_json: bool, quiet: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_preflight import show_preflight

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        flight = pipeline.run_preflight(place, progress=progress)
    if as_json:
        show.as_json(flight)
    elif quiet:
        typer.echo(f"{flight.steps} steps, {len(flight.warnings)} warnings")
    else:
        show_preflight(show.screen(), flight)


def _search(
    place: "Workspace", trials: int, minutes: float | None, take: bool, as_json: bool, quiet: bool
) -> None:
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_search import show_search

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        report = pipeline.run_search(place, trials=trials, minutes=minutes, progress=progress)
    taken = pipeline.take_search(place, report) if take else {}
    if as_json:
        show.as_json(report)
        return
    if quiet:
        typer.echo(", ".join(f"{key}: {value}" for key, value in report.proposal.items()))
        return
    folder = "" if place.folder == Path() else f" --workspace {shlex.quote(str(place.folder))}"
    show_search(report, again=f"burnish train --search {trials}{folder}")
    if taken:
        show.say(show.screen(), f"Written to {place.brief}. Next: burnish run{folder}")
    elif report.best:
        show.say(show.screen(), f"To have them written: burnish train --search {trials} --take"
                 f"{folder}")  # fmt: skip


def _seeds(place: "Workspace", seeds: int, as_json: bool, quiet: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_search import show_seeds

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        report = pipeline.run_seeds(place, seeds=seeds, progress=progress)
    if as_json:
        show.as_json(report)
    elif quiet:
        typer.echo(f"{report.mean:.4f} ± {report.deviation:.4f}")
    else:
        show_seeds(report)
