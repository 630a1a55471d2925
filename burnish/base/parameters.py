"""How many parameters a model has, and which matrices hold them, from its figures alone.

The arithmetic of each family is written out, so that a wrong figure is noticed: the tests build
the same model with transformers and compare, for every family and every entry of the catalogue.
"""

from dataclasses import dataclass

from burnish.base.figures import Figures
from burnish.errors import BaseModelError


@dataclass(frozen=True)
class Matrix:
    """A weight matrix of one block.

    Attributes:
        name: as transformers names the layer.
        copies: how often it stands in the block (once an expert).
        rank: the rank PEFT gives its adapter under "all-linear", as a multiple of r; 0 where it
            adapts none. The fused matrix of a Mixtral expert, which is two, gets twice the rank.
    """

    name: str
    inputs: int
    outputs: int
    bias: bool = False
    copies: int = 1
    rank: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases of all copies."""
        return self.copies * self.outputs * (self.inputs + self.bias)


FAMILIES = frozenset({
    "gemma", "gemma2", "gemma3", "gemma3_text", "gpt2", "granite", "granitemoe", "llama", "mistral",
    "mixtral", "olmo2", "phi", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3",
})  # fmt: skip
"""Model types whose arithmetic is known."""


def count(figures: Figures) -> int:
    """The number of parameters, shared ones once.

    Raises:
        BaseModelError: the family is not known.
    """
    embedding = figures.vocab_size * figures.hidden_size
    total = embedding if figures.tie_word_embeddings else 2 * embedding
    if figures.model_type == "gpt2":
        total += figures.max_position_embeddings * figures.hidden_size
    if figures.model_type == "phi":
        total += figures.vocab_size  # the head's bias
    block = sum(matrix.parameters for matrix in matrices(figures)) + _norms(figures)
    last = 2 * figures.hidden_size if _has_layer_norm(figures) else figures.hidden_size
    return total + figures.num_hidden_layers * block + last + figures.other_parameters


def count_active(figures: Figures) -> int:
    """The number of parameters that one token meets: all but the experts it is not sent to."""
    if not figures.num_experts:
        return count(figures)
    experts = sum(matrix.parameters for matrix in matrices(figures) if matrix.copies > 1)
    idle = experts * (figures.num_experts - figures.num_experts_per_tok) // figures.num_experts
    return count(figures) - figures.num_hidden_layers * idle


def count_adapters(figures: Figures, r: int, targets: str | tuple[str, ...]) -> int:
    """The number of parameters of LoRA adapters of rank `r`, as PEFT makes them.

    Of a model with a vision tower, the language model's adapters alone.

    Args:
        targets: "all-linear" (PEFT's word), or names of layers such as "q_proj".
    """
    block = sum(
        matrix.copies * matrix.rank * r * (matrix.inputs + matrix.outputs)
        for matrix in adapted(figures, targets)
    )
    return figures.num_hidden_layers * block


def adapted(figures: Figures, targets: str | tuple[str, ...]) -> list[Matrix]:
    """The matrices of a block that adapters wrap."""
    linear = [matrix for matrix in matrices(figures) if matrix.rank]
    if targets == "all-linear":
        return linear
    names = (targets,) if isinstance(targets, str) else targets
    return [matrix for matrix in linear if matrix.name in names]


def matrices(figures: Figures) -> list[Matrix]:
    """The weight matrices of one block.

    Raises:
        BaseModelError: the family is not known.
    """
    kind = figures.model_type
    if kind not in FAMILIES:
        raise BaseModelError(
            f"The size of a {kind or 'nameless'} model cannot be told from its figures.",
            hint=f"choose a model of one of these families: {', '.join(sorted(FAMILIES))}",
        )
    if kind == "gpt2":
        return _gpt2(figures)
    if kind == "phi":
        return _phi(figures)
    return _attention(figures) + _feed_forward(figures)


def _attention(figures: Figures) -> list[Matrix]:
    hidden = figures.hidden_size
    queries = figures.num_attention_heads * figures.head_dim
    keys = figures.num_key_value_heads * figures.head_dim
    bias = figures.attention_bias
    if figures.model_type == "phi3":
        return [
            Matrix("qkv_proj", hidden, queries + 2 * keys),
            Matrix("o_proj", queries, hidden),
        ]
    of_inputs = bias or figures.model_type == "qwen2"
    return [
        Matrix("q_proj", hidden, queries, of_inputs),
        Matrix("k_proj", hidden, keys, of_inputs),
        Matrix("v_proj", hidden, keys, of_inputs),
        Matrix("o_proj", queries, hidden, bias),
    ]


def _feed_forward(figures: Figures) -> list[Matrix]:
    hidden, wide, bias = figures.hidden_size, figures.intermediate_size, figures.mlp_bias
    if figures.num_experts:
        wide, experts = figures.moe_intermediate_size or wide, figures.num_experts
        adapts = figures.model_type != "granitemoe"  # PEFT leaves Granite's experts alone
        return [
            Matrix("gate", hidden, experts, rank=int(adapts)),
            Matrix("gate_up_proj", hidden, 2 * wide, copies=experts, rank=2 * adapts),
            Matrix("down_proj", wide, hidden, copies=experts, rank=int(adapts)),
        ]
    if figures.model_type == "phi3":
        return [Matrix("gate_up_proj", hidden, 2 * wide), Matrix("down_proj", wide, hidden)]
    return [
        Matrix("gate_proj", hidden, wide, bias),
        Matrix("up_proj", hidden, wide, bias),
        Matrix("down_proj", wide, hidden, bias),
    ]


def _gpt2(figures: Figures) -> list[Matrix]:
    hidden, wide = figures.hidden_size, figures.intermediate_size
    return [
        Matrix("c_attn", hidden, 3 * hidden, bias=True),
        Matrix("c_proj", hidden, hidden, bias=True),
        Matrix("c_fc", hidden, wide, bias=True),
        Matrix("c_proj", wide, hidden, bias=True),
    ]


def _phi(figures: Figures) -> list[Matrix]:
    hidden, wide = figures.hidden_size, figures.intermediate_size
    queries = figures.num_attention_heads * figures.head_dim
    keys = figures.num_key_value_heads * figures.head_dim
    return [
        Matrix("q_proj", hidden, queries, bias=True),
        Matrix("k_proj", hidden, keys, bias=True),
        Matrix("v_proj", hidden, keys, bias=True),
        Matrix("dense", queries, hidden, bias=True),
        Matrix("fc1", hidden, wide, bias=True),
        Matrix("fc2", wide, hidden, bias=True),
    ]


def _has_layer_norm(figures: Figures) -> bool:
    """Whether norms have a bias beside their scale, as in GPT-2's time."""
    return figures.model_type in ("gpt2", "phi")


def _norms(figures: Figures) -> int:
    """Parameters of a block's norms."""
    hidden, size = figures.hidden_size, figures.head_dim
    match figures.model_type:
        case "gpt2":
            return 4 * hidden
        case "gemma2":
            return 4 * hidden
        case "gemma3" | "gemma3_text":
            return 4 * hidden + 2 * size
        case "qwen3" | "qwen3_moe":
            return 2 * hidden + 2 * size
        case "olmo2":
            heads = figures.num_attention_heads + figures.num_key_value_heads
            return 2 * hidden + heads * size
        case _:
            return 2 * hidden  # for Phi, one norm with scale and bias
