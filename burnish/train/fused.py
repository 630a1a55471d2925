"""Adapted layers and norms that pass over memory fewer times; on a CPU, where passes cost most.

The arithmetic is PEFT's and transformers' own, and so are the modules: only their `forward` is
another. Sums go into the products' own results, dropped inputs are made again rather than kept,
and the gradient of a norm is one formula instead of a chain of eight.
"""

from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import nn
from torch.nn import functional

from burnish.engines.scratch import scratch
from burnish.train import passes
from burnish.train.dropout import GapDropout, draw_places, drop
from burnish.train.fused_attention import HALVES_ROTATED, fused_attention
from burnish.train.fused_mlp import fused_mlp, is_gated


def fuse(model: PeftModel) -> None:
    """Give the plain LoRA layers and the RMS norms of a model on a CPU their fused forward."""
    if model.device.type != "cpu" or model.dtype not in passes.READY_FOR:
        return
    family = model.config.model_type
    for module in model.modules():
        if _is_plain(module):
            module.forward = partial(_adapted, module)
        elif type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
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
    base, dropout = layer.base_layer, layer.lora_dropout[name]
    places = None
    if isinstance(dropout, GapDropout) and dropout.training:
        places = draw_places(x.numel(), dropout.p)
    out: torch.Tensor = _Adapted.apply(  # type: ignore[no-untyped-call]
        x.to(base.weight.dtype).flatten(0, -2),
        base.weight,
        base.bias,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        layer.scaling[name],
        places,
        dropout.p if places is not None else 0.0,
    )
    return out.view(*x.shape[:-1], out.shape[-1])


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
        places: torch.Tensor | None,
        p: float,
    ) -> torch.Tensor:
        a, b = a.to(x.dtype), b.to(x.dtype)
        out = functional.linear(x, weight, bias)
        inner = (x if places is None else drop(x, places, 1 / (1 - p))) @ a.T
        out.addmm_(inner, b.T, alpha=scale)
        ctx.save_for_backward(x, weight, a, b, inner, places)
        ctx.scale, ctx.p = scale, p
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, a, b, inner, places = ctx.saved_tensors
        (grad,) = grads
        of_inner = (grad @ b).mul_(ctx.scale)
        of_b = (grad.T @ inner).mul_(ctx.scale)
        of_x = grad @ weight if ctx.needs_input_grad[0] else None
        if places is None:
            of_a = of_inner.T @ x
            if of_x is not None:
                of_x.addmm_(of_inner, a)
        else:
            again = 1 / (1 - ctx.p)
            of_a = of_inner.T @ drop(x, places, again)
            if of_x is not None:
                of_x.add_(drop(of_inner @ a, places, again))
        return of_x, None, None, of_a.float(), of_b.float(), None, None, None


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
