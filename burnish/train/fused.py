"""Adapted layers and norms that pass over memory fewer times; on a CPU, where passes cost most.

The arithmetic is PEFT's and transformers' own, and so are the modules: only their `forward` is
another. Sums go into the products' own results, dropped inputs are made again rather than kept,
and the gradient of a norm is one formula instead of a chain of eight.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import nn

from burnish.engines.memory import release_memory
from burnish.engines.packed import PACKED_AT_MOST, PackedBothWays, kinds_packed
from burnish.engines.scratch import scratch
from burnish.train import passes
from burnish.train.dropout import GapDropout, draw_places, drop
from burnish.train.fused_attention import HALVES_ROTATED, fused_attention
from burnish.train.fused_layers import Plain, frozen_and_adapters, gradients, layers_of
from burnish.train.fused_mlp import fused_mlp, is_gated

PACKED_FOR = torch.bfloat16
"""The precision whose products gain by weights in order."""


def fuse(model: PeftModel) -> None:
    """Give the plain LoRA layers and the RMS norms of a model on a CPU their fused forward."""
    if model.device.type != "cpu" or model.dtype not in passes.READY_FOR:
        return
    family = model.config.model_type
    adapted: list[Any] = [module for module in model.modules() if _is_plain(module)]
    for layer in adapted:
        layer.frozen = Plain(layer.base_layer)
        layer.forward = partial(_adapted, layer)
    _pack(model, adapted)
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = partial(_normed, module)
        elif is_gated(module):
            whole = _all_lean(module.gate_proj, module.up_proj, module.down_proj)
            module.forward = partial(fused_mlp if whole else _gated, module)
        elif type(module).__name__.endswith("Attention") and family in HALVES_ROTATED:
            together = _all_lean(module.q_proj, module.k_proj, module.v_proj)
            module.forward = partial(fused_attention, module, together=together)
    if family in HALVES_ROTATED:
        decoder: Any = model.get_base_model().base_model
        decoder.layers[-1].forward = partial(_last, decoder.layers[-1])
        decoder.narrows = True  # burnish.engines.rows asks


def _pack(model: PeftModel, adapted: Sequence[Any]) -> None:
    """Lay the weights of layers that widen in the orders of their products: those gain most by it.

    They are let go. All others are copied, as weights that came out of one file lie in memory as
    long as any of them is left.
    """
    embeddings = model.get_input_embeddings().weight  # may be the head's too
    layers = [layer for layer in adapted if _widens(layer.base_layer, embeddings)]
    if (
        not layers
        or model.dtype is not PACKED_FOR
        or model.dtype not in kinds_packed()
        or sum(layer.base_layer.weight.nbytes for layer in layers) > PACKED_AT_MOST
    ):
        return
    gone = {id(layer.base_layer.weight) for layer in layers}
    for layer in layers:
        layer.frozen = PackedBothWays(layer.base_layer)
    for weight in model.parameters():
        if id(weight) not in gone:
            weight.data = weight.data.clone()
    release_memory()  # packing leaves gaps as large as what it made


def _widens(layer: nn.Linear, embeddings: torch.Tensor) -> bool:
    return layer.out_features > layer.in_features and layer.weight is not embeddings


def _last(
    layer: Any, hidden_states: torch.Tensor, *, places: torch.Tensor | None = None, **options: Any
) -> torch.Tensor:
    """The last layer, after whose attention only the tokens at `places` matter to anyone."""
    normed = layer.input_layernorm(hidden_states)
    attended, _ = layer.self_attn(hidden_states=normed, wanted=places, **options)
    hidden = (hidden_states if places is None else hidden_states[:, places]) + attended
    out: torch.Tensor = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return out


def _is_plain(module: nn.Module) -> bool:
    """Whether it is LoRA over an ordinary linear layer, with dropout by gaps if any, and nothing
    else (no DoRA, no 4 bits)."""
    return (
        type(module) is LoraLinear
        and type(module.base_layer) is nn.Linear
        and not module.lora_variant
        and len(module.lora_A) == 1
        and not any(module.lora_bias.values())
        and not any(isinstance(each, nn.Dropout) for each in module.lora_dropout.values())
    )


def _all_lean(*layers: Any) -> bool:
    """Whether they are plain, and drop nothing."""
    return all(
        _is_plain(layer)
        and not any(isinstance(each, GapDropout) for each in layer.lora_dropout.values())
        for layer in layers
    )


def _adapted(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """x Wᵀ + b + scale · dropout(x) Aᵀ Bᵀ."""
    (name,) = layer.lora_A
    frozen, adapters = frozen_and_adapters([layer])
    dropout = layer.lora_dropout[name]
    places, p = None, 0.0
    if isinstance(dropout, GapDropout) and dropout.training:
        places, p = draw_places(x.numel(), dropout.p), dropout.p
    narrow = x.to(layer.base_layer.weight.dtype).flatten(0, -2)
    out: torch.Tensor = _Adapted.apply(narrow, frozen, places, p, *adapters)  # type: ignore[no-untyped-call]
    return out.view(*x.shape[:-1], out.shape[-1])


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        frozen: list[Any],
        places: torch.Tensor | None,
        p: float,
        *adapters: torch.Tensor,
    ) -> torch.Tensor:
        narrow = [matrix.to(x.dtype) for matrix in adapters]
        (layer,) = layers_of(frozen, narrow)
        inner = (x if places is None else drop(x, places, 1 / (1 - p))) @ layer.a.T
        ctx.save_for_backward(x, inner, places, *narrow)
        ctx.frozen, ctx.p = frozen, p
        return layer.forward(x, inner)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, places, *narrow = ctx.saved_tensors
        (grad,) = grads
        (layer,) = layers_of(ctx.frozen, narrow)
        again = 1 / (1 - ctx.p)
        of_inner = layer.of_inner(grad)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = layer.frozen.gradient(grad)
            if places is None:
                of_x.addmm_(of_inner, layer.a)
            else:
                of_x.add_(drop(of_inner @ layer.a, places, again))

        def products() -> list[torch.Tensor]:
            read = x if places is None else drop(x, places, again)
            return [of_inner.T @ read, layer.of_b(grad, inner)]

        return of_x, None, None, None, *gradients(narrow, products)


def _normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = _Norm.apply(x, norm.weight, norm.variance_epsilon)  # type: ignore[no-untyped-call]
    return out


class _Norm(torch.autograd.Function):
    """weight · x / sqrt(mean(x²) + eps), squares and means in float32."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        out, inverse = passes.norm(x.contiguous(), weight.float(), eps)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, inverse = ctx.saved_tensors
        (grad,) = grads
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (grad.float() * x * inverse).flatten(0, -2).sum(0).to(weight.dtype)
        of_x = passes.norm_gradient(x.contiguous(), weight.float(), inverse, grad.contiguous())
        return of_x, of_weight, None


def _gated(mlp: Any, x: torch.Tensor) -> torch.Tensor:
    gated: torch.Tensor = _Gate.apply(mlp.gate_proj(x), mlp.up_proj(x))  # type: ignore[no-untyped-call]
    out: torch.Tensor = mlp.down_proj(gated)
    return out


class _Gate(torch.autograd.Function):
    """silu(gate) · up; silu is computed again in the backward pass rather than kept."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return passes.gate(gate, up, torch.empty_like(gate))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        # What was kept for this pass is at an end, and its memory takes the gradients.
        again = scratch("gate", gate.shape, gate)
        passes.gate_gradients(gate, up, grads[0].contiguous(), again)
        return gate, up
