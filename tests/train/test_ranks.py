"""AdaLoRA: when ranks fall, and that the regulariser is PEFT's own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tiny import tiny_model

from burnish.errors import TrainingError
from burnish.records import TrainSettings
from burnish.train.methods import adapt
from burnish.train.ranks import add_orthogonality, kept_ranks, schedule
from burnish.train.saving import saver

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_regulariser_has_the_gradients_that_peft_gives() -> None:
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    settings = TrainSettings(method="adalora", r=4, lora_dropout=0.0)

    def gradients(*, own: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model: Any = adapt(tiny_model("llama"), settings, steps=20)
        # PEFT adds it to a loss that it is given labels for; without labels, it adds nothing.
        inner = model.get_base_model()
        (inner if own else model)(input_ids=ids, labels=ids).loss.backward()
        if own:
            add_orthogonality(model)
        return {key: one.grad for key, one in model.named_parameters() if "lora_" in key}

    wanted, given = gradients(own=False), gradients(own=True)
    assert sum(float(one.abs().sum()) for key, one in wanted.items() if "lora_A" in key) > 0
    for key, one in wanted.items():
        assert torch.allclose(given[key], one, atol=1e-7), key


def test_the_schedule_follows_the_steps_of_the_run() -> None:
    settings = TrainSettings(method="adalora")
    assert schedule(settings, 100) == {"tinit": 10, "tfinal": 40, "deltaT": 2, "total_step": 100}
    for steps in range(2, 40):
        found = schedule(settings, steps)
        assert found["tinit"] + found["tfinal"] < steps
        assert found["deltaT"] >= 1
    own = settings.model_copy(update={"tinit": 3, "tfinal": 0, "deltaT": 7})
    assert schedule(own, 9) == {"tinit": 3, "tfinal": 0, "deltaT": 7, "total_step": 9}


def test_a_schedule_without_room_is_refused() -> None:
    settings = TrainSettings(method="adalora", tinit=5, tfinal=5)
    with pytest.raises(TrainingError, match="the run has 10 steps, with 5 before"):
        schedule(settings, 10)
    with pytest.raises(TrainingError, match="the run has 1 steps"):
        schedule(TrainSettings(method="adalora"), 1)


def test_ranks_that_grew_again_between_allocations_are_saved(tmp_path: Path) -> None:
    settings = TrainSettings(method="adalora", r=2, tinit=1, tfinal=1, deltaT=4)
    model: Any = adapt(tiny_model("llama"), settings, steps=9)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    counts = []
    for step in range(1, 6):
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        model.base_model.update_and_allocate(step)
        optimiser.zero_grad()
        counts.append(sum(map(sum, kept_ranks(model).values())))
    assert counts[3] < counts[2]
    assert counts[4] > counts[3]
    model.eval()
    with torch.no_grad():
        wanted = model(input_ids=ids).logits
        saver(model, settings)(tmp_path / "adapter")
        loaded = PeftModel.from_pretrained(tiny_model("llama"), str(tmp_path / "adapter"))
        assert torch.allclose(loaded(input_ids=ids).logits, wanted, atol=1e-6)


@pytest.mark.parametrize("steps", [2, 3])
def test_a_run_of_few_steps_allocates_too(steps: int) -> None:
    settings = TrainSettings(method="adalora", r=2)
    model: Any = adapt(tiny_model("llama"), settings, steps=steps)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    for step in range(1, steps + 1):
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        model.base_model.update_and_allocate(step)
        optimiser.zero_grad()
    kept = kept_ranks(model)
    assert sum(map(sum, kept.values())) <= 2 * len(kept)
