"""Three optimiser steps, alone or as one of two gloo processes: FILE EXAMPLES_PER_PROCESS."""

import os
import sys
from pathlib import Path

import torch
from stepping import adapted, make_batch
from transformers import TrainingArguments

from burnish.train.trainer import RowTrainer


def main(file: Path, examples: int) -> None:
    """Train over 24 examples and write losses and adapter."""
    arguments = TrainingArguments(
        output_dir=str(file.parent), use_cpu=True, report_to="none", seed=3,
        ddp_backend="gloo" if "RANK" in os.environ else None,
        per_device_train_batch_size=examples, num_train_epochs=1, learning_rate=1e-2,
        disable_tqdm=True, save_strategy="no", remove_unused_columns=False, logging_steps=1,
        dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = RowTrainer(
        adapted(), arguments, make_batch(24), make_batch(2), tokens_per_row=100, in_rows=True,
        callbacks=[],
    )  # fmt: skip
    trainer.train()
    if os.environ.get("RANK", "0") == "0":
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        weights = [weight.detach() for weight in trainer._trained]
        torch.save({"losses": losses, "weights": weights}, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
