"""A search over learning rate, rank and epochs: Optuna chooses, the validation split judges.

Reads and writes the search's own SQLite file, so that a stopped search goes on. Settings are
proposed by a tree-structured Parzen estimator (Bergstra et al. 2011); a trial that is worse after
an epoch than the median of the others was by then is given up (Golovin et al. 2017, section 3.2).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from burnish.errors import Interrupted, TrainingError
from burnish.records import Event, Progress, Run, TrainSettings, Trial
from burnish.train.preflight import LEARNING_RATES

RANKS = (4, 8, 16, 32, 64)
LEAST_EPOCHS = 3
"""Up to so many epochs are tried, or as many as the brief has."""
RANDOM_TRIALS = 5
"""Drawn at random before the estimator has enough to go by (Optuna's default is 10)."""
TryOut = Callable[[TrainSettings, Callable[[list[float]], None]], Run]


class Pruned(TrainingError):  # noqa: N818 - not a fault
    """A trial was given up: most others were better after as many epochs."""


def search(
    file: Path,
    settings: TrainSettings,
    try_out: TryOut,
    *,
    trials: int,
    seed: int,
    progress: Progress,
) -> tuple[tuple[Trial, ...], bool]:
    """Try settings until there are `trials`, those of earlier calls included.

    Args:
        file: the SQLite file; a trial that was cut off is taken up again first.
        settings: of the brief: the first trial, and all that is not searched.
        try_out: trains with the settings, calls the function it is given after each epoch with the
            validation losses so far, and returns the run.
        seed: of the choices; the same seed and losses give the same trials.

    Returns:
        All trials, and whether the time was up first.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=f"sqlite:///{file}",
        study_name="search",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=0),
    )
    space = _space(study, settings)
    _take_up(study)
    while (done := len(_finished(study))) < trials:
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=RANDOM_TRIALS, seed=seed * 1_000_003 + done
        )
        trial = study.ask()
        chosen = _choose(trial, space, settings)
        told = f"trial {done + 1} of {trials}: learning rate {chosen.learning_rate:g}, "
        progress(Event("search", f"{told}rank {chosen.r}, {chosen.epochs} epochs", done, trials))
        try:
            _try(study, trial, chosen, try_out)
        except Interrupted as stop:
            if stop.signal:
                raise
            return _table(study), True
    return _table(study), False


def _try(
    study: optuna.Study, trial: optuna.Trial, settings: TrainSettings, try_out: TryOut
) -> None:
    """Train with the settings and tell the study how it went."""
    began, reported = time.monotonic(), 0

    def after_epoch(losses: list[float]) -> None:
        nonlocal reported
        for step in range(reported, len(losses)):
            trial.report(losses[step], step)
        reported = len(losses)
        if len(losses) < settings.epochs and trial.should_prune():
            raise Pruned(f"Given up after epoch {len(losses)}: most others were better by then.")

    try:
        run = try_out(settings, after_epoch)
    except Interrupted:
        raise
    except Pruned:
        _note(trial, began, "")
        study.tell(trial, state=TrialState.PRUNED)
    except TrainingError as error:  # the estimator takes a pruned trial as a bad one
        _note(trial, began, error.message)
        study.tell(trial, state=TrialState.PRUNED)
    else:
        _note(trial, began, "")
        study.tell(trial, min(run.validation_loss))


def _note(trial: optuna.Trial, began: float, error: str) -> None:
    trial.set_user_attr("seconds", round(time.monotonic() - began, 1))
    trial.set_user_attr("error", error)


def _space(study: optuna.Study, settings: TrainSettings) -> dict[str, Any]:
    """What is searched: fixed when the study begins, with the brief's own settings first."""
    if "space" not in study.user_attrs:
        full = str(settings.method) == "full"
        low, high = LEARNING_RATES["full" if full else "adapter"]
        rate = settings.learning_rate
        space = {
            "learning_rate": [min(low, rate), max(high, rate)],
            "r": [settings.r] if full else sorted({*RANKS, settings.r}),
            "epochs": max(LEAST_EPOCHS, settings.epochs),
            "alpha": settings.lora_alpha / settings.r,
        }
        study.set_user_attr("space", space)
        own = {"learning_rate": rate, "r": settings.r, "epochs": settings.epochs}
        study.enqueue_trial(own)
    return dict(study.user_attrs["space"])


def _choose(trial: optuna.Trial, space: dict[str, Any], settings: TrainSettings) -> TrainSettings:
    """The settings of a trial; the adapter's scale, alpha / r, stays as the brief has it."""
    low, high = space["learning_rate"]
    rate = trial.suggest_float("learning_rate", low, high, log=True)
    r = int(trial.suggest_categorical("r", space["r"]))
    values = {
        "learning_rate": float(f"{rate:.3g}"),
        "r": r,
        "lora_alpha": max(1, round(r * space["alpha"])),
        "epochs": trial.suggest_int("epochs", 1, space["epochs"]),
    }
    trial.set_user_attr("settings", values)
    return settings.model_copy(update=values)


def _take_up(study: optuna.Study) -> None:
    """Put trials that were cut off back into the queue; their runs go on from checkpoints."""
    for left in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(left.number, state=TrialState.FAIL)
        if left.params:
            study.enqueue_trial(left.params)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _table(study: optuna.Study) -> tuple[Trial, ...]:
    made = []
    for number, trial in enumerate(_finished(study), start=1):
        losses = list(trial.intermediate_values.values())
        error = str(trial.user_attrs.get("error", ""))
        state = "complete" if trial.state == TrialState.COMPLETE else "pruned"
        made.append(
            Trial.model_validate(
                {
                    "number": number,
                    "state": "failed" if error else state,
                    "validation_loss": min(losses) if losses else None,
                    "seconds": trial.user_attrs.get("seconds", 0.0),
                    "error": error,
                    **trial.user_attrs["settings"],
                }
            )
        )
    return tuple(made)
