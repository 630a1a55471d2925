"""A search over settings that nothing is trained for: what is tried, given up, gone on with."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from burnish.errors import Interrupted, TrainingError
from burnish.records import Run, TrainSettings, Trial, silent
from burnish.train.search import Pruned, search

SETTINGS = TrainSettings(learning_rate=1e-3, r=12, lora_alpha=24, epochs=2)


def loss(settings: TrainSettings, epoch: int) -> float:
    """Lowest at a learning rate of 2e-4 and a high rank; falls over epochs."""
    off = math.log10(settings.learning_rate / 2e-4) ** 2
    return 1 + off + 1 / settings.r + 0.3 / epoch


def run(losses: list[float]) -> Run:
    return Run.model_construct(validation_loss=tuple(losses))


class Trainer:
    """Stands in for training; stops, fails or is cut off in the trial of a given number."""

    def __init__(self, at: int = 0, error: BaseException | None = None) -> None:
        self.at, self.error = at, error
        self.tried: list[TrainSettings] = []

    def __call__(self, settings: TrainSettings, after: Callable[[list[float]], None]) -> Run:
        self.tried.append(settings)
        losses: list[float] = []
        for epoch in range(1, settings.epochs + 1):
            losses.append(loss(settings, epoch))
            if self.error and len(self.tried) == self.at:
                raise self.error
            after(losses)
        return run(losses)


def made(folder: Path, trainer: Trainer, trials: int, seed: int = 0) -> tuple[Trial, ...]:
    found, _ = search(folder / "s.db", SETTINGS, trainer, trials=trials, seed=seed, progress=silent)
    return found


def plain(trials: tuple[Trial, ...]) -> list[Trial]:
    return [trial.model_copy(update={"seconds": 0.0}) for trial in trials]


def test_the_first_trial_has_the_briefs_settings_and_the_best_is_better(tmp_path: Path) -> None:
    trainer = Trainer()
    trials = made(tmp_path, trainer, 25)
    assert len(trials) == 25
    first = trials[0]
    assert (first.learning_rate, first.r, first.lora_alpha, first.epochs) == (1e-3, 12, 24, 2)
    assert all(trial.lora_alpha == 2 * trial.r for trial in trials)
    complete = [trial.validation_loss or 9 for trial in trials if trial.state == "complete"]
    assert min(complete) < (first.validation_loss or 0) - 0.3
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    assert all((trial.validation_loss or 0) > min(complete) for trial in pruned)


def test_a_search_repeats_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = made(tmp_path, Trainer(), 8)
    (tmp_path / "parts").mkdir()
    assert plain(made(tmp_path / "parts", Trainer(), 3)) == plain(whole[:3])
    again = Trainer()
    assert plain(made(tmp_path / "parts", again, 8)) == plain(whole)
    assert len(again.tried) == 5
    assert made(tmp_path / "parts", again, 8) == made(tmp_path / "parts", again, 2)
    assert len(again.tried) == 5
    (tmp_path / "other").mkdir()
    assert plain(made(tmp_path / "other", Trainer(), 8, seed=1))[1:] != plain(whole)[1:]


@pytest.mark.parametrize("error", [Interrupted("stop", signal=2), KeyboardInterrupt()])
def test_a_trial_that_was_cut_off_is_taken_up_with_the_same_settings(
    tmp_path: Path, error: BaseException
) -> None:
    cut = Trainer(3, error)
    with pytest.raises(type(error)):
        made(tmp_path, cut, 8)
    again = Trainer()
    trials = made(tmp_path, again, 8)
    assert again.tried[0] == cut.tried[2]
    (tmp_path / "calm").mkdir()
    assert plain(trials) == plain(made(tmp_path / "calm", Trainer(), 8))


def test_when_the_time_is_up_it_returns_what_there_is(tmp_path: Path) -> None:
    trainer = Trainer(3, Interrupted("time", signal=0))
    found, out_of_time = search(
        tmp_path / "s.db", SETTINGS, trainer, trials=8, seed=0, progress=silent
    )
    assert out_of_time
    assert len(found) == 2


def test_a_trial_that_fails_stands_with_its_reason(tmp_path: Path) -> None:
    trials = made(tmp_path, Trainer(2, TrainingError("The loss runs away.")), 4)
    assert [trial.state for trial in trials][:2] == ["complete", "failed"]
    assert trials[1].error == "The loss runs away."
    assert trials[1].validation_loss is None
    assert len(trials) == 4


def test_giving_up_is_no_failure(tmp_path: Path) -> None:
    trials = made(tmp_path, Trainer(2, Pruned("given up")), 3)
    assert (trials[1].state, trials[1].error) == ("pruned", "")
