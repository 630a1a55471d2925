"""The step that tunes: preflight, then training here or at a provider.

Reads a data set and a base; writes runs/<id>/. A run whose inputs have not changed is skipped, a
stopped one goes on.
"""

from pathlib import Path

from burnish.errors import TrainingError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.history.pruning import pruned_sentence
from burnish.pipeline.preflight import fitted, preflight_of
from burnish.pipeline.stepping import skip, step
from burnish.records import (
    BaseChoice,
    Dataset,
    Event,
    Preflight,
    Progress,
    Run,
    Task,
    canonical_hash,
)
from burnish.store import Workspace

_FORM = ("method", "r", "lora_alpha", "use_rslora", "target_modules", "modules_to_save")
"""Settings that give the trained weights their form."""


def make_run(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    chosen: BaseChoice,
    force: bool,
    progress: Progress,
    *,
    begin: Run | None = None,
) -> Run:
    """The run of these settings on this data set: as it stands, taken up again, or new.

    Args:
        begin: a run whose weights it goes on from; None begins at the base.

    Raises:
        TrainingError: nothing can be learned; or it cannot go on from that run, or from the
            checkpoint of an earlier attempt, as the base is another now.
    """
    if begin is not None:
        _refuse_other_kind(task, chosen, begin)
    parents, inputs_hash = inputs_of(task, dataset, chosen, begin)
    if not force:
        _refuse_changed_base(workspace, task, chosen, inputs_hash)
    if not force and (found := workspace.find_complete(Run, inputs_hash)):
        return skip(found, "train", _loss(found), progress)
    for run in workspace.records(Run):
        if run.inputs_hash == inputs_hash and (told := pruned_sentence(workspace, run)):
            progress(Event("train", f"{told} It is tuned again."))
    fields = {"settings": task.train, "prompt": task.prompt, "base": chosen.name}
    if chosen.source == "provider":
        from burnish.base.provider import tune_hosted
        from burnish.engines.server import read_server

        with step(workspace, Run, inputs_hash, parents, task.seed, fields) as record:
            server = read_server(task.base, task.provider)
            done = tune_hosted(workspace, task, dataset, record, server, progress)
        progress(Event("train", _loss(done), finished=True))
        return done
    progress(Event("train", "rendering the examples"))
    from burnish.base.load import load_model
    from burnish.train.preflight import write_preflight
    from burnish.train.splits import render_splits
    from burnish.train.tune import tune

    renderer = renderer_of(task, chosen)
    with step(workspace, Run, inputs_hash, parents, task.seed, fields) as record:
        splits = render_splits(workspace, dataset, renderer, max_length=task.train.max_length)
        flight = preflight_of(workspace, task, chosen, splits, renderer)
        write_preflight(workspace.path(record), flight)
        progress(Event("train", "before training", preflight=flight))
        progress(Event("train", "loading the base"))
        whole, adapter = _weights(workspace, begin)
        model = load_model(chosen, task.train, training=True, weights=whole)
        done = tune(
            workspace, fitted(task, flight.cost), splits, record, model, renderer.tokenizer,
            progress, begin=adapter,
        )  # fmt: skip
    progress(Event("train", _loss(done), finished=True))
    return done


def preview(workspace: Workspace, task: Task, dataset: Dataset, chosen: BaseChoice) -> Preflight:
    """The preflight alone; its page lies in the folder that the run will have.

    Raises:
        TrainingError: nothing can be learned, or a provider trains the base.
    """
    if chosen.source == "provider":
        raise TrainingError(
            f"{chosen.name} is trained at its provider; there is nothing to look at here.",
            hint="burnish train",
        )
    from burnish.train.preflight import write_preflight
    from burnish.train.splits import render_splits

    renderer = renderer_of(task, chosen)
    splits = render_splits(workspace, dataset, renderer, max_length=task.train.max_length)
    flight = preflight_of(workspace, task, chosen, splits, renderer)
    write_preflight(workspace.upcoming(Run, inputs_of(task, dataset, chosen)[1]), flight)
    return flight


