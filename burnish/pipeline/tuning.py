"""The step that tunes: preflight, then training here or at a provider.

Reads a data set and a base; writes runs/<id>/. A run whose inputs have not changed is skipped, a
stopped one goes on.
"""

from burnish.errors import TrainingError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.preflight import preflight_of
from burnish.pipeline.pruning import pruned_sentence
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


def make_run(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    chosen: BaseChoice,
    force: bool,
    progress: Progress,
) -> Run:
    """The run of these settings on this data set: as it stands, taken up again, or new."""
    parents, inputs_hash = inputs_of(task, dataset, chosen)
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
        model = load_model(chosen, task.train, training=True)
        done = tune(workspace, task, splits, record, model, renderer.tokenizer, progress)
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


def inputs_of(task: Task, dataset: Dataset, chosen: BaseChoice) -> tuple[dict[str, str], str]:
    """The parents of a run, and the hash of all that it depends on."""
    parents = {"dataset": str(dataset.hash), "base": str(chosen.hash)}
    depends = {
        "train": task.train.model_dump(mode="json", exclude={"report_to", "save_steps"}),
        "prompt": task.prompt.model_dump(mode="json", exclude={"shots"}),
        "seed": task.seed,
        "parents": parents,
    }
    return parents, canonical_hash(depends)


def _loss(tuned: Run) -> str:
    if tuned.provider is not None:
        return f"{tuned.provider.model}, tuned at {tuned.provider.host}"
    best = tuned.validation_loss[tuned.best_epoch - 1]
    return f"{tuned.steps} steps, validation loss {best:.3f} after epoch {tuned.best_epoch}"
