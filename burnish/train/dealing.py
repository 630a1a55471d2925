"""The rows of a step shared out to workers so that all are done at about the same time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from burnish.chat.render import Encoded
from burnish.engines.rows import Row, cut, make_rows

PAIR_COST = 1.5
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


def deal(
    examples: Sequence[Encoded], tokens_per_row: int, work: Work, *, share: bool, workers: int
) -> list[list[Row]]:
    """The rows of a step, for each worker: parts of them all, or whole ones of one example each.

    Args:
        tokens_per_row: of all workers at the same time.
        share: put several examples in a row; otherwise each has a row of its own.
    """
    rows = make_rows(examples, tokens_per_row, share=share)
    if workers == 1:
        return [rows]
    if share:
        parts = [cut(row, ends(row, work, workers)) for row in rows]
        return [list(each) for each in zip(*parts, strict=True)]
    dealt: list[list[Row]] = [[] for _ in range(min(workers, len(rows)))]
    times = [0.0] * len(dealt)
    for row in sorted(rows, key=lambda row: row.tokens, reverse=True):
        at = times.index(min(times))
        dealt[at].append(row)
        times[at] += row.tokens
    return dealt


@contextmanager
def joined(rows: Sequence[Row]) -> Iterator[None]:
    """Run a worker's rows; where that fails, the workers with the other parts fail too."""
    try:
        yield
    except BaseException as fault:
        for row in rows:
            if row.layout.relay:
                row.layout.relay.fail(fault)
        raise


def ends(row: Row, work: Work, workers: int) -> tuple[int, ...]:
    """Where to cut a row so that all its parts need the same time for layers and attention, as they
    share the head; each has a token at least."""
    length, head = row.input_ids.shape[1], row.layout.prefix
    seen = torch.arange(1, length + 1)
    for span in row.layout.spans:
        seen[span.start : span.stop] += head - span.start
    cost = work.token + work.pair * PAIR_COST * seen
    done = cost.cumsum(0)
    found = [int(torch.searchsorted(done, done[-1] * each / workers)) for each in range(1, workers)]
    for at, each in enumerate(found):
        least = found[at - 1] + 1 if at else 1
        found[at] = min(max(each, least), length - workers + at + 1)
    return (*found, length)


def _triangle(n: int) -> float:
    return n * (n + 1) / 2
