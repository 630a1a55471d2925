"""`burnish export`: a tuned run in the form that an engine wants, proved to answer as the run does.

Writes the record (--json) or its picture to standard output, progress to standard error.
"""

import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from burnish.cli.step import ForceFlag, JsonFlag, QuietFlag, WorkspaceFlag

if TYPE_CHECKING:
    from burnish.records import Export


def export(
    form: Annotated[
        str, typer.Option(metavar="FORM", help="adapter, merged, gguf, gptq, awq or fp8.")
    ] = "merged",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How numbers are stored: float32, float16 or bfloat16; for gguf F32, F16, BF16, "
            "Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0.",
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="The run to export, else the newest.")
    ] = None,
    prompts: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most validation prompts to prove it over.")
    ] = 32,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy the files there too.")
    ] = None,
    workspace: WorkspaceFlag = Path(), force: ForceFlag = False,
    as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Write a run for another engine, and prove that it answers as the run does.

    The files are loaded back from disk and compared with the tuned weights over validation prompts;
    beyond the form's bounds they are refused and removed.
    """
    from burnish import pipeline
    from burnish.cli import show
    from burnish.cli.progress import shown
    from burnish.cli.show_export import show_export
    from burnish.store import Workspace

    place = Workspace(workspace)
    with redirect_stdout(sys.stderr), shown(quiet=quiet) as progress:
        done = pipeline.run_export(
            place, form, run=run, precision=precision, prompts=prompts, output=output,
            force=force, progress=progress,
        )  # fmt: skip
    folder = output or place.path(done, done.folder)
    if as_json:
        show.as_json(done)
    elif quiet:
        show.say(show.screen(), str(folder))
    else:
        show_export(done, folder, following=_following(done, folder))


def _following(done: "Export", folder: Path) -> str:
    """The command that a user would type next."""
    there = shlex.quote(str(folder))
    if done.form == "adapter":
        return f"vllm serve BASE --enable-lora --lora-modules tuned={there}"
    if done.form == "merged":
        return f"vllm serve {there}"
    if done.form == "gguf":
        return f"ollama create tuned -f {shlex.quote(str(folder / 'Modelfile'))}"
    return f"read {folder / 'README.md'}"
