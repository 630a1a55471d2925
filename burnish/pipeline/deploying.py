"""Manifests for what the newest report is about: facts from the records, a plan, a folder of files.

Reads the brief, the newest report with its run and base, and exports; writes the output folder and
nothing in the workspace.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from burnish.errors import DeployError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.history.pruning import pruned_sentence
from burnish.pipeline.stepping import task_of
from burnish.records import BaseChoice, Dataset, Export, Report, Run, Task
from burnish.store import Workspace, read_split
from burnish.store.carried import CARRIED, Carried

if TYPE_CHECKING:
    from burnish.base.figures import Figures
    from burnish.records.deploy_plan import DeployPlan, DeployTarget, Every, ModelSource

ANSWERS = 8
"""Answered at once, where nothing else is asked for."""
_OWN_PACKAGES = ("python", "platform", "burnish")
_TOKENIZER = "base"
_TOKENIZER_FILES = (".json", ".jinja", ".model", ".txt")


def run_deploy(
    workspace: Workspace,
    target: "DeployTarget",
    output: Path,
    *,
    model: str | None = None,
    overrule: str | None = None,
    gpu: str | None = None,
    image: str | None = None,
    answers: int = ANSWERS,
    context: int | None = None,
    replicas: tuple[int, int] = (1, 3),
    every: "Every" = "hour",
    dry_run: bool = False,
    force: bool = False,
) -> "DeployPlan":
    """Plan a deployment of the newest report's run, and write its files.

    Args:
        output: a folder that is absent or empty.
        model: a folder with the merged model, or pvc://, s3://, gs://, az:// or hf://; None takes
            the run's newest merged export.
        overrule: why it is deployed although the verdict is not ship.
        gpu: a card of cards.toml, "none", or None for the smallest that holds the model.
        image: of the gateway, with its tag.
        answers: given at once, which memory is counted for.
        context: tokens of prompt and answer together; None takes what the run was made for.
        replicas: fewest and most engines.
        every: how often `burnish watch` runs there, on a cluster.
        dry_run: write nothing.
        force: replace a folder that an earlier deployment wrote.

    Raises:
        DeployError: there is nothing to deploy, the verdict forbids it, the target cannot do it,
            or the output is not empty.
    """
    from importlib.metadata import version

    from burnish.base.machine import cards
    from burnish.base.memory import in_process, on_card, serving_memory
    from burnish.base.parameters import count
    from burnish.deploy.names import read_source
    from burnish.deploy.plan import Facts, make_plan
    from burnish.deploy.targets import TARGETS
    from burnish.deploy.writing import make_files, refuse_full, write_files

    workspace.refuse_no_folder()
    if not dry_run:
        refuse_full(output, force=force)
    report, run, base = _evaluated(workspace)
    source = read_source(model) if model is not None else _exported(workspace, run)
    figures = _figures(source, base)
    tokens = _context(context, run, report, base)
    verdict = report.verdict
    assert verdict is not None  # noqa: S101 - _evaluated takes reports with one alone
    on_gpu = serving_memory(figures, context=tokens, concurrency=answers)
    on_cpu = serving_memory(
        figures, context=tokens, concurrency=answers, precision="float32", cache="float32"
    )
    facts = Facts(
        target=target,
        task_name=report.task_name,
        burnish=version("burnish"),
        packages=_packages(report),
        run=run.id,
        report=report.id,
        decision=verdict.decision,
        reason=verdict.reason,
        model=source,
        parameters=count(figures),
        context=tokens,
        answers=answers,
        on_card=on_card(on_gpu),
        in_process=in_process(on_cpu),
        cards=tuple((card.name, card.memory) for card in cards() if card.rented),
        replicas=replicas,
        gpu=gpu,
        image=image,
        overruled=overrule or "",
        context_asked=context is not None,
        every=every,
        webhook=task_of(workspace).watch.webhook or "",
    )
    plan = make_plan(facts)
    gateway = TARGETS[target].gateway
    carried = _carried(workspace, plan, report, run, base) if gateway else {}
    plan, files = make_files(plan, carried)
    if dry_run:
        return plan
    write_files(files, output)
    return plan.model_copy(update={"output": str(output)})


def _packages(report: Report) -> dict[str, str]:
    """Versions to build with; a local one, such as 2.13.0+cpu, is of no index but its own."""
    return {
        name: version.partition("+")[0]
        for name, version in report.packages.items()
        if name not in _OWN_PACKAGES
    }


def _evaluated(workspace: Workspace) -> tuple[Report, Run, BaseChoice]:
    """The newest report with a verdict, its run and its base."""
    runs = {run.hash: run for run in workspace.records(Run) if run.status == "complete"}
    if not runs:
        raise DeployError(
            f"No completed run is in {workspace.folder}, so there is nothing to deploy.",
            hint="type burnish run, or name another folder with --workspace",
        )
    reports = [
        report
        for report in workspace.records(Report)
        if report.status == "complete" and report.verdict and report.parents.get("run") in runs
    ]
    if not reports:
        raise DeployError(
            "No run of this workspace was evaluated, so nobody knows whether it may be deployed.",
            hint="type burnish evaluate",
        )
    report = reports[-1]
    run = runs[report.parents["run"]]
    if run.provider is not None:
        raise DeployError(
            f"Run {run.id} was tuned at {run.provider.host} and is served there.",
            hint=f"ask {run.provider.model} at {run.provider.host}, or put burnish serve before it",
        )
    bases = [one for one in workspace.records(BaseChoice) if one.hash == report.parents["base"]]
    if not bases:
        raise DeployError(
            f"The record of the base of run {run.id} is gone.", hint="type burnish base"
        )
    return report, run, bases[-1]


def _exported(workspace: Workspace, run: Run) -> "ModelSource":
    """The run's newest merged export, or its own weights where all of them were trained."""
    from burnish.deploy.names import read_source

    merged = [
        export
        for export in workspace.records(Export)
        if export.status == "complete"
        and export.form == "merged"
        and export.run == run.id
        and workspace.pruned(export) is None
    ]
    if merged:
        return read_source(str(workspace.path(merged[-1], "model")))
    if told := pruned_sentence(workspace, run):
        raise DeployError(
            told,
            hint="burnish run tunes it again where the brief is as it was; or name where the model "
            "lies with --model",
        )
    if run.weights == "model":
        return read_source(str(workspace.path(run, "model")))
    raise DeployError(
        f"Run {run.id} has no merged export, and engines in containers want one model.",
        hint="type burnish export --form merged, or name its place with --model s3://BUCKET/PATH",
    )


