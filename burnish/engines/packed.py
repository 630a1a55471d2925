"""Linear layers whose weights lie as oneDNN's products want them, on a CPU.

A product with few rows, such as one token of each of 30 answers, spends most of its time bringing
the weights into this order, and one with 400 rows still a tenth; here that is done once. Measured
in docs/experiments.md, "Answering" and "Weights in order".
"""

from collections.abc import Sized
from typing import Any

import torch

PACKED_AT_MOST = 2**30
"""Bytes of weights that may lie in memory twice, in the orders of their products there and back."""


class PackedLinear(torch.nn.Module):
    """The same function as a linear layer, without gradients.

    Args:
        layer: on a CPU, in float32 or bfloat16; it can be let go afterwards.
    """

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        self._weight = _ops().mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[…, in] to [… , out]."""
        product: torch.Tensor = _ops().mkldnn._linear_pointwise(
            rows, self._weight, self.bias, "none", [], ""
        )
        return product


class PackedBothWays:
    """A frozen layer for training: its product, and the gradient of what it reads.

    The weights lie in one order for each; the layer's own are let go, and NaN stands in their
    place, so that whoever reads them notices.

    Args:
        layer: on a CPU, in a precision of `kinds_packed`.
    """

    def __init__(self, layer: torch.nn.Linear) -> None:
        weight = layer.weight.detach()
        self._there = _ops().mkldnn._reorder_linear_weight(weight, _ROWS)
        self._back = _ops().mkldnn._reorder_linear_weight(weight.T, _ROWS)
        self._bias = layer.bias
        layer.weight.data = weight.new_full((1, 1), torch.nan).expand(weight.shape)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[rows, in] to [rows, out]."""
        product: torch.Tensor = _ops().mkldnn._linear_pointwise(
            x, self._there, self._bias, "none", [], ""
        )
        return product

    def gradient(self, grad: torch.Tensor, total: torch.Tensor | None = None) -> torch.Tensor:
        """[rows, out] to [rows, in], added to a total that is there already."""
        linear = _ops().mkldnn._linear_pointwise
        product: torch.Tensor = (
            linear(grad, self._back, None, "none", [], "")
            if total is None
            else linear.binary(grad, total, self._back, None, "add")
        )
        return product


def kinds_packed() -> set[torch.dtype]:
    """Precisions in which this processor has products of packed weights."""
    if not torch.backends.mkldnn.is_available():
        return set()
    bfloat16 = _ops().mkldnn._is_mkldnn_bf16_supported()
    return {torch.float32, torch.bfloat16} if bfloat16 else {torch.float32}


def pack(model: torch.nn.Module) -> None:
    """Replace a model's linear layers by packed ones, where there is a processor for them.

    The head stays: its weights may be those of the embeddings, and losses read them. So do
    adapters, and layers whose adapters read their weights (DoRA).
    """
    kinds = kinds_packed()
    head = model.get_output_embeddings()  # type: ignore[operator]
    for parent in list(model.modules()):
        if isinstance(parent, torch.nn.ModuleDict) or len(_magnitudes(parent)):
            continue
        for name, layer in list(parent.named_children()):
            if type(layer) is torch.nn.Linear and layer is not head and _fits(layer, kinds):
                setattr(parent, name, PackedLinear(layer))


def _magnitudes(layer: torch.nn.Module) -> Sized:
    """What DoRA scales the columns of a layer's weights to."""
    found: Sized = getattr(layer, "lora_magnitude_vector", ())
    return found


def _fits(layer: torch.nn.Linear, kinds: set[torch.dtype]) -> bool:
    return layer.weight.device.type == "cpu" and layer.weight.dtype in kinds


_ROWS = 32
"""Rows that the order of the weights is chosen for; it serves any number."""


def _ops() -> Any:
    return torch.ops
