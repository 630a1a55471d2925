"""Novelty: how far a text is from every training example, by the words they share.

Reads texts, writes nothing. The distance is 1 minus the greatest cosine of TF-IDF to a training
text, in which words that no training text has count as a direction of their own. What is usual is
learned from the training texts: the distance of each to its nearest other one.
scikit-learn is imported inside functions: it starts slowly.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

USUAL = 0.99
"""Share of training texts whose nearest other one is nearer than what counts as novel."""

_SAMPLE = 1000
_AT_ONCE = 200
_MOST_CHARACTERS = 20_000
_QUICK_CHARACTERS = 2000
_LONG_WORD = 15  # mean characters from which "words" are sentences of a script without spaces

Floats = NDArray[np.float64]


class Novelty:
    """Distances to the training texts.

    Args:
        texts: of the training examples.
        seed: of the sample that what is usual is learned from.
    """

    def __init__(self, texts: Sequence[str], *, seed: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        cut = [_cut(text) for text in texts]
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, norm=None, **_analysis(cut))
        self._idf: dict[str, float] = {}
        self._known: Any = None
        self._unseen = 1.0
        if any(map(self._analyzer, cut)):
            counted = self._vectorizer.fit_transform(cut)
            names = self._vectorizer.get_feature_names_out()
            self._idf = dict(zip(names, self._vectorizer.idf_.tolist(), strict=True))
            self._unseen = 1 + math.log(1 + len(cut))  # the idf of a word that no text has
            self._known = _normed(counted, np.zeros(len(cut))).T.tocsr()
        self._analyse: Callable[[str], list[str]] = self._analyzer
        self.usual = self._learn_usual(cut, seed)

    def distances(self, texts: Sequence[str]) -> Floats:
        """The distance of each text to the nearest training text, from 0 to 1 [texts]."""
        return self._nearest(texts, skip=None)

    def strength(self, distance: float) -> float:
        """0 for a usual distance, 1 for a text that shares no word with any training text."""
        if distance <= self.usual:
            return 0.0
        return (distance - self.usual) / (1 - self.usual) if self.usual < 1 else 0.0

    def at_least(self, text: str) -> float:
        """A distance that a text has at least, told by its unknown words alone, and so quickly."""
        words = set(self._analyse(text[:_QUICK_CHARACTERS]))
        if not words or not self._idf:
            return 0.0
        known = sum(self._idf[word] ** 2 for word in words if word in self._idf)
        unknown = self._unseen**2 * sum(word not in self._idf for word in words)
        return 1 - math.sqrt(known / (known + unknown))

    def vectors(self, texts: Sequence[str]) -> Any:
        """TF-IDF of known words, of length 1 [texts, words], sparse; for clusters."""
        if self._known is None:
            from scipy.sparse import csr_matrix

            return csr_matrix((len(texts), 1))
        return _normed(self._vectorizer.transform(map(_cut, texts)), np.zeros(len(texts)))

    @property
    def _analyzer(self) -> Callable[[str], list[str]]:
        found: Callable[[str], list[str]] = self._vectorizer.build_analyzer()
        return found

    def _learn_usual(self, texts: Sequence[str], seed: int) -> float:
        """The distance within which nearly every training text has another one."""
        if self._known is None or len(texts) < 2:
            return 1.0
        drawn = np.random.default_rng(seed).permutation(len(texts))[:_SAMPLE]
        distances = self._nearest([texts[at] for at in drawn], skip=drawn)
        return float(np.quantile(distances, USUAL))

    def _nearest(self, texts: Sequence[str], skip: NDArray[np.int64] | None) -> Floats:
        found = np.ones(len(texts))
        if self._known is None:
            return found
        for start, part in _parts(texts):
            own = self._vectorizer.transform(part)
            alike = (_normed(own, self._unknown(part)) @ self._known).tocsr()
            if skip is not None:
                for row, itself in enumerate(skip[start : start + len(part)]):
                    here = slice(alike.indptr[row], alike.indptr[row + 1])
                    alike.data[here][alike.indices[here] == itself] = 0
            nearest = np.asarray(alike.max(axis=1).todense()).ravel()
            found[start : start + len(part)] = 1 - np.minimum(nearest, 1)
        return found

    def _unknown(self, texts: Sequence[str]) -> Floats:
        """The squared weight of each text's words that no training text has."""
        weights = np.zeros(len(texts))
        for row, text in enumerate(texts):
            strange = Counter(word for word in self._analyse(text) if word not in self._idf)
            for times in strange.values():
                weights[row] += (self._unseen * (1 + math.log(times))) ** 2
        return weights


def _analysis(texts: Sequence[str]) -> dict[str, Any]:
    """Words, or runs of characters where what stands between spaces is no word."""
    letters = sum(map(len, texts))
    if letters > _LONG_WORD * max(1, sum(len(text.split()) for text in texts)):
        return {"analyzer": "char", "ngram_range": (2, 3)}
    return {"token_pattern": r"(?u)\b\w+\b"}


def _normed(rows: Any, more: Floats) -> Any:
    """Rows of length 1, where each has a part of squared length `more` outside all columns."""
    from scipy.sparse import diags

    squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel() + more
    lengths = np.sqrt(squares)
    return (diags(1 / np.where(lengths > 0, lengths, 1.0)) @ rows).tocsr()


def _parts(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield start, [_cut(text) for text in texts[start : start + _AT_ONCE]]


def _cut(text: str) -> str:
    return text[:_MOST_CHARACTERS]
