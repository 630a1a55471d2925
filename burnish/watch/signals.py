"""Statistics of two samples: how far apart a window and its reference are, one way each.

A signal is made from all rows of both, and then says for any choice of "the window's rows" how far
apart the two parts are. So the real choice and thousands of random ones are computed alike, and
`permutation` tells how rare the real one is. Beside its value each gives an approximate p-value by
theory, which only serves to weigh the signals of a family against each other.

Reads and writes nothing.
"""

import zlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats
from scipy.sparse import csr_matrix

from burnish.watch.samples import Floats, Sample, Vocabulary

Members = NDArray[np.float32]
"""Choices of the window's rows [choices, rows]: 1 in the window, 0 in the reference."""

LEAST_ROWS_OF_WORD = 4
"""Rows in which a word must stand, of both samples together."""
_SKETCH = 1024
"""Dimensions that TF-IDF vectors are folded into."""
_MOST_WORDS = 20_000


class Statistic(Protocol):
    """One signal, ready to be computed for choices of rows.

    Attributes:
        name: of the signal.
        test: of the statistic, as the field names it.
    """

    name: str
    test: str

    def __call__(self, members: Members) -> tuple[Floats, Floats]:
        """Values and approximate p-values, one a choice."""


class KolmogorovSmirnov:
    """The largest gap between two distribution functions of a number."""

    test = "Kolmogorov–Smirnov"

    def __init__(self, name: str, values: Floats) -> None:
        self.name = name
        known = np.flatnonzero(~np.isnan(values))
        self._order = known[np.argsort(values[known], kind="stable")]
        ordered = values[self._order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def __call__(self, members: Members) -> tuple[Floats, Floats]:
        """Values and approximate p-values, one a choice."""
        if not len(self._order):
            return np.zeros(len(members)), np.ones(len(members))
        inside = np.cumsum(members[:, self._order], axis=1, dtype=np.float64)
        m = np.maximum(inside[:, -1:], 1)
        n = np.maximum(len(self._order) - inside[:, -1:], 1)
        inside = inside[:, self._ends]
        gaps = np.abs(inside / m - (self._ends + 1 - inside) / n).max(axis=1)
        scale = np.sqrt(m * n / (m + n))[:, 0]
        return gaps, stats.kstwobign.sf(gaps * scale)


class ChiSquare:
    """Pearson's χ² of the counts of names."""

    test = "χ²"

    def __init__(self, name: str, names: NDArray[np.str_]) -> None:
        self.name = name
        self.labels, codes = np.unique(names, return_inverse=True)
        self._table = np.zeros((len(names), len(self.labels)), dtype=np.float32)
        self._table[np.arange(len(names)), codes] = 1
        self._totals = self._table.sum(axis=0, dtype=np.float64)

    def __call__(self, members: Members) -> tuple[Floats, Floats]:
        """Values and approximate p-values, one a choice."""
        if len(self.labels) < 2:
            return np.zeros(len(members)), np.ones(len(members))
        counts = (members @ self._table).astype(np.float64)
        m, rows = counts.sum(axis=1, keepdims=True), self._totals.sum()
        expected = m * self._totals / rows
        values = ((counts - expected) ** 2 / expected).sum(axis=1) * rows / (rows - m[:, 0])
        return values, stats.chi2.sf(values, len(self.labels) - 1)


class Words:
    """The word whose share of the rows moved most, by the deviance of its two counts.

    Of a word that stands in t rows, those of the window are binomial where nothing has changed; the
    deviance stays near χ² for rare words too, where a z-score does not.
    """

    name, test = "words", "largest deviance of a word's share"

    def __init__(self, words: Any) -> None:
        present = (words > 0).astype(np.float32)
        totals = np.asarray(present.sum(axis=0)).ravel()
        enough = (totals >= LEAST_ROWS_OF_WORD) & (totals < present.shape[0])
        if enough.sum() > _MOST_WORDS:
            enough &= totals >= np.sort(totals)[-_MOST_WORDS]
        self.columns = np.flatnonzero(enough)
        self._rows = present.shape[0]
        self._present = present[:, self.columns].T.tocsr()
        self._totals = totals[self.columns].astype(np.int64)
        counts = np.arange(self._rows + 1, dtype=np.float64)
        self._log = (counts * np.log(np.maximum(counts, 1))).astype(np.float32)

    def deviances(self, members: Members) -> Floats:
        """The deviance of every word [choices, words]."""
        inside = (self._present @ members.T).T.astype(np.int64)
        share = members.sum(axis=1, dtype=np.float64, keepdims=True) / self._rows
        found = self._log[inside] + self._log[self._totals - inside] - self._log[self._totals]
        found = found - inside * np.log(share) - (self._totals - inside) * np.log1p(-share)
        deviances: Floats = np.maximum(2 * found / (1 - self._totals / self._rows), 0)
        return deviances

    def __call__(self, members: Members) -> tuple[Floats, Floats]:
        """Values and approximate p-values, one a choice."""
        if not len(self.columns):
            return np.zeros(len(members)), np.ones(len(members))
        largest = self.deviances(members).max(axis=1)
        return largest, np.minimum(1, len(self.columns) * stats.chi2.sf(largest, 1))


class MeanDiscrepancy:
    """Maximum mean discrepancy with a linear kernel (Gretton et al. 2012): the means of vectors.

    Under the null its value is a weighted sum of χ²; the approximate p-value matches two moments
    (Satterthwaite), which need no eigenvalues: traces of a matrix and of its square.
    """

    test = "MMD"

    def __init__(
        self,
        name: str,
        vectors: NDArray[np.float32],
        covariance: NDArray[np.float32] | None = None,
    ) -> None:
        self.name = name
        self._vectors = vectors - vectors.mean(axis=0)
        if covariance is None:
            covariance = covariance_of(vectors)
        self._metric = self._metric_of(covariance)
        metric = self._metric
        spread = covariance if metric is None else metric @ covariance
        first, second = float(np.trace(spread)), float(np.vdot(spread, spread.T))
        self._weight = max(second, 1e-12) / max(first, 1e-12)
        self._freedom = max(first, 1e-12) ** 2 / max(second, 1e-12)

    def _metric_of(self, covariance: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The matrix M in d'Md; None is d'd."""
        return None

    def __call__(self, members: Members) -> tuple[Floats, Floats]:
        """Values and approximate p-values, one a choice."""
        m = members.sum(axis=1, dtype=np.float64)
        n = members.shape[1] - m
        # The vectors add up to 0, so the rest's sum is minus the window's.
        sums = members @ self._vectors
        moved = sums if self._metric is None else sums @ self._metric
        values = np.einsum("bd,bd->b", sums, moved, dtype=np.float64) * (1 / m + 1 / n) ** 2
        return values, stats.chi2.sf(values * m * n / (m + n) / self._weight, self._freedom)


class Discriminant(MeanDiscrepancy):
    """A classifier that tells window from reference, in closed form.

    The regularised linear discriminant, whose separation is the kernel Fisher statistic of
    Harchaoui, Bach and Moulines (2008): directions in which all rows differ much count less.
    """

    test = "kernel Fisher discriminant"

    def _metric_of(self, covariance: NDArray[np.float32]) -> NDArray[np.float32] | None:
        variances = np.diag(covariance)
        ridge = float(np.median(variances[variances > 0])) if variances.any() else 1.0
        identity = np.eye(len(covariance), dtype=np.float32)
        return np.asarray(linalg.inv(covariance + ridge * identity, assume_a="pos"))

    def direction(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> Floats:
        """The direction [dimensions] that tells rows of `after` from those of `before` best."""
        gap = after.mean(axis=0) - before.mean(axis=0)
        return np.asarray(gap @ self._metric, dtype=np.float64)


def covariance_of(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The covariance matrix [dimensions, dimensions] of the rows of `vectors`."""
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(centred.T @ centred / np.float32(max(len(vectors) - 1, 1)))


def statistics_of(pooled: Sample, vocabulary: Vocabulary | None = None) -> list[Statistic]:
    """The signals that the columns of a pooled sample allow.

    Args:
        vocabulary: that the words were counted with.
    """
    found: list[Statistic] = []
    found += [KolmogorovSmirnov(name, values) for name, values in pooled.numbers.items()]
    found += [ChiSquare(name, names) for name, names in pooled.names.items()]
    if pooled.words is not None and vocabulary is not None:
        words = Words(pooled.words)
        vectors = word_vectors(pooled.words, words.columns, vocabulary)
        covariance = covariance_of(vectors)
        found += [
            words,
            MeanDiscrepancy("topic", vectors, covariance),
            Discriminant("classifier", vectors, covariance),
        ]
    if pooled.meaning is not None:
        found += [MeanDiscrepancy("meaning", pooled.meaning)]
    return found


def word_vectors(
    words: Any, columns: NDArray[np.int64], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """TF-IDF vectors of length 1, folded into a fixed number of dimensions.

    Each word has a dimension and a sign by its hash (Weinberger et al. 2009), so inner products
    are kept on average, and the same words give the same vectors.
    """
    kept = words[:, columns].tocsr()
    rows = np.bincount(kept.indices, minlength=kept.shape[1])
    weights = np.log((1 + kept.shape[0]) / (1 + rows)) + 1
    kept.data = (1 + np.log(kept.data)) * weights[kept.indices]
    all_words = vocabulary.words
    hashes = np.array([zlib.crc32(all_words[column].encode()) for column in columns], np.int64)
    signs = (1 - 2 * (hashes // _SKETCH % 2)).astype(np.float32)
    places = (np.arange(len(columns)), hashes % _SKETCH)
    fold = csr_matrix((signs, places), shape=(len(columns), _SKETCH))
    lengths = np.sqrt(np.asarray(kept.multiply(kept).sum(axis=1)).ravel())
    vectors = (kept @ fold).toarray() / np.maximum(lengths, 1e-9)[:, None]
    return np.asarray(vectors, dtype=np.float32)
