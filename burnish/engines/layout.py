"""How examples lie in a row, and where their keys and values are kept while answers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from burnish.engines.relay import Relay


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
    """Keys and values of the examples that are answered at the moment, layer by layer.

    The examples lie in the first rows, without gaps: where one leaves, the last takes its row.

    Attributes:
        lengths: int64 [examples], tokens stored for each.
        rows: examples that there is room for.
        token_bytes: that a token's keys and values take.
    """

    def __init__(
        self, config: Any, rows: int, length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._layers = [
            torch.zeros(2, rows, heads, length, size, dtype=dtype, device=device)
            for _ in range(config.num_hidden_layers)
        ]
        self.lengths = torch.zeros(0, dtype=torch.long, device=device)
        self._entered = 0
        one = self._layers[0]
        self.token_bytes = len(self._layers) * 2 * heads * size * one.element_size()

    @property
    def rows(self) -> int:
        return self._layers[0].shape[1]

    def resize(self, rows: int, length: int) -> None:
        """Make room for so many examples of so many tokens; those that are there stay."""
        held = len(self.lengths)
        most = int(self.lengths.max()) if held else 0
        for layer, old in enumerate(self._layers):
            new = old.new_zeros(2, rows, old.shape[2], length, old.shape[4])
            new[:, :held, :, :most] = old[:, :held, :, :most]
            self._layers[layer] = new

    def enter(self, lengths: Sequence[int]) -> None:
        """Take in examples with so many tokens each, which `fill` then stores."""
        self._entered = len(self.lengths)
        self.lengths = torch.cat([self.lengths, self.lengths.new_tensor(lengths)])

    def fill(self, layer: int, index: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store the prompt of one of the examples that entered: [heads, tokens, head size] each."""
        row = self._entered + index
        self._layers[layer][0, row, :, : keys.shape[1]] = keys
        self._layers[layer][1, row, :, : values.shape[1]] = values

    def append(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Store one new token of every example ([examples, heads, head size] each).

        Returns:
            [2, examples, heads, longest, head size], keys and values with the new token.
        """
        held = len(self.lengths)
        rows = torch.arange(held, device=self.lengths.device)
        store = self._layers[layer]
        store[0, rows, :, self.lengths] = keys
        store[1, rows, :, self.lengths] = values
        return store[:, :held, :, : int(self.lengths.max()) + 1]

    def leave(self, row: int) -> None:
        """Forget an example."""
        last = len(self.lengths) - 1
        if row != last:
            length = int(self.lengths[last])
            for store in self._layers:
                store[:, row, :, :length] = store[:, last, :, :length]
            self.lengths[row] = length
        self.lengths = self.lengths[:last]


@dataclass(frozen=True)
class Layout:
    """Which tokens of a row may see which.

    Attributes:
        prefix: number of tokens, at the row's start, that all examples share.
        spans: each example's own tokens, in order and without gaps.
        store: where keys and values are kept for answering, one entry a span.
        writing: the row is one new token of each example in `store`; there are no spans.
        part: which of the row's parts this is, where `relay` joins several.
    """

    prefix: int = 0
    spans: tuple[Span, ...] = ()
    store: KeyValues | None = None
    writing: bool = False
    part: int = 0
    relay: Relay | None = None

    @property
    def tokens(self) -> tuple[int, int | None]:
        """Where this part of the row begins and ends; None is the end of the row."""
        if self.relay is None:
            return 0, None
        ends = (0, *self.relay.ends)
        return ends[self.part], ends[self.part + 1]
