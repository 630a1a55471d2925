"""BERTScore: how well the tokens of an answer and of its reference match in meaning.

Zhang et al. 2020 (https://arxiv.org/abs/1904.09675), as bert_score 0.3.13 computes it without idf
weights and without rescaling: each token is matched with the most similar one of the other text by
the cosine of their embeddings; precision is the mean over the answer's tokens, recall that over the
reference's. The marks of begin and end may be matched but do not count themselves. Of several
references the best counts, for each of the three figures alone; an empty text scores 0.

Reads texts; writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from burnish.engines.engine import Embedded, TokenEncoder
from burnish.evaluate.measured import Measured, mean, of_means

NAMES = ("bertscore_f1", "bertscore_precision", "bertscore_recall")
PAIRS_AT_ONCE = 512
"""Pairs whose embeddings are held together; bounds memory, changes no result."""

Pair = tuple[str, str]
Told = Callable[[int, int], None]
"""Hears how many pairs are done, of how many."""


def measure_bertscore(
    encoder: TokenEncoder,
    written: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    told: Told,
) -> tuple[dict[str, dict[str, Measured]], int]:
    """All of `NAMES` for each system; equal pairs of all systems are scored once.

    Args:
        written: system → its answers, in the order of `references`.

    Returns:
        System → metric → figures, and how many texts were cut to what the model reads.
    """
    pairs = [
        (texts[at], reference)
        for at, several in enumerate(references)
        for texts in written.values()
        for reference in several
    ]
    scores, cut = _score(encoder, list(dict.fromkeys(pairs)), told)
    measured = {}
    for system, texts in written.items():
        best = np.array(
            [
                np.max([scores[text, reference] for reference in several], axis=0)
                for text, several in zip(texts, references, strict=True)
            ]
        )
        measured[system] = {
            name: _measured(name, best[:, at].tolist()) for at, name in enumerate(NAMES)
        }
    return measured, cut


def match(answer: Embedded, reference: Embedded) -> tuple[float, float, float]:
    """F1, precision and recall of two texts, each from -1 to 1."""
    if not answer.counted.any() or not reference.counted.any():
        return 0.0, 0.0, 0.0
    similar = answer.vectors @ reference.vectors.T  # [answer tokens, reference tokens]
    precision = float(similar.max(axis=1)[answer.counted].mean(dtype=np.float64))
    recall = float(similar.max(axis=0)[reference.counted].mean(dtype=np.float64))
    both = precision + recall
    return (2 * precision * recall / both if both else 0.0), precision, recall


def _score(
    encoder: TokenEncoder, pairs: Sequence[Pair], told: Told
) -> tuple[dict[Pair, tuple[float, float, float]], int]:
    """The pairs with their figures, and the number of texts that were cut."""
    scores = dict.fromkeys(pairs, (0.0, 0.0, 0.0))
    full = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
    cut: set[str] = set()
    for start in range(0, len(full), PAIRS_AT_ONCE):
        told(start, len(full))
        some = full[start : start + PAIRS_AT_ONCE]
        texts = list(dict.fromkeys(text for pair in some for text in pair))
        embedded = dict(zip(texts, encoder.embed(texts), strict=True))
        cut |= {text for text, tokens in embedded.items() if tokens.cut}
        scores |= {(one, other): match(embedded[one], embedded[other]) for one, other in some}
    return scores, len(cut)


def _measured(name: str, scores: Sequence[float]) -> Measured:
    found = of_means(name, scores)
    return Measured(name, found.statistics, mean, found.per_example, bounds=(-1.0, 1.0))
