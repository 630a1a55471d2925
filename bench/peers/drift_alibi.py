"""Scores of alibi-detect's detectors for vectors of texts, and of its χ² test for labels.

    .peers/alibi/bin/python bench/peers/drift_alibi.py WINDOWS OUT [--processes 2]

Texts are TF-IDF vectors folded into 32 dimensions, or embeddings of a small pretrained model (256
dimensions), which a package ships. MMD with its default kernel; Kolmogorov–Smirnov tests of all
dimensions with its default correction; the classifier detector with logistic regression on five
folds. MMD is scored by its distance, without the permutations that give a p-value: near a rate of
2% all windows have the least p-value that its 100 permutations can give. All else is by p-value.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import wordllama
from alibi_detect.cd import ChiSquareDrift, ClassifierDrift, KSDrift, MMDDrift
from drift_scores import Checks, Score, score_all
from drift_vectors import fitted
from sklearn.linear_model import LogisticRegression


def prepare(reference: dict[str, Any]) -> Checks:
    """All detectors, made with a reference."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    checks: Checks = {}
    for name, vectors in (
        ("TF-IDF", fitted(reference["other_texts"])),
        ("embeddings", pretrained()),
    ):
        before = vectors(reference["texts"])
        checks[f"MMD, {name}"] = _by_distance(
            MMDDrift(before, backend="pytorch", n_permutations=1), vectors
        )
        checks[f"classifier, {name}"] = _by_p_value(
            ClassifierDrift(before, LogisticRegression(), backend="sklearn", n_folds=5), vectors
        )
        if name == "TF-IDF":
            checks[f"KS, {name}"] = _by_p_value(KSDrift(before), vectors)
    codes = {label: at for at, label in enumerate(reference["all_labels"])}
    for label in reference["labels"]:
        codes.setdefault(label, len(codes))
    chi = ChiSquareDrift(np.array([[codes[label]] for label in reference["labels"]]))

    def labels(window: dict[str, Any]) -> Score:
        found = chi.predict(np.array([[codes[label]] for label in window["labels"]]))["data"]
        return float(found["p_val"][0]), -float(found["distance"][0])

    return {**checks, "labels χ²": labels}


def pretrained() -> Callable[[Sequence[str]], Any]:
    """What makes embeddings [texts, 256] of length 1."""
    folder = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    return lambda texts: np.asarray(model.embed(list(texts), norm=True), dtype=np.float32)


def _by_distance(detector: Any, vectors: Callable[[Sequence[str]], Any]) -> Callable[..., Score]:
    return lambda window: (
        -float(detector.predict(vectors(window["texts"]))["data"]["distance"]),
        0.0,
    )


def _by_p_value(detector: Any, vectors: Callable[[Sequence[str]], Any]) -> Callable[..., Score]:
    """The least p-value where there are many."""

    def score(window: dict[str, Any]) -> Score:
        found = detector.predict(vectors(window["texts"]))["data"]
        return float(np.min(found["p_val"])), -float(np.max(found["distance"]))

    return score


if __name__ == "__main__":
    score_all(prepare, __doc__)
