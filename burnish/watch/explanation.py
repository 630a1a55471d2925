"""What moved: words, labels, parts of the requests, and requests to look at.

Reads samples and texts of the log, which are masked; writes nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.records import Explanation, MovedShare, ShownRequest
from burnish.watch.samples import UNKNOWN, Floats, Sample, Seen, Vocabulary
from burnish.watch.signals import LEAST_ROWS_OF_WORD, Discriminant, Words, word_vectors

SHOWN = 5
"""Requests of each kind that are shown."""
_MOST_WORDS, _MOST_SHARES = 12, 10
_CERTAIN = 2.5
_COMMON = 0.4
"""Share of the rows, before and after, from which a word is one of grammar."""
_PRIOR = 200.0
"""Rows that the prior of a word's log-odds weighs as much as."""
_CHARACTERS = 300
_ALIKE = 0.8
_PARTS = ("shortest", "short", "long", "longest")


def explain(
    inputs: tuple[Sample, Sample],
    outputs: tuple[Sample, Sample],
    seen: Sequence[Seen],
    vocabulary: Vocabulary,
) -> Explanation:
    """Explain how a window differs from its reference.

    Args:
        inputs, outputs: reference and window; either may have no rows.
        seen: the window's requests, in the order of its input sample.
        vocabulary: that the words of both were counted with.
    """
    words: tuple[MovedShare, ...] = ()
    typical: tuple[ShownRequest, ...] = ()
    unusual: tuple[ShownRequest, ...] = ()
    if all(map(len, inputs)) and inputs[0].words is not None:
        words = moved_words(*inputs, vocabulary)
        typical, unusual = _requests(*inputs, seen, vocabulary)
    labels = moved_names(*outputs, "labels") if all(map(len, outputs)) else ()
    slices = tuple(
        sorted(
            (*_languages(*inputs), *_lengths(*inputs), *_forms(*outputs)),
            key=lambda one: -abs(one.score),
        )
    )[:_MOST_SHARES]
    found = Explanation(words=words, labels=labels, slices=slices, typical=typical, unusual=unusual)
    return found.model_copy(update={"sentences": tuple(_sentences(found, inputs))})


def moved_words(
    reference: Sample, window: Sample, vocabulary: Vocabulary
) -> tuple[MovedShare, ...]:
    """Words whose share of the rows moved, most certain first.

    The score is the z of the log-odds ratio with a Dirichlet prior of all rows (Monroe, Colaresi
    and Quinn 2008), which keeps words that stand in few rows from the top. Words of most rows of
    both, such as articles, say nothing of what the rows are about and are left out.
    """
    counts = [_rows_with(sample.words, len(vocabulary)) for sample in (reference, window)]
    totals = [max(len(reference), 1), max(len(window), 1)]
    both = counts[0] + counts[1]
    prior = _PRIOR * both / sum(totals)
    odds, spread = [], np.zeros(len(both))
    for count, total in zip(counts, totals, strict=True):
        inside = count + prior + 1e-9
        odds.append(np.log(inside) - np.log(total + _PRIOR - inside + 1))
        spread += 1 / inside
    scores = (odds[1] - odds[0]) / np.sqrt(spread)
    scores[both < LEAST_ROWS_OF_WORD] = 0
    common = [count > _COMMON * total for count, total in zip(counts, totals, strict=True)]
    scores[common[0] & common[1]] = 0
    names = vocabulary.words
    return tuple(
        MovedShare(
            name=names[at],
            before=float(counts[0][at] / totals[0]),
            after=float(counts[1][at] / totals[1]),
            score=round(float(scores[at]), 2),
        )
        for at in np.argsort(-np.abs(scores), kind="stable")[:_MOST_WORDS]
        if abs(scores[at]) >= _CERTAIN
    )


def moved_names(reference: Sample, window: Sample, column: str) -> tuple[MovedShare, ...]:
    """Names whose share moved, by the z of the difference, most certain first."""
    if column not in reference.names or column not in window.names:
        return ()
    return moved_shares(reference.names[column], window.names[column])


def moved_shares(
    before: NDArray[np.str_], after: NDArray[np.str_], title: str = ""
) -> tuple[MovedShare, ...]:
    """The same of two lists of names; `title` stands before each."""
    found = []
    for name in sorted(set(before.tolist()) | set(after.tolist())):
        one, other = float((before == name).mean()), float((after == name).mean())
        share = ((before == name).sum() + (after == name).sum()) / (len(before) + len(after))
        error = np.sqrt(share * (1 - share) * (1 / len(before) + 1 / len(after)))
        score = round(float((other - one) / error), 2) if error else 0.0
        found.append(MovedShare(name=title + name, before=one, after=other, score=score))
    return tuple(sorted(found, key=lambda each: -abs(each.score))[:_MOST_SHARES])


