"""The trainer: transformers' own loop with one-row batches and a repeatable step.

What happens in a step is `RowTrainer.training_step`. All else (schedule, clipping, optimiser,
trackers, several devices) is transformers'.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from peft.tuners.lora.layer import ParamWrapper
from torch import nn
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.local import stock_losses
from burnish.engines.memory import keep_few_kernels
from burnish.engines.relay import deferring
from burnish.engines.rows import Row, row_losses
from burnish.train.dealing import Work, deal, joined
from burnish.train.dropout import drawing
from burnish.train.workers import Workers

SHORTEST_ROW = 64
"""Where rows as short as this do not fit, nothing does."""
VALIDATED_TOGETHER = 32
SIDE_BY_SIDE = 2
"""Rows at the same time, each on half of the cores: more would multiply the memory."""


class RowTrainer(Trainer):
    """A Trainer whose batch is a list of rows (see burnish.engines.rows).

    Args:
        tokens_per_row: a batch of more tokens runs as several rows; the step is the same.
        in_rows: the model attends over rows; otherwise every example is a row of its own.

    Attributes:
        tokens_per_row: as given, or less where memory ran out.
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
        keep_few_kernels()
        self.tokens_per_row = tokens_per_row
        self._in_rows = in_rows
        self._losses = row_losses if in_rows else stock_losses
        self._smoothing = 0.0
        self._adapted = model
        self._trained = [weight for weight in model.parameters() if weight.requires_grad]
        self._work = Work.of(model)
        self._workers = Workers(SIDE_BY_SIDE if _may_share(model) else 1)
        self._examples = len(train)
        self._validation = validation
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=lambda examples: {"examples": examples},
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)  # progress is told by the journal
        model.train()  # and at no step: it walks through all modules

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """One optimiser step's gradients: the weighted mean loss over the batch's answer tokens.

        Several processes share the batch and add up. Where memory runs out, rows become half as
        long and the step is done again.
        """
        batch: list[Encoded] = inputs["examples"]
        weights = sum(example.weight * sum(example.trained) for example in batch)
        (count,) = self._added_up([torch.tensor(weights, dtype=torch.float64)])
        while True:
            try:
                loss = self._backward(batch, float(count))
                break
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error) or self.tokens_per_row <= SHORTEST_ROW:
                    raise
            self.tokens_per_row //= 2
            self._adapted.zero_grad()
        moved = [(weight, weight.grad) for weight in self._trained if weight.grad is not None]
        loss, *gradients = self._added_up([loss, *(gradient for _, gradient in moved)])
        for (weight, _), gradient in zip(moved, gradients, strict=True):
            weight.grad = gradient
        return loss

    def _backward(self, batch: Sequence[Encoded], count: float) -> torch.Tensor:
        """Leave the gradients of this process's examples in the weights; the loss.

        Dropout is drawn from the seed, the step's number and the worker: a resumed run repeats it.
        """
        seed = (self.args.seed * 1_000_003 + self.state.global_step) * 1009
        jobs = [
            partial(self._gradients, batch, rows, count, seed + number)
            for number, rows in enumerate(self._deal(batch))
        ]
        total = torch.zeros((), device=self.args.device)
        for loss, gradients in self._workers.run(jobs):
            total += loss
            for weight, gradient in zip(self._trained, gradients, strict=False):
                if gradient is None:
                    continue
                if weight.grad is None:  # the fused optimiser goes through memory as it lies
                    weight.grad = gradient.contiguous()
                else:
                    weight.grad += gradient
        return total

    def _gradients(
        self, batch: Sequence[Encoded], rows: Sequence[Row], count: float, seed: int
    ) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
        """A worker's share of the loss, and of the gradients where workers run side by side."""
        alone = self._workers.number == 1
        if alone:
            torch.manual_seed(seed)
        total = torch.zeros((), device=self.args.device)
        gradients: list[torch.Tensor | None] = []
        with drawing(seed), joined(rows):
            for row in rows:
                weights = torch.tensor([batch[each].weight for each in row.owners.tolist()])
                with self.accelerator.autocast():
                    losses = self._losses(self._adapted, row, self.args.device, self._smoothing)
                    loss = (losses * weights.to(losses)).sum() / count
                total += loss.detach()
                if alone:
                    loss.backward()
                    continue
                with deferring(row.layout.relay):
                    more = torch.autograd.grad(loss, self._trained, allow_unused=True)
                gradients = _sums(gradients, more) if gradients else list(more)
        return total, gradients

    def _deal(self, examples: Sequence[Encoded]) -> list[list[Row]]:
        return deal(
            examples, self.tokens_per_row, self._work,
            share=self._in_rows, workers=self._workers.number,
        )  # fmt: skip

    def _added_up(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Each tensor's sum over all processes, in one exchange."""
        if self.accelerator.num_processes == 1:
            return tensors
        flat = torch.cat([tensor.flatten().double() for tensor in tensors])
        parts = self.accelerator.reduce(flat, "sum").split([tensor.numel() for tensor in tensors])
        return [part.view_as(own).to(own.dtype) for part, own in zip(parts, tensors, strict=True)]

    def evaluate(
        self, *args: Any, metric_key_prefix: str = "eval", **options: Any
    ) -> dict[str, float]:
        """Mean negative log-likelihood per answer token of the validation split, nats."""
        self._adapted.eval()
        batches = [
            self._validation[start : start + VALIDATED_TOGETHER]
            for start in range(0, len(self._validation), VALIDATED_TOGETHER)
        ]
        total = sum(
            loss
            for batch in batches
            for loss in self._workers.run([partial(self._sum, rows) for rows in self._deal(batch)])
        )
        self._adapted.train()
        tokens = sum(sum(example.trained) for example in self._validation)
        metrics = {f"{metric_key_prefix}_loss": total / tokens}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _sum(self, rows: Sequence[Row]) -> float:
        with torch.no_grad(), self.accelerator.autocast(), joined(rows):
            losses = [self._losses(self._adapted, row, self.args.device) for row in rows]
        return float(torch.cat(losses).double().sum())

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return EpochSampler(self._examples, self.args.seed)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: the stock estimate expects a padded batch."""
        return 0


def _sums(
    totals: Sequence[torch.Tensor | None], more: Sequence[torch.Tensor | None]
) -> list[torch.Tensor | None]:
    """Each total with its part added in place; both are None for a weight no row reached."""
    return [
        part if total is None else total if part is None else total.add_(part)
        for total, part in zip(totals, more, strict=True)
    ]


def _may_share(model: torch.nn.Module) -> bool:
    """Whether rows can run side by side: on a CPU, with few weights in motion, and nothing in the
    model that all threads have in common."""
    weights, parts = list(model.parameters()), list(model.modules())
    moving = sum(weight.numel() for weight in weights if weight.requires_grad)
    # Stock dropout draws from one generator, adapted experts keep their weights in one cache.
    common = any(
        (isinstance(part, nn.Dropout) and part.p > 0) or isinstance(part, ParamWrapper)
        for part in parts
    )
    return (
        weights[0].device.type == "cpu"
        and moving < 0.2 * sum(weight.numel() for weight in weights)
        and not common
        and not getattr(model.config, "attention_dropout", 0)
    )


def _is_out_of_memory(error: Exception) -> bool:
    wanted = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, wanted) or "can't allocate memory" in str(error)


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
