"""What a method adds to a step: smoothing, noise rows, learning rates."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model
from transformers import TrainingArguments
from transformers.trainer_pt_utils import LabelSmoother

from burnish.chat.render import Encoded
from burnish.engines.losses import target_losses
from burnish.engines.rows import use_rows
from burnish.records import TrainSettings
from burnish.train.method_trainer import MethodTrainer
from burnish.train.methods import adapt

BATCH = [
    Encoded([5, 6, 7, 8, 9], [False, False, True, True, True], truncated=False),
    Encoded([5, 6, 11, 12], [False, False, False, True], truncated=False),
]


def trainer(folder: Path, *, in_rows: bool = True, **settings: Any) -> MethodTrainer:
    model = tiny_model("llama")
    if in_rows:
        use_rows(model)
    chosen = TrainSettings(lora_dropout=0.0, **settings)
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to="none", disable_tqdm=True,
        learning_rate=1e-3, weight_decay=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    adapted = adapt(model, chosen, steps=10)
    return MethodTrainer(adapted, arguments, BATCH, BATCH, chosen, in_rows=in_rows, callbacks=[])


def test_losses_are_cross_entropy_in_float32() -> None:
    logits, targets = torch.randn(6, 11).bfloat16(), torch.randint(0, 11, (6,))
    losses = target_losses(logits, targets)
    assert losses.dtype == torch.float32
    wanted = -logits.float().log_softmax(-1)[torch.arange(6), targets]
    assert torch.allclose(losses, wanted, atol=1e-6)


@pytest.mark.parametrize("in_rows", [True, False])
def test_a_smoothed_step_is_that_of_transformers(tmp_path: Path, in_rows: bool) -> None:
    made = trainer(tmp_path, in_rows=in_rows, label_smoothing_factor=0.2)
    made.create_optimizer_and_scheduler(1)
    loss = made.training_step(made.model, {"examples": BATCH})
    ids = torch.tensor([[5, 6, 7, 8, 9], [5, 6, 11, 12, 1]])
    labels = torch.tensor([[-100, -100, 7, 8, 9], [-100, -100, -100, 12, -100]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    with torch.no_grad():
        padded = tiny_model("llama")(input_ids=ids, attention_mask=mask)
        wanted = LabelSmoother(epsilon=0.2)(padded, labels, shift_labels=True)
    assert float(loss) == pytest.approx(float(wanted), abs=1e-5)


def test_validation_is_not_smoothed(tmp_path: Path) -> None:
    smoothed = trainer(tmp_path, label_smoothing_factor=0.2).evaluate()
    assert smoothed == trainer(tmp_path).evaluate()


def test_rows_with_noise_hold_one_example_each(tmp_path: Path) -> None:
    made = trainer(tmp_path, neftune_noise_alpha=5.0)
    made.model.train()
    (rows,) = made._deal(BATCH)
    assert [row.layout.prefix for row in rows] == [0, 0]
    assert [int(row.owners[0]) for row in rows] == [0, 1]
    made.model.eval()  # in validation there is no noise
    ((shared,),) = made._deal(BATCH)
    assert shared.layout.prefix == 1


def test_noise_changes_a_step_and_a_seed_repeats_it(tmp_path: Path) -> None:
    def step(**settings: Any) -> float:
        made = trainer(tmp_path, **settings)
        made.create_optimizer_and_scheduler(1)
        return float(made.training_step(made.model, {"examples": BATCH}))

    assert step(neftune_noise_alpha=5.0) == step(neftune_noise_alpha=5.0) != step()


@pytest.mark.parametrize("method", ["lora", "dora"])
def test_loraplus_gives_the_matrices_b_a_higher_rate(tmp_path: Path, method: str) -> None:
    made = trainer(tmp_path, loraplus_lr_ratio=16.0, method=method)
    optimiser = made.create_optimizer()
    rates = {id(one): group["lr"] for group in optimiser.param_groups for one in group["params"]}
    named = {key: one for key, one in made.model.named_parameters() if one.requires_grad}
    assert len(rates) == len(named)
    for key, one in named.items():
        fast = "lora_B" in key or one.ndim == 1  # PEFT counts DoRA's magnitudes with B
        assert rates[id(one)] == pytest.approx(16e-3 if fast else 1e-3), key
    assert {group["weight_decay"] for group in optimiser.param_groups} >= {0.1}


def test_without_loraplus_all_rates_are_alike(tmp_path: Path) -> None:
    optimiser = trainer(tmp_path).create_optimizer()
    assert {group["lr"] for group in optimiser.param_groups} == {1e-3}


def test_a_step_of_adalora_has_the_regulariser(tmp_path: Path) -> None:
    made = trainer(tmp_path, method="adalora")
    made.create_optimizer_and_scheduler(1)
    made.training_step(made.model, {"examples": BATCH})
    # E is 0 in a fresh adapter, so the loss alone moves neither P nor Q.
    moved = [one.grad for key, one in made.model.named_parameters() if "lora_A" in key]
    assert moved
    assert all(float(grad.abs().sum()) > 0 for grad in moved if grad is not None)
    assert all(grad is not None for grad in moved)
