"""The commands: what `burnish` accepts, which step it runs, and the code it exits with.

Reads the command line; writes the record (--json) or its picture to standard output, progress and
errors to standard error. Nothing heavy is imported before a command runs.

    0    done; for run, evaluate and demo: the verdict is ship
    1    the verdict is not ship
    2    the user's mistake, in one clear message
    3    a bug, with its traceback
    130  stopped with Ctrl-C; 143 with a TERM signal; serve, which ends so, exits with 0
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from burnish.cli import data, deploy, evaluate, export, gather, history, retune, serve, train, watch
from burnish.cli.flags import InitCommand, given_files, given_settings
from burnish.cli.step import ForceFlag, JsonFlag, QuietFlag, WorkspaceFlag, run_step
from burnish.errors import BriefError, BurnishError, Interrupted

if TYPE_CHECKING:
    from burnish.brief.propose import Proposal

QUIET_LIBRARIES = {
    "DATASETS_VERBOSITY": "error",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the cores to whatever else runs
    "THP_MEM_ALLOC_ENABLE": "1",  # torch: huge pages, a tenth off a training step on Linux
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Set before any library is imported, unless the user has set them or BURNISH_DEBUG."""
MOST_FAULTS = 50


class InOrder(TyperGroup):
    """The commands in the order of the work; groups such as data would come last otherwise."""

    ORDER = ("demo", "init", "run", "data", "base", "train", "evaluate", "export")

    def list_commands(self, ctx: Any) -> list[str]:
        """Names as --help lists them."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: (*self.ORDER, name).index(name))


app = typer.Typer(
    cls=InOrder,
    help="Turn a general language model into a specialist for one task, and prove whether it "
    "became one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    with _quietened():
        try:
            typer.main.get_command(app).main(args=arguments, prog_name="burnish")
        except SystemExit as end:
            if end.code == 130:
                typer.echo("Stopped. The same command goes on where it stopped.", err=True)
            raise
        except Interrupted as stop:
            typer.echo(f"{stop.message} Next: {stop.hint}", err=True)
            sys.exit(128 + stop.signal)
        except BurnishError as error:
            _say(error)
            sys.exit(2)
        except Exception:
            import traceback

            traceback.print_exc()
            typer.echo("This is a bug in Burnish. Please report it with the lines above.", err=True)
            sys.exit(3)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"burnish {version('burnish')}")
        raise typer.Exit


@app.callback()
def burnish(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command()
def demo(
    workspace: WorkspaceFlag = Path("burnish-demo"), force: ForceFlag = False,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """The whole way on embedded data and the embedded model."""
    from burnish import pipeline

    run_step(pipeline.demo, workspace, force=force, as_json=as_json, quiet=quiet)


@app.command(cls=InitCommand)
def init(
    context: typer.Context,
    file: Annotated[str | None, typer.Argument(metavar="FILE")] = None,
    train: Annotated[str | None, typer.Option(metavar="FILE")] = None,
    validation: Annotated[str | None, typer.Option(metavar="FILE")] = None,
    test: Annotated[str | None, typer.Option(metavar="FILE")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND")] = None,
    inputs: Annotated[list[str] | None, typer.Option(metavar="COLUMN[,COLUMN]")] = None,
    output: Annotated[list[str] | None, typer.Option(metavar="COLUMN[,COLUMN]")] = None,
    messages: Annotated[str | None, typer.Option(metavar="COLUMN")] = None,
    group: Annotated[str | None, typer.Option(metavar="COLUMN|none")] = None,
    id: Annotated[str | None, typer.Option(metavar="COLUMN|none")] = None,
    labels: Annotated[list[str] | None, typer.Option(metavar="LABEL[,LABEL]")] = None,
    max_rows: Annotated[int | None, typer.Option(metavar="N")] = None,
    allow_small: Annotated[bool | None, typer.Option("--allow-small")] = None,
    multi_label: Annotated[bool | None, typer.Option("--multi-label/--no-multi-label")] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC")] = None,
    at_least: Annotated[float | None, typer.Option(metavar="SCORE|SHARE")] = None,
    over: Annotated[str | None, typer.Option(metavar="SYSTEM|none")] = None,
    base: Annotated[str | None, typer.Option(metavar="MODEL")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="RATE")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    goal: Annotated[str | None, typer.Option(metavar="SENTENCE")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N")] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other key of the brief, as in YAML."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what fits.")] = False,
    workspace: WorkspaceFlag = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a brief that stands.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the task as JSON, and nothing else.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Propose a brief from a file of examples.

    Name one FILE for Burnish to split, or your own split files with --train, --validation, --test.
    """
    files = given_files(context.params)
    overrides = given_settings(context.params)
    from burnish import pipeline
    from burnish.brief.file import read_brief
    from burnish.cli import ask, show
    from burnish.store import Workspace

    place = Workspace(workspace)
    if place.brief.exists() and not force:
        raise BriefError(
            f"{place.brief} stands already.",
            hint="edit it and type burnish run, or repeat the command with --force to replace it",
        )

    def propose(answers: dict[str, str]) -> "Proposal":
        with redirect_stdout(sys.stderr):
            return pipeline.init(files, place, overrides | answers)

    proposal = propose({})
    asks = ask.at_terminal() and not (yes or as_json)
    if asks:
        proposal = ask.settle(proposal, propose)
    path = pipeline.write_proposal(place, proposal, force=force)
    if as_json:
        show.as_json(read_brief(path))
    elif quiet:
        typer.echo(path)
    else:
        show.proposal(proposal, path, questions=() if asks else tuple(proposal.questions))


