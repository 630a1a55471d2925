"""From runs to deployments, who answers, and the gateway in front of them.

Reads runs, reports and exports; writes deployments/<id>/ and, in the database, traffic and keys.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from burnish.errors import ServingError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.history.mirroring import mirror_after
from burnish.pipeline.history.pruning import pruned_sentence, refuse_pruned_deployments
from burnish.pipeline.stepping import AnyRecord, database_of, step, task_of
from burnish.records import (
    BaseChoice,
    Dataset,
    Deployment,
    EngineKind,
    Event,
    Key,
    Progress,
    Report,
    Retune,
    Route,
    Run,
    Scope,
    Task,
    Traffic,
    canonical_hash,
    silent,
)
from burnish.store import Workspace, read_split
from burnish.store.carried import is_proved

if TYPE_CHECKING:
    from burnish.chat.render import Renderer
    from burnish.serve.gateway import Gateway, Served

_ENGINES = ("transformers", "vllm", "tgi", "llamacpp")


def run_serve(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 8700,
    run: str | None = None,
    engine: str | None = None,
    overrule: str = "",
    listening: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> None:
    """Serve the workspace's task until a signal ends it.

    Where nothing was promoted yet, the run takes all the traffic; else the traffic stays as it is,
    and a run that is named must be in it.

    Args:
        run: id of a run, or how it begins; None is the newest complete one.
        engine: as `serve.engine` of the brief; None is what stands there.
        overrule: why a run may answer whose report does not say *ship*.
        listening: called with the URL once requests are taken.

    Raises:
        ServingError: nothing may be served, or the address cannot be used.
    """
    from burnish.serve.running import refuse_open_door, serve
    from burnish.store.keys import Keyring
    from burnish.store.traffic import change_traffic, current_traffic

    tell = progress or silent
    with database_of(workspace) as database:
        refuse_open_door(host, key_required=Keyring(database).required)
        now = current_traffic(database)
        if now is None:
            chosen = deploy(workspace, run=run, engine=engine, overrule=overrule, progress=tell)
            change_traffic(database, [Route(deployment=chosen.id, share=1)], reason="burnish serve")
        elif run is not None:
            _refuse_unpromoted(workspace, now, run)
        gateway = make_gateway(workspace, database)
        serve(gateway, host, port, listening=listening)


def make_gateway(workspace: Workspace, database: Engine) -> "Gateway":
    """The gateway of a workspace, not yet started."""
    from burnish.engines.server import read_server
    from burnish.pipeline.masking import mask_texts
    from burnish.serve.answering import is_scored
    from burnish.serve.commands import Load
    from burnish.serve.fleet import Fleet
    from burnish.serve.gateway import Gateway
    from burnish.serve.journal import Journal

    task = task_of(workspace)

    def key_of(deployment: Deployment) -> str | None:
        if not deployment.url:
            return None
        name = f"openai-compatible:{deployment.url}/v1:{deployment.model}"
        return read_server(name, task.serve).key()

    return Gateway(
        task,
        partial(_served, workspace, task),
        database,
        lambda session: Fleet(
            session,
            log=lambda one: workspace.path(one, "engine.log"),
            load=Load(
                at_once=task.serve.at_once,
                tokens=task.train.max_length + task.evaluate.max_new_tokens,
                scoring=is_scored(task),
            ),
            timeout=task.serve.timeout,
            key_of=key_of,
        ),
        lambda: Journal(
            database,
            workspace.database,
            partial(mask_texts, ner_model=task.checks.ner_model),
            keep_days=task.serve.keep_days,
        ),
    )


def deploy(
    workspace: Workspace,
    *,
    run: str | None = None,
    engine: str | None = None,
    overrule: str = "",
    progress: Progress | None = None,
) -> Deployment:
    """Make a run ready to answer: its verdict looked at, its weights in the engine's form.

    Raises:
        ServingError: its report does not say *ship*, and nobody overruled that.
    """
    tell = progress or silent
    task = task_of(workspace)
    found = _run(workspace, run)
    _refuse_pruned(workspace, found)
    report, retuned = _report(workspace, found), _retune(workspace, found)
    _refuse_unshipped(found, report, retuned, overrule)
    kind, fields = _engine_fields(workspace, task, found, engine or task.serve.engine, tell)
    decision = report.verdict.decision if report and report.verdict else None
    parents = {"run": str(found.hash)} | ({"report": str(report.hash)} if report else {})
    if retuned is not None:
        decision, fields["retune"] = retuned.decision, retuned.id
        parents["retune"] = str(retuned.hash)
    if kind != "server":
        fields["options"] = task.serve.engine_options
    fields |= {
        "task_name": task.name, "run": found.id, "engine": kind, "decision": decision,
        "report": report.id if report else None,
        "overruled": overrule if decision != "ship" else "",
    }  # fmt: skip
    inputs_hash = canonical_hash({"fields": fields, "parents": parents})
    if (there := workspace.find_complete(Deployment, inputs_hash)) is not None:
        return there
    with step(workspace, Deployment, inputs_hash, parents, task.seed, fields) as record:
        done = workspace.complete(record, {})
    tell(Event("serve", f"run {found.id} on {kind}", finished=True))
    return done


def promote(
    workspace: Workspace,
    run: str | None,
    *,
    share: float = 1.0,
    shadow: bool = False,
    engine: str | None = None,
    overrule: str = "",
    reason: str = "",
    progress: Progress | None = None,
) -> Traffic:
    """Give a run a share of the requests, or copies of them; who answered keeps the rest.

    Args:
        share: above 0; 1 is all of them, and ends the copies that other runs got.
        shadow: it gets copies of all requests, and nobody sees its answers.

    Raises:
        ServingError: it may not answer, or nobody answers yet who could keep the rest.
    """
    from burnish.store.traffic import change_traffic, current_traffic, scaled

    chosen = deploy(workspace, run=run, engine=engine, overrule=overrule, progress=progress)
    with database_of(workspace) as database:
        now = current_traffic(database)
        others = [one for one in now.routes if one.deployment != chosen.id] if now else []
        shadows = [one for one in now.shadow if one != chosen.id] if now else []
        if shadow:
            if now is None or not others:
                raise nobody_else(chosen)
            routes, shadows = scaled(others, 1.0), [*shadows, chosen.id]
        elif share >= 1:
            routes, shadows = [Route(deployment=chosen.id, share=1)], []
        elif others:
            routes = [Route(deployment=chosen.id, share=share), *scaled(others, 1 - share)]
        else:
            raise nobody_else(chosen)
        said = reason or f"burnish promote {chosen.run}"
        state = change_traffic(database, routes, shadow=shadows, reason=said)
    mirror_after(workspace, task_of(workspace), progress or silent)
    return state


def rollback(
    workspace: Workspace, *, reason: str = "", progress: Progress | None = None
) -> Traffic:
    """Let those answer again who did before the last change.

    Raises:
        WorkspaceError: there was nobody, or the weights of one who did were pruned.
    """
    from burnish.store.traffic import roll_back, state_before

    with database_of(workspace) as database:
        back = state_before(database)[1]
        names = [*(route.deployment for route in back.routes), *back.shadow]
        refuse_pruned_deployments(workspace, names)
        state = roll_back(database, reason=reason or "burnish rollback")
    mirror_after(workspace, task_of(workspace), progress or silent)
    return state


def traffic_states(workspace: Workspace) -> list[Traffic]:
    """Who answered, and since when, oldest first."""
    from burnish.store.traffic import read_traffic

    with database_of(workspace) as database:
        return read_traffic(database)


def add_key(workspace: Workspace, name: str, scopes: Sequence[Scope]) -> tuple[Key, str]:
    """A new API key and its text, which is kept nowhere."""
    from burnish.store.keys import make_key

    with database_of(workspace) as database:
        return make_key(database, name, scopes)


def list_keys(workspace: Workspace) -> list[Key]:
    """All API keys, oldest first."""
    from burnish.store.keys import read_keys

    with database_of(workspace) as database:
        return read_keys(database)


def drop_key(workspace: Workspace, name: str) -> Key:
    """Make an API key count no more."""
    from burnish.store.keys import revoke_key

    with database_of(workspace) as database:
        return revoke_key(database, name)


def _served(workspace: Workspace, task: Task, name: str) -> "Served":
    """A deployment as the gateway knows it; its prompts are proved to be those of its tuning."""
    from burnish.serve.gateway import Served

    deployment = _deployment(workspace, name)
    run = _run(workspace, deployment.run)
    _refuse_pruned(workspace, run)
    dataset = _parent(workspace, Dataset, run.parents["dataset"])
    chosen = _parent(workspace, BaseChoice, run.parents["base"])
    own = task.model_copy(update={"prompt": run.prompt})
    renderer = renderer_of(own, chosen)
    _refuse_other_prompts(workspace, run, dataset, renderer)
    return Served(
        deployment=deployment,
        task=own,
        renderer=renderer,
        labels=dataset.labels,
        json_schema=task.json_schema or dataset.json_schema,
    )


def _refuse_other_prompts(
    workspace: Workspace, run: Run, dataset: Dataset, renderer: "Renderer"
) -> None:
    if is_proved(workspace.folder, run):
        return  # carried here without examples: `burnish deploy` compared the prompts
    rendered = renderer.prompt_hash(read_split(workspace, dataset, "validation"))
    if rendered != run.prompt_hash:
        raise ServingError(
            f"The brief renders other prompts than run {run.id} was tuned on "
            f"(hash {rendered[:12]}, then {run.prompt_hash[:12]}).",
            hint="put the prompt settings back as they were, or tune again with burnish run",
        )


def _engine_fields(
    workspace: Workspace, task: Task, run: Run, engine: str, progress: Progress
) -> tuple[EngineKind, dict[str, Any]]:
    """The kind of engine, and where it finds what it serves."""
    from burnish.engines.server import at_server, read_server, require_consent

    if run.provider is not None:
        raise ServingError(
            f"Run {run.id} was tuned at {run.provider.host}, which also serves it, as "
            f"{run.provider.model}.",
            hint="ask there, or tune a base whose weights are yours",
        )
    if at_server(engine):
        server = read_server(engine, task.serve)
        require_consent(
            server, task.serve, section="serve",
            sends="The engine is at {host}. Serving sends it every request.",
        )  # fmt: skip
        return "server", {"url": server.url.removesuffix("/v1"), "model": server.model}
    kind = _kind(engine)
    if kind == "vllm" and run.settings.method != "full":
        chosen = _parent(workspace, BaseChoice, run.parents["base"])
        adapter = workspace.path(run, run.weights)
        return kind, {
            "weights": chosen.path, "adapter": str(adapter.resolve()), "model": run.id,
            "dtype": run.dtype,
        }  # fmt: skip
    weights = _exported(workspace, run, kind, progress)
    # transformers serve knows a model by its folder alone.
    model = weights if kind == "transformers" else run.id
    return kind, {"weights": weights, "model": model, "dtype": run.dtype}


def _kind(engine: str) -> EngineKind:
    if engine == "auto":
        return "vllm" if find_spec("vllm") and _has_gpu() else "transformers"
    if engine not in _ENGINES:
        raise ServingError(
            f"There is no engine {engine!r}.",
            hint=f"auto, {', '.join(_ENGINES)}, or openai-compatible:URL:MODEL",
        )
    return engine  # type: ignore[return-value]


def _has_gpu() -> bool:
    from burnish.base.machine import read_machine

    return bool(read_machine().devices)


def _exported(workspace: Workspace, run: Run, kind: EngineKind, progress: Progress) -> str:
    """The run's weights merged, or as a GGUF file for llama.cpp; made where they are missing."""
    from burnish.pipeline.exporting import run_export

    form = "gguf" if kind == "llamacpp" else "merged"
    precision = run.dtype if form == "merged" and run.dtype else None
    done = run_export(workspace, form, run=run.id, precision=precision, progress=progress)
    folder = workspace.path(done, done.folder).resolve()
    if form == "merged":
        return str(folder)
    return str(next(folder.glob("*.gguf")))


