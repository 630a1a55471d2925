"""Scores of evidently's default checks of a text and of a categorical column.

    .peers/evidently/bin/python bench/peers/drift_evidently.py WINDOWS OUT [--processes 2]

What `ValueDrift` and `DataDriftPreset` take by default for a reference of this size: for texts the
AUC of a classifier of words on half of the rows, for labels the p-value of the χ² test. The AUC is
computed by evidently's own function without the 1,000 random classifiers that its default sets a
threshold by, since here all thresholds are set by windows without a drift. The first window of a
trial is held against what a report with `ValueDrift` says.
"""

from typing import Any

import numpy as np
import pandas as pd
from drift_scores import Checks, Score, score_all
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.utils.data_drift_utils import calculate_text_drift_score
from evidently.metrics import ValueDrift


def prepare(reference: dict[str, Any]) -> Checks:
    """Both checks against a reference."""
    texts, labels = pd.Series(reference["texts"]), pd.Series(reference["labels"])

    def text(window: dict[str, Any]) -> Score:
        auc, _ = calculate_text_drift_score(texts, pd.Series(window["texts"]), bootstrap=False)
        return -float(auc), 0.0

    def label(window: dict[str, Any]) -> Score:
        current = pd.Series(window["labels"])
        test = get_stattest(labels, current, "cat", None)
        return float(test(labels, current, "cat", None).drift_score), 0.0

    checked = False

    def text_checked(window: dict[str, Any]) -> Score:
        nonlocal checked
        if not checked:
            checked = True
            expected = (_reported("text", texts, window["texts"]),
                        _reported("label", labels, window["labels"]))  # fmt: skip
            found = (-text(window)[0], label(window)[0])
            if not np.allclose(found, expected):
                raise SystemExit(f"a report says {expected}, not {found}")
        return text(window)

    return {"text": text_checked, "labels": label}


def _reported(kind: str, reference: pd.Series, current: list[str]) -> float:
    """The score of a report with the default check."""
    definition = DataDefinition(
        text_columns=["x"] if kind == "text" else [],
        categorical_columns=["x"] if kind == "label" else [],
    )
    data = [Dataset.from_pandas(pd.DataFrame({"x": rows}), data_definition=definition)
            for rows in (current, reference)]  # fmt: skip
    snapshot = Report([ValueDrift(column="x")]).run(*data)
    return float(snapshot.dict()["metrics"][0]["value"])


if __name__ == "__main__":
    score_all(prepare, __doc__)
