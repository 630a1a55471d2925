"""A tokenizer as a GGUF file holds it: tokens, types, merges, control tokens, and a name.

llama.cpp has no general pre-tokenizer: the file names one that its code knows. The name is told by
what the tokenizer does, never by the model's: a tokenizer that was itself read from a GGUF file may
split digits otherwise than the one it descends from, and the model was trained on what it did.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
from tokenizers import Regex, pre_tokenizers
from transformers import AutoTokenizer
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from burnish.errors import ExportError

_Step = tuple[str, ...]


@dataclass(frozen=True)
class _Splitting:
    """How text is split before merges apply.

    Attributes:
        steps: of the pre-tokenizer, as `_steps` tells them.
        whole: a piece that is a token by itself is taken whole, whatever the merges say.
    """

    steps: tuple[_Step, ...]
    whole: bool = False


def _by(pattern: str, *, whole: bool) -> _Splitting:
    return _Splitting((("Split", pattern, "Isolated"), ("ByteLevel", "without")), whole)


_KNOWN = {
    "gpt-2": _Splitting((("ByteLevel", "with"),)),
    "smollm": _Splitting((("Digits", "single"), ("ByteLevel", "with"))),
    "llama-bpe": _by(GGUF_PRE_TOKENIZER_SPLITS["llama-bpe"], whole=True),
    "tekken": _by(GGUF_PRE_TOKENIZER_SPLITS["tekken"], whole=True),
    "qwen2": _by(GGUF_PRE_TOKENIZER_SPLITS["qwen2"], whole=False),
}
"""llama.cpp's name → what it does."""


def refuse_tokenizer(tokenizer: Any, size: int, *, hint: str) -> None:
    """Raise ExportError where llama.cpp has nothing like a tokenizer.

    Args:
        size: tokens that the model knows.
        hint: what to type instead.
    """
    parts = _parts(tokenizer)
    if parts["model"]["type"] != "BPE" or _splitting_name(parts) is None:
        splits = [step[0] for step in _steps(parts["pre_tokenizer"])] or ["nothing"]
        raise ExportError(
            "GGUF files are written for byte-level BPE tokenizers that split text like one of "
            f"{', '.join(_KNOWN)}; this one is {parts['model']['type']} after {', '.join(splits)}.",
            hint=hint,
        )
    if not parts["model"]["merges"]:
        raise ExportError(
            "The tokenizer has no merges, which a GGUF file cannot express.", hint=hint
        )
    if len(tokenizer) > size:
        raise ExportError(
            f"The tokenizer has {len(tokenizer):,} tokens, but the model knows {size:,}.", hint=hint
        )


def add_tokens(writer: gguf.GGUFWriter, tokenizer: Any, size: int, end: Sequence[int]) -> None:
    """Add a tokenizer and its chat template to a file.

    Args:
        size: tokens that the model knows; ids that the tokenizer leaves out are marked unused.
        end: token ids that end an answer.
    """
    parts = _parts(tokenizer)
    vocabulary = {index: token for token, index in tokenizer.get_vocab().items()}
    added = {one["id"]: one["special"] for one in parts["added_tokens"]}
    kinds = {True: gguf.TokenType.CONTROL, False: gguf.TokenType.USER_DEFINED}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(str(_splitting_name(parts)))
    writer.add_token_list([vocabulary.get(index, f"[PAD{index}]") for index in range(size)])
    writer.add_token_types(
        [
            kinds[added[index]] if index in added
            else gguf.TokenType.NORMAL if index in vocabulary
            else gguf.TokenType.UNUSED
            for index in range(size)
        ]
    )  # fmt: skip
    merges = parts["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    named = {
        writer.add_bos_token_id: tokenizer.bos_token_id,
        writer.add_eos_token_id: tokenizer.eos_token_id,
        writer.add_unk_token_id: tokenizer.unk_token_id,
        writer.add_pad_token_id: tokenizer.pad_token_id,
        writer.add_eot_token_id: next((i for i in end if i != tokenizer.eos_token_id), None),
    }
    for add, index in named.items():
        if index is not None:
            add(index)
    # The chat template writes whatever stands before a prompt; a second one would change it.
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(tokenizer.chat_template)


def read_tokenizer(path: Path, name: str) -> Any:
    """The tokenizer of a file, splitting text as the name in the file says.

    transformers knows fewer names than llama.cpp, and takes GPT-2's way for all others.
    """
    tokenizer = AutoTokenizer.from_pretrained(
        str(path.parent), gguf_file=path.name, local_files_only=True
    )
    splitting = _KNOWN[name]
    built = [_build(step) for step in splitting.steps]
    inner = tokenizer.backend_tokenizer
    inner.pre_tokenizer = built[0] if len(built) == 1 else pre_tokenizers.Sequence(built)
    inner.model.ignore_merges = splitting.whole
    return tokenizer


def _parts(tokenizer: Any) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return parts


def _splitting_name(parts: dict[str, Any]) -> str | None:
    found = _steps(parts["pre_tokenizer"])
    return next((name for name, known in _KNOWN.items() if known.steps == found), None)


def _steps(part: dict[str, Any] | None) -> tuple[_Step, ...]:
    """What a pre-tokenizer does, without what makes no difference to token ids."""
    if part is None:
        return ()
    if part["type"] == "Sequence":
        return tuple(step for inner in part["pretokenizers"] for step in _steps(inner))
    match part["type"]:
        case "ByteLevel" if not part["add_prefix_space"]:
            return (("ByteLevel", "with" if part["use_regex"] else "without"),)
        case "Digits" if part["individual_digits"]:
            return (("Digits", "single"),)
        case "Split" if not part["invert"] and "Regex" in part["pattern"]:
            return (("Split", part["pattern"]["Regex"], part["behavior"]),)
    return ((part["type"], "otherwise"),)


def _build(step: _Step) -> Any:
    match step:
        case ("ByteLevel", regex):
            return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex == "with")
        case ("Digits", _):
            return pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Split(Regex(step[1]), behavior="isolated")
