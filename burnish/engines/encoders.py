"""Encoders in this process: embeddings of tokens, and entailment between two texts.

Both read texts in batches of about one length, in float32 and without gradients. Files come from a
folder alone; code that comes with a model is never run.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Tokenizer,
    RobertaTokenizer,
)

from burnish.engines.engine import Embedded
from burnish.engines.memory import keep_few_kernels
from burnish.errors import BaseModelError

TOKENS_AT_ONCE = 4096
"""Most tokens of a batch, padding included; bounds memory, changes no result."""
USUAL_LENGTH = 512
"""Tokens that a model reads which does not say how many."""


class Encoder:
    """Embeds tokens as bert_score 0.3.13 does: a token's vector in one hidden layer.

    Args:
        layer: the hidden layer, counted from 1; those above it are not loaded.
        device: as torch names it.

    Raises:
        BaseModelError: the folder holds no model with such a layer.
    """

    def __init__(self, folder: Path, layer: int, device: str) -> None:
        config = _cut_layers(_load(AutoConfig, folder), layer)
        self._tokenizer = _tokenizer(folder)
        model = _load(AutoModel, folder, config=config, dtype=torch.float32, use_safetensors=True)
        self._model = _ready(model.get_encoder() if config.is_encoder_decoder else model, device)
        self._longest = longest_input(self._tokenizer, self._model)
        inner = self._tokenizer
        # These two mark a word by the space before it, which the first word of a text lacks.
        self._before = " " if isinstance(inner, GPT2Tokenizer | RobertaTokenizer) else ""
        self._marks = [inner.cls_token_id, inner.sep_token_id]

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """The tokens of every text, in the order of the texts."""
        if not texts:
            return []
        texts = [self._before + text.strip() for text in texts]
        whole = self._tokenizer(texts, verbose=False)["input_ids"]
        ids = self._tokenizer(texts, truncation=True, max_length=self._longest)["input_ids"]
        found: dict[int, Embedded] = {}
        for batch in _batches(list(map(len, ids))):
            inputs = _padded(self._tokenizer, {"input_ids": ids}, batch, self._model.device)
            hidden = self._model(**inputs).last_hidden_state
            vectors = torch.nn.functional.normalize(hidden.float(), dim=-1).cpu().numpy()
            for place, at in enumerate(batch):
                size = len(ids[at])
                found[at] = Embedded(
                    vectors[place, :size].copy(),
                    ~np.isin(ids[at], [mark for mark in self._marks if mark is not None]),
                    cut=len(whole[at]) > size,
                )
        return [found[at] for at in range(len(texts))]


class Entailment:
    """Says how probably one text entails or contradicts another.

    Raises:
        BaseModelError: the folder holds no classifier with these two labels.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self._tokenizer = _tokenizer(folder)
        self._labels = entailment_labels(_load(AutoConfig, folder).id2label, str(folder))
        self._model = _ready(
            _load(
                AutoModelForSequenceClassification,
                folder,
                dtype=torch.float32,
                use_safetensors=True,
            ),
            device,
        )
        self._longest = longest_input(self._tokenizer, self._model)

    @property
    def room(self) -> int:
        """Tokens that the two texts of a pair may have together."""
        return self._longest - int(self._tokenizer.num_special_tokens_to_add(pair=True))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        if not texts:
            return []
        read = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in read["input_ids"]]

    @torch.no_grad()
    def judge(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probabilities of entailment and of contradiction, [pairs, 2]."""
        found = np.zeros((len(pairs), 2))
        if not pairs:
            return found
        first, second = map(list, zip(*pairs, strict=True))
        read = self._tokenizer(first, second, truncation="only_first", max_length=self._longest)
        padded = self._model.config.pad_token_id is not None  # else it finds no end but the last
        for batch in _batches(list(map(len, read["input_ids"])), one_by_one=not padded):
            inputs = _padded(self._tokenizer, read, batch, self._model.device)
            logits = self._model(**inputs).logits.double()
            found[batch] = torch.softmax(logits, -1)[:, list(self._labels)].cpu().numpy()
        return found


def entailment_labels(names: dict[int, str], model: str) -> tuple[int, int]:
    """The places of "entailment" and "contradiction" among a classifier's labels.

    Args:
        names: `id2label` of its configuration; case does not matter.

    Raises:
        BaseModelError: one of them is missing.
    """
    places = {name.strip().casefold(): place for place, name in names.items()}
    if not {"entailment", "contradiction"} <= set(places):
        raise BaseModelError(
            f"{model} has the labels {', '.join(map(str, names.values()))}; entailment and "
            "contradiction were expected.",
            hint="name a classifier for natural language inference under evaluate.nli",
        )
    return int(places["entailment"]), int(places["contradiction"])


def longest_input(tokenizer: Any, model: torch.nn.Module) -> int:
    """Most tokens that a model reads, its marks included.

    RoBERTa and its like begin to count positions after the one of padding.
    """
    places = getattr(model.config, "max_position_embeddings", None)
    if places:
        for name, module in model.named_modules():
            if name.endswith("position_embeddings"):
                padding = getattr(module, "padding_idx", None)
                places -= 0 if padding is None else padding + 1
    told = [int(each) for each in (tokenizer.model_max_length, places) if each and 0 < each < 1e9]
    return min(told, default=USUAL_LENGTH)


def _cut_layers(config: Any, layer: int) -> Any:
    """The configuration of the same model without the layers above."""
    config.num_hidden_layers = layer
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layer]
    return config


def _load(kind: Any, folder: Path, **settings: Any) -> Any:
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, **settings)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise BaseModelError(
            f"{folder} cannot be loaded to measure answers: {reason}",
            hint="name another model under evaluate.bertscore or evaluate.nli",
        ) from error


def _tokenizer(folder: Path) -> Any:
    tokenizer = _load(AutoTokenizer, folder)
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _ready(model: Any, device: str) -> Any:
    keep_few_kernels()
    return model.to(device).eval()


def _batches(lengths: Sequence[int], *, one_by_one: bool = False) -> Iterator[list[int]]:
    """Places of texts, those of about one length together, the longest first."""
    order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
    while order:
        size = 1 if one_by_one else max(1, TOKENS_AT_ONCE // max(lengths[order[0]], 1))
        yield order[:size]
        order = order[size:]


def _padded(tokenizer: Any, read: Any, batch: list[int], device: Any) -> dict[str, torch.Tensor]:
    rows = {name: [values[at] for at in batch] for name, values in read.items()}
    return dict(tokenizer.pad(rows, return_tensors="pt").to(device))
