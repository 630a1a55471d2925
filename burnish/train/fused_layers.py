"""An adapted layer as matrices: what functions over several of them read and give back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from burnish.engines.packed import PackedBothWays
from burnish.engines.relay import later


class Plain:
    """A frozen layer as it is, with the gradient of what it reads; see `PackedBothWays`."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self._layer.weight, self._layer.bias)

    def gradient(self, grad: torch.Tensor, total: torch.Tensor | None = None) -> torch.Tensor:
        """[rows, out] to [rows, in], added to a total that is there already, in its place."""
        weight = self._layer.weight
        return grad @ weight if total is None else total.addmm_(grad, weight)


class Layer(NamedTuple):
    """x Wᵀ + b + scale · x Aᵀ Bᵀ, with A and B in the precision of x."""

    frozen: Plain | PackedBothWays
    scale: float
    a: torch.Tensor
    b: torch.Tensor

    def forward(self, x: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        """The layer's output; `inner` is x Aᵀ."""
        product: torch.Tensor = self.frozen(x)
        return product.addmm_(inner, self.b.T, alpha=self.scale)

    def of_inner(self, grad: torch.Tensor) -> torch.Tensor:
        """The gradient of x Aᵀ."""
        return (grad @ self.b).mul_(self.scale)

    def of_b(self, grad: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        """The gradient of B."""
        return (grad.T @ inner).mul_(self.scale)


def frozen_and_adapters(modules: Iterable[Any]) -> tuple[list[Any], list[torch.Tensor]]:
    """What is frozen in each LoRA layer (its `frozen`), with its scale; and A and B of all in
    turn."""
    frozen, adapters = [], []
    for layer in modules:
        (name,) = layer.lora_A
        frozen.append((layer.frozen, layer.scaling[name]))
        adapters += [layer.lora_A[name].weight, layer.lora_B[name].weight]
    return frozen, adapters


def layers_of(frozen: list[Any], adapters: Sequence[torch.Tensor]) -> list[Layer]:
    """The layers of which `frozen_and_adapters` told."""
    parts = zip(frozen, adapters[::2], adapters[1::2], strict=True)
    return [Layer(weight, scale, a, b) for (weight, scale), a, b in parts]


def gradients(
    adapters: Sequence[torch.Tensor], products: Callable[[], Sequence[torch.Tensor]]
) -> list[torch.Tensor]:
    """Gradients of adapters, float32, that are filled before the block of `deferring` ends.

    Nothing on the way back reads them, so whoever waits makes them. That holds where each adapter
    is met once on the way: autograd would add up a second one at once.

    Args:
        products: makes the gradient of each; what it reads has to stay as it is.
    """
    made = [torch.empty_like(adapter, dtype=torch.float32) for adapter in adapters]

    def fill() -> None:
        for gradient, product in zip(made, products(), strict=True):
            gradient.copy_(product)

    later(fill)
    return made
