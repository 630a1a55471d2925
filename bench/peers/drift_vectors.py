"""Texts as numbers for the peers that need them: TF-IDF vectors folded into a few dimensions.

Fitted on texts that are neither the reference's nor a window's: fitted on the reference, its own
vectors would lie unlike those of any window. What stands in none of those texts leaves no mark.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

DIMENSIONS = 32
"""As in alibi-detect's example of drifting texts."""


def fitted(texts: Sequence[str]) -> Callable[[Sequence[str]], Any]:
    """What makes vectors [texts, dimensions] of texts."""
    steps = make_pipeline(
        TfidfVectorizer(sublinear_tf=True), TruncatedSVD(DIMENSIONS, random_state=0)
    )
    steps.fit(texts)
    return lambda rows: np.asarray(steps.transform(rows), dtype=np.float32)
