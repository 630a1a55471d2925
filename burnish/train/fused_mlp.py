"""A gated feed-forward of three adapted layers as one function: silu(gate) · up, and then down.

What lies between the layers is made again in the backward pass, in memory that every block uses
anew; gate and up read their input together, and its gradient is added up inside the products.
"""

from typing import Any

import torch
from torch import nn
from transformers.activations import SiLUActivation

from burnish.engines.scratch import scratch
from burnish.train import passes
from burnish.train.fused_layers import frozen_and_adapters, gradients, layers_of


def is_gated(module: nn.Module) -> bool:
    """Whether it is silu(gate) · up and then down, each a layer of its own (no fused experts)."""
    layers = (getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj"))
    return isinstance(getattr(module, "act_fn", None), nn.SiLU | SiLUActivation) and all(
        isinstance(layer, nn.Module) for layer in layers
    )


def fused_mlp(mlp: Any, x: torch.Tensor) -> torch.Tensor:
    """The forward of a feed-forward whose three layers are plain LoRA without dropout."""
    frozen, adapters = frozen_and_adapters([mlp.gate_proj, mlp.up_proj, mlp.down_proj])
    narrow = x.to(mlp.gate_proj.base_layer.weight.dtype).flatten(0, -2)
    out: torch.Tensor = _Mlp.apply(narrow, frozen, *adapters)  # type: ignore[no-untyped-call]
    return out.view(*x.shape[:-1], out.shape[-1])


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, frozen: list[Any], *adapters: torch.Tensor
    ) -> torch.Tensor:
        narrow = [matrix.to(x.dtype) for matrix in adapters]
        gate, up, down = layers_of(frozen, narrow)
        inner = x @ torch.cat([gate.a, up.a]).T
        of_gate, of_up = inner.split([len(gate.a), len(up.a)], 1)
        opened, passed = gate.forward(x, of_gate), up.forward(x, of_up)
        gated = passes.gate(opened, passed, scratch("gated", opened.shape, opened))
        middle = gated @ down.a.T
        ctx.frozen = frozen
        ctx.save_for_backward(x, inner, opened, passed, middle, *narrow)
        return down.forward(gated, middle)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, opened, passed, middle, *narrow = ctx.saved_tensors
        gate, up, down = layers_of(ctx.frozen, narrow)
        (grad,) = grads
        gated = scratch("gated", opened.shape, opened)
        of_middle = down.of_inner(grad)
        steep = down.frozen.gradient(grad).addmm_(of_middle, down.a)
        # What was kept for this pass is at an end, and its memory takes the gradients.
        passes.gate_gradients(opened, passed, steep, gated)
        of_opened, of_passed = opened, passed
        down_a = of_middle.T @ gated  # now, as the next block writes over `gated`
        both = torch.cat([gate.of_inner(of_opened), up.of_inner(of_passed)], 1)
        sizes = [len(gate.a), len(up.a)]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = up.frozen.gradient(of_passed, gate.frozen.gradient(of_opened))
            of_x.addmm_(both, torch.cat([gate.a, up.a]))

        def products() -> list[torch.Tensor]:
            gate_a, up_a = (both.T @ x).split(sizes)
            gate_inner, up_inner = inner.split(sizes, 1)
            of_gate = [gate_a, gate.of_b(of_opened, gate_inner)]
            of_up = [up_a, up.of_b(of_passed, up_inner)]
            return [*of_gate, *of_up, down_a, down.of_b(grad, middle)]

        return of_x, None, *gradients(narrow, products)
