"""Reliability and abstention of a classifier: are its probabilities worth something?

Reads answers and examples; writes nothing.
"""

from collections.abc import Sequence

import numpy as np

from burnish.evaluate.measured import Array
from burnish.evaluate.statistics import bootstrap_interval
from burnish.records import Abstention, Answer, ConfidenceBin, Example, Reliability

BINS = 10
STEPS = 10
"""Points of the abstention curve."""


def measure_reliability(
    answers: Sequence[Answer], examples: Sequence[Example], *, resamples: int, seed: int
) -> Reliability | None:
    """Reliability of answers with one label and a probability each; None where any has none.

    The expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599) is the
    mean over answers of the distance, bin by bin, between mean probability and share of right
    answers. Few answers in a bin make it too high, so it is told with its interval and n.
    """
    given = [answer.probability for answer in answers]
    known = [probability for probability in given if probability is not None]
    if not examples or len(known) < len(examples):
        return None
    probability = np.clip(np.array(known, dtype=np.float64), 0.0, 1.0)
    right = np.array(
        [
            float((answer.value,) == example.labels)
            for answer, example in zip(answers, examples, strict=True)
        ]
    )
    n = len(right)
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = np.zeros((n, BINS + 1))
    gaps[np.arange(n), place] = probability - right
    gaps[:, BINS] = 1
    low, high = bootstrap_interval(gaps, _error, resamples=resamples, seed=seed)
    return Reliability(
        n=n,
        ece=float(_error(gaps.sum(axis=0))),
        low=low,
        high=high,
        brier=float(((probability - right) ** 2).mean()),
        bins=tuple(_bin(at, probability[place == at], right[place == at]) for at in range(BINS)),
        abstentions=_abstentions(probability, right),
    )


def _error(sums: Array) -> Array:
    """Sums [..., bins + 1] of probability minus right, and of ones → ECE [...]."""
    result: Array = np.abs(sums[..., :BINS]).sum(axis=-1) / sums[..., BINS]
    return result


def _bin(at: int, probability: Array, right: Array) -> ConfidenceBin:
    n = len(right)
    return ConfidenceBin(
        low=at / BINS,
        high=(at + 1) / BINS,
        n=n,
        confidence=float(probability.mean()) if n else 0.0,
        right=float(right.mean()) if n else 0.0,
    )


def _abstentions(probability: Array, right: Array) -> tuple[Abstention, ...]:
    """The risk-coverage curve (Geifman & El-Yaniv 2017), the surest answers first."""
    order = np.argsort(-probability, kind="stable")
    n = len(order)
    found = []
    for step in range(1, STEPS + 1):
        kept = order[: max(1, round(n * step / STEPS))]
        found.append(
            Abstention(
                coverage=step / STEPS,
                n=len(kept),
                probability=float(probability[kept[-1]]),
                right=float(right[kept].mean()),
            )
        )
    return tuple(found)
