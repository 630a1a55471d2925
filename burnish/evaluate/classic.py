"""The classic baseline: what a team could have had without any language model.

    classify    TF-IDF of words and characters with logistic regression
    summarize   lead-3: the first three sentences of the longest input
    answer      the sentence of the context that shares most words with the question
    extract     the answer of the most similar training example
    generate    the same

Reads examples; writes nothing. scikit-learn is imported inside functions: it starts slowly.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from burnish.chat.answers import label_text, parse
from burnish.records import Answer, Example, Task

LEAD = 3
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")
_BLOCK = 256  # test examples compared with the training split at once


def answer_classic(
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    test: Sequence[Example],
    seed: int,
) -> tuple[list[Answer], str] | None:
    """The baseline's answers to `test`, in its order, and what it is, in a sentence.

    `Answer.probability` is that of the chosen label, for tasks with one label per example.

    Returns:
        None where the task has no classic baseline: nothing to learn from, or no text in it.
    """
    probabilities: list[float | None] = [None] * len(test)
    if task.kind == "summarize":
        texts = [_lead(_longest(example)) for example in test]
        description = f"Lead-{LEAD}: the first {LEAD} sentences of the longest input."
    elif task.kind == "answer" and all(len(_parts(example)) > 1 for example in test):
        texts = [_span(example) for example in test]
        description = (
            "The sentence of the longest input that shares most words with the rest of the input."
        )
    elif not any(_text(example).strip() for example in train):
        return None
    elif task.kind != "classify":
        texts = _nearest(train, test)
        description = "The answer of the training example with the most similar input (TF-IDF)."
    elif task.multi_label:
        texts = _classify_several(labels, train, test, seed)
        description = (
            "TF-IDF of words and characters with one logistic regression per label, each label "
            f"given at a probability of 0.5, learned from {len(train):,} examples."
        )
    else:
        texts, probabilities = _classify(train, test, seed)
        description = (
            "TF-IDF of words and characters with logistic regression, learned from "
            f"{len(train):,} examples."
        )
    answers = [
        Answer(text=text, value=parse(task, text), probability=probability)
        for text, probability in zip(texts, probabilities, strict=True)
    ]
    return answers, description


def _parts(example: Example) -> list[str]:
    """All texts the model would read: the turns so far and the inputs, without empty ones."""
    turns = (message.content for message in example.history)
    return [part for part in chain(turns, example.inputs.values()) if part.strip()]


def _text(example: Example) -> str:
    return "\n".join(_parts(example))


def _longest(example: Example) -> str:
    return max(_parts(example), key=len, default="")


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]


def _lead(text: str) -> str:
    return " ".join(_sentences(text)[:LEAD])


def _span(example: Example) -> str:
    context = _longest(example)
    others = _parts(example)
    others.remove(context)
    question = set(_WORD.findall(" ".join(others).lower()))
    sentences = _sentences(context)
    return max(sentences, key=lambda text: len(question & set(_WORD.findall(text.lower()))))


def _features(train: Sequence[Example], test: Sequence[Example]) -> tuple[Any, Any]:
    """TF-IDF of words (1 and 2) beside that of characters within words (2 to 5), both sparse."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    known, new = [_text(example) for example in train], [_text(example) for example in test]
    vectorizers = [TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)]
    if any(_WORD.search(text) for text in known):
        vectorizers.append(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        )
    pairs = [(each.fit_transform(known), each.transform(new)) for each in vectorizers]
    return tuple(hstack(blocks, format="csr") for blocks in zip(*pairs, strict=True))


def _fit(known: Any, targets: Any, seed: int) -> Any:
    """C of 10 rather than scikit-learn's 1: 78.2 against 73.6% on banking77 with 1,500 examples.

    On one thread: on two busy cores, two threads took fifty times as long for these small products.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return LogisticRegression(C=10, max_iter=1000, random_state=seed).fit(known, targets)


def _classify(
    train: Sequence[Example], test: Sequence[Example], seed: int
) -> tuple[list[str], list[float | None]]:
    targets = [example.labels[0] for example in train]
    if len(set(targets)) == 1:
        return [targets[0]] * len(test), [1.0] * len(test)
    known, new = _features(train, test)
    model = _fit(known, targets, seed)
    scores = model.predict_proba(new)
    chosen = [str(model.classes_[place]) for place in scores.argmax(axis=1)]
    return chosen, scores.max(axis=1).tolist()


def _classify_several(
    labels: tuple[str, ...], train: Sequence[Example], test: Sequence[Example], seed: int
) -> list[str]:
    """One regression per label; a label that all or no training examples carry needs none."""
    carried = np.array([[label in example.labels for label in labels] for example in train])
    given = np.tile(carried.all(axis=0), (len(test), 1))
    known, new = _features(train, test)
    for column in np.flatnonzero(carried.any(axis=0) & ~carried.all(axis=0)):
        given[:, column] = _fit(known, carried[:, column], seed).predict(new)
    return [
        label_text(tuple(label for label, has in zip(labels, row, strict=True) if has))
        for row in given
    ]


def _nearest(train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    known, new = _features(train, test)
    places: list[int] = []
    for start in range(0, len(test), _BLOCK):
        similarity = (new[start : start + _BLOCK] @ known.T).toarray()
        places.extend(similarity.argmax(axis=1).tolist())
    return [train[place].answer for place in places]
