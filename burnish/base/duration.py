"""How long training and answering take, from what is computed and the measured rates of a machine.

Counted from the code that runs: products with the layers' weights and the head; those of adapters
and of attention; passes over activations, logits and trained weights; new memory for what is large;
4-bit weights unpacked and dropped elements drawn; and, on a CPU, what every operation takes beside
its work. Rows are those of burnish.engines.rows: no padding, and logits where there is a loss.
"""

from math import exp

from burnish.base.figures import Figures
from burnish.base.memory import (
    Plan,
    Precision,
    count_trained,
    seen_in_blocks,
    stored_bytes,
    width_of,
)
from burnish.base.parameters import adapted, count, count_active, count_adapters, matrices
from burnish.base.speed import Speed

CALLS = {"lora": 530, "qlora": 710, "full": 280}
CALLS_A_BLOCK = 53
"""Operations of a layer for one row, forward and backward; for each block of its attention: what
torch's profiler counts, nodes of autograd too, but nothing that another operation calls."""
CALLS_UNPACKING = 80
"""Operations' time that a matrix in 4 bits takes in Python, unseen by the profiler (0.31 ms, an
ordinary one 0.11). Python runs in one thread at a time: rows side by side take turns."""
CALLS_A_TENSOR = 40
"""Operations' time that a step takes for each trained tensor beside its bytes: summing, clipping,
stepping and zeroing take 12 ms for 112 adapters."""
WAITING = 6
"""Times that an operation's overhead lasts where rows run side by side, as their threads wait for
one another: a row of 256 tokens of a small model takes 0.185 s alone and 0.26 beside another."""
DROPPED_PASSES = 9
"""Passes over an adapter's input that dropout takes: dropped, dropped again, and its gradient."""
SCORE_PASSES = 12
"""Passes over the scores of attention in blocks, forward and backward."""
STEP_BYTES = 40
"""Moved in place for a trained weight: AdamW reads four numbers and writes three, clipping three
more."""
ADDED_BYTES = 12
"""Moved in place for a trained weight when a further row's gradient is added."""
GIVEN_BACK = 2.0
"""Seconds after which Linux tells the host of a virtual machine of free memory (page_reporting.c).
Written 0.3, 0.6, 1, 2 and 3 s after it was freed, 15, 28, 49, 66 and 67% of it came slowly."""


def training_flops(figures: Figures, plan: Plan, *, length: int) -> float:
    """Floating-point operations to train on one token.

    A product with the weights costs two going forward and two going back, and two more where the
    weights are trained (Kaplan et al. 2020, section 2.1).

    Args:
        length: tokens of an example, which each token may look back over.
    """
    attention = _attention_flops(figures, plan, length)
    return _layer_flops(figures, plan) + _adapter_flops(figures, plan) + attention


def training_seconds(
    figures: Figures, plan: Plan, *, tokens: int, length: int, speed: Speed
) -> float:
    """Seconds to train on so many tokens.

    Args:
        tokens: true tokens, of all epochs.
        length: tokens of an example.
    """
    rate = speed.float32 if plan.dtype == "float32" else speed.bfloat16
    if plan.rows == 1:
        rate *= speed.joint
    a_token = _layer_flops(figures, plan) / (rate * 1e9)
    a_token += _adapter_flops(figures, plan) / (min(speed.thin, rate) * 1e9)
    a_token += _attention_flops(figures, plan, length) / (min(speed.blocks, rate) * 1e9)
    a_token += _moved(figures, plan, length) / (speed.bandwidth * 1e9)
    rows = tokens / plan.tokens * plan.rows
    steps = tokens / (plan.batch * length)
    a_row, a_step = _row_seconds(figures, plan, length, speed), _step_seconds(figures, plan, speed)
    seconds = tokens * a_token + rows * a_row + steps * a_step
    if plan.method == "full":
        added = max(rows - steps, 0.0) * ADDED_BYTES * count_trained(figures, plan)
        seconds += added / (speed.passes * 1e9)
        seconds += rows * _new_seconds(figures, plan, speed, seconds / rows)
    return seconds


def answer_seconds(
    figures: Figures, *, prompt: int, new: int, speed: Speed, precision: Precision = "bfloat16"
) -> float:
    """Seconds to answer one request alone: the prompt is multiplied through, and every new token
    reads all weights once.
    """
    rate = speed.float32 if precision == "float32" else speed.bfloat16
    reading = 2 * prompt * _met_by_a_token(figures) / (rate * 1e9)
    per_token = stored_bytes(figures, precision) * _share_met(figures) / (speed.bandwidth * 1e9)
    return reading + new * per_token


def _layer_flops(figures: Figures, plan: Plan) -> float:
    """Of one token's products with the layers' weights and the head."""
    head = _share_answered(plan) * figures.vocab_size * figures.hidden_size
    each = 6 if plan.method == "full" else 4
    return (each + 2 * plan.checkpointing) * (_met_by_a_token(figures) + head)


def _adapter_flops(figures: Figures, plan: Plan) -> float:
    """Of one token's products with adapters."""
    return 0.0 if plan.method == "full" else 6.0 * count_adapters(figures, plan.r, plan.targets)


def _attention_flops(figures: Figures, plan: Plan, length: int) -> float:
    """Of one token's products with the keys and values it sees."""
    queries = figures.num_attention_heads * figures.head_dim
    if plan.in_blocks is None:
        each, seen = 7.0 + 2 * plan.checkpointing, float(length)  # a kernel makes scores twice
    else:
        each, seen = 12.0 + 4 * plan.checkpointing, seen_in_blocks(plan, length)
    return each * figures.num_hidden_layers * queries * seen


