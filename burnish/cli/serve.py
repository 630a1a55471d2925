"""`burnish serve`, who answers (`promote`, `rollback`, `traffic`), and API keys (`keys`).

Reads the command line; writes records (--json) or lines to standard output, the gateway's address
and its log to standard error.
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from burnish.cli.step import JsonFlag, QuietFlag, WorkspaceFlag

if TYPE_CHECKING:
    from burnish.records import Traffic

RunArgument = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Its id, or how it begins; else the newest.")
]
EngineFlag = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="auto, transformers, vllm, tgi, llamacpp, or openai-compatible:URL:MODEL.",
    ),
]
OverruleFlag = Annotated[
    str,
    typer.Option(
        "--overrule", metavar="REASON", help="Serve a run whose verdict is not ship; on record."
    ),
]
ReasonFlag = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; on record.")]

keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


def serve(
    workspace: WorkspaceFlag = Path(),
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Its id, or how it begins.")
    ] = None,
    engine: EngineFlag = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any.")] = 8700,
    overrule: OverruleFlag = "",
    quiet: QuietFlag = False,
) -> None:
    """Serve the tuned model behind one gateway, until Ctrl-C."""
    from burnish import pipeline
    from burnish.cli.progress import shown
    from burnish.store import Workspace

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)

    def listening(url: str) -> None:
        typer.echo(f"Listening at {url}; {url}/readyz says when the engine is there.", err=True)

    with shown(quiet=quiet) as progress:
        pipeline.run_serve(
            Workspace(workspace), host=host, port=port, run=run, engine=engine,
            overrule=overrule, listening=listening, progress=progress,
        )  # fmt: skip


def promote(
    run: RunArgument = None,
    share: Annotated[
        float, typer.Option(min=1e-4, max=1, metavar="SHARE", help="Of the requests: 0.1, or 1.")
    ] = 1.0,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Copies of all requests; its answers are logged alone.")
    ] = False,
    in_stages: Annotated[
        bool,
        typer.Option(
            "--in-stages",
            help="By the brief's retune.stages to all; burnish watch takes it back where it is "
            "worse.",
        ),
    ] = False,
    engine: EngineFlag = None,
    overrule: OverruleFlag = "",
    reason: ReasonFlag = "",
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False, quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Let a run answer: all requests, or a share of them."""
    from burnish import pipeline
    from burnish.cli.progress import shown
    from burnish.errors import BriefError
    from burnish.pipeline.retune.rollout import start
    from burnish.store import Workspace

    if in_stages and (shadow or share < 1):
        raise BriefError(
            "--in-stages stands beside --share or --shadow.",
            hint="retune.stages in the brief has the shares of the stages",
        )
    with shown(quiet=quiet) as progress:
        if in_stages:
            start(
                Workspace(workspace), run, engine=engine, overrule=overrule, reason=reason,
                progress=progress,
            )  # fmt: skip
            _tell([pipeline.traffic_states(Workspace(workspace))[-1]], as_json)
            return
        state = pipeline.promote(
            Workspace(workspace), run, share=share, shadow=shadow, engine=engine,
            overrule=overrule, reason=reason, progress=progress,
        )  # fmt: skip
    _tell([state], as_json)


def rollback(
    reason: ReasonFlag = "", workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:  # fmt: skip
    """Let those answer again who did before the last change."""
    from burnish import pipeline
    from burnish.cli.progress import shown
    from burnish.store import Workspace

    with shown(quiet=quiet) as progress:
        state = pipeline.rollback(Workspace(workspace), reason=reason, progress=progress)
    _tell([state], as_json)


def traffic(workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False) -> None:
    """Who answers, and who did before."""
    from burnish import pipeline
    from burnish.store import Workspace

    _tell(pipeline.traffic_states(Workspace(workspace)), as_json, listed=True)


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will hold it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="answer, feedback or metrics; repeat it."),
    ] = None,
    workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Make a key; its text is shown once."""
    import json
    from typing import cast, get_args

    from burnish import pipeline
    from burnish.errors import BriefError
    from burnish.records import Scope
    from burnish.store import Workspace

    wanted = scope or ["answer", "feedback"]
    if unknown := set(wanted) - set(get_args(Scope)):
        raise BriefError(
            f"There is no scope {', '.join(sorted(unknown))}.",
            hint=f"one of {', '.join(get_args(Scope))}",
        )
    scopes = cast(list[Scope], wanted)
    key, text = pipeline.add_key(Workspace(workspace), name, scopes)
    if as_json:
        typer.echo(json.dumps(key.model_dump() | {"key": text}, indent=2))
    else:
        typer.echo(text)
        typer.echo(f"For {name}: {', '.join(wanted)}. It is not shown again.", err=True)


@keys.command("list")
def list_keys(workspace: WorkspaceFlag = Path(), as_json: JsonFlag = False) -> None:
    """All keys, without their secrets."""
    import json

    from burnish import pipeline
    from burnish.cli.show import clean
    from burnish.store import Workspace

    found = pipeline.list_keys(Workspace(workspace))
    if as_json:
        typer.echo(json.dumps([key.model_dump() for key in found], indent=2))
        return
    for key in found:
        state = f"revoked {key.revoked_at}" if key.revoked_at else "counts"
        scopes = ", ".join(key.scopes)
        typer.echo(f"{clean(key.name)}  {key.id}  {scopes}  made {key.made_at}  {state}")


@keys.command("revoke")
def revoke_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key.")],
    workspace: WorkspaceFlag = Path(),
) -> None:
    """Make a key count no more; a running gateway refuses it within a second."""
    from burnish import pipeline
    from burnish.cli.show import clean
    from burnish.store import Workspace

    key = pipeline.drop_key(Workspace(workspace), name)
    typer.echo(f"The key of {clean(key.name)} counts no more.")


def _tell(states: "list[Traffic]", as_json: bool, *, listed: bool = False) -> None:
    import json

    from burnish.cli.show import clean

    if as_json:
        found = [state.model_dump() for state in states]
        typer.echo(json.dumps(found if listed else found[0], indent=2))
        return
    for state in states:
        shares = ", ".join(f"{route.deployment} {route.share:.0%}" for route in state.routes)
        shadow = f"; copies to {', '.join(state.shadow)}" if state.shadow else ""
        since = f"since {state.applied_at}" if state.applied_at else "when a gateway sees it"
        typer.echo(f"{state.number}  {shares}{shadow}  {since}  {clean(state.reason)}")
