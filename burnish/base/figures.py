"""The figures of a model's architecture, from which its size, memory and time follow.

Their names are those of config.json. Reads the config.json of a local folder or the header of a
GGUF file; weights are never read.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from burnish.errors import BaseModelError


class Figures(BaseModel):
    """The architecture of a decoder.

    Attributes:
        head_dim: size of one attention head; where config.json is silent, hidden / heads.
        attention_bias, mlp_bias: biases in all linear layers of the block. Those that a family
            always has (Qwen 2, GPT-2) need no key.
        num_experts: 0 for a dense model; `moe_intermediate_size` is the width of one expert,
            where it differs from `intermediate_size`.
        sliding_window: how far back a token sees, in the layers that have a window.
        max_position_embeddings: the longest context, in tokens.
        other_parameters: of parts that are loaded but not tuned, such as a vision tower.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_type: str
    num_hidden_layers: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    num_key_value_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    vocab_size: int = Field(gt=0)
    max_position_embeddings: int = Field(gt=0)
    tie_word_embeddings: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    num_experts: int = Field(0, ge=0)
    num_experts_per_tok: int = Field(0, ge=0)
    moe_intermediate_size: int | None = Field(None, gt=0)
    sliding_window: int | None = Field(None, gt=0)
    other_parameters: int = Field(0, ge=0)


_NAMES = {
    "num_hidden_layers": ("num_hidden_layers", "n_layer"),
    "hidden_size": ("hidden_size", "n_embd"),
    "intermediate_size": ("intermediate_size", "n_inner"),
    "num_attention_heads": ("num_attention_heads", "n_head"),
    "num_key_value_heads": ("num_key_value_heads",),
    "num_experts": ("num_local_experts", "num_experts"),
    "max_position_embeddings": ("max_position_embeddings", "n_positions"),
}
"""Figure → its names in config.json, where families differ."""
_TIED_BY_DEFAULT = {"gpt2", "gemma", "gemma2", "gemma3", "gemma3_text", "smollm3"}


def figures_of(config: dict[str, Any], where: str) -> Figures:
    """The figures of a config.json (as a dict); `where` names it in errors.

    Raises:
        BaseModelError: a figure is missing or is no figure.
    """
    outer, config = config, {**config, **(config.get("text_config") or {})}
    kind = str(outer.get("model_type", ""))
    given = {name: config[name] for name in Figures.model_fields if config.get(name) is not None}
    for name, spellings in _NAMES.items():
        found = next((config[one] for one in spellings if config.get(one) is not None), None)
        if found is not None:
            given[name] = found
    given["model_type"] = kind
    heads, hidden = given.get("num_attention_heads"), given.get("hidden_size")
    if isinstance(heads, int) and isinstance(hidden, int) and heads > 0:
        given.setdefault("num_key_value_heads", heads)
        given.setdefault("head_dim", hidden // heads)
        if kind == "gpt2":
            given.setdefault("intermediate_size", 4 * hidden)
    given.setdefault("tie_word_embeddings", kind in _TIED_BY_DEFAULT)
    if config.get("use_sliding_window") is False:
        given.pop("sliding_window", None)
    try:
        return Figures.model_validate(given)
    except ValidationError as error:
        faults = [f"`{fault['loc'][0]}`: {fault['msg']}" for fault in error.errors()]
        raise BaseModelError(
            f"{where} does not describe a decoder whose size can be told.",
            faults=faults,
            hint="name a model folder whose config.json transformers wrote, or another base",
        ) from None


def read_figures(path: Path) -> Figures:
    """The figures of a model folder or a GGUF file.

    Raises:
        BaseModelError: there is no readable config.json or GGUF header.
    """
    if path.is_file() and path.suffix == ".gguf":
        return figures_of(_gguf_config(path), str(path))
    file = path / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelError(
            f"{file} cannot be read: {error}.", hint="name the folder that save_pretrained wrote"
        ) from error
    if not isinstance(config, dict):
        raise BaseModelError(
            f"{file} holds no object.", hint="name the folder that save_pretrained wrote"
        )
    return figures_of(config, str(file))


def _gguf_config(path: Path) -> dict[str, Any]:
    """A GGUF header as config.json would say it."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(str(path))
    except (ValueError, OSError, IndexError) as error:
        raise BaseModelError(
            f"{path} is no GGUF file: {error}.", hint="name another base"
        ) from error

    def field(name: str) -> Any:
        entry = reader.fields.get(name)
        return None if entry is None else entry.contents()

    kind = field("general.architecture")
    tensors = {tensor.name for tensor in reader.tensors}
    embedding = next((each for each in reader.tensors if each.name == "token_embd.weight"), None)
    config = {
        "model_type": {"mixtral": "mixtral"}.get(kind, kind),
        "num_hidden_layers": field(f"{kind}.block_count"),
        "hidden_size": field(f"{kind}.embedding_length"),
        "intermediate_size": field(f"{kind}.feed_forward_length"),
        "num_attention_heads": field(f"{kind}.attention.head_count"),
        "num_key_value_heads": field(f"{kind}.attention.head_count_kv"),
        "head_dim": field(f"{kind}.attention.key_length"),
        "max_position_embeddings": field(f"{kind}.context_length"),
        "num_experts": field(f"{kind}.expert_count"),
        "num_experts_per_tok": field(f"{kind}.expert_used_count"),
        "sliding_window": field(f"{kind}.attention.sliding_window"),
        "vocab_size": None if embedding is None else int(embedding.shape[-1]),
        "tie_word_embeddings": "output.weight" not in tensors,
    }
    return {name: value for name, value in config.items() if value is not None}
