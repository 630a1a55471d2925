"""The trainer of all methods: what a method adds to a step, and to the optimiser."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from transformers import TrainerCallback, TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.rows import Row, make_rows
from burnish.records import TrainSettings
from burnish.train.methods import Tuned, base_of
from burnish.train.noise import add_noise
from burnish.train.ranks import add_orthogonality
from burnish.train.trainer import RowTrainer
from burnish.train.workers import Workers


class MethodTrainer(RowTrainer):
    """A RowTrainer that heeds the settings of the method.

    Args:
        model: as `burnish.train.methods.adapt` returned it.
        in_rows: the model attends over rows; otherwise every example is a row of its own.
    """

    def __init__(
        self,
        model: Tuned,
        arguments: TrainingArguments,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        settings: TrainSettings,
        *,
        in_rows: bool,
        callbacks: list[TrainerCallback],
    ) -> None:
        super().__init__(
            model,
            arguments,
            train,
            validation,
            tokens_per_row=settings.tokens_per_row,
            in_rows=in_rows,
            callbacks=callbacks,
        )
        self._settings = settings
        if settings.neftune_noise_alpha is not None:
            add_noise(base_of(model), settings.neftune_noise_alpha)
            self._workers = Workers(1)  # the noise of all rows is drawn from one generator
        self._smoothing = settings.label_smoothing_factor

    def _deal(self, examples: Sequence[Encoded]) -> list[list[Row]]:
        if self._settings.neftune_noise_alpha is None or not self._adapted.training:
            return super()._deal(examples)
        rows = make_rows(examples, self.tokens_per_row, share=False)  # noise is of one example
        return [rows]

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """The gradients of the loss and of the method's regulariser; returns the loss alone."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self._settings.method == "adalora" and isinstance(self._adapted, PeftModel):
            add_orthogonality(self._adapted)
        return loss

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; with LoRA+ (Hayou et al. 2024) its rate for the matrices B is a multiple."""
        ratio = self._settings.loraplus_lr_ratio
        if ratio is None or self.optimizer is not None or not isinstance(self.model, PeftModel):
            return super().create_optimizer(model)
        kind, options = self.get_optimizer_cls_and_kwargs(self.args)
        self.optimizer = create_loraplus_optimizer(
            self.model,
            kind,
            loraplus_lr_ratio=ratio,
            loraplus_weight_decay=self.args.weight_decay,
            **options,
        )
        return self.optimizer
