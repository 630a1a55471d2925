"""What a method adds to a model, and what it refuses."""

import pytest
import torch
from tiny import tiny_model
from transformers import PreTrainedModel

from burnish.errors import TrainingError
from burnish.records import TrainSettings
from burnish.train.methods import adapt

IDS = torch.randint(3, 300, (1, 12), generator=torch.Generator().manual_seed(0))

pytestmark = pytest.mark.filterwarnings("ignore")


def test_checkpointing_keeps_fewer_activations() -> None:
    def kept(*, checkpointing: bool) -> int:
        model = adapt(tiny_model("llama"), TrainSettings())
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        model.train()
        count = 0

        def note(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal count
            count += 1
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            model(input_ids=IDS)
        return count

    assert kept(checkpointing=True) < kept(checkpointing=False) / 2


@pytest.mark.parametrize("method", ["lora", "dora", "adalora"])
@pytest.mark.parametrize("family", ["gpt2", "phi3", "qwen3"])
def test_adapters_fit_layers_of_other_families(method: str, family: str) -> None:
    model: PreTrainedModel = tiny_model(family)
    with torch.no_grad():
        before = model(input_ids=IDS).logits
    adapted = adapt(model, TrainSettings.model_validate({"method": method}), steps=20)
    adapted.eval()
    with torch.no_grad():
        after = adapted(input_ids=IDS).logits
    assert torch.allclose(after, before, atol=1e-5), "a fresh adapter changes answers"
    trained = [key for key, one in adapted.named_parameters() if one.requires_grad]
    assert trained
    assert all("lora" in key for key in trained)


def test_modules_to_save_that_are_not_there_are_refused() -> None:
    settings = TrainSettings(modules_to_save=("embed_token",))
    with pytest.raises(TrainingError, match="'embed_token'") as caught:
        adapt(tiny_model("llama"), settings)
    assert "embed_tokens" in caught.value.hint


def test_pissa_of_a_rank_beyond_a_layer_is_refused() -> None:
    settings = TrainSettings(init_lora_weights="pissa", r=24)
    with pytest.raises(TrainingError, match=r"r is 24, but .* has 16 singular") as caught:
        adapt(tiny_model("llama"), settings)
    assert "train.r: 16" in caught.value.hint
