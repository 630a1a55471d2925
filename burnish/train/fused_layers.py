"""An adapted layer as matrices: what functions over several of them read and give back."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional


class Layer(NamedTuple):
    """x Wᵀ + scale · x Aᵀ Bᵀ, with A and B in the precision of x."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    scale: float
    a: torch.Tensor
    b: torch.Tensor

    def forward(self, x: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        """The layer's output; `inner` is x Aᵀ."""
        return functional.linear(x, self.weight, self.bias).addmm_(
            inner, self.b.T, alpha=self.scale
        )

    def of_inner(self, grad: torch.Tensor) -> torch.Tensor:
        """The gradient of x Aᵀ."""
        return (grad @ self.b).mul_(self.scale)

    def of_b(self, grad: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        """The gradient of B."""
        return (grad.T @ inner).mul_(self.scale)


def frozen_and_adapters(modules: Iterable[Any]) -> tuple[list[Any], list[torch.Tensor]]:
    """Weight, bias and scale of each LoRA layer, and A and B of all in turn."""
    frozen, adapters = [], []
    for layer in modules:
        (name,) = layer.lora_A
        frozen.append((layer.base_layer.weight, layer.base_layer.bias, layer.scaling[name]))
        adapters += [layer.lora_A[name].weight, layer.lora_B[name].weight]
    return frozen, adapters


def layers_of(frozen: list[Any], adapters: Sequence[torch.Tensor]) -> list[Layer]:
    """The layers of which `frozen_and_adapters` told."""
    parts = zip(frozen, adapters[::2], adapters[1::2], strict=True)
    return [Layer(weight, bias, scale, a, b) for (weight, bias, scale), a, b in parts]


def wide(*gradients: torch.Tensor) -> list[torch.Tensor]:
    """Gradients in the precision of the adapters."""
    return [gradient.float() for gradient in gradients]
