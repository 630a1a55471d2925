"""Entailed and contradicted sentences, with a model whose judgements are known."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from burnish.evaluate import entailment
from burnish.evaluate.entailment import measure_entailment


class Known:
    """A token a word. Words all there entail; a word with "not" before it contradicts."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.pairs: list[tuple[str, str]] = []

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def judge(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        self.pairs += pairs
        assert all(sum(self.lengths(pair)) <= self.room for pair in pairs)
        return np.array([self._judge(*pair) for pair in pairs])

    def _judge(self, source: str, claim: str) -> tuple[float, float]:
        said, words = source.lower().split(), claim.lower().strip(".").split()
        pairs = pairwise(said)
        denied = {word.strip(".") for before, word in pairs if before == "not"}
        known = {word.strip(".") for word in said} - denied
        if "half" in words:
            return 0.5, 0.5
        return (0.9 if set(words) <= known else 0.2), (0.8 if denied & set(words) else 0.1)


def silent(done: int, total: int) -> None:
    pass


def shares(model: Known, text: str, source: str) -> tuple[float, float]:
    found = measure_entailment(model, {"one": [text]}, [source], silent)["one"]
    return found["entailed"].score, found["contradicted"].score


SOURCE = "Fever and cough. Not pain.\nSleep is good."


@pytest.mark.parametrize(
    ("text", "entailed", "contradicted"),
    [
        ("Fever.", 1, 0),
        ("Fever. Pain.", 0.5, 0.5),
        ("Pain", 0, 1),
        ("Rash. Fever. Cough. Pain.", 0.5, 0.25),
        ("half", 0, 0),  # a probability of one half is not above it
        ("", 1, 0),
        (" \n ", 1, 0),
    ],
)
def test_shares_are_of_an_answers_sentences(
    text: str, entailed: float, contradicted: float
) -> None:
    assert shares(Known(), text, SOURCE) == (entailed, contradicted)


def test_long_inputs_are_read_in_windows_of_sentences() -> None:
    model = Known(room=14)
    source = " ".join(f"Word{at} is here and there." for at in range(9)) + " Not pain."
    assert shares(model, "Word7 is here. Word0 is here. Pain.", source) == (2 / 3, 1 / 3)
    windows = {window for window, _ in model.pairs}
    assert len(windows) > 3
    assert all(window.endswith(".") for window in windows)  # whole sentences
    for claim in ("Word7 is here.", "Pain."):
        read = " ".join(window for window, asked in model.pairs if asked == claim)
        assert read == source


def test_sentences_too_long_for_the_model_are_cut_and_all_is_read() -> None:
    model = Known(room=12)
    source = " ".join(f"w{at}" for at in range(50))
    assert shares(model, "w1 w2", source) == (1, 0)
    read = " ".join(window for window, _ in model.pairs)
    assert read == source
    model = Known(room=12)
    shares(model, source, "w1 w2")
    assert " ".join(claim for _, claim in model.pairs) == source


def test_an_input_that_says_nothing_is_held_against_answers_too() -> None:
    assert shares(Known(), "Fever.", "") == (0, 0)


def test_equal_pairs_of_all_systems_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entailment, "PAIRS_AT_ONCE", 2)
    model, told = Known(), []
    written = {"one": ["Fever.", "Pain.", "Rash."], "two": ["Fever. Pain.", "Pain.", ""]}
    found = measure_entailment(
        model, written, [SOURCE, SOURCE, "Rash."], lambda *done: told.append(done)
    )
    assert len(model.pairs) == len(set(model.pairs)) == 3
    assert told == [(0, 3), (2, 3)]
    assert found["one"]["entailed"].per_example.tolist() == [1, 0, 1]
    assert found["one"]["contradicted"].per_example.tolist() == [0, 1, 0]
    assert found["two"]["entailed"].per_example.tolist() == [0.5, 0, 1]
    assert found["two"]["contradicted"].per_example.tolist() == [0.5, 1, 0]
