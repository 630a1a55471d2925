"""`burnish deploy`: manifests for the newest evaluated run, and why each choice was made.

Reads the command line; writes the plan (--json) or its picture to standard output.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag
from burnish.errors import DeployError

if TYPE_CHECKING:
    from burnish.records.deploy_plan import DeployPlan, DeployTarget, Every, WatchPlan


_ANSWERS = 8
_REPLICAS = "1-3"


def deploy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TARGET",
            help="docker, compose, kubernetes, kserve, skypilot, sagemaker, vertex, azureml, tgi; "
            "cron runs burnish watch on this machine.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new or empty folder for the files.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="A folder, or pvc://, s3://, gs://, az:// or hf://; else the merged export.",
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(metavar="CARD|none", help="Else the smallest that holds the model."),
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME:TAG", help="The gateway's image in your registry.")
    ] = None,
    answers: Annotated[
        int, typer.Option(min=1, max=1024, metavar="N", help="Answered at once by one engine.")
    ] = _ANSWERS,
    context: Annotated[
        int | None, typer.Option(min=16, metavar="N", help="Tokens of prompt and answer together.")
    ] = None,
    replicas: Annotated[
        str, typer.Option(metavar="LOW-HIGH", help="Fewest and most engines.")
    ] = _REPLICAS,
    every: Annotated[
        str,
        typer.Option(metavar="hour|day", help="How often burnish watch runs: kubernetes, cron."),
    ] = "hour",
    overrule: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Deploy although the verdict is not ship."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Explain every choice and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a folder that an earlier deploy wrote.")
    ] = False,
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Write what runs the tuned model elsewhere: images, manifests, and what to type.

    Only a run whose verdict is ship is deployed, unless --overrule gives a reason.
    """
    target, often = None if to == "cron" else _target(to), _often(every)
    if output is None and not dry_run:
        raise DeployError(
            "No folder for the files is named.", hint="add --output DIR, or look with --dry-run"
        )
    from burnish import pipeline
    from burnish.store import Workspace

    place, folder = Workspace(workspace), output or Path()
    plan: DeployPlan | WatchPlan
    if target is None:
        _refuse_of_models(model, overrule, gpu, image, answers, context, replicas)
        plan = pipeline.run_schedule(place, folder, every=often, dry_run=dry_run, force=force)
    else:
        plan = pipeline.run_deploy(
            place, target, folder, model=model, overrule=overrule, gpu=gpu, image=image,
            answers=answers, context=context, replicas=_range(replicas), every=often,
            dry_run=dry_run, force=force,
        )  # fmt: skip
    if as_json:
        from burnish.cli import show

        show.as_json(plan)
    elif quiet:
        typer.echo(plan.output or f"{len(plan.files)} files")
    else:
        _show(plan)


def _target(name: str) -> "DeployTarget":
    from burnish.records.deploy_plan import DeployTarget

    names = get_args(DeployTarget)
    if name not in names:
        raise DeployError(
            f"There is no target {name!r}.",
            hint=f"name one of {', '.join(names)} or cron with --to",
        )
    return cast("DeployTarget", name)


def _often(text: str) -> "Every":
    if text not in ("hour", "day"):
        raise DeployError(f"{text!r} is not how often.", hint="name it as --every hour, or day")
    return cast("Every", text)


def _refuse_of_models(
    model: str | None, overrule: str | None, gpu: str | None, image: str | None, answers: int,
    context: int | None, replicas: str,
) -> None:  # fmt: skip
    """Raise where a flag stands that says nothing for cron, which deploys no model."""
    given = {
        "--model": model is not None, "--overrule": overrule is not None, "--gpu": gpu is not None,
        "--image": image is not None, "--answers": answers != _ANSWERS,
        "--context": context is not None, "--replicas": replicas != _REPLICAS,
    }  # fmt: skip
    if names := [name for name, stands in given.items() if stands]:
        raise DeployError(
            f"{', '.join(names)} says nothing for cron, which deploys no model.",
            hint="burnish deploy --to cron --output DIR",
        )


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text, re.ASCII)
    if found is None:
        raise DeployError(
            f"{text!r} is no number of replicas.", hint="name it as --replicas 2, or 1-3"
        )
    return int(found[1]), int(found[2] or found[1])


def _show(plan: "DeployPlan | WatchPlan") -> None:
    from rich.text import Text

    from burnish.cli.show import clean, new_table, say, screen

    console = screen()
    table = new_table(f"{plan.task_name} for {plan.target}", "what", "chosen", "why")
    for choice in plan.choices:
        table.add_row(*(Text(clean(each)) for each in (choice.about, choice.chosen, choice.why)))
    console.print(table)
    names = new_table("files", "file", "bytes")
    for name, size in plan.files.items():
        names.add_row(Text(name), f"{size:,}")
    console.print(names)
    if not plan.output:
        say(console, "Nothing was written (--dry-run).")
        return
    say(console, f"Written: {plan.output}. Type there (README.md says what each does):")
    for line in plan.commands:
        typer.echo(f"  {line}")
