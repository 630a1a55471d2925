"""Embeddings of tokens and entailment, against the same tiny models asked one text at a time."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import save_tiny_encoder
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from burnish.engines import encoders
from burnish.engines.encoders import Encoder, Entailment, entailment_labels, longest_input
from burnish.errors import BaseModelError

LABELS = ("Contradiction", "neutral", "ENTAILMENT")
TEXTS = ["no fever", "the patient denies pain. " * 9, "cough", "a walk, and 3 days of sleep"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("classifier"), LABELS)


@torch.no_grad()
def hidden(folder: Path, text: str, layer: int) -> np.ndarray:
    """Unit vectors of one text alone, all layers run."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    found = model(**read, output_hidden_states=True).hidden_states[layer][0]
    return (found / found.norm(dim=-1, keepdim=True)).numpy()


@pytest.mark.parametrize("layer", [1, 2])
def test_batches_and_left_out_layers_change_no_embedding(
    folder: Path, layer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "TOKENS_AT_ONCE", 70)  # two or more batches, with padding
    found = Encoder(folder, layer, "cpu").embed(TEXTS)
    assert len(found) == len(TEXTS)
    for text, each in zip(TEXTS, found, strict=True):
        assert each.vectors == pytest.approx(hidden(folder, text, layer), abs=1e-5)
        assert each.counted.tolist() == [False, *[True] * (len(each.vectors) - 2), False]
    assert [each.cut for each in found] == [False, True, False, False]
    assert len(found[1].vectors) == 64


def test_no_text_is_no_embedding(folder: Path) -> None:
    assert Encoder(folder, 1, "cpu").embed([]) == []


@torch.no_grad()
def test_entailment_reads_pairs_as_the_model_does(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "TOKENS_AT_ONCE", 60)
    pairs = [("the nurse walks", "a walk"), ("fever", "no fever at all"), ("x", "y")]
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    model = AutoModelForSequenceClassification.from_pretrained(classifier, dtype=torch.float32)
    wanted = [
        torch.softmax(model.eval()(**tokenizer(*pair, return_tensors="pt")).logits[0], -1)
        for pair in pairs
    ]
    found = Entailment(classifier, "cpu")
    judged = found.judge(pairs)
    assert judged[:, 0] == pytest.approx([float(each[2]) for each in wanted], abs=1e-5)
    assert judged[:, 1] == pytest.approx([float(each[0]) for each in wanted], abs=1e-5)
    assert np.ptp(judged[:, 0]) > 1e-3
    assert found.room == 64 - 3
    assert found.lengths(["abc", "", "a b"]) == [3, 0, 2]
    assert found.lengths([]) == []
    assert found.judge([]).shape == (0, 2)


def test_labels_are_found_by_name_alone() -> None:
    assert entailment_labels({0: "neutral", 1: "entailment ", 2: "CONTRADICTION"}, "m") == (1, 2)
    for names in ({0: "LABEL_0", 1: "LABEL_1"}, {0: "entailment", 1: "not_entailment"}):
        with pytest.raises(BaseModelError, match="entailment and contradiction were expected") as e:
            entailment_labels(names, "org/m")
        assert "org/m has the labels" in e.value.message


def test_the_longest_input_leaves_out_positions_for_padding() -> None:
    class Model(torch.nn.Module):
        def __init__(self, places: int | None, padding: int | None) -> None:
            super().__init__()
            self.config = SimpleNamespace(max_position_embeddings=places)
            self.position_embeddings = torch.nn.Embedding(99, 2, padding_idx=padding)

    endless, told = SimpleNamespace(model_max_length=1e30), SimpleNamespace(model_max_length=50)
    assert longest_input(endless, Model(66, 1)) == 64
    assert longest_input(endless, Model(66, None)) == 66
    assert longest_input(told, Model(66, 1)) == 50
    for unknown in (None, -1):
        assert longest_input(endless, Model(unknown, None)) == 512


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="cannot be loaded to measure answers"):
        Encoder(tmp_path, 1, "cpu")
