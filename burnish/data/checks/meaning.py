"""Inputs that mean the same: pairs whose words and whose sentence embeddings point the same way.

Reads texts, and a sentence-transformers model by folder, hub id or the name of an installed package
that carries one; writes nothing. Only where the brief names such a model (extra `embed`).

Similarity is the mean of two cosines, of embeddings and of TF-IDF words. Embeddings alone take two
dialogues on one subject for the same one; words alone miss paraphrases. The mean told duplicates
from others better than either on both sets it was measured on (docs/experiments.md).
"""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from burnish.data.checks.duplicates import Near
from burnish.errors import DataError

MOST_TEXTS = 50_000
"""Each text is compared with each, so more would take hours."""

_BLOCK = 1024
_WORDS = 100
"""Words of a piece: models of this kind read some 256 tokens and overlook the rest."""


def same_meaning(texts: Sequence[str], model: str, threshold: float) -> list[Near]:
    """Pairs of texts whose embeddings and words have at least this mean cosine.

    A long text is embedded in pieces of 100 words, and stands for their mean.

    Returns:
        Pairs in the order of their places, with the mean cosine as similarity.

    Raises:
        DataError: sentence-transformers is not installed, the model cannot be loaded, or there are
            more than 50,000 texts.
    """
    if len(texts) > MOST_TEXTS:
        raise DataError(
            f"checks.meaning compares each row with each, and {len(texts):,} rows are more than "
            f"the {MOST_TEXTS:,} that it is for.",
            hint="leave `meaning` out of `checks:`, or set `max_rows` under `data:`",
        )
    if len(texts) < 2:
        return []
    vectors, words = embed(texts, model), _words(texts)
    pairs = []
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors[start:].T
        cosines += (words[start : start + _BLOCK] @ words[start:].T).toarray()
        cosines /= 2
        for row, column in zip(*np.nonzero(cosines >= threshold), strict=True):
            if column > row:
                value = min(1.0, float(cosines[row, column]))
                pairs.append(Near(start + int(row), start + int(column), value))
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def embed(texts: Sequence[str], model: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Unit vectors [texts, dimension]."""
    encoder = _load(model)
    pieces = [(at, piece) for at, text in enumerate(texts) for piece in _pieces(text)]
    parts = encoder.encode(
        [piece for _, piece in pieces], batch_size=32, show_progress_bar=False,
        convert_to_numpy=True, normalize_embeddings=True,
    )  # fmt: skip
    vectors = np.zeros((len(texts), parts.shape[1]), dtype=np.float32)
    np.add.at(vectors, [at for at, _ in pieces], parts)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


def _words(texts: Sequence[str]) -> Any:
    """Unit TF-IDF vectors of the words, sparse [texts, words]; ones for texts without any."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    counter = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+", dtype=np.float32)
    return counter.fit_transform([text if any(map(str.isalnum, text)) else "0" for text in texts])


def _pieces(text: str) -> Iterator[str]:
    words = text.split()
    yield from (
        " ".join(words[start : start + _WORDS]) for start in range(0, max(len(words), 1), _WORDS)
    )


def _load(model: str) -> Any:
    if importlib.util.find_spec("sentence_transformers") is None:
        raise DataError(
            f"checks.meaning names {model}, and sentence-transformers is not installed.",
            hint="pip install 'burnish[embed]', or leave `meaning` out of `checks:`",
        )
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(_packaged(model) or model, device="cpu")
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise DataError(
            f"checks.meaning names {model}, which cannot be loaded: {reason}",
            hint="name a folder, a hub id, or an installed package that carries a model",
        ) from error


def _packaged(name: str) -> str | None:
    """The model's folder inside an installed package of this name, if there is one."""
    module = name.replace("-", "_")
    if not module.isidentifier() or Path(name).exists():
        return None
    spec = importlib.util.find_spec(module)
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = sorted(Path(place).rglob("modules.json"))
        if found:
            return str(found[0].parent)
    return None
