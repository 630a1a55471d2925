"""How examples lie in a row, and where their keys and values are kept while answers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Span:
    """Where one example's own tokens lie in a row.

    `branches` are starts of alternative endings: each sees the prefix, the example's tokens
    before the first branch, and itself, but no other branch.
    """

    start: int
    stop: int
    branches: tuple[int, ...] = ()


class KeyValues:
    """Keys and values of several examples, layer by layer, for answers written token by token.

    Attributes:
        lengths: int64 [examples], tokens stored for each.
    """

    def __init__(self, config: Any, lengths: Sequence[int], new: int, dtype: torch.dtype) -> None:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, 2, len(lengths), heads, max(lengths) + new, size)
        self._store = torch.zeros(shape, dtype=dtype)
        self.lengths = torch.tensor(lengths)

    def to(self, device: torch.device) -> "KeyValues":
        """Move to a device, in place."""
        self._store, self.lengths = self._store.to(device), self.lengths.to(device)
        return self

    def fill(self, layer: int, index: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store the prompt of one example: [heads, tokens, head size] each."""
        self._store[layer, 0, index, :, : keys.shape[1]] = keys
        self._store[layer, 1, index, :, : values.shape[1]] = values

    def append(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Store one new token of every example ([examples, heads, head size] each).

        Returns:
            [2, examples, heads, longest, head size], keys and values with the new token.
        """
        rows = torch.arange(len(self.lengths), device=self.lengths.device)
        self._store[layer, 0, rows, :, self.lengths] = keys
        self._store[layer, 1, rows, :, self.lengths] = values
        return self._store[layer, :, :, :, : int(self.lengths.max()) + 1]

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all examples but these."""
        self._store = self._store[:, :, rows].clone()
        self.lengths = self.lengths[rows]


@dataclass(frozen=True)
class Layout:
    """Which tokens of a row may see which.

    Attributes:
        prefix: number of tokens, at the row's start, that all examples share.
        spans: each example's own tokens, in order and without gaps.
        store: where keys and values are kept for answering, one entry a span.
        writing: the row is one new token of each example in `store`; there are no spans.
    """

    prefix: int = 0
    spans: tuple[Span, ...] = ()
    store: KeyValues | None = None
    writing: bool = False
