"""BERTScore against its definition, computed anew here, token by token."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny_encoder
from transformers import AutoModel, AutoTokenizer

from burnish.engines.encoders import Encoder
from burnish.engines.engine import Embedded
from burnish.evaluate import bertscore
from burnish.evaluate.bertscore import NAMES, match, measure_bertscore

WRITTEN = ["no fever today", "", "the nurse walks. " * 9, "cough\n and pain", "pulse"]
REFERENCES = [
    ("fever", "no fever was found"),
    ("chart",),
    ("a walk",),
    ("", "pain and cough"),
    ("pulse",),
]


def silent(done: int, total: int) -> None:
    pass


def plain(model, tokenizer, text, reference):  # type: ignore[no-untyped-def]
    """F1, precision and recall of one pair, with loops, from arXiv 1904.09675, equation 2."""
    if not text.strip() or not reference.strip():
        return 0.0, 0.0, 0.0
    sides = []
    for each in (text, reference):
        read = tokenizer(each.strip(), return_tensors="pt", truncation=True, max_length=64)
        with torch.no_grad():
            sides.append(model(**read, output_hidden_states=True).hidden_states[1][0].double())
    cosines = [
        [float(torch.nn.functional.cosine_similarity(x, y, dim=0)) for y in sides[1]]
        for x in sides[0]
    ]
    own = [max(row) for row in cosines][1:-1]  # [CLS] and [SEP] are matched, not counted
    other = [max(row[at] for row in cosines) for at in range(len(sides[1]))][1:-1]
    precision, recall = sum(own) / len(own), sum(other) / len(other)
    return 2 * precision * recall / (precision + recall), precision, recall


def test_figures_are_those_of_the_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bertscore, "PAIRS_AT_ONCE", 3)
    folder = save_tiny_encoder(tmp_path)
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found, cut = measure_bertscore(Encoder(folder, 1, "cpu"), {"a": WRITTEN}, REFERENCES, silent)
    for at, name in enumerate(NAMES):
        wanted = [
            max(plain(model.eval(), tokenizer, text, one)[at] for one in several)
            for text, several in zip(WRITTEN, REFERENCES, strict=True)
        ]
        assert found["a"][name].per_example == pytest.approx(wanted, abs=1e-5)
        assert found["a"][name].score == pytest.approx(sum(wanted) / len(wanted), abs=1e-5)
        assert wanted[1] == 0
        assert found["a"][name].per_example[4] == pytest.approx(1, abs=1e-6)
        assert len(set(np.round(wanted, 5))) == 5
    assert cut == 1


class Counting:
    """Two tokens a text, at angles that its first letter says."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        self.asked += texts
        return [self._embed(ord(text[0])) for text in texts]

    def _embed(self, angle: float) -> Embedded:
        vectors = np.array([[np.cos(angle), np.sin(angle)], [1, 0]], np.float32)
        return Embedded(vectors, np.array([True, False]))


def test_equal_texts_of_all_systems_are_embedded_once() -> None:
    encoder = Counting()
    written = {"one": ["a", "b", "a"], "two": ["a", "c", "a"]}
    found, _ = measure_bertscore(encoder, written, [("a",), ("b",), ("a",)], silent)
    assert sorted(encoder.asked) == ["a", "b", "c"]
    assert found["one"]["bertscore_f1"].per_example == pytest.approx([1, 1, 1])
    assert found["two"]["bertscore_f1"].per_example[1] < 1


def test_a_text_of_marks_alone_scores_nothing() -> None:
    marks = Embedded(np.eye(2, dtype=np.float32), np.array([False, False]))
    words = Embedded(np.eye(2, dtype=np.float32), np.array([True, True]))
    assert match(marks, words) == match(words, marks) == (0, 0, 0)
    assert match(words, words) == (1, 1, 1)
