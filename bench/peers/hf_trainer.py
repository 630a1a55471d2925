"""What trainers on top of transformers' Trainer share: arguments of a plain run, and the clock."""

import argparse
from typing import Any

from measuring import MAX_GRAD_NORM, Clock, start_adapters
from transformers import TrainerCallback


def plain_arguments(given: argparse.Namespace, out: str) -> dict[str, Any]:
    """Keywords of TrainingArguments: constant learning rate, no decay, nothing saved or reported.

    The warm-up batch is a step too.
    """
    return {
        "output_dir": out,
        "max_steps": given.steps + 1,
        "per_device_train_batch_size": given.micro_batch,
        "gradient_accumulation_steps": given.batch // given.micro_batch,
        "learning_rate": given.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "max_grad_norm": MAX_GRAD_NORM,
        "optim": "adamw_torch_fused",
        "bf16": True,
        "use_cpu": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "seed": 0,
    }


class StepClock(TrainerCallback):
    """Sets the adapters' start, and tells a Clock of every step: the log follows it at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_train_begin(self, *_: Any, model: Any, **__: Any) -> None:
        """All trainers start from the same adapters."""
        start_adapters(model)

    def on_log(self, *_: Any, logs: dict[str, Any], **__: Any) -> None:
        """The log of a step has its loss; the last log of a run has not."""
        if "loss" in logs:
            self._clock.step(float(logs["loss"]))
