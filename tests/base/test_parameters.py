"""Parameter counts follow from the figures: equal to transformers', PEFT's and published ones."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from burnish.base.catalogue import Catalogue
from burnish.base.figures import Figures, figures_of
from burnish.base.parameters import FAMILIES, count, count_adapters, matrices
from burnish.errors import BaseModelError

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 96,
    "max_position_embeddings": 128,
}
OWN = {
    "gpt2": {"num_key_value_heads": 4, "tie_word_embeddings": True},
    "gemma": {"head_dim": 16},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
    "mixtral": {"num_experts": 4, "num_experts_per_tok": 2},
    "granitemoe": {"num_experts": 4, "num_experts_per_tok": 2},
}
SIGLIP = {  # the vision tower of Gemma 3
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
    "num_attention_heads": 16, "patch_size": 14, "image_size": 896, "vision_use_head": False,
}  # fmt: skip
PUBLISHED = {  # total of the safetensors, as the hub shows it
    "smollm2-135m": 134_515_008,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.3-70b": 70_553_706_496,
    "mistral-7b-v0.1": 7_241_732_096,
    "mistral-7b-instruct-v0.3": 7_248_023_552,
    "mixtral-8x7b": 46_702_792_704,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-32b": 32_762_123_264,
    "gemma-2-9b": 9_241_705_984,
    "phi-3-mini": 3_821_079_552,
    "granite-3.3-8b": 8_170_864_640,
}


def small(family: str, **more: Any) -> Figures:
    return Figures.model_validate({"model_type": family, **SMALL, **OWN.get(family, {}), **more})


def built(figures: Figures) -> PreTrainedModel:
    """The model that transformers builds from the same figures, without memory for its weights."""
    keys = figures.model_dump(exclude={"model_type", "other_parameters"}, exclude_none=True)
    if figures.model_type in ("mixtral", "granitemoe"):
        keys["num_local_experts"] = keys.pop("num_experts")
    keys |= {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    if figures.model_type == "gpt2":
        keys["n_inner"] = keys.pop("intermediate_size")
    if figures.model_type == "gemma3":
        keys = {"text_config": keys, "vision_config": SIGLIP}
    config = AutoConfig.for_model(figures.model_type, **keys)
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


@pytest.mark.parametrize("family", sorted(FAMILIES - {"gemma3"}))
def test_counts_of_every_family_equal_those_of_transformers(family: str) -> None:
    assert count(small(family)) == built(small(family)).num_parameters()


@pytest.mark.parametrize("family", sorted(FAMILIES - {"gemma3", "gpt2", "phi", "granitemoe"}))
def test_tied_embeddings_count_once(family: str) -> None:
    tied = small(family, tie_word_embeddings=True)
    assert count(tied) == built(tied).num_parameters() == count(small(family)) - 96 * 32


@pytest.mark.parametrize("family", ["llama", "qwen3", "granite", "olmo2", "smollm3"])
def test_biases_count(family: str) -> None:
    biased = small(family, attention_bias=True)
    assert count(biased) == built(biased).num_parameters() > count(small(family))


@pytest.mark.parametrize("model", Catalogue(), ids=lambda model: model.name)
def test_counts_of_every_entry_equal_those_of_transformers(model: Any) -> None:
    assert model.parameters == built(model.figures).num_parameters()


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_equal_published_ones(name: str) -> None:
    model = Catalogue().get(name)
    assert model is not None
    assert model.parameters == PUBLISHED[name]


def test_one_token_meets_the_experts_it_is_sent_to() -> None:
    mixtral, llama = Catalogue().get("mixtral-8x7b"), Catalogue().get("llama-3.1-8b")
    assert mixtral is not None
    assert llama is not None
    assert mixtral.active_parameters == 12_879_925_248
    assert llama.active_parameters == llama.parameters


@pytest.mark.parametrize("family", sorted(FAMILIES - {"gemma3"}))
@pytest.mark.filterwarnings("ignore")
def test_adapters_are_counted_as_peft_makes_them(family: str) -> None:
    model = built(small(family))
    settings = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    made = get_peft_model(model, settings)
    trained = sum(each.numel() for each in made.parameters() if each.requires_grad)
    assert count_adapters(small(family), 4, "all-linear") == trained


def test_adapters_of_named_layers() -> None:
    llama = small("llama")
    assert count_adapters(llama, 8, ("q_proj", "v_proj")) == 2 * 8 * (32 + 32 + 32 + 16)
    assert count_adapters(llama, 8, "o_proj") == 2 * 8 * 64


@pytest.mark.parametrize("family", sorted(FAMILIES - {"gemma3"}))
def test_figures_are_read_back_from_a_configuration(family: str) -> None:
    config = built(small(family)).config.to_dict()
    read = figures_of(config, "config.json")
    assert count(read) == count(small(family))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(BaseModelError, match="mamba"):
        matrices(small("llama").model_copy(update={"model_type": "mamba"}))
