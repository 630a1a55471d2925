"""Scores of nannyml's drift calculators, with windows as its chunks.

    .peers/nannyml/bin/python bench/peers/drift_nannyml.py WINDOWS OUT [--processes 2]

nannyml has no check of texts. Its two checks of many columns at once, the domain classifier and the
reconstruction error of PCA, are given vectors of the texts; one column is the length of a text.
Labels are compared by its default, the Jensen–Shannon distance, and by χ².
"""

import os
import warnings
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.simplefilter("ignore")

import nannyml as nml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from drift_scores import parser, run_all  # noqa: E402
from drift_vectors import DIMENSIONS, fitted  # noqa: E402
from nannyml.drift.multivariate.domain_classifier.calculator import DEFAULT_LGBM_HYPERPARAMS  # noqa: E402

ROWS = 50
QUIET = {"n_jobs": 1, "verbosity": -1}
"""Of LightGBM; neither changes a score."""
COLUMNS = [f"v{at}" for at in range(DIMENSIONS)]


def scores_of(trial: dict[str, Any]) -> Any:
    """Check → name of the windows → a score for each."""
    vectors = fitted(trial["other_texts"])
    windows = trial["windows"]

    def frame(texts: list[str]) -> pd.DataFrame:
        columns = pd.DataFrame(vectors(texts), columns=COLUMNS)
        columns["length"] = [float(len(text)) for text in texts]
        return columns

    texts = frame([text for each in windows.values() for one in each for text in one["texts"]])
    labels = pd.DataFrame(
        {"label": [label for each in windows.values() for one in each for label in one["labels"]]}
    )
    known = frame(trial["texts"])
    domain = nml.DomainClassifierCalculator(
        COLUMNS, chunk_size=ROWS, hyperparameters={**DEFAULT_LGBM_HYPERPARAMS, **QUIET}
    ).fit(known)
    reconstruction = nml.DataReconstructionDriftCalculator(COLUMNS, chunk_size=ROWS).fit(known)
    length = nml.UnivariateDriftCalculator("length", chunk_size=ROWS).fit(known)
    names = nml.UnivariateDriftCalculator(
        "label", chunk_size=ROWS, categorical_methods=["jensen_shannon", "chi2"]
    ).fit(pd.DataFrame({"label": trial["labels"]}))
    scores = {
        "domain classifier": -_values(domain.calculate(texts), "domain_classifier_auroc"),
        "reconstruction error": -_distance(reconstruction, texts),
        "length": -_values(length.calculate(texts), "length", "jensen_shannon"),
        "labels Jensen–Shannon": -_values(names.calculate(labels), "label", "jensen_shannon"),
        "labels χ²": -_values(names.calculate(labels), "label", "chi2"),
    }
    ends = np.cumsum([len(each) for each in windows.values()])[:-1]
    return {
        check: {
            name: [(float(value), 0.0) for value in part]
            for name, part in zip(windows, np.split(values, ends), strict=True)
        }
        for check, values in scores.items()
    }


def _values(result: Any, *column: str) -> Any:
    """A number for each chunk that is not of the reference."""
    frame = result.filter(period="analysis").data
    return frame[(*column, "value")].to_numpy(dtype=float)


def _distance(calculator: Any, texts: pd.DataFrame) -> Any:
    """How far from the reference's mean: its default alarms on both sides of it."""
    result = calculator.calculate(texts)
    known = result.filter(period="reference").data[("reconstruction_error", "value")]
    return np.abs(_values(result, "reconstruction_error") - known.mean())


if __name__ == "__main__":
    run_all(scores_of, parser(__doc__).parse_args())
