"""Answers that belong to another input: copied from another row, or about what it says.

Reads examples; writes nothing. Texts are compared by the cosine of their TF-IDF word vectors.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.checks.signs import Sign
from burnish.data.examples import folded, place
from burnish.records import Example, Task

LONG_ENOUGH = 8
"""Words from which the same answer twice is a copy, not a stock phrase."""

DIFFERENT = 0.5
"""Cosine of two inputs below which they are clearly different."""

_STOCK = 0.01
"""Share of rows, and at least 3 rows, with the same answer from which it is a stock phrase."""

_BLOCK = 512
_USUAL = 3.0
"""Robust deviations of the fit from which it stands out."""

Floats = NDArray[np.float64]


def misplaced(task: Task, examples: Sequence[Example]) -> list[list[Sign]]:
    """Signs for each example, in its order. JSON answers may well be the same for many inputs."""
    signs: list[list[Sign]] = [[] for _ in examples]
    if len(examples) < 2:
        return signs
    vectors = _vectors(examples)
    if vectors is None:
        return signs
    inputs, answers = vectors
    own = np.asarray(answers.multiply(inputs).sum(axis=1)).ravel()
    if task.kind != "extract":
        _copies(examples, inputs, own, signs)
    _fits(examples, inputs, answers, own, signs)
    return signs


def _vectors(examples: Sequence[Example]) -> tuple[Any, Any] | None:
    """TF-IDF of inputs and answers, rows of length 1; None where there are no words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    inputs, answers = [e.text for e in examples], [e.answer for e in examples]
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, token_pattern=r"(?u)\b[^\W_]{2,}\b", dtype=np.float32
    )
    try:
        vectorizer.fit([*inputs, *answers])
    except ValueError:  # an empty vocabulary: nothing but marks
        return None
    return vectorizer.transform(inputs), vectorizer.transform(answers)


def _copies(examples: Sequence[Example], inputs: Any, own: Floats, signs: list[list[Sign]]) -> None:
    """The same long answer to clearly different inputs; the row it fits best is its owner."""
    same: dict[str, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        if len(example.answer.split()) >= LONG_ENOUGH:
            same[folded(example.answer)].append(at)
    for rows in same.values():
        if not 2 <= len(rows) <= max(3, _STOCK * len(examples)):
            continue
        owner = max(rows, key=lambda at: (own[at], -at))
        for at in rows:
            alike = float(inputs[at].multiply(inputs[owner]).sum())
            if at == owner or alike >= DIFFERENT:
                continue
            worse = 1 - own[at] / max(own[owner], 1e-9)
            score = min(0.95, 0.4 + 0.6 * float(worse))
            reason = f"has the same answer as {place(examples[owner])}, whose input is another"
            signs[at].append(Sign(score, reason, examples[owner]))


def _fits(
    examples: Sequence[Example], inputs: Any, answers: Any, own: Floats, signs: list[list[Sign]]
) -> None:
    """Answers that share far more with another input than with their own."""
    best, where = _best_other(examples, inputs, answers)
    gain = np.log((best + 0.02) / (own + 0.02))
    middle = np.median(gain)
    spread = 1.4826 * np.median(np.abs(gain - middle)) + 0.05
    unusual = (gain - middle) / spread
    for at in np.flatnonzero((unusual > _USUAL) & (best > 1.5 * own)).tolist():
        if len(set(examples[at].answer.casefold().split())) < LONG_ENOUGH:
            continue
        other = examples[where[at]]
        score = 0.9 * (1 - np.exp((_USUAL - unusual[at]) / 3))
        shares = f"{best[at]:.2f} against {own[at]:.2f} with its own"
        signs[at].append(
            Sign(float(score), f"shares more with the input of {place(other)} ({shares})", other)
        )


def _best_other(
    examples: Sequence[Example], inputs: Any, answers: Any
) -> tuple[Floats, NDArray[np.int64]]:
    """The highest cosine of each answer with a clearly different input, and whose it is."""
    best, where = np.zeros(len(examples)), np.zeros(len(examples), dtype=np.int64)
    transposed = inputs.T.tocsc()
    for start in range(0, len(examples), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(examples)))
        fit = (answers[rows] @ transposed).toarray()
        fit[(inputs[rows] @ transposed).toarray() >= DIFFERENT] = 0
        where[rows] = fit.argmax(axis=1)
        best[rows] = fit.max(axis=1)
    return best, where
