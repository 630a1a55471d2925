"""Several runs of one brief: a search over settings, and the same settings under several seeds.

Reads data set and base; a search writes searches/<id>/, with runs of its own that share nothing
with those in runs/. Seeds are runs like any other. The test split plays no part in either.
"""

import shutil
import statistics
import time
from collections.abc import Callable
from functools import partial

from burnish.errors import TrainingError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.preflight import cost_of, facts_of, fitted
from burnish.pipeline.stepping import step, task_of
from burnish.pipeline.steps import ready
from burnish.pipeline.tuning import inputs_of, make_run
from burnish.records import (
    BaseChoice,
    Event,
    Progress,
    Run,
    SearchReport,
    SeedReport,
    TrainSettings,
    canonical_hash,
    silent,
)
from burnish.store import Workspace
from burnish.store.files import disk_errors, write_text

_SEARCHED = {"learning_rate", "r", "lora_alpha", "epochs"}


def run_search(
    workspace: Workspace,
    *,
    trials: int,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> SearchReport:
    """Search learning rate, rank and epochs for the lowest validation loss.

    Args:
        trials: in all; a search that stands goes on until it has so many.
        minutes: when they are up, the trial under way stops with a checkpoint; the same call goes
            on from it.

    Raises:
        TrainingError: nothing can be learned, or the base is at a provider.
        Interrupted: it was asked to stop; the same call goes on.
    """
    from burnish.base.load import load_model
    from burnish.train.search import Pruned, search
    from burnish.train.splits import render_splits
    from burnish.train.tune import tune

    tell = progress or silent
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    with workspace.locked():
        task = task_of(workspace)
        dataset, chosen = ready(workspace, task, tell)
        _refuse_hosted(chosen)
        parents, _ = inputs_of(task, dataset, chosen)
        fixed = task.train.model_dump(mode="json", exclude=_SEARCHED | {"report_to", "save_steps"})
        depends = {"train": fixed, "prompt": task.prompt.model_dump(mode="json"), "seed": task.seed}
        name = canonical_hash({**depends, "parents": parents})[:10]
        place = Workspace(workspace.search(name))
        renderer = renderer_of(task, chosen)
        splits = render_splits(workspace, dataset, renderer, max_length=task.train.max_length)
        cost = cost_of(workspace, task, chosen, facts_of(splits))

        def try_out(settings: TrainSettings, after_epoch: Callable[[list[float]], None]) -> Run:
            trial = task.model_copy(update={"train": settings.model_copy(update={"report_to": ()})})
            _, inputs_hash = inputs_of(trial, dataset, chosen)
            fields = {"settings": trial.train, "prompt": task.prompt, "base": chosen.name}
            if found := place.find_complete(Run, inputs_hash):
                after_epoch(list(found.validation_loss))
                return found
            with step(place, Run, inputs_hash, parents, task.seed, fields) as record:
                model = load_model(chosen, trial.train, training=True)
                try:
                    return tune(
                        place, fitted(trial, cost), splits, record, model, renderer.tokenizer, tell,
                        deadline=deadline, after_epoch=after_epoch,
                    )  # fmt: skip
                except Pruned:
                    for left in ("checkpoints", "best"):
                        shutil.rmtree(place.path(record, left), ignore_errors=True)
                    raise

        with disk_errors(place.folder):
            place.folder.mkdir(parents=True, exist_ok=True)
        made, out_of_time = search(
            place.folder / "optuna.db", task.train, try_out,
            trials=trials, seed=task.seed, progress=tell,
        )  # fmt: skip
        complete = [trial for trial in made if trial.state == "complete"]
        best = min(complete, key=lambda trial: trial.validation_loss or 0.0) if complete else None
        report = SearchReport(
            id=name, seed=task.seed, asked=trials, trials=made, best=best, out_of_time=out_of_time
        )
        write_text(place.folder / "search.json", report.model_dump_json(indent=2) + "\n")
    tell(Event("search", f"{len(made)} of {trials} trials", finished=True))
    return report


def take_search(workspace: Workspace, report: SearchReport) -> dict[str, float | int]:
    """Write the best settings of a search into burnish.yaml, comments kept; what was written.

    Raises:
        BriefError: the file's form does not allow it; the message holds the lines to put in.
        TrainingError: no trial was completed.
    """
    from burnish.brief.edit import set_values

    if report.best is None:
        raise TrainingError(
            "No trial was completed, so there are no settings to take.",
            hint="burnish train --search N with more minutes",
        )
    set_values(workspace.brief, report.proposal)
    return report.proposal


def run_seeds(workspace: Workspace, *, seeds: int, progress: Progress | None = None) -> SeedReport:
    """Tune with the brief's settings under `seeds` seeds, from the brief's own on.

    The data set is the same for all; only what training draws differs (order, dropout, adapters).

    Raises:
        TrainingError: fewer than two seeds, nothing can be learned, or a base at a provider.
    """
    if seeds < 2:
        raise TrainingError(f"{seeds} seed tells no spread.", hint="burnish train --seeds 3")
    tell = progress or silent
    with workspace.locked():
        task = task_of(workspace)
        dataset, chosen = ready(workspace, task, tell)
        _refuse_hosted(chosen)
        numbers = range(task.seed, task.seed + seeds)
        tune_one = partial(make_run, workspace, dataset=dataset, chosen=chosen, force=False)
        runs = []
        for at, seed in enumerate(numbers):
            tell(Event("seeds", f"seed {seed}", at, seeds))
            seeded = task.model_copy(update={"seed": seed})
            runs.append(tune_one(task=seeded, progress=tell))
        tell(Event("seeds", f"{seeds} seeds", finished=True))
    losses = [min(run.validation_loss) for run in runs]
    return SeedReport(
        seeds=tuple(numbers),
        runs=tuple(run.id for run in runs),
        validation_loss=tuple(losses),
        mean=statistics.mean(losses),
        deviation=statistics.stdev(losses),
        low=min(losses),
        high=max(losses),
    )


def _refuse_hosted(chosen: BaseChoice) -> None:
    if chosen.source == "provider":
        raise TrainingError(
            f"{chosen.name} is trained at its provider, where its settings are the provider's.",
            hint="name a base of your own under base: in burnish.yaml, or type burnish train",
        )
