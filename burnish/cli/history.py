"""`burnish history`: all of a workspace, one run, two beside each other; pruning and the mirror.

Reads the command line; writes to standard output what was found, as a picture or as JSON.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag
from burnish.errors import BriefError


def history(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="One run in full; how its id begins.")
    ] = None,
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="Another one, to compare it with.")
    ] = None,
    paired: Annotated[
        bool,
        typer.Option(
            "--paired",
            help="With two runs: pair their answers; it opens the test split, on record.",
        ),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Tell which weights the brief's history section lets go."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --prune: remove them.")] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Write runs and traffic to MLflow's model registry.")
    ] = False,
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """What was made from what, and who answered when: data, runs, verdicts, deployments, alarms."""
    _refuse_contradictions(run, other, paired, prune, yes, mirror)
    from burnish import pipeline
    from burnish.cli import show, show_history
    from burnish.store import Workspace

    place = Workspace(workspace)
    if prune:
        pruning = pipeline.prune(place, yes=yes)
        show.as_json(pruning) if as_json else show_history.pruning(pruning, brief=quiet)
    elif mirror:
        with redirect_stdout(sys.stderr):  # whatever MLflow says
            mirrored = pipeline.mirror(place)
        show.as_json(mirrored) if as_json else show_history.mirrored(mirrored, brief=quiet)
    elif run is not None and other is not None:
        compared = pipeline.compare_runs(place, run, other, paired=paired)
        show.as_json(compared) if as_json else show_history.comparison(compared, brief=quiet)
    elif run is not None:
        one = pipeline.read_run_history(place, run)
        show.as_json(one) if as_json else show_history.one_run(one, brief=quiet)
    else:
        whole = pipeline.read_history(place)
        show.as_json(whole) if as_json else show_history.whole(whole, brief=quiet)


def _refuse_contradictions(
    run: str | None, other: str | None, paired: bool, prune: bool, yes: bool, mirror: bool
) -> None:
    if yes and not prune:
        raise BriefError("--yes stands without --prune.", hint="burnish history --prune --yes")
    if paired and other is None:
        raise BriefError(
            "--paired stands without two runs.", hint="burnish history RUN OTHER --paired"
        )
    if sum((prune, mirror, run is not None)) > 1:
        raise BriefError(
            "More than one of RUN, --prune and --mirror stands here.", hint="name one of them"
        )
