"""Packed layers: the same function, under adapters too, and the head left as it is."""

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny import tiny_model

from burnish.engines.packed import PackedBothWays, PackedLinear, pack


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_products_of_any_number_of_rows_are_those_of_the_layer(
    dtype: torch.dtype, bias: bool
) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(48, 80, bias=bias, dtype=dtype)
    packed = PackedLinear(layer)
    for shape in ((1, 48), (2, 33, 48), (300, 48)):
        rows = torch.randn(shape, dtype=dtype)
        close = {"rtol": 1e-5, "atol": 1e-5} if dtype is torch.float32 else {}
        torch.testing.assert_close(packed(rows), layer(rows).detach(), **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 33, 300])
def test_both_ways_equal_the_layer_whose_weights_are_let_go(
    dtype: torch.dtype, bias: bool, rows: int
) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(48, 80, bias=bias, dtype=dtype).requires_grad_(False)
    x = torch.randn(rows, 48, dtype=dtype)
    grad, total = torch.randn(rows, 80, dtype=dtype), torch.randn(rows, 48, dtype=dtype)
    wanted = (layer(x), grad @ layer.weight, torch.addmm(total, grad, layer.weight))
    packed = PackedBothWays(layer)
    found = (packed(x), packed.gradient(grad), packed.gradient(grad, total))
    close = {"rtol": 1e-5, "atol": 1e-4} if dtype is torch.float32 else {}
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, **close)
    assert layer.weight.shape == (80, 48)
    assert layer(x).isnan().all()


@pytest.mark.parametrize("use_dora", [False, True])
def test_a_model_under_an_adapter_answers_the_same(use_dora: bool) -> None:
    torch.manual_seed(0)
    config = LoraConfig(target_modules="all-linear", use_dora=use_dora, init_lora_weights=False)
    adapted = get_peft_model(copy.deepcopy(tiny_model("llama")), config).eval()
    assert isinstance(adapted, PeftModel)
    ids = torch.arange(20, 40)[None]
    with torch.no_grad():
        before = adapted(input_ids=ids).logits
        pack(adapted.get_base_model())
        after = adapted(input_ids=ids).logits
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    packed = sum(isinstance(one, PackedLinear) for one in adapted.modules())
    assert (packed == 0) == use_dora


def test_the_head_keeps_its_weights() -> None:
    model = tiny_model("llama")
    pack(model)
    assert type(model.get_output_embeddings()) is torch.nn.Linear
    assert sum(isinstance(one, PackedLinear) for one in model.modules()) == 7 * len(
        model.model.layers
    )
