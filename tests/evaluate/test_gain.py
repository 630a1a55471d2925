"""The gain to expect of new examples: measured, with an interval, or told to be unknown."""

import random

import pytest

from burnish.evaluate.gain import LEAST, expected_gain
from burnish.records import DataSettings, EvaluateSettings, Example, Gain, Task

WORDS = {
    "a": ["ward", "nurse", "chart"],
    "b": ["ship", "sail", "rope"],
    "c": ["disk", "byte", "chip"],
}
LABELS = tuple(WORDS)


def task(kind: str = "classify", metric: str = "accuracy") -> Task:
    return Task(
        name="t", kind=kind, metric=metric, data=DataSettings(source="x.jsonl"),
        evaluate=EvaluateSettings(resamples=300),
    )  # type: ignore[arg-type]  # fmt: skip


def examples(n: int, labels: str, *, seed: int, words: str = "") -> list[Example]:
    chance = random.Random(seed)
    made = []
    for at in range(n):
        label = chance.choice(labels)
        text = " ".join(chance.choices(WORDS[words or label], k=4))
        made.append(
            Example(
                id=f"{seed}-{at}", source="x.jsonl", row=at, inputs={"text": text}, answer=label,
                references=(label,), labels=(label,),
            )
        )  # fmt: skip
    return made


def test_a_label_that_is_new_promises_much() -> None:
    told: list[tuple[int, int]] = []
    found = expected_gain(
        task(), LABELS, examples(60, "ab", seed=1), examples(40, "bc", seed=2),
        tell=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert isinstance(found, Gain)
    assert found.sizes == (60, 71, 81, 92)
    assert list(found.scores) == sorted(found.scores)
    assert found.expected == pytest.approx(found.scores[-1] - found.scores[0])
    assert 0.2 < found.low < found.expected < found.high < 0.8
    assert found.n == 40
    assert "TF-IDF with logistic regression" in found.measured
    assert "in 5 folds" in found.measured
    assert told[-1] == (16, 16)


def test_more_of_the_same_promises_nothing() -> None:
    found = expected_gain(task(), LABELS, examples(60, "ab", seed=1), examples(40, "ab", seed=2))
    assert isinstance(found, Gain)
    assert found.low <= 0 <= found.high


def test_nonsense_promises_no_gain() -> None:
    """Answers that have nothing to do with the texts cannot be learned by anybody."""
    found = expected_gain(
        task(), LABELS, examples(60, "ab", seed=1), examples(60, "ab", seed=3, words="c")
    )
    assert isinstance(found, Gain)
    assert found.low <= 0


def test_it_does_not_hang_on_the_order() -> None:
    old, new = examples(60, "ab", seed=1), examples(40, "bc", seed=2)
    one = expected_gain(task(), LABELS, old, new)
    other = expected_gain(task(), LABELS, old, new[::-1])
    assert isinstance(one, Gain)
    assert isinstance(other, Gain)
    assert (one.scores, one.expected) == (other.scores, other.expected)


def test_what_cannot_be_told_is_said() -> None:
    old = examples(60, "ab", seed=1)
    few = expected_gain(task(), LABELS, old, examples(LEAST - 1, "bc", seed=2))
    assert few == (
        "The gain cannot be told from 19 new examples beside the fresh test; 20 are the least."
    )
    summaries = expected_gain(task("summarize", "rougeL"), (), old, examples(40, "b", seed=2))
    assert isinstance(summaries, str)
    assert "do not learn from examples" in summaries
    silent = [one.model_copy(update={"inputs": {"text": " "}}) for one in old]
    empty = expected_gain(task(), LABELS, silent, examples(40, "b", seed=2))
    assert isinstance(empty, str)
    assert "no text to learn from" in empty


def test_texts_are_looked_up_where_there_are_no_labels() -> None:
    old, new = examples(60, "ab", seed=1), examples(40, "bc", seed=2)
    plain = [one.model_copy(update={"labels": ()}) for one in [*old, *new]]
    found = expected_gain(task("generate", "exact_match"), (), plain[:60], plain[60:])
    assert isinstance(found, Gain)
    assert "the answer of the most similar example" in found.measured
    assert found.low > 0
