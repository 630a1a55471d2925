"""Answers that are probably wrong, in one ranking: unsupported, misplaced, odd in length or loss.

Reads examples; writes nothing. For tasks whose answers are written: summarize, answer, extract and
generate. Every sign has a score from 0 to 1; those of a row add up.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from burnish.data.checks.answer_fit import misplaced
from burnish.data.checks.answer_support import unsupported
from burnish.data.checks.signs import Sign, together
from burnish.data.examples import content_hash, excerpt, place
from burnish.records import Example, Finding, Task

SHOWN = 0.5
"""Score from which an answer is a finding."""

ODD = 3.5
"""Robust deviations (Iglewicz and Hoaglin, 1993) from which a length or a loss is odd."""

_FEW = 20
_MOST_REASONS = 3

Floats = NDArray[np.float64]


def answer_errors(
    task: Task, examples: Sequence[Example], *, losses: Mapping[str, float] | None = None
) -> list[Finding]:
    """The answers that give reason to doubt them, most doubtful first.

    The ranking depends on what the examples say, not on their order. The further rows of a finding
    are those whose answer it repeats or whose input it fits.

    Args:
        losses: example id → mean loss of its answer in nats a token, under the base model or one
            that never learned it; examples without one are judged without it.
    """
    return [
        _finding(example, signs)
        for example, signs in suspected_answers(task, examples, losses=losses)
        if together(signs) >= SHOWN
    ]


def suspected_answers(
    task: Task, examples: Sequence[Example], *, losses: Mapping[str, float] | None = None
) -> list[tuple[Example, list[Sign]]]:
    """All examples with their signs, most doubtful first; each one's signs, strongest first."""
    if task.kind == "classify":
        return []
    ordered = sorted(examples, key=lambda e: (content_hash(e), e.id, e.source, e.row))
    kinds = (unsupported(task, ordered), misplaced(task, ordered), _lengths(ordered))
    signs = [[*a, *b, *c] for a, b, c in zip(*kinds, strict=True)]
    for found, sign in zip(signs, _losses(ordered, losses or {}), strict=True):
        found += sign
    for found in signs:
        found.sort(key=lambda sign: (-sign.score, sign.reason))
    places = sorted(range(len(ordered)), key=lambda at: (-together(signs[at]), at))
    return [(ordered[at], signs[at]) for at in places]


def _finding(example: Example, signs: Sequence[Sign]) -> Finding:
    told = signs[:_MOST_REASONS]
    told = [sign for sign in told if sign.score >= 0.3 * told[0].score]
    others = list(dict.fromkeys(place(s.other) for s in told if s.other is not None))
    ids = list(dict.fromkeys(s.other.id for s in told if s.other is not None))
    more = f"; and {len(signs) - len(told)} weaker signs" if len(signs) > len(told) + 1 else ""
    return Finding(
        kind="answer-error",
        rows=(place(example), *others),
        ids=(example.id, *ids),
        text=excerpt(example),
        score=min(1.0, together(signs)),
        reason="; ".join(sign.reason for sign in told) + more,
        suggestion="",
    )


def _lengths(examples: Sequence[Example]) -> list[list[Sign]]:
    """Answers far longer or shorter, for their input, than the others."""
    if not examples:
        return []
    words = np.array([len(example.answer.split()) for example in examples], dtype=float)
    read = np.array([len(example.text.split()) for example in examples], dtype=float)
    unusual = _deviations(np.log((words + 1) / (read + 1)))
    signs: list[list[Sign]] = []
    for at, deviation in enumerate(unusual):
        if abs(deviation) <= ODD:
            signs.append([])
            continue
        size = "long" if deviation > 0 else "short"
        lengths = f"{words[at]:.0f} words for {read[at]:.0f} of input"
        score = 0.4 * (1 - math.exp((ODD - abs(deviation)) / 2))
        signs.append([Sign(score, f"is unusually {size}: {lengths}")])
    return signs


def _losses(examples: Sequence[Example], losses: Mapping[str, float]) -> list[list[Sign]]:
    """Answers that surprise the model more than the others do."""
    known = [at for at, example in enumerate(examples) if example.id in losses]
    signs: list[list[Sign]] = [[] for _ in examples]
    if not known:
        return signs
    values = np.array([losses[examples[at].id] for at in known], dtype=float)
    middle = float(np.median(values))
    for at, value, deviation in zip(known, values, _deviations(values), strict=True):
        if deviation > 2:
            score = 0.6 * (1 - math.exp((2 - deviation) / 2))
            reason = f"surprises the model: {value:.2f} nats a token, the median is {middle:.2f}"
            signs[at].append(Sign(score, reason))
    return signs


def _deviations(values: Floats) -> Floats:
    """Robust z-scores, by the median absolute deviation; zeros for few or equal values."""
    if len(values) < _FEW:
        return np.zeros(len(values))
    distance = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(distance)))
    return distance / spread if spread > 0 else np.zeros(len(values))