@app.command()
def run(
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """From the brief to the verdict.

    Data, base, training and evaluation; steps whose inputs have not changed are skipped.
    """
    from burnish import pipeline

    run_step(pipeline.run, workspace, force=force, as_json=as_json, quiet=quiet)


@app.command()
def base(
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    as_list: Annotated[
        bool,
        typer.Option("--list", help="Rank what could do the task instead; nothing is downloaded."),
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="With --list: compare the catalogue with the hub first."),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Score the bases on this machine on validation instead."),
    ] = False,
    probe_examples: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="With --probe: ask at most N examples."),
    ] = 50,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Find the base model and check it, or rank those that would do (--list, --probe)."""
    from burnish import pipeline

    if probe:
        _probe(workspace, probe_examples, force, as_json, quiet)
        return
    if as_list or refresh:
        from burnish.cli import show
        from burnish.cli.show_bases import shortlist
        from burnish.store import Workspace

        found = pipeline.shortlist(Workspace(workspace), refresh=refresh, force=force)
        show.as_json(found) if as_json else shortlist(found, brief=quiet)
        return
    run_step(pipeline.run_base, workspace, force=force, as_json=as_json, quiet=quiet)


def _probe(folder: Path, examples: int, force: bool, as_json: bool, quiet: bool) -> None:
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_probe import show_probe
    from burnish.store import Workspace

    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        found = pipeline.run_probe(
            Workspace(folder), examples=examples, force=force, progress=progress
        )
    show.as_json(found) if as_json else show_probe(found, brief=quiet)


app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(deploy.deploy)
app.command()(serve.serve)
app.command()(serve.promote)
app.command()(serve.rollback)
app.command()(serve.traffic)
app.add_typer(serve.keys, name="keys")
app.command()(watch.watch)
app.command()(gather.gather)
app.command()(retune.retune)
app.command()(history.history)


def _say(error: BurnishError) -> None:
    from burnish.cli.show import clean

    if os.environ.get("BURNISH_DEBUG"):
        import traceback

        traceback.print_exception(error)
    typer.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(clean(error.message), err=True)
    for fault in error.faults[:MOST_FAULTS]:
        typer.echo(f"  - {clean(fault)}", err=True)
    if len(error.faults) > MOST_FAULTS:
        typer.echo(f"  … and {len(error.faults) - MOST_FAULTS:,} more", err=True)
    if error.hint:
        typer.echo(f"Next: {clean(error.hint)}", err=True)


@contextmanager
def _quietened() -> Iterator[None]:
    """Keep the libraries' bars, advice and warnings off the screen, unless BURNISH_DEBUG is set."""
    import logging

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ shows ?
    if os.environ.get("BURNISH_DEBUG"):
        logging.basicConfig(level=logging.INFO)
        yield
        return
    for key, value in QUIET_LIBRARIES.items():
        os.environ.setdefault(key, value)
    logging.basicConfig(level=logging.ERROR)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
