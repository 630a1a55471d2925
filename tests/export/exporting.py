"""A workspace with a finished run over a tiny base, for tests of exports."""

from pathlib import Path
from typing import Any

from small_task import WORDS, small_workspace
from tiny import TEMPLATE, tiny_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from burnish import pipeline
from burnish.store import Workspace

VOCABULARY = 300
"""Of the tokenizer; the tiny models know 320 tokens."""


def merging_tokenizer(splitter: Any = None) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that has learned some merges; a GGUF file needs them.

    Args:
        splitter: how text is split before merges apply; None is GPT-2's way.
    """
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = splitter or pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    specials = ["<|im_start|>", "<|im_end|>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    texts = [f" {word} {word} {number}" for word in WORDS for number in (7, 77, 345)]
    inner.train_from_iterator([*texts, "Shorten. system user assistant"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=specials[0], eos_token=specials[1],
        pad_token=specials[1], unk_token=specials[2],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def save_base(folder: Path, family: str = "llama", splitter: Any = None, **settings: Any) -> Path:
    """The folder of a tiny random base whose tokenizer has merges."""
    tiny_model(family, **settings).save_pretrained(str(folder))
    merging_tokenizer(splitter).save_pretrained(str(folder))
    return folder


def trained(folder: Path, base: Path, **train: Any) -> Workspace:
    """A workspace whose run has moved its base far enough for a wrong merge to show."""
    workspace = small_workspace(folder, base, **{"learning_rate": 0.02, "r": 4, **train})
    pipeline.run_train(workspace)
    return workspace
