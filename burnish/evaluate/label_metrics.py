"""Accuracy, micro- and macro-F1, per-label scores and the confusion matrix, as scikit-learn's.

One label per example is the special case of a set of labels with one member. A written label
outside the label set is wrong: it counts against accuracy and against micro precision, and against
the recall of the label that was right.

Reads and writes nothing.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from burnish.errors import EvaluationError
from burnish.evaluate.measured import (
    Array,
    Measured,
    ValueFunction,
    f1,
    of_counts,
    of_means,
    precision,
    recall,
)
from burnish.records import Example, LabelScore

NOT_A_LABEL = "(not a label)"
"""The confusion matrix's column for answers outside the label set."""


def measure_labels(
    labels: Sequence[str], given: Sequence[tuple[str, ...]], examples: Sequence[Example]
) -> dict[str, Measured]:
    """The "accuracy", "micro_f1" and "macro_f1" of the `given` labels.

    Accuracy is the share of examples whose labels are all right and complete (scikit-learn's
    `accuracy_score`); macro-F1 is the mean over all of `labels` with `zero_division=0`.

    Raises:
        EvaluationError: an example's own label is outside `labels`.
    """
    _check(labels, examples)
    expected = [example.labels for example in examples]
    pairs = [(set(some), set(right)) for some, right in zip(given, expected, strict=True)]
    counts = np.array(
        [(len(some & right), len(some), len(right)) for some, right in pairs], dtype=np.float64
    )
    micro = of_counts("micro_f1", counts)
    rows = _per_label(labels, given, expected)
    supported = int((rows[:, 2].sum(axis=0) > 0).sum())
    macro = Measured(
        "macro_f1",
        rows.reshape(len(rows), -1),
        macro_f1_value(len(labels), supported),
        micro.per_example,
    )
    accuracy = of_means("accuracy", [float(some == right) for some, right in pairs])
    return {"macro_f1": macro, "micro_f1": micro, "accuracy": accuracy}


def label_scores(labels: Sequence[str], macro_f1: Measured) -> tuple[LabelScore, ...]:
    """Precision, recall and F1 of every label, from the statistics of "macro_f1"."""
    sums = macro_f1.statistics.sum(axis=0).reshape(3, len(labels)).T
    scores = zip(labels, precision(sums), recall(sums), f1(sums), sums[:, 2], strict=True)
    return tuple(
        LabelScore(label=label, precision=float(p), recall=float(r), f1=float(f), n=int(n))
        for label, p, r, f, n in scores
    )


def confusion_matrix(
    labels: Sequence[str], given: Sequence[str], examples: Sequence[Example]
) -> dict[str, dict[str, int]]:
    """confusion[reference][prediction] → count, for tasks with one label per example.

    Every label has a row; a prediction that never occurred is absent from it. Answers outside the
    label set stand under `NOT_A_LABEL`.
    """
    known = set(labels)
    pairs = Counter(
        (example.labels[0], label if label in known else NOT_A_LABEL)
        for label, example in zip(given, examples, strict=True)
    )
    return {
        right: {
            label: pairs[right, label] for label in (*labels, NOT_A_LABEL) if pairs[right, label]
        }
        for right in labels
    }


def _check(labels: Sequence[str], examples: Sequence[Example]) -> None:
    known = set(labels)
    faults = [
        f"{example.source}, row {example.row}: label {label!r}"
        for example in examples
        for label in example.labels
        if label not in known
    ]
    if faults:
        raise EvaluationError(
            f"{len(faults)} test labels are outside the label set of {len(known)} labels, so no "
            "system could get them right; all test labels must belong to it.",
            faults=faults,
            hint="add examples of these labels to the training data, or remove these test rows",
        )


def _per_label(
    labels: Sequence[str], given: Sequence[tuple[str, ...]], expected: Sequence[tuple[str, ...]]
) -> Array:
    """[n, 3, number of labels]: hit, given and expected, each 0 or 1."""
    index = {label: column for column, label in enumerate(labels)}
    rows = np.zeros((len(given), 3, len(labels)))
    for row, (some, right) in enumerate(zip(given, expected, strict=True)):
        for label in some:
            if label in index:
                rows[row, 1, index[label]] = 1
        for label in right:
            rows[row, 2, index[label]] = 1
    rows[:, 0] = rows[:, 1] * rows[:, 2]
    return rows


def macro_f1_value(size: int, supported: int) -> ValueFunction:
    """Macro-F1 over `size` labels, of which `supported` occur among the test references.

    On the whole test split this is scikit-learn's mean over all labels. A resample that happens to
    lack a rare label would count it as 0 there, and the interval would sink below the score (with
    77 labels on 150 examples, below it altogether). So the mean is taken over the labels that the
    resample holds, times the share of labels that the test split holds.
    """

    def value(sums: Array) -> Array:
        hits, given, expected = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, size), -2, 0)
        present = expected > 0
        scores = np.divide(2 * hits, given + expected, out=np.zeros_like(hits), where=present)
        number = np.maximum(present.sum(axis=-1), 1)
        result: Array = scores.sum(axis=-1) / number * supported / max(size, 1)
        return result

    return value