def classifier_auc(reference: Sample, window: Sample, vocabulary: Vocabulary, seed: int) -> float:
    """How well a classifier of words tells the two apart, cross-validated: 0.5 is not at all.

    The classifier two-sample test of Lopez-Paz and Oquab (2017); for people to read, the alarm
    rests on permutations.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    vectors, _, m = _vectors(reference, window, vocabulary)
    if min(len(vectors) - m, m) < 5:
        return 0.5
    inside = np.arange(len(vectors)) >= len(vectors) - m
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=200)
    scores = cross_val_predict(model, vectors, inside, cv=folds, method="decision_function")
    return float(roc_auc_score(inside, scores))


def _requests(
    reference: Sample, window: Sample, seen: Sequence[Seen], vocabulary: Vocabulary
) -> tuple[tuple[ShownRequest, ...], tuple[ShownRequest, ...]]:
    vectors, _, m = _vectors(reference, window, vocabulary)
    before, after = vectors[: len(vectors) - m], vectors[len(vectors) - m :]
    direction = Discriminant("", vectors).direction(before, after)
    typical = _shown(after @ direction, after, seen)
    nearest = np.full(m, -1.0, dtype=np.float64)
    for start in range(0, len(before), 1000):
        nearest = np.maximum(nearest, (after @ before[start : start + 1000].T).max(axis=1))
    return typical, _shown(1 - nearest, after, seen)


def _vectors(
    reference: Sample, window: Sample, vocabulary: Vocabulary
) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    """Word vectors of both, the words they hold, and how many rows at the end are the window's."""
    pooled = reference.joined(window)
    columns = Words(pooled.words).columns
    return word_vectors(pooled.words, columns, vocabulary), columns, len(window)


def _shown(
    scores: Floats, vectors: NDArray[np.float32], seen: Sequence[Seen]
) -> tuple[ShownRequest, ...]:
    """The requests with the highest scores, none of them much like another."""
    chosen: list[int] = []
    for at in np.argsort(-scores, kind="stable"):
        if all(float(vectors[at] @ vectors[other]) < _ALIKE for other in chosen):
            chosen.append(int(at))
        if len(chosen) == SHOWN:
            break
    return tuple(
        ShownRequest(
            exchange=seen[at].id,
            text=_short(seen[at].text),
            answer=_short(seen[at].answer or ""),
            score=round(float(scores[at]), 4),
        )
        for at in chosen
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _CHARACTERS else flat[: _CHARACTERS - 1] + "…"


def _rows_with(words: Any, width: int) -> Floats:
    counts = np.bincount((words > 0).indices, minlength=width)
    return counts.astype(np.float64)


def _languages(reference: Sample, window: Sample) -> tuple[MovedShare, ...]:
    if not (len(reference) and len(window)):
        return ()
    pair = (reference.names["input language"], window.names["input language"])
    moved = moved_shares(*pair, "language ")
    return tuple(one for one in moved if one.name != f"language {UNKNOWN}")


def _lengths(reference: Sample, window: Sample) -> tuple[MovedShare, ...]:
    """Shares of the four quarters of the reference's lengths."""
    if not (len(reference) and len(window)):
        return ()
    lengths = [sample.numbers["input length"] for sample in (reference, window)]
    cuts = np.quantile(lengths[0], (0.25, 0.5, 0.75))
    names = np.array(_PARTS)
    before, after = (names[np.searchsorted(cuts, each, side="left")] for each in lengths)
    return moved_shares(before, after, "inputs as long as the reference's ")


def _forms(reference: Sample, window: Sample) -> tuple[MovedShare, ...]:
    if not (len(reference) and len(window)):
        return ()
    return moved_shares(reference.names["form"], window.names["form"], "answers: ")


def _sentences(found: Explanation, inputs: tuple[Sample, Sample]) -> list[str]:
    said = []
    if all(map(len, inputs)):
        one, other = (float(np.median(each.numbers["input length"])) for each in inputs)
        if max(one, other) > 1.2 * max(min(one, other), 1):
            word = "longer" if other > one else "shorter"
            said.append(f"Requests are {word}: median {one:,.0f} characters, now {other:,.0f}.")
    certain = [one for one in found.labels if abs(one.score) >= _CERTAIN]
    said += [f"The answer {one.name} {_moved(one)}." for one in certain[:3]]
    if found.labels and not certain:
        most = found.labels[0]
        said.append(
            f"No answer's share moved beyond chance; the most, {most.name}, {_moved(most)} "
            f"(z = {most.score:.1f})."
        )
    said += [
        f"Of the requests, {one.name} {_moved(one)}."
        for one in found.slices
        if one.name.startswith("language ") and abs(one.score) >= _CERTAIN
    ][:2]
    for rising, title in ((True, "Commoner"), (False, "Rarer")):
        words = [one for one in found.words if (one.score > 0) == rising][:6]
        if words:
            listed = ", ".join(f"{one.name} ({one.before:.1%} → {one.after:.1%})" for one in words)
            said.append(f"{title} words: {listed}.")
    return said


def _moved(share: MovedShare) -> str:
    if not share.before:
        return f"is new, with {share.after:.1%}"
    if not share.after:
        return f"is gone; it had {share.before:.1%}"
    return f"went from {share.before:.1%} to {share.after:.1%}"
