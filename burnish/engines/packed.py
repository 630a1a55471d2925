"""Linear layers whose weights lie as oneDNN's products want them, for answering on a CPU.

A product with few rows, such as one token of each of 30 answers, spends most of its time bringing
the weights into this order; here that is done once. Measured in docs/experiments.md, "Answering".
"""

from collections.abc import Sized
from typing import Any

import torch


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


def pack(model: torch.nn.Module) -> None:
    """Replace a model's linear layers by packed ones, where there is a processor for them.

    The head stays: its weights may be those of the embeddings, and losses read them. So do
    adapters, and layers whose adapters read their weights (DoRA).
    """
    if not torch.backends.mkldnn.is_available():
        return
    kinds = {torch.float32}
    if _ops().mkldnn._is_mkldnn_bf16_supported():
        kinds.add(torch.bfloat16)
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
