"""Which training examples are most like an input, by TF-IDF of words and characters.

Reads examples; writes nothing.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from burnish.records import Example

_WORD = re.compile(r"\w+")
_BLOCK = 256  # inputs compared with the training split at once


def nearest(train: Sequence[Example], asked: Sequence[Example], k: int) -> list[list[int]]:
    """Places in `train` of the k most similar inputs, the most similar first, for each asked.

    Args:
        train: of which one at least has a text.
    """
    known, new = features(train, asked)
    places: list[list[int]] = []
    for start in range(0, len(asked), _BLOCK):
        similarity = (new[start : start + _BLOCK] @ known.T).toarray()
        places.extend(np.argsort(-similarity, axis=1, kind="stable")[:, :k].tolist())
    return places


def features(train: Sequence[Example], asked: Sequence[Example]) -> tuple[Any, Any]:
    """TF-IDF of words (1 and 2) beside that of characters within words (2 to 5), both sparse."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    known, new = [text_of(example) for example in train], [text_of(example) for example in asked]
    vectorizers = [TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)]
    if any(_WORD.search(text) for text in known):
        vectorizers.append(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        )
    pairs = [(each.fit_transform(known), each.transform(new)) for each in vectorizers]
    return tuple(hstack(blocks, format="csr") for blocks in zip(*pairs, strict=True))


def parts_of(example: Example) -> list[str]:
    """All texts the model would read: the turns so far and the inputs, without empty ones."""
    return [part for part in example.texts if part.strip()]


def text_of(example: Example) -> str:
    """All texts the model would read, as one."""
    return "\n".join(parts_of(example))
