"""`burnish data` and its subcommands: check the examples, take decisions over, compare, export.

Reads the command line; writes to standard output, and `export` to the file that --output names.
"""

from pathlib import Path
from typing import Annotated

import typer

from burnish.cli.step import ForceFlag, JsonFlag, QuietFlag, WorkspaceFlag, run_step
from burnish.errors import BriefError

app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, subcommand_metavar="[COMMAND]"
)


@app.callback()
def data(
    context: typer.Context,
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
    show_changes: Annotated[
        bool, typer.Option("--show-changes", help="Print every text that cleaning changed.")
    ] = False,
) -> None:  # fmt: skip
    """Read, clean, check and split the examples; seal the test split."""
    if context.invoked_subcommand:
        if workspace != Path() or force or as_json or quiet or show_changes:
            command = context.invoked_subcommand
            raise BriefError(
                f"A flag stands before {command}, where it would be lost.",
                hint=f"write it behind: burnish data {command} … --workspace DIR",
            )
        return
    from burnish import pipeline
    from burnish.cli import show_data
    from burnish.store import Workspace

    run_step(pipeline.run_data, workspace, force=force, as_json=as_json, quiet=quiet)
    if show_changes and not as_json:
        show_data.changes(pipeline.read_changes(Workspace(workspace)))


@app.command()
def fix(
    findings: Annotated[
        Path, typer.Argument(metavar="FINDINGS", help="findings.jsonl, with decisions filled in.")
    ],
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Take over decisions from a findings.jsonl, or from an annotation tool's export.

    A decision is "accept", "keep", "drop", "mask" or "answer: " with the right answer. Prodigy's
    JSONL and Label Studio's JSON are read too. The next burnish data applies the decisions.
    """
    from burnish import pipeline
    from burnish.cli import show_data
    from burnish.store import Workspace

    reviews = pipeline.fix_data(Workspace(workspace), findings)
    if as_json:
        typer.echo("[" + ",\n ".join(review.model_dump_json() for review in reviews) + "]")
    else:
        show_data.reviews(Workspace(workspace), reviews)


@app.command()
def diff(
    older: Annotated[str, typer.Argument(metavar="A", help="Id of a data set.")],
    newer: Annotated[str, typer.Argument(metavar="B", help="Id of another one.")],
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Compare two versions of the data set, named by their folders under datasets/."""
    from burnish import pipeline
    from burnish.cli import show, show_data
    from burnish.store import Workspace

    found = pipeline.diff_data(Workspace(workspace), older, newer)
    if as_json:
        show.as_json(found)
    else:
        show_data.difference(found)


@app.command()
def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ],
    format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="openai, alpaca, sharegpt, prodigy, label-studio or parquet.",
        ),
    ],
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="train or validation; test stays sealed.")
    ] = "train",
    workspace: WorkspaceFlag = Path(),
) -> None:
    """Write a split in another tool's format, with personal data as the brief treats them."""
    from burnish import pipeline
    from burnish.store import Workspace

    for path in pipeline.export_data(Workspace(workspace), output, format=format, split=split):
        typer.echo(path)
