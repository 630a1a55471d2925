"""The trainer: transformers' own loop with one-row batches and a repeatable step.

What happens in a step is `RowTrainer.training_step`. All else (schedule, clipping, optimiser,
trackers, several devices) is transformers'.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from burnish.chat.render import Encoded
from burnish.engines.local import stock_losses
from burnish.engines.rows import Row, make_rows, row_losses
from burnish.errors import TrainingError
from burnish.records import Event, Progress
from burnish.store.files import sha256_tree, write_text

_SEAL = "complete.json"


class RowTrainer(Trainer):
    """A Trainer whose batch is a list of rows (see burnish.engines.rows).

    Args:
        tokens_per_row: a batch of more tokens runs as several rows; the step is the same.
        in_rows: the model attends over rows; otherwise every example is a row of its own.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        arguments: TrainingArguments,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        *,
        tokens_per_row: int,
        in_rows: bool,
        callbacks: list[TrainerCallback],
    ) -> None:
        self._cut: Callable[[Sequence[Encoded]], list[Row]] = lambda examples: make_rows(
            examples, tokens_per_row, share=in_rows
        )
        self._losses = row_losses if in_rows else stock_losses
        self._adapted = model
        self._examples = len(train)
        self._validation = sorted(validation, key=lambda example: len(example.ids))
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=self._collate,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)  # progress is told by the journal

    def _collate(self, examples: Sequence[Encoded]) -> dict[str, Any]:
        weights = torch.tensor([example.weight for example in examples])
        return {"rows": self._cut(examples), "weights": weights}

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """One optimiser step's gradients: the weighted mean loss over the batch's answer tokens.

        Dropout is drawn from the seed and the step's number, so a resumed run repeats it.
        """
        model.train()
        torch.manual_seed(self.args.seed * 1_000_003 + self.state.global_step)
        rows: list[Row] = inputs["rows"]
        weights = [inputs["weights"][row.owners].to(self.args.device) for row in rows]
        count = sum(float(weight.sum()) for weight in weights)
        total = torch.zeros((), device=self.args.device)
        for row, weight in zip(rows, weights, strict=True):
            with self.compute_loss_context_manager():
                loss = (self._losses(model, row, self.args.device) * weight).sum() / count
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def evaluate(
        self, *args: Any, metric_key_prefix: str = "eval", **options: Any
    ) -> dict[str, float]:
        """Mean negative log-likelihood per answer token of the validation split, nats."""
        self._adapted.eval()
        total, count = 0.0, 0
        with torch.no_grad(), self.compute_loss_context_manager():
            for row in self._cut(self._validation):
                total += float(self._losses(self._adapted, row, self.args.device).double().sum())
                count += len(row.targets)
        metrics = {f"{metric_key_prefix}_loss": total / count}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return EpochSampler(self._examples, self.args.seed)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: the stock estimate expects a padded batch."""
        return 0


class EpochSampler(Sampler[int]):
    """A shuffle that depends on the seed and the epoch alone."""

    def __init__(self, n: int, seed: int) -> None:
        self._n, self._seed, self._epoch = n, seed, 0

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Any:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        return iter(torch.randperm(self._n, generator=generator).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Called by the loop at the start of each epoch."""
        self._epoch = epoch


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
        folder = self._folder / "checkpoints" / f"checkpoint-{state.global_step}"
        write_text(folder / _SEAL, json.dumps(sha256_tree(folder)))
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


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is sealed and whole, or None."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1]))
    for path in found:
        seal = path / _SEAL
        if not seal.exists():
            continue
        present = sha256_tree(path)
        present.pop(_SEAL, None)
        if present == json.loads(seal.read_text()):
            return path
    return None
