"""Weights of examples in the loss: the step's loss is the weighted mean over answer tokens."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import tiny_model
from transformers import TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.rows import make_rows, row_losses, use_rows
from burnish.train.trainer import RowTrainer

BATCH = [
    Encoded([5, 6, 7, 8, 9], [False, False, True, True, True], truncated=False),
    Encoded([5, 6, 11, 12], [False, False, False, True], truncated=False),
]


def step_loss(folder: Path, batch: list[Encoded]) -> float:
    model = tiny_model("llama")
    use_rows(model)
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to="none", disable_tqdm=True
    )
    trainer = RowTrainer(
        model, arguments, batch, batch, tokens_per_row=64, in_rows=True, callbacks=[]
    )
    trainer.create_optimizer_and_scheduler(1)
    return float(trainer.training_step(model, {"examples": batch}))


def losses(example: Encoded) -> list[float]:
    model = tiny_model("llama")
    use_rows(model)
    model.train()
    (row,) = make_rows([example], 64, share=True)
    with torch.no_grad():
        return [float(loss) for loss in row_losses(model, row, torch.device("cpu"))]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (2.0, 0.5), (10.0, 0.1)])
def test_the_loss_is_the_weighted_mean(tmp_path: Path, weights: tuple[float, float]) -> None:
    batch = [replace(one, weight=weight) for one, weight in zip(BATCH, weights, strict=True)]
    each = [losses(example) for example in batch]
    total = sum(w * sum(values) for w, values in zip(weights, each, strict=True))
    count = sum(w * len(values) for w, values in zip(weights, each, strict=True))
    assert step_loss(tmp_path, batch) == pytest.approx(total / count, rel=1e-5)
