"""How long training and answering take, from floating-point operations and bytes moved.

Matrix products take their operations at the measured rate; everything between them takes the
bytes that it reads and writes at the measured bandwidth. Counted for the rows of
burnish.engines.rows: no padding, and logits where there is a loss.
"""

from burnish.base.figures import Figures
from burnish.base.machine import Speed
from burnish.base.memory import Plan, Precision, block_bytes, stored_bytes
from burnish.base.parameters import count, count_active, count_adapters, matrices

_PASSES = 6
"""How often a kept activation is moved: written and read going forward, its gradient written and
read going back, and read once more on either way."""


def training_flops(figures: Figures, plan: Plan, *, length: int) -> float:
    """Floating-point operations to train on one token.

    A product with the weights costs two going forward and two going back, and two more where the
    weights are trained (Kaplan et al. 2020, section 2.1).

    Args:
        length: tokens of an example, which each token may look back over.
    """
    weights = figures.num_hidden_layers * sum(
        matrix.parameters // matrix.copies * _met(figures, matrix.copies)
        for matrix in matrices(figures)
    )
    share = 1.0 if plan.answer_tokens is None else plan.answer_tokens / plan.tokens
    weights += round(share * figures.vocab_size * figures.hidden_size)
    each = 6 if plan.method == "full" else 4
    if plan.checkpointing:
        each += 2
    queries = figures.num_attention_heads * figures.head_dim
    attention = 2 * figures.num_hidden_layers * queries * length * (3.5 + plan.checkpointing)
    adapters = 0 if plan.method == "full" else count_adapters(figures, plan.r, plan.targets)
    return each * weights + 6 * adapters + attention


def training_seconds(
    figures: Figures, plan: Plan, *, tokens: int, length: int, speed: Speed
) -> float:
    """Seconds to train on so many tokens.

    Args:
        tokens: true tokens, of all epochs.
        length: tokens of an example.
    """
    rate = speed.float32 if plan.dtype == "float32" else speed.bfloat16
    products = tokens * training_flops(figures, plan, length=length) / (rate * 1e9)
    again = 1 + 0.5 * plan.checkpointing
    kept = figures.num_hidden_layers * block_bytes(figures, plan) * again
    share = 1.0 if plan.answer_tokens is None else plan.answer_tokens / plan.tokens
    moved = _PASSES * (kept + 4 * share * figures.vocab_size)
    return products + tokens * moved / (speed.bandwidth * 1e9)


def answer_seconds(
    figures: Figures, *, prompt: int, new: int, speed: Speed, precision: Precision = "bfloat16"
) -> float:
    """Seconds to answer one request alone: the prompt is multiplied through, and every new token
    reads all weights once.
    """
    rate = speed.float32 if precision == "float32" else speed.bfloat16
    weights = sum(
        matrix.parameters // matrix.copies * _met(figures, matrix.copies)
        for matrix in matrices(figures)
    )
    reading = 2 * prompt * figures.num_hidden_layers * weights / (rate * 1e9)
    per_token = stored_bytes(figures, precision) * _share_met(figures) / (speed.bandwidth * 1e9)
    return reading + new * per_token


def _met(figures: Figures, copies: int) -> int:
    """How many copies of a matrix one token meets."""
    return figures.num_experts_per_tok if copies > 1 else 1


def _share_met(figures: Figures) -> float:
    """Share of the weights that one token meets."""
    return count_active(figures) / count(figures)