def _figures(source: "ModelSource", base: BaseChoice) -> "Figures":
    """The merged model's figures: its own config.json, or the base's, which has the same shape."""
    from burnish.base.figures import read_figures

    if source.kind == "folder":
        return read_figures(Path(source.place))
    return read_figures(Path(base.path))


def _context(given: int | None, run: Run, report: Report, base: BaseChoice) -> int:
    """Tokens of prompt and answer together, at most."""
    needed = run.settings.max_length + report.settings.max_new_tokens
    if given is None:
        return min(needed, base.context_length)
    if not 16 <= given <= base.context_length:
        raise DeployError(
            f"{base.name} has a context of {base.context_length:,} tokens, not {given:,}.",
            hint=f"leave --context out, or name at most {base.context_length}",
        )
    return given


def _carried(
    workspace: Workspace, plan: "DeployPlan", report: Report, run: Run, base: BaseChoice
) -> dict[str, bytes]:
    """What the gateway's image has in its workspace: the brief, told where its engine is, records
    and the tokenizer. No examples and no weights leave this machine with it.
    """
    from burnish.brief.file import write_brief
    from burnish.deploy.engines import engine_host, gateway_engine
    from burnish.engines.server import consent_to

    task = task_of(workspace)
    dataset = _proved(workspace, task, run, base)
    answers = {"engine": gateway_engine(plan), "consent": consent_to(engine_host(plan))}
    changes: dict[str, object] = {"serve": task.serve.model_copy(update=answers)}
    why = "as burnish deploy set it up: the engine is part of the same deployment"
    comments = {"serve.engine": why, "serve.consent": why}
    if task.watch.reference == "examples":
        changes["watch"] = task.watch.model_copy(update={"reference": "log"})
        comments["watch.reference"] = "no examples are carried here that requests could be held to"
    task = task.model_copy(update=changes)
    with tempfile.TemporaryDirectory() as folder:
        brief = Path(folder) / "burnish.yaml"
        write_brief(brief, task, comments=comments)
        files = {"burnish.yaml": brief.read_bytes()}
    files |= {
        f"{_TOKENIZER}/{path.name}": path.read_bytes()
        for path in sorted(Path(base.path).iterdir())
        if path.is_file() and path.suffix in _TOKENIZER_FILES and ".safetensors" not in path.name
    }
    proof = Carried(
        run=run.id,
        prompt_hash=run.prompt_hash,
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    moved = base.model_copy(update={"path": f"/workspace/{_TOKENIZER}"})
    for record in (dataset, moved, run, report):
        name = workspace.path(record, "record.json").relative_to(workspace.folder).as_posix()
        files[name] = (record.model_dump_json(indent=2) + "\n").encode()
    return files | {CARRIED: (proof.model_dump_json(indent=2) + "\n").encode()}


def _proved(workspace: Workspace, task: Task, run: Run, base: BaseChoice) -> Dataset:
    """The run's data set, once the brief is proved to render the prompts of its tuning."""
    own = task.model_copy(update={"prompt": run.prompt})
    made = [each for each in workspace.records(Dataset) if each.hash == run.parents["dataset"]]
    if not made:
        raise DeployError(
            f"The data set that run {run.id} was tuned on is gone.", hint="type burnish run"
        )
    renderer = renderer_of(own, base)
    if renderer.prompt_hash(read_split(workspace, made[-1], "validation")) != run.prompt_hash:
        raise DeployError(
            f"The brief renders other prompts than run {run.id} was tuned on.",
            hint="put the prompt settings back as they were, or tune again with burnish run",
        )
    return made[-1]
