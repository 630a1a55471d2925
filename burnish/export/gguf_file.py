"""The GGUF form: weights, settings, tokenizer and chat template in one file, for llama.cpp.

Writes the file with the `gguf` package, tensor by tensor, so that memory holds no second copy of
the model; reads it back through transformers. Layout: https://github.com/ggml-org/ggml,
docs/gguf.md; llama.cpp's llama architecture interleaves the two halves of a rotated head.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType as FileKind
from transformers import AutoConfig, AutoModelForCausalLM, GgufConfig, PreTrainedModel

from burnish.errors import ExportError
from burnish.export.gguf_tokens import add_tokens, read_tokenizer, refuse_tokenizer
from burnish.export.merged import untie

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
"""Model type of transformers → architecture of llama.cpp, for those that a test loads back."""

_FILE_KINDS = {
    Kind.F32: FileKind.ALL_F32, Kind.F16: FileKind.MOSTLY_F16, Kind.BF16: FileKind.MOSTLY_BF16,
    Kind.Q8_0: FileKind.MOSTLY_Q8_0, Kind.Q5_1: FileKind.MOSTLY_Q5_1,
    Kind.Q5_0: FileKind.MOSTLY_Q5_0, Kind.Q4_1: FileKind.MOSTLY_Q4_1,
    Kind.Q4_0: FileKind.MOSTLY_Q4_0,
}  # fmt: skip
_COARSE = (Kind.Q5_1, Kind.Q5_0, Kind.Q4_1, Kind.Q4_0)
_ROTATION_FACTORS = "rope_freqs.weight"


def refuse_unsupported(config: Any, tokenizer: Any, *, longest: int) -> None:
    """Raise ExportError, before any long work, where a model has no proved place in GGUF.

    Args:
        config: the model's, as transformers has it.
        longest: tokens of prompt and answer together.
    """
    text = config.get_text_config()
    merged = "burnish export --form merged writes safetensors for any family"
    if text.model_type not in ARCHITECTURES:
        raise ExportError(
            f"GGUF files are written for {', '.join(ARCHITECTURES)}; this base is "
            f"{text.model_type}.",
            hint=merged,
        )
    window = getattr(text, "sliding_window", None)
    if window and getattr(text, "use_sliding_window", True) and window < longest:
        raise ExportError(
            f"The base attends to the last {window:,} tokens alone, which llama.cpp's architecture "
            f"does not, and this task's examples have up to {longest:,}.",
            hint=merged,
        )
    rotation = text.rope_parameters.get("rope_type", "default")
    if rotation not in ("default", "llama3"):
        raise ExportError(
            f"The base stretches its positions by {rotation!r}; GGUF files are proved for plain "
            "positions and llama3's.",
            hint=merged,
        )
    if text.hidden_act != "silu" or getattr(text, "attention_bias", False) is True:
        raise ExportError("The base differs from its family in gates or biases.", hint=merged)
    refuse_tokenizer(tokenizer, text.vocab_size, hint=merged)


def write_gguf(
    model: PreTrainedModel,
    tokenizer: Any,
    end: Sequence[int],
    path: Path,
    precision: str,
    about: Mapping[str, str],
) -> list[str]:
    """Write a merged model; what a user should know of the file, a sentence each.

    Matrices get the precision; norms and biases stay float32. With 4 and 5 bits, embeddings and
    head have 8, as rounding them costs most.

    Args:
        model: in float32.
        about: keys of the file's metadata, such as general.name.
    """
    untie(model)
    config = model.config.get_text_config()
    architecture = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[architecture])
    kinds = {name: _kind(name, tensor, precision) for name, tensor in _tensors(model, architecture)}
    _add_settings(writer, config, _FILE_KINDS[Kind[precision]], about)
    add_tokens(writer, tokenizer, config.vocab_size, end)
    for name, tensor in _tensors(model, architecture):
        kind, shape = kinds[name], tuple(tensor.shape)
        stored = gguf.quant_shape_to_byte_shape(shape, kind)
        writer.add_tensor_info(name, stored, np.dtype(np.uint8), int(np.prod(stored)), kind)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in _tensors(model, architecture):
        values = gguf.quantize(np.ascontiguousarray(tensor.numpy()), kinds[name])
        writer.write_tensor_data(values.view(np.uint8))
    writer.close()
    uneven = [
        name for name, tensor in _tensors(model, architecture)
        if tensor.ndim > 1 and kinds[name] is Kind.F16 and Kind[precision] is not Kind.F16
    ]  # fmt: skip
    if not uneven:
        return []
    return [
        f"{len(uneven)} of {len(kinds)} tensors are F16, since their rows are no multiple of the "
        f"blocks of {precision}: {', '.join(uneven[:3])}{' …' if len(uneven) > 3 else ''}"
    ]


def read_gguf(path: Path) -> tuple[PreTrainedModel, Any, list[int]]:
    """The model of a file, computing in float32, its tokenizer, and what ends its answers.

    Through transformers. What its reader leaves in the file is taken from there: the size of a
    head, the factors of rotations, how text is split before merges apply, and the end tokens.
    """
    reader = gguf.GGUFReader(path)
    folder, name = str(path.parent), path.name
    config = AutoConfig.from_pretrained(folder, gguf_file=name, local_files_only=True)
    size = reader.get_field(f"{_text(reader, 'general.architecture')}.attention.key_length")
    if size is not None:
        config.head_dim = int(size.contents())
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        config=config,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
        local_files_only=True,
    )
    factors = next((one for one in reader.tensors if one.name == _ROTATION_FACTORS), None)
    if factors is not None:
        rotation = model.get_decoder().rotary_emb
        rotation.inv_freq = rotation.inv_freq / torch.from_numpy(np.array(factors.data))
    fields = [reader.get_field(f"tokenizer.ggml.{kind}_token_id") for kind in ("eos", "eot")]
    end = [int(field.contents()) for field in fields if field is not None]
    return model.eval(), read_tokenizer(path, _text(reader, "tokenizer.ggml.pre")), end


def _text(reader: gguf.GGUFReader, key: str) -> str:
    field = reader.get_field(key)
    return str(field.contents()) if field is not None else ""


def _add_settings(
    writer: gguf.GGUFWriter, config: Any, kind: FileKind, about: Mapping[str, str]
) -> None:
    for key, value in about.items():
        writer.add_string(key, value)
    writer.add_type("model")
    writer.add_file_type(kind)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    heads, size = config.num_attention_heads, _head_size(config)
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    writer.add_context_length(min(config.max_position_embeddings, window))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads or heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_rope_dimension_count(size)
    writer.add_vocab_size(config.vocab_size)


def _head_size(config: Any) -> int:
    size = getattr(config, "head_dim", None)
    return int(size or config.hidden_size // config.num_attention_heads)


def _tensors(
    model: PreTrainedModel, architecture: gguf.MODEL_ARCH
) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor under its name in GGUF, laid out as llama.cpp has it; float32 on the CPU."""
    config = model.config.get_text_config()
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if there is None:
            raise ExportError(f"The base's tensor {name} has no place in a GGUF file.")
        tensor = tensor.detach().float().cpu()
        if architecture is gguf.MODEL_ARCH.LLAMA and ".attn_q." in there:
            tensor = _interleave(tensor, config.num_attention_heads)
        if architecture is gguf.MODEL_ARCH.LLAMA and ".attn_k." in there:
            tensor = _interleave(tensor, config.num_key_value_heads)
        yield there, tensor
    if config.rope_parameters.get("rope_type") == "llama3":
        yield _ROTATION_FACTORS, _rotation_factors(model, config)


def _interleave(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head as pairs (i, i + half), where transformers has all i, then all i + half."""
    halves = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)


def _rotation_factors(model: PreTrainedModel, config: Any) -> torch.Tensor:
    """What llama.cpp divides each plain frequency by, float32 [head size / 2]."""
    size, base = _head_size(config), float(config.rope_parameters["rope_theta"])
    plain = base ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
    whole: Any = model
    factors: torch.Tensor = plain / whole.get_decoder().rotary_emb.inv_freq.double().cpu()
    return factors.float()


def _kind(name: str, tensor: torch.Tensor, precision: str) -> Kind:
    asked = Kind[precision]
    if tensor.ndim == 1:
        return Kind.F32
    if asked in _COARSE and name in ("token_embd.weight", "output.weight"):
        asked = Kind.Q8_0
    block = gguf.GGML_QUANT_SIZES[asked][0]
    return asked if tensor.shape[-1] % block == 0 else Kind.F16
