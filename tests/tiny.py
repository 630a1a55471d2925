"""Tiny models and tokenizers with random weights, for tests that need the real machinery."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIZES = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 9},
    "mixtral": {"sliding_window": None, "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "phi3": {"num_key_value_heads": 4},
    "gemma2": {"head_dim": 8, "sliding_window": 9, "query_pre_attn_scalar": 16},
    "gemma3_text": {
        "head_dim": 8,
        "sliding_window": 9,
        "query_pre_attn_scalar": 16,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "gpt2": {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 2048},
}
"""Model type → settings beyond `SIZES`."""


def tiny_model(family: str, seed: int = 0, **settings: Any) -> PreTrainedModel:
    """A random model in float32."""
    torch.manual_seed(seed)
    sizes = SIZES | FAMILIES.get(family, {}) | settings
    if family == "gpt2":
        sizes = {key: value for key, value in sizes.items() if not key.startswith("num_")}
        sizes = {key: value for key, value in sizes.items() if key != "hidden_size"}
        sizes |= {"n_inner": sizes.pop("intermediate_size")}
    model: PreTrainedModel = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(family, **sizes),
        attn_implementation="eager" if family == "gemma2" else "sdpa",
    )
    return model.float().eval()


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, chat markers as special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|im_start|>": 0, "<|im_end|>": 1, "<unk>": 2}
    vocabulary |= {symbol: 3 + at for at, symbol in enumerate(alphabet)}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<unk>",
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def save_tiny_base(folder: Path, family: str = "llama") -> Path:
    """A model folder as save_pretrained writes it."""
    tiny_model(family).save_pretrained(str(folder))
    tiny_tokenizer().save_pretrained(str(folder))
    return folder


def save_tiny_encoder(folder: Path, labels: tuple[str, ...] = (), *, longest: int = 64) -> Path:
    """The folder of a tiny random BERT of one token a letter; with labels it is a classifier."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    digits = "0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", *letters, *digits]
    words += [f"##{letter}" for letter in letters + digits]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bert",
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=longest,
        initializer_range=0.5,  # apart enough for texts to matter
    )
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: at for at, label in enumerate(labels)}
        model = AutoModelForSequenceClassification.from_config(config)
    else:
        model = AutoModel.from_config(config)
    model.save_pretrained(str(folder))
    tokenizer = BertTokenizer(vocab={word: at for at, word in enumerate(words)})
    tokenizer.save_pretrained(str(folder))
    return folder
