"""Examples of a step dealt to workers so that all are done at about the same time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from burnish.chat.render import Encoded
from burnish.engines.rows import Row, common_prefix, make_rows

JOINT = 0.85
"""Speed of one row on all cores, over that of as many rows side by side (docs/experiments.md)."""
PAIR_COST = 2.0
"""Time of an operation of attention, over that of one of the layers: its products are small, and
every second pass is not a product."""


@dataclass(frozen=True)
class Work:
    """Floating-point operations of a step, forward and backward.

    Attributes:
        token: the layers, for a token: forward, the gradient of the input, and of the weights that
            train.
        pair: attention, for two tokens of which one sees the other, in all layers.
        target: the head, for a token with a loss.
    """

    token: float
    pair: float
    target: float

    @classmethod
    def of(cls, model: torch.nn.Module) -> "Work":
        """Counted from the model's matrices."""
        whole: Any = model.config
        config = whole.get_text_config()
        matrices = [
            (weight.numel(), weight.requires_grad)
            for name, weight in model.named_parameters()
            if weight.dim() == 2 and "embed" not in name and "lm_head" not in name
        ]
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        return cls(
            token=float(sum(count * (6 if trains else 4) for count, trains in matrices)),
            pair=12.0 * heads * size * config.num_hidden_layers,
            target=4.0 * config.vocab_size * config.hidden_size,
        )

    def needed(self, lengths: Sequence[int], prefix: int, targets: int) -> float:
        """Of examples with so many own tokens each, after a prefix that they share."""
        pairs = _triangle(prefix) + sum(own * prefix + _triangle(own) for own in lengths)
        return self.token * (prefix + sum(lengths)) + self.pair * pairs + self.target * targets


@dataclass(frozen=True)
class Hand:
    """What one worker runs: examples, and rows whose owners count them."""

    examples: Sequence[Encoded]
    rows: list[Row]


def deal(
    examples: Sequence[Encoded], tokens_per_row: int, work: Work, *, share: bool, workers: int
) -> list[Hand]:
    """The examples in one hand for each worker, or in a single one for all cores together.

    Several hands lay a common prefix several times; a single one waits at every small pass. What
    takes less time by `work` is taken.

    Args:
        tokens_per_row: of all workers at the same time.
        share: put several examples in a row; otherwise each has a row of its own.
    """
    single = Hand(examples, make_rows(examples, tokens_per_row, share=share))
    if workers == 1 or len(examples) == 1:
        return [single]
    prefix = common_prefix(examples) if share else 0
    slower = Work(work.token, work.pair * PAIR_COST, work.target)

    def cost(example: Encoded) -> float:
        own = len(example.ids) - prefix
        return slower.needed([own], 0, sum(example.trained)) + slower.pair * own * prefix

    dealt: list[list[Encoded]] = [[] for _ in range(min(workers, len(examples)))]
    times = [slower.needed([], prefix, 0)] * len(dealt)
    for example in sorted(examples, key=cost, reverse=True):
        at = times.index(min(times))
        dealt[at].append(example)
        times[at] += cost(example)
    together = slower.needed([], prefix, 0) + sum(map(cost, examples))
    if together / (workers * JOINT) <= max(times):
        return [single]
    return [Hand(hand, make_rows(hand, tokens_per_row // workers, share=share)) for hand in dealt]


def _triangle(n: int) -> float:
    return n * (n + 1) / 2