def inputs_of(
    task: Task, dataset: Dataset, chosen: BaseChoice, begin: Run | None = None
) -> tuple[dict[str, str], str]:
    """The parents of a run, and the hash of all that it depends on."""
    parents = {"dataset": str(dataset.hash), "base": str(chosen.hash)}
    if begin is not None:
        parents["run"] = str(begin.hash)
    depends = {
        "train": task.train.model_dump(mode="json", exclude={"report_to", "save_steps"}),
        "prompt": task.prompt.model_dump(mode="json", exclude={"shots"}),
        "seed": task.seed,
        "parents": parents,
    }
    return parents, canonical_hash(depends)


def _weights(workspace: Workspace, begin: Run | None) -> tuple[Path | None, Path | None]:
    """The folder of a whole model to go on from, or that of an adapter."""
    if begin is None:
        return None, None
    folder = workspace.path(begin, begin.weights)
    if not folder.is_dir():
        raise TrainingError(
            f"The weights of run {begin.id} are not in the workspace any more: {folder}.",
            hint="set retune.continue_adapter: false, or bring them back",
        )
    return (folder, None) if begin.weights == "model" else (None, folder)


def _refuse_changed_base(
    workspace: Workspace, task: Task, chosen: BaseChoice, inputs_hash: str
) -> None:
    """A stopped run goes on with the base that it began with, or not at all."""
    runs = workspace.records(Run)
    if any(run.inputs_hash == inputs_hash for run in runs):
        return
    for run in reversed(runs):
        if (
            run.status != "complete"
            and (run.base, run.settings, run.seed) == (chosen.name, task.train, task.seed)
            and run.parents["base"] != chosen.hash
            and any(workspace.path(run, "checkpoints").glob("*"))
        ):
            raise TrainingError(
                f"Run {run.id} was stopped and has a checkpoint, but {chosen.name} has changed "
                "since it began, so it cannot go on.",
                faults=_changes(workspace, run, chosen),
                hint="bring the base back as it was, or begin anew with burnish train --force",
            )


def _changes(workspace: Workspace, run: Run, chosen: BaseChoice) -> list[str]:
    """What is not as it was in the base of a run."""
    then = [base for base in workspace.records(BaseChoice) if base.hash == run.parents["base"]]
    return [
        f"{key.removesuffix('_sha256')}: {old[:12]} then, {new[:12]} now"
        for base in then[:1]
        for key in ("weights_sha256", "template_sha256", "architecture", "licence")
        if (old := getattr(base, key)) != (new := getattr(chosen, key))
    ]


def _refuse_other_kind(task: Task, chosen: BaseChoice, begin: Run) -> None:
    """Only what has the same form can go on: the same base, method, ranks and layers."""
    if begin.provider is not None or chosen.source == "provider":
        raise TrainingError(
            f"Run {begin.id} lies at a provider, or the new one would, so it cannot go on from it.",
            hint="set retune.continue_adapter: false",
        )
    if task.train.method == "adalora":
        raise TrainingError(
            "AdaLoRA gives its ranks out while it trains, so it cannot go on from an adapter whose "
            "ranks are given out.",
            hint="set retune.continue_adapter: false",
        )
    faults = []
    if begin.parents["base"] != chosen.hash:
        faults.append(f"base: {begin.base} then, {chosen.name} now, or other weights of it")
    for key in _FORM:
        then, here = getattr(begin.settings, key), getattr(task.train, key)
        if then != here:
            faults.append(f"train.{key}: {then} then, {here} now")
    if faults:
        raise TrainingError(
            f"What was tuned in run {begin.id} has another form than the brief now asks for, so it "
            "cannot go on from it.",
            faults=faults,
            hint="put these back as they were, or set retune.continue_adapter: false",
        )


def _loss(tuned: Run) -> str:
    if tuned.provider is not None:
        return f"{tuned.provider.model}, tuned at {tuned.provider.host}"
    best = tuned.validation_loss[tuned.best_epoch - 1]
    return f"{tuned.steps} steps, validation loss {best:.3f} after epoch {tuned.best_epoch}"