def _run(workspace: Workspace, name: str | None) -> Run:
    """The newest complete run, or the one whose id begins so."""
    runs = [one for one in workspace.records(Run) if one.status == "complete"]
    if not runs:
        raise ServingError("No run is complete, so there is nothing to serve.", hint="burnish run")
    if name is None:
        return runs[-1]
    found = [one for one in runs if one.id == name] or [o for o in runs if o.id.startswith(name)]
    if len(found) != 1:
        what = "No complete run has" if not found else f"{len(found)} runs have"
        raise ServingError(
            f"{what} an id that begins with {name!r}.",
            hint=f"runs here: {', '.join(one.id for one in runs[-10:])}",
        )
    return found[0]


def _report(workspace: Workspace, run: Run) -> Report | None:
    """The newest complete report on a run."""
    reports = [one for one in workspace.records(Report) if one.status == "complete"]
    return next((one for one in reversed(reports) if one.parents.get("run") == run.hash), None)


def _retune(workspace: Workspace, run: Run) -> Retune | None:
    """The newest re-tune that compared a run with the one that answered then."""
    return next(
        (
            one
            for one in reversed(workspace.records(Retune))
            if one.status == "complete" and one.decision and one.run == run.id
        ),
        None,
    )


def _refuse_unshipped(
    run: Run, report: Report | None, retuned: Retune | None, overrule: str
) -> None:
    """A re-tune knows the run that answers now, so its verdict stands before the report's."""
    verdict = retuned or (report.verdict if report else None)
    if overrule or (verdict is not None and verdict.decision == "ship"):
        return
    if verdict is None:
        raise ServingError(
            f"Run {run.id} has no report, so nobody knows whether it is any better.",
            hint='burnish evaluate; or put your reason on record with --overrule "…"',
        )
    raise ServingError(
        f"The verdict on run {run.id} is: {verdict.decision}. {verdict.reason}",
        hint='serve it all the same with --overrule "your reason", which stands on record',
    )


