"""Metrics of free text: ROUGE, SQuAD's exact match and token F1, BLEU and chrF.

Scores equal those of rouge-score, of the official SQuAD scripts and of sacrebleu (divided by 100).
With several references an answer counts against the best one; BLEU and chrF do what sacrebleu does.

Reads and writes nothing.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from burnish.evaluate.measured import Array, Measured, of_means, ratio

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_ORDER = 4  # n-grams of BLEU
_BETA_SQUARED = 4.0  # chrF2: recall counts twice


def measure_rouge(
    kinds: Sequence[str], written: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, Measured]:
    """ROUGE F-measures with Porter stemming (Lin 2004), as `rouge_score.RougeScorer` gives them.

    rougeLsum takes each line for a sentence. The library's tokenizer knows a-z and 0-9 alone: text
    in another script scores 0.
    """
    scorer = RougeScorer(list(kinds), use_stemmer=True)
    scores = [
        scorer.score_multi(several, text) for text, several in zip(written, references, strict=True)
    ]
    return {kind: of_means(kind, [float(each[kind].fmeasure) for each in scores]) for kind in kinds}


def measure_spans(
    written: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, Measured]:
    """The "exact_match" and "token_f1" of SQuAD v2's script (Rajpurkar et al. 2018).

    References of nothing but articles and punctuation count as none, and where there is no other
    one, an answer that says nothing is right. Everywhere else v1.1's script gives the same.
    """
    exact, overlap = [], []
    for text, several in zip(written, references, strict=True):
        given = normalize(text)
        wanted = [right for right in map(normalize, several) if right] or [""]
        exact.append(float(given in wanted))
        overlap.append(max(_token_f1(given.split(), right.split()) for right in wanted))
    return {
        "exact_match": of_means("exact_match", exact),
        "token_f1": of_means("token_f1", overlap),
    }


def normalize(text: str) -> str:
    """Lower case, without punctuation, English articles and surplus white space, as SQuAD does."""
    bare = "".join(character for character in text.lower() if character not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def measure_bleu(written: Sequence[str], references: Sequence[Sequence[str]]) -> Measured:
    """Corpus BLEU (Papineni et al. 2002) with sacrebleu's defaults: 13a tokens, "exp" smoothing.

    An answer's own score is sentence BLEU with `effective_order`, as sacrebleu recommends.
    """
    metric = BLEU(force=True, effective_order=True)
    statistics = _statistics(metric, written, references)
    alone = [
        metric._compute_score_from_stats([int(count) for count in row]).score for row in statistics
    ]
    return Measured("bleu", statistics, _bleu, _shares(alone))


def measure_chrf(written: Sequence[str], references: Sequence[Sequence[str]]) -> Measured:
    """Corpus chrF2 (Popović 2015) with sacrebleu's defaults: character 1- to 6-grams, beta 2."""
    statistics = _statistics(CHRF(), written, references)
    return Measured("chrf", statistics, _chrf, _chrf(statistics))


_PUNCTUATION = frozenset(string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def _token_f1(given: list[str], wanted: list[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    hits = (Counter(given) & Counter(wanted)).total()
    return 2 * hits / (len(given) + len(wanted)) if hits else 0.0


def _statistics(
    metric: Metric, written: Sequence[str], references: Sequence[Sequence[str]]
) -> Array:
    """sacrebleu's own counts per example. It wants one stream per reference, filled with None."""
    width = max(len(several) for several in references)
    streams: list[Any] = [
        [several[place] if place < len(several) else None for several in references]
        for place in range(width)
    ]
    return np.array(metric._extract_corpus_statistics(list(written), streams), dtype=np.float64)


def _bleu(sums: Array) -> Array:
    """Sums [..., 2 + 4 + 4]: answer and reference length, right and all n-grams by order."""
    given, wanted = sums[..., 0], sums[..., 1]
    right, total = sums[..., 2 : 2 + _ORDER], sums[..., 2 + _ORDER :]
    missing = (right == 0) & (total > 0)
    smoothed = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), right)
    possible = np.asarray((total > 0).all(axis=-1) & (right > 0).any(axis=-1))
    shares = np.where(possible[..., None], ratio(smoothed, total), 1.0)
    brevity = np.minimum(0.0, 1.0 - wanted / np.maximum(given, 1.0))
    result: Array = np.where(possible, np.exp(np.log(shares).mean(axis=-1) + brevity), 0.0)
    return result


def _chrf(sums: Array) -> Array:
    """Sums [..., 6 × 3]: n-grams of the answer, of the reference and shared, by order."""
    given, wanted, shared = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 3), -1, 0)
    counted = (given > 0) & (wanted > 0)
    orders = counted.sum(axis=-1)
    precision = ratio(np.where(counted, ratio(shared, given), 0.0).sum(axis=-1), orders)
    recall = ratio(np.where(counted, ratio(shared, wanted), 0.0).sum(axis=-1), orders)
    return ratio((1 + _BETA_SQUARED) * precision * recall, _BETA_SQUARED * precision + recall)


def _shares(percentages: Sequence[float]) -> Array:
    return np.clip(np.asarray(percentages, dtype=np.float64) / 100.0, 0.0, 1.0)
