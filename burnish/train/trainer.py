"""The trainer: transformers' own loop with one-row batches and a repeatable step.

What happens in a step is `RowTrainer.training_step`. All else (schedule, clipping, optimiser,
trackers, several devices) is transformers'.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.local import stock_losses
from burnish.engines.rows import Row, make_rows, row_losses


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