def _refuse_pruned(workspace: Workspace, run: Run) -> None:
    if told := pruned_sentence(workspace, run):
        raise ServingError(
            told,
            hint="burnish run tunes it again where the brief is as it was; burnish history shows "
            "which runs still have their weights",
        )


def _refuse_unpromoted(workspace: Workspace, now: Traffic, name: str) -> None:
    run = _run(workspace, name)
    answering = {_deployment(workspace, route.deployment).run for route in now.routes}
    if run.id not in answering:
        raise ServingError(
            f"Run {run.id} does not answer: {', '.join(sorted(answering))} does.",
            hint=f"burnish promote {run.id}, and then burnish serve without --run",
        )


def _deployment(workspace: Workspace, name: str) -> Deployment:
    for one in workspace.records(Deployment):
        if one.id == name:
            return one
    raise ServingError(
        f"Deployment {name} answers by the database, but its record is not in the workspace.",
        hint="bring deployments/ back, or promote a run that is here",
    )


def _parent(workspace: Workspace, kind: type[AnyRecord], wanted: str) -> AnyRecord:
    for one in workspace.records(kind):
        if one.hash == wanted:
            return one
    raise ServingError(
        f"The {kind.__name__} that the run was made from is not in the workspace any more.",
        hint="bring it back, or tune again with burnish run",
    )


def nobody_else(chosen: Deployment) -> ServingError:
    return ServingError(
        f"Nobody but run {chosen.run} answers, so there is no rest of the traffic.",
        hint=f"burnish promote {chosen.run} gives it all of it",
    )
