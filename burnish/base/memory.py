"""How much memory training and serving need, from a model's figures and the settings alone.

One count of the tensors that are alive at the three moments at which training peaks: when the
backward pass begins (all activations and the logits), when it ends (all gradients), and in the
optimiser's step. The constants are counted from the code of transformers, PEFT and torch, not
fitted; bench/memory.py compares the sums with published and with measured peaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from burnish.base.figures import Figures
from burnish.base.parameters import Matrix, adapted, count, count_adapters, matrices
from burnish.records import MemoryEstimate, Method, TrainSettings

GIB = 2**30
_BITS = {"nf4": 4 + 32 / 64, "nf4-dq": 4 + 8 / 64 + 32 / (64 * 256), "int8": 8 + 32 / 4096}
"""Bits a weight takes, with its share of the scales (Dettmers et al. 2023, section 3)."""
_BYTES = {"float32": 4.0, "bfloat16": 2.0} | {name: bits / 8 for name, bits in _BITS.items()}
CONTEXT_GIB = 0.5
"""What the CUDA driver takes for a process, GiB."""
GAPS = 0.05
"""Share of activations and buffers lost between blocks of the allocator."""
LIBRARIES_GIB = 0.53
"""What torch, transformers and PEFT take in a process, GiB (measured on Linux)."""
HEAP, HEAP_OF_ONE = 0.65, 0.3
"""What glibc keeps beside activations and buffers, as a share of them, where several threads have
memory of their own, and where one has (fitted, docs/memory.md)."""
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6}
"""Families in which only every n-th layer sees the whole context."""
Precision = Literal["float32", "bfloat16", "int8", "nf4", "nf4-dq"]


BLOCK = 128
"""Queries of a block of attention (burnish.engines.attention.BLOCK; a test holds them together)."""
TARGETS_AT_ONCE, WIDE_AT_ONCE = 256, 32
"""Targets whose logits are there at once, and in float32 (burnish.engines.losses, likewise)."""
PACKED_AT_MOST = 2**30
"""Bytes of weights that may lie in memory twice (burnish.engines.packed, likewise)."""


@dataclass(frozen=True)
class Plan:
    """One way to train.

    Attributes:
        tokens: run through the model at once, padding included.
        answer_tokens: of these, the ones whose logits are computed; None is all.
        dtype: of the base (of what is not quantised) and of the activations.
        adapter_dtype: of adapters, their gradients and their optimiser's state.
        quantised: how the frozen weights of QLoRA are stored.
        quantised_head: the head is quantised too (bitsandbytes does it, PEFT's default does not).
        mask_bytes: kept beside each element that dropout before an adapter may drop: 1 for torch's
            mask, 8 x p for places (burnish.train.dropout); None is no dropout.
        checkpointing: only each block's input is kept; the rest is computed again.
        offloaded: those inputs are kept in the host's memory.
        accumulates: gradients of earlier rows or micro-batches are there already.
        optimiser: "adamw" (fused, as transformers has it), "foreach" (one more copy of what is
            trained), "adamw-8bit", or "paged" (its state in the host's memory).
        fused_step: each gradient is used and freed as soon as it is there.
        loss: "float32" (logits converted whole), "shifted" (and copied once more, as transformers
            did before 4.45), "chunked" (converted a piece at a time), "parts" (a piece is there at
            a time, burnish.engines.losses), or "fused" (never stored).
        compiled: torch.compile fuses element-wise work and keeps less.
        separate_inputs: dropout before each adapter keeps a copy of the input for each (PEFT).
        in_blocks: attention runs in blocks of so many queries and keeps its probabilities
            (burnish.engines.attention, on a CPU); None is a kernel that keeps its output instead.
        example: tokens of the longest example of a row, for attention in blocks; None is the row.
        lean: norms, gates and rotations keep their inputs alone (burnish.train.fused, on a CPU).
        fused: adapters do, too; not those over weights in 4 bits.
        rows: that run side by side, each with its share of `tokens`.
        batch: examples of an optimiser step.
        cards: weights, gradients and optimiser state are shared out over so many (FSDP).
    """

    method: Method
    tokens: int
    answer_tokens: int | None = None
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    r: int = 16
    targets: str | tuple[str, ...] = "all-linear"
    adapter_dtype: Literal["float32", "bfloat16"] = "float32"
    quantised: Precision = "nf4-dq"
    quantised_head: bool = False
    mask_bytes: float | None = 1.0
    checkpointing: bool = False
    offloaded: bool = False
    accumulates: bool = True
    optimiser: Literal["adamw", "foreach", "adamw-8bit", "paged"] = "adamw"
    fused_step: bool = False
    loss: Literal["float32", "shifted", "chunked", "parts", "fused"] = "float32"
    compiled: bool = False
    separate_inputs: bool = True
    in_blocks: int | None = None
    example: int | None = None
    lean: bool = False
    fused: bool = False
    rows: int = 1
    batch: int = 8
    cards: int = 1


def plan_of(
    settings: TrainSettings,
    tokens: int,
    *,
    method: Method | None = None,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    answer_tokens: int | None = None,
    example: int | None = None,
    on_cpu: bool = False,
    rows: int = 1,
    accumulates: bool = True,
) -> Plan:
    """How Burnish itself trains with these settings.

    AdaLoRA and DoRA are counted as the LoRA they begin with; the little more that they keep (three
    vectors of a layer's output, for DoRA) is not.

    Args:
        tokens: of the longest row; at most `tokens_per_row`, or one example that is longer.
        method: another one than that of the settings.
        dtype: of the base; the method full trains in float32 whatever it says.
        answer_tokens: of that row, those that carry a loss.
        example: tokens of its longest example; None is the row.
        rows: parts of the row that run side by side, on the cores of a CPU.
        accumulates: a step has several rows, so that gradients wait while the next one runs.
    """
    if method is None:
        method = settings.method if settings.method in ("full", "qlora") else "lora"
    lean = on_cpu and method != "full" and not settings.gradient_checkpointing
    return Plan(
        method=method,
        tokens=tokens,
        answer_tokens=answer_tokens,
        dtype="float32" if method == "full" else dtype,
        r=settings.initial_r if settings.method == "adalora" else settings.r,
        targets=settings.target_modules,
        mask_bytes=_mask_bytes(settings.lora_dropout, on_cpu) if method != "full" else None,
        checkpointing=settings.gradient_checkpointing,
        loss="parts" if on_cpu and method != "full" else "float32",
        in_blocks=BLOCK if on_cpu else None,
        example=example,
        lean=lean,
        fused=lean and method == "lora" and settings.method != "dora",
        rows=rows,
        batch=settings.batch_size,
        accumulates=accumulates,
    )


def training_memory(figures: Figures, plan: Plan) -> MemoryEstimate:
    """The peak while training, GiB, as the tensors alone take it.

    Raises:
        BaseModelError: the family is not known.
    """
    weights = _weights(figures, plan) / plan.cards
    trained = count_trained(figures, plan) / plan.cards
    width = _BYTES[plan.adapter_dtype if plan.method != "full" else plan.dtype]
    adapters = 0.0 if plan.method == "full" else trained * width
    state = {"adamw-8bit": 2 + 2 * 4 / 256, "paged": 0.0}.get(plan.optimiser, 2 * width)
    kept = _kept(figures, plan)
    logits = _logits(figures, plan)
    gradients = 0.0 if plan.fused_step else trained * width
    one_block = block_bytes(figures, plan) * plan.tokens
    buffers = _working(figures, plan)
    step = trained * width if plan.optimiser == "foreach" else 0.0
    moments = [  # gradients, activations, logits, buffers
        (gradients if plan.accumulates else 0.0, kept, logits, buffers),
        (gradients, one_block, 0.0, buffers),
        (gradients, 0.0, 0.0, step),
    ]
    peak = max(moments, key=sum)
    return _estimate(
        weights=weights,
        adapters=adapters,
        optimiser=trained * state,
        gradients=peak[0],
        activations=peak[1],
        logits=peak[2],
        buffers=peak[3],
    )


def serving_memory(
    figures: Figures,
    *,
    context: int,
    concurrency: int = 1,
    precision: Precision = "bfloat16",
    cache: Precision = "bfloat16",
    quantised_head: bool = False,
    cards: int = 1,
) -> MemoryEstimate:
    """What answering takes, GiB: weights, keys and values, and the largest layer's working space.

    Args:
        context: tokens of prompt and answer together, of each request.
        concurrency: requests answered at once.
        precision, cache: of the weights; of keys and values.
    """
    weights = stored_bytes(figures, precision, quantised_head) / cards
    per_token = cache_bytes_per_token(figures, cache)
    keys_and_values = 0.0
    for layers, seen in _layers_by_window(figures, context):
        keys_and_values += concurrency * seen * per_token * layers / figures.num_hidden_layers
    dequantised = _largest(figures, quantised_head) * 2 if precision in _BITS else 0
    logits = concurrency * figures.vocab_size * 4
    return _estimate(
        weights=weights, cache=keys_and_values / cards, buffers=dequantised / cards, logits=logits
    )


def cache_bytes_per_token(figures: Figures, precision: Precision = "bfloat16") -> float:
    """Bytes of keys and values that one token leaves in all layers."""
    size = figures.num_key_value_heads * figures.head_dim
    return 2 * figures.num_hidden_layers * size * _BYTES[precision]


def on_card(estimate: MemoryEstimate) -> MemoryEstimate:
    """The same with what a GPU needs beside the tensors: the driver's context, and gaps between
    blocks that the allocator cannot give out.
    """
    passing = estimate.activations + estimate.logits + estimate.buffers + estimate.cache
    slack = round(CONTEXT_GIB + GAPS * passing, 4)
    return estimate.model_copy(update={"slack": slack})


def in_process(estimate: MemoryEstimate, *, rows: int = 2) -> MemoryEstimate:
    """The same with what a process on a CPU holds beside the tensors: the libraries, and memory
    that the C allocator keeps between tensors of changing sizes.

    Args:
        rows: that run side by side.
    """
    passing = estimate.activations + estimate.logits + estimate.buffers + estimate.cache
    slack = round(LIBRARIES_GIB + (HEAP if rows > 1 else HEAP_OF_ONE) * passing, 4)
    return estimate.model_copy(update={"slack": slack})


def _mask_bytes(p: float, on_cpu: bool) -> float | None:
    if p == 0:
        return None
    return 8 * p if on_cpu else 1.0


def _layers_by_window(figures: Figures, context: int) -> list[tuple[int, int]]:
    """Numbers of layers, each with the tokens they keep."""
    layers, window = figures.num_hidden_layers, figures.sliding_window
    if window is None:
        return [(layers, context)]
    every = _FULL_EVERY.get(figures.model_type)
    full = layers // every if every else 0
    return [(full, context), (layers - full, min(context, window))]


def _estimate(**parts: float) -> MemoryEstimate:
    return MemoryEstimate(**{name: round(size / GIB, 4) for name, size in parts.items()})


def width_of(plan: Plan) -> float:
    """Bytes of an activation."""
    return _BYTES[plan.dtype]


def count_trained(figures: Figures, plan: Plan) -> int:
    """Parameters that move."""
    if plan.method == "full":
        return count(figures)
    return count_adapters(figures, plan.r, plan.targets)


def _weights(figures: Figures, plan: Plan) -> float:
    """Bytes of the base's weights."""
    if plan.method != "qlora":
        return count(figures) * _BYTES[plan.dtype] + _packed(figures, plan)
    return stored_bytes(figures, plan.quantised, plan.quantised_head, _BYTES[plan.dtype])


def _packed(figures: Figures, plan: Plan) -> float:
    """Bytes of adapted weights that lie in memory a second time (burnish.train.fused)."""
    if not plan.fused or plan.dtype != "bfloat16" or figures.model_type == "gpt2":
        return 0.0
    widening = [each for each in adapted(figures, plan.targets) if each.outputs > each.inputs]
    size = (
        figures.num_hidden_layers
        * 2.0
        * sum(each.inputs * each.outputs for each in widening if each.copies == 1)
    )
    return size if size <= PACKED_AT_MOST else 0.0


def stored_bytes(
    figures: Figures, precision: Precision, head: bool = False, rest: float = 2.0
) -> float:
    """Bytes of the weights; embeddings, norms and mostly the head are never quantised."""
    total = count(figures)
    if precision not in _BITS:
        return total * _BYTES[precision]
    quantised = figures.num_hidden_layers * sum(each.parameters for each in matrices(figures))
    if head and not figures.tie_word_embeddings:
        quantised += figures.vocab_size * figures.hidden_size
    return quantised * _BYTES[precision] + (total - quantised) * rest


def _largest(figures: Figures, head: bool) -> int:
    """Elements of the largest matrix that is dequantised at once."""
    sizes = [each.inputs * each.outputs for each in matrices(figures)]
    return max([*sizes, figures.vocab_size * figures.hidden_size if head else 0])


def _kept(figures: Figures, plan: Plan) -> float:
    """Bytes of activations when the backward pass begins."""
    width = _BYTES[plan.dtype]
    if plan.checkpointing:
        inputs = figures.num_hidden_layers * figures.hidden_size * width * plan.tokens
        return 0.0 if plan.offloaded else inputs
    return figures.num_hidden_layers * block_bytes(figures, plan) * plan.tokens


def block_bytes(figures: Figures, plan: Plan) -> float:
    """Bytes that one token leaves in one block for the backward pass.

    Counted over transformers' Llama: two norms keep their input, in float32 unless fused (and what
    they scaled, where the scale is trained); attention keeps queries, keys and values, and either
    its output or its probabilities; a gated feed-forward keeps gate, the other branch and, unless
    fused, the gate's activation. A layer whose weights are trained, or that has an adapter, keeps
    its input.
    """
    width = _BYTES[plan.dtype]
    hidden, trains_all = figures.hidden_size, plan.method == "full"
    norm = width if plan.compiled or plan.lean else 4.0
    norms = 2 * hidden * (norm + (norm if trains_all and not plan.compiled else 0))
    return norms + _attention(figures, plan) + _inputs(figures, plan) + _feed_forward(figures, plan)


def _attention(figures: Figures, plan: Plan) -> float:
    """Bytes a token that attention keeps; a kernel has keys and values repeated for every head."""
    width = _BYTES[plan.dtype]
    queries = figures.num_attention_heads * figures.head_dim
    if plan.in_blocks is None:
        return 4 * queries * width
    keys = figures.num_key_value_heads * figures.head_dim
    seen = seen_in_blocks(plan, plan.example or plan.tokens)
    output = queries if plan.method == "full" else 0  # an adapter's input, else
    return (queries + 2 * keys + output + figures.num_attention_heads * seen) * width


def seen_in_blocks(plan: Plan, length: int) -> float:
    """Keys that a query of an example meets on average, those that its block's mask hides too."""
    return (length + min(length, plan.in_blocks or 0)) / 2


def _inputs(figures: Figures, plan: Plan) -> float:
    """Bytes a token that layers keep of their inputs, those that share one counted once."""
    width = _BYTES[plan.dtype]
    if plan.method == "full":
        return 2 * figures.hidden_size * width  # the others are kept as outputs already
    total, met = 0.0, set()
    layers = adapted(figures, plan.targets)
    if plan.fused and plan.mask_bytes is None and _whole_gate(layers):
        met.add("down")  # it is made again (burnish.train.fused_mlp)
    for matrix in layers:
        shared = _shared_input(matrix)
        copies = _experts_met(figures, matrix)
        if plan.fused:
            kept = (width if shared not in met else 0) + (plan.mask_bytes or 0)
            total += copies * matrix.inputs * kept
        elif plan.mask_bytes is not None and (plan.separate_inputs or shared not in met):
            total += copies * matrix.inputs * (width + plan.mask_bytes)
        elif shared in ("attention", "feed-forward") and shared not in met:
            total += copies * matrix.inputs * width
        met.add(shared)
        total += copies * plan.r * (width if plan.fused else _BYTES[plan.adapter_dtype])
    return total


def _whole_gate(matrices: Sequence[Matrix]) -> bool:
    """Whether all three layers of a gated feed-forward without experts have adapters."""
    names = {matrix.name for matrix in matrices if matrix.copies == 1}
    return names >= {"gate_proj", "up_proj", "down_proj"}


def _feed_forward(figures: Figures, plan: Plan) -> float:
    """Bytes a token between the feed-forward's two layers."""
    width, wide = _BYTES[plan.dtype], figures.intermediate_size
    if figures.num_experts:
        wide = (figures.moe_intermediate_size or wide) * figures.num_experts_per_tok
    gated = figures.model_type not in ("gpt2", "phi")
    middle = (2 if gated and plan.lean else 3 if gated else 1) * wide * width
    adapters = {_shared_input(matrix) for matrix in adapted(figures, plan.targets)}
    product_kept = plan.method == "full" or (
        plan.mask_bytes is None and "down" in adapters and not plan.fused  # an input of "down"
    )
    if plan.compiled:
        middle -= wide * width if gated else 0  # the activation is computed again
        product_kept = True
    return middle + (wide * width if product_kept else 0.0)


def _shared_input(matrix: Matrix) -> str:
    """Which of a block's inputs a layer reads."""
    if matrix.name in ("q_proj", "k_proj", "v_proj", "qkv_proj", "c_attn"):
        return "attention"
    if matrix.name in ("gate_proj", "up_proj", "gate_up_proj", "gate", "c_fc", "fc1"):
        return "feed-forward"
    return "down" if matrix.name in ("down_proj", "fc2") else "output"


def _experts_met(figures: Figures, matrix: Matrix) -> int:
    return figures.num_experts_per_tok if matrix.copies > 1 else 1


def _logits(figures: Figures, plan: Plan) -> float:
    """Bytes of logits, their log-softmax and their gradient."""
    tokens = plan.tokens if plan.answer_tokens is None else plan.answer_tokens
    width = _BYTES[plan.dtype]
    size = tokens * figures.vocab_size
    if plan.loss == "fused":
        return 0.0
    if plan.loss == "parts":
        at_once = min(tokens / plan.rows, TARGETS_AT_ONCE)
        return plan.rows * figures.vocab_size * (at_once * width + WIDE_AT_ONCE * 4)
    if plan.loss == "chunked":
        head = figures.vocab_size * figures.hidden_size * width if plan.method == "full" else 0
        return size * width + 2 * head  # the head's gradient, and the next piece's
    copies = 4 if plan.loss == "shifted" else 3
    return size * (copies * 4 + (width if width < 4 else 0))


def _working(figures: Figures, plan: Plan) -> float:
    """Bytes of the largest passing buffers: a dequantised matrix, gathered blocks of FSDP."""
    width = _BYTES[plan.dtype]
    if plan.cards > 1:
        block = sum(matrix.parameters for matrix in matrices(figures))
        return 2 * block * width
    if plan.method == "qlora":
        unpacked = plan.rows * _largest(figures, plan.quantised_head) * width
        # On a CPU, PEFT hands an adapter's input on in float32, dropped out in a second copy.
        widest = max((each.inputs for each in adapted(figures, plan.targets)), default=0)
        return unpacked + (2 * 4 * widest * plan.tokens if plan.lean else 0.0)
    return 0.0
