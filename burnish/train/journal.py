"""The journal of a run: its metrics, its best adapter, its stops and its progress."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from burnish.errors import TrainingError
from burnish.records import Event, Progress
from burnish.store.files import write_text
from burnish.train.checkpoints import seal_checkpoint


class Journal(TrainerCallback):
    """Writes metrics.jsonl, keeps the best adapter, stops early, seals checkpoints, tells progress.

    Everything it decides follows from the trainer's log history, which checkpoints carry: a
    resumed run decides as an undisturbed one.

    Args:
        folder: the run's folder.
        save_best: writes the adapter to `folder/best`.
        patience: epochs without a better validation loss before stopping; 0 is never.
        tokens: true tokens of an epoch.
    """

    def __init__(
        self,
        folder: Path,
        save_best: Callable[[Path], None],
        *,
        patience: int,
        tokens: int,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._save_best = save_best
        self._patience = patience
        self._tokens = tokens
        self._progress = progress
        self._started: tuple[float, int] | None = None
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
        """Write metrics.jsonl anew from the history; stop where the loss is no number."""
        lines = metrics_of(state)
        write_text(
            self._folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines)
        )
        last = lines[-1] if lines else {}
        if not math.isfinite(last.get("loss", last.get("validation_loss", 0.0))):
            raise TrainingError(
                f"The loss is no longer a number at step {state.global_step}.",
                hint="lower train.learning_rate in burnish.yaml; the best adapter so far is kept",
            )
        return control

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Keep the adapter if its validation loss is the best yet; stop when patience is out."""
        losses = validation_losses(state)
        if min(losses) == losses[-1]:
            self._save_best(self._folder / "best")
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
        """Seal the checkpoint: only a sealed one is resumed from."""
        seal_checkpoint(self._folder / "checkpoints" / f"checkpoint-{state.global_step}")
        return control

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Tell how far it is."""
        now = time.monotonic()
        if self._started is None:
            self._started = (now, state.global_step)
        since, step = self._started
        figures = {}
        history = [line for line in metrics_of(state) if "loss" in line]
        if history:
            figures["loss"] = f"{history[-1]['loss']:.3f}"
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
        return control


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
