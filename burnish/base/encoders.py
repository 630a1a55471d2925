"""Find the models that measure written answers, and refuse what cannot, before any answer is there.

A model is found as a base is (`burnish.base.resolve`). Its configuration is read, its weights are
not loaded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from transformers import AutoConfig

from burnish.base.catalogue import Catalogue
from burnish.base.resolve import resolve
from burnish.engines.encoders import entailment_labels
from burnish.errors import BaseModelError
from burnish.records import EvaluateSettings, MeasuringModel

LAYERS = {
    "bert-base-uncased": 9, "bert-large-uncased": 18, "bert-base-multilingual-cased": 9,
    "roberta-base": 10, "roberta-large": 17, "roberta-large-mnli": 19, "distilroberta-base": 5,
    "distilbert-base-uncased": 5, "xlm-roberta-base": 9, "xlm-roberta-large": 17,
    "deberta-large-mnli": 18, "deberta-xlarge-mnli": 40, "deberta-v3-base": 9,
    "deberta-v3-large": 12, "mdeberta-v3-base": 10,
}  # fmt: skip
"""Layers that bert_score 0.3.13 takes: those closest to people's judgements on WMT16."""


@dataclass(frozen=True)
class FoundEncoder:
    """A model on disk, with what the report says of it."""

    path: Path
    record: MeasuringModel


def find_encoders(settings: EvaluateSettings, catalogue: Catalogue) -> list[FoundEncoder]:
    """The models that a brief names to measure answers; from the hub where they are not here.

    Raises:
        BaseModelError: one cannot be had, has no such layer, or not the labels of entailment.
    """
    found = []
    if settings.bertscore is not None:
        one, config = _find("bertscore", settings.bertscore, catalogue)
        layer = _layer(one.record.name, config, settings.bertscore_layer)
        record = one.record.model_copy(update={"layer": layer})
        found.append(FoundEncoder(one.path, record))
    if settings.nli is not None:
        one, config = _find("nli", settings.nli, catalogue)
        entailment_labels(config.id2label, settings.nli)
        found.append(one)
    return found


def _find(
    measure: Literal["bertscore", "nli"], name: str, catalogue: Catalogue
) -> tuple[FoundEncoder, Any]:
    """The model and its configuration."""
    hint = f"name a model folder or a hub id under evaluate.{measure}, or leave it out"
    try:
        found = resolve(name, catalogue)
        if not found.path.is_dir():
            raise BaseModelError("It is a GGUF file; a folder with safetensors is needed.")
        config = AutoConfig.from_pretrained(str(found.path), local_files_only=True)
    except (BaseModelError, OSError, ValueError, KeyError) as error:
        reason = error.message if isinstance(error, BaseModelError) else str(error).split("\n")[0]
        raise BaseModelError(
            f"evaluate.{measure} is {name}, which cannot measure answers. {reason}", hint=hint
        ) from error
    record = MeasuringModel(
        measure=measure,
        name=name,
        revision=found.revision,
        weights_sha256=found.weights_sha256,
    )
    return FoundEncoder(found.path, record), config


def _layer(name: str, config: Any, asked: int | None) -> int:
    """The layer to compare: as asked, as bert_score has it, or the last."""
    layers = int(getattr(config, "num_hidden_layers", 0))
    if not layers:
        raise BaseModelError(
            f"evaluate.bertscore is {name}, whose configuration names no layers.",
            hint="name a text encoder under evaluate.bertscore, or leave it out",
        )
    if asked is None:
        usual = LAYERS.get(name.partition("@")[0].rpartition("/")[2], layers)
        return min(usual, layers)
    if asked > layers:
        raise BaseModelError(
            f"evaluate.bertscore_layer is {asked}, and {name} has {layers} layers.",
            hint=f"set evaluate.bertscore_layer to at most {layers}",
        )
    return asked