def _moved(figures: Figures, plan: Plan, length: int) -> float:
    """Bytes of activations that one token's passes read and write, in all layers and the loss."""
    width, hidden, wide = width_of(plan), figures.hidden_size, figures.intermediate_size
    if figures.num_experts:
        wide = (figures.moe_intermediate_size or wide) * figures.num_experts_per_tok
    queries = figures.num_attention_heads * figures.head_dim
    keys = figures.num_key_value_heads * figures.head_dim
    lean = plan.lean
    norms = 2 * hidden * (7 * width + 60 if lean else 27 * 4)
    sums = 21 * hidden * width  # branches join going forward, their gradients going back
    gate = (16 if lean else 14) * wide * width
    turned = (10 if lean else 22) * (queries + keys) * width
    copies = 12 * queries * width
    seen = seen_in_blocks(plan, length) if plan.in_blocks else 0.0
    given_back = 12 * 2 * keys * seen / (plan.in_blocks or 1)  # in float32, block by block
    scores = SCORE_PASSES * figures.num_attention_heads * seen * width
    block = norms + sums + gate + turned + copies + given_back + scores
    block += _moved_by_adapters(figures, plan) * width
    logits = _share_answered(plan) * figures.vocab_size * (2 * width + 40)
    return figures.num_hidden_layers * block * (1 + 0.5 * plan.checkpointing) + logits


def _moved_by_adapters(figures: Figures, plan: Plan) -> float:
    """Elements that passes of adapters alone read and write for one token, in one layer."""
    if plan.method == "full":
        return 0.0
    linear = adapted(figures, plan.targets)
    dropped = DROPPED_PASSES * sum(each.inputs for each in linear) * (plan.mask_bytes is not None)
    # Where they are not fused, outputs are scaled, added and copied between precisions.
    return dropped + (0.0 if plan.fused else 7.0 * sum(each.outputs for each in linear))


def _row_seconds(figures: Figures, plan: Plan, length: int, speed: Speed) -> float:
    """What a row takes whatever its tokens are, as its share of all rows side by side."""
    each = plan.tokens / plan.rows
    blocks = each / min(length, plan.in_blocks) if plan.in_blocks else 0.0
    calls = figures.num_hidden_layers * (CALLS[plan.method] + CALLS_A_BLOCK * blocks)
    busy = calls * speed.overhead * (WAITING if plan.rows > 1 else 1) * 1e-6 / plan.rows
    if plan.method == "qlora":
        linear = matrices(figures)
        unpacking = CALLS_UNPACKING * len(linear) * speed.overhead * 1e-6
        if speed.unpacked is not None:
            unpacking += 2 * sum(each.parameters for each in linear) / (speed.unpacked * 1e9)
        busy += figures.num_hidden_layers * unpacking
    if plan.mask_bytes is not None and speed.draws is not None:
        places = plan.mask_bytes / 8 * sum(each.inputs for each in adapted(figures, plan.targets))
        busy += each * figures.num_hidden_layers * places / (speed.draws * 1e6)
    return busy


def _new_seconds(figures: Figures, plan: Plan, speed: Speed, free: float) -> float:
    """What new memory for a row's tensors as wide as the vocabulary takes, in float32.

    They are too large for the C library to keep: every row takes new memory for the gradients of
    the head, of the embedding and, where both are one table, for their sum; and for the logits,
    their log-softmax, the gradients of both, and the copy that selecting the row's batch makes.

    Args:
        free: seconds that such memory lies free between two rows, about.
    """
    table = figures.vocab_size * figures.hidden_size * 4
    tied = figures.tie_word_embeddings
    given_back = 1 - exp(-free / GIVEN_BACK)
    a_byte = given_back / (speed.cold or speed.passes)
    a_byte += (1 - given_back) / (speed.fresh or speed.passes)
    logits = 5 * _share_answered(plan) * plan.tokens * figures.vocab_size * 4
    new = (2 + tied) * table + logits
    return (new * a_byte + 2 * tied * table / speed.passes) / 1e9


def _step_seconds(figures: Figures, plan: Plan, speed: Speed) -> float:
    """What an optimiser's step takes."""
    linear = adapted(figures, plan.targets)
    tensors = len(matrices(figures)) + 2 if plan.method == "full" else 2 * len(linear)
    calls = CALLS_A_TENSOR * figures.num_hidden_layers * tensors * speed.overhead * 1e-6
    return calls + STEP_BYTES * count_trained(figures, plan) / (speed.passes * 1e9)


def _share_answered(plan: Plan) -> float:
    return 1.0 if plan.answer_tokens is None else plan.answer_tokens / plan.tokens


def _met_by_a_token(figures: Figures) -> float:
    """Weights of the layers' matrices that one token is multiplied with."""
    return figures.num_hidden_layers * sum(
        matrix.parameters // matrix.copies * _met(figures, matrix.copies)
        for matrix in matrices(figures)
    )


def _met(figures: Figures, copies: int) -> int:
    """How many copies of a matrix one token meets."""
    return figures.num_experts_per_tok if copies > 1 else 1


def _share_met(figures: Figures) -> float:
    """Share of the weights that one token meets."""
    return count_active(figures) / count(figures)
