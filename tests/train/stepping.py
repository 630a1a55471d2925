"""A trainer over a tiny model, for tests of what a step does."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny import tiny_model
from transformers import TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.rows import use_rows
from burnish.train.dropout import use_gap_dropout
from burnish.train.fused import fuse
from burnish.train.trainer import RowTrainer
from burnish.train.workers import Workers


def make_batch(count: int = 8, prefix: int = 12) -> list[Encoded]:
    """Examples of mixed length that begin alike."""
    generator = torch.Generator().manual_seed(7)
    batch = []
    for number in range(count):
        own = torch.randint(30, 300, (5 + 7 * number % 19 + 3,), generator=generator).tolist()
        trained = [False] * (prefix + len(own) - 3) + [True] * 3
        batch.append(Encoded([*range(10, 10 + prefix), *own], trained, truncated=False))
    return batch


def adapted(*, dropout: float = 0.0, fused: bool = True, family: str = "llama") -> PeftModel:
    """A tiny model with an adapter that does something (B starts at zero otherwise)."""
    model = tiny_model(family)
    assert use_rows(model)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=dropout, target_modules="all-linear"
    )
    tuned = get_peft_model(model, config)
    torch.manual_seed(5)
    for name, weight in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.1)
    use_gap_dropout(tuned, dropout)
    if fused:
        fuse(tuned)
    return tuned


def make_trainer(folder: Path, model: Any, *, workers: int = 1, tokens: int = 512) -> RowTrainer:
    """A trainer that runs as many rows side by side as asked, whatever cores there are."""
    batch = make_batch()
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to="none", disable_tqdm=True, seed=3,
        per_device_train_batch_size=8, save_strategy="no", remove_unused_columns=False,
        dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = RowTrainer(
        model, arguments, batch, batch[:2], tokens_per_row=tokens, in_rows=True, callbacks=[]
    )
    trainer._workers = Workers(workers, cores=workers)
    return trainer


def gradients_of(trainer: RowTrainer) -> tuple[float, list[torch.Tensor]]:
    """Loss and gradients of one step over the whole batch."""
    trainer._adapted.zero_grad()
    loss = trainer.training_step(trainer._adapted, {"examples": make_batch()})
    assert all(weight.grad.is_contiguous() for weight in trainer._trained)  # type: ignore[union-attr]
    return float(loss), [weight.grad.clone() for weight in trainer._trained]  # type: ignore[union-attr]


def apart(given: list[torch.Tensor], wanted: list[torch.Tensor]) -> float:
    """Largest difference, relative to the largest wanted element."""
    scale = max(float(one.abs().max()) for one in wanted)
    return max(float((a - b).abs().max()) for a, b in zip(given, wanted, strict=True)) / scale
