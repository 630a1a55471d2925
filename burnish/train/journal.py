"""The journal of a run: its metrics, its best adapter, its stops and its progress."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from burnish.errors import Interrupted, TrainingError
from burnish.records import Event, Progress
from burnish.store.files import write_text
from burnish.train.checkpoints import latest_checkpoint, seal_checkpoint
from burnish.train.curve import draw_loss_curve
from burnish.train.health import fault_of, sparkline
from burnish.train.stopping import StopRequests

DRAW_EVERY = 30.0
"""Seconds between two pictures of the loss, at least; a validation is drawn at once."""


class Journal(TrainerCallback):
    """Writes metrics.jsonl and loss.svg, keeps the best adapter, stops, seals, tells progress.

    Everything it decides follows from the trainer's log history, which checkpoints carry: a
    resumed run decides as an undisturbed one. Only a stop on request does not; it leaves a
    checkpoint at a step and nothing else.

    Args:
        folder: the run's folder.
        save_best: writes the adapter to `folder/best`.
        patience: epochs without a better validation loss before stopping; 0 is never.
        tokens: true tokens of an epoch.
        requests: who may ask to stop.
        after_epoch: takes the validation losses so far; may raise to end the run.
    """

    def __init__(
        self,
        folder: Path,
        save_best: Callable[[Path], None],
        *,
        patience: int,
        tokens: int,
        progress: Progress,
        requests: StopRequests,
        after_epoch: Callable[[list[float]], None] | None = None,
    ) -> None:
        self._folder = folder
        self._save_best = save_best
        self._patience = patience
        self._tokens = tokens
        self._progress = progress
        self._requests = requests
        self._after_epoch = after_epoch
        self._started: tuple[float, int] | None = None
        self._drawn = time.monotonic()
        self._told_stop = False
        self.tokens_per_second = 0.0

    def on_epoch_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """An epoch ends with a checkpoint, after its validation."""
        control.should_save = True
        return control

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Write metrics.jsonl anew from the history; stop where the loss has gone wrong."""
        lines = metrics_of(state)
        write_text(
            self._folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines)
        )
        if fault := fault_of(lines):
            raise TrainingError(
                f"{fault} (step {state.global_step}). {self._last_good()}",
                hint="lower train.learning_rate in burnish.yaml, then type burnish train",
            )
        validated = bool(lines) and "validation_loss" in lines[-1]
        if lines and (validated or time.monotonic() - self._drawn >= DRAW_EVERY):
            write_text(self._folder / "loss.svg", draw_loss_curve(lines, None))
            self._drawn = time.monotonic()
        return control

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Keep the adapter if its validation loss is the best yet; stop when patience is out."""
        losses = validation_losses(state)
        if min(losses) == losses[-1]:
            self._save_best(self._folder / "best")
        if self._after_epoch:
            self._after_epoch(losses)
        if self.out_of_patience(state):
            control.should_training_stop = True
        return control

    def out_of_patience(self, state: TrainerState) -> bool:
        """Whether the validation loss has not improved for too long."""
        losses = validation_losses(state)
        if not self._patience or not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= self._patience

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Seal the checkpoint: only a sealed one is resumed from. Stop here where it was asked."""
        seal_checkpoint(self._folder / "checkpoints" / f"checkpoint-{state.global_step}")
        asked = self._requests.asked()
        if asked is not None:
            raise Interrupted(
                f"Training stopped after step {state.global_step} of {state.max_steps}, as asked. "
                "Nothing is lost.",
                hint="the same command goes on from that step",
                signal=asked,
            )
        return control

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Tell how far it is, and save a checkpoint where it was asked to stop.

        After the last step of an epoch nothing is saved before the validation: a run resumed from
        there would leave the validation out.
        """
        self._tell(state)
        asked = self._requests.asked() is not None
        if self._ends_epoch(state):
            control.should_save = False
        elif asked:
            control.should_save = True
        if asked and not self._told_stop:
            self._told_stop = True
            waits = "the epoch's validation and " if self._ends_epoch(state) else ""
            self._progress(Event("train", f"asked to stop: {waits}a checkpoint first", notice=True))
        return control

    def _ends_epoch(self, state: TrainerState) -> bool:
        return state.global_step % max(1, round(state.max_steps / state.num_train_epochs)) == 0

    def _tell(self, state: TrainerState) -> None:
        now = time.monotonic()
        if self._started is None:
            self._started = (now, state.global_step)
        since, step = self._started
        figures = {}
        history = [line["loss"] for line in metrics_of(state) if "loss" in line]
        if history:
            figures["loss"] = f"{history[-1]:.3f}"
            figures["curve"] = sparkline(history)
        if losses := validation_losses(state):
            figures["validation"] = f"{losses[-1]:.3f}"
        if state.global_step > step:
            per_step = (now - since) / (state.global_step - step)
            per_epoch = state.max_steps / max(state.num_train_epochs, 1)
            self.tokens_per_second = self._tokens / per_epoch / per_step
            figures["tokens/s"] = f"{self.tokens_per_second:.0f}"
            left = int(per_step * (state.max_steps - state.global_step))
            figures["left"] = f"{left // 60}:{left % 60:02d}"
        epoch = min(int(state.epoch or 0) + 1, int(state.num_train_epochs))
        message = f"epoch {epoch} of {int(state.num_train_epochs)}"
        self._progress(Event("train", message, state.global_step, state.max_steps, figures=figures))

    def _last_good(self) -> str:
        """Where the last good adapter lies, in a sentence."""
        best = self._folder / "best"
        if best.exists():
            return f"The adapter with the best validation loss is kept in {best}."
        if checkpoint := latest_checkpoint(self._folder / "checkpoints"):
            return f"No validation had been made; the last checkpoint is kept in {checkpoint}."
        return "There is no good adapter yet: neither a checkpoint nor a validation came before."


def metrics_of(state: TrainerState) -> list[dict[str, Any]]:
    """The history without timings: training steps, then validations, in order."""
    lines = []
    for entry in state.log_history:
        if "loss" in entry:
            keys = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm"}
        elif "eval_loss" in entry:
            keys = {"eval_loss": "validation_loss"}
        else:
            continue
        line = {"step": entry["step"], "epoch": entry.get("epoch", 0.0)}
        lines.append(line | {name: entry[key] for key, name in keys.items() if key in entry})
    return lines


def validation_losses(state: TrainerState) -> list[float]:
    """Validation loss of every finished epoch."""
    return [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
