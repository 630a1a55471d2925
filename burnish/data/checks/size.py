"""Size: what more examples would buy.

Reads the splits and writes nothing. The learning curve trains on growing parts of the training
split and scores on validation; the test split is never looked at. What the test split can prove is
arithmetic alone: `burnish.power`.
"""

import hashlib
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from burnish.data.examples import content_hash
from burnish.records import Example, SplitName, Task
from burnish.records.data_checks import CurvePoint, LearningCurve

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
"""Parts of the training split that are learned from."""

LEAST_TRAIN, LEAST_VALIDATION = 40, 20
"""Fewest examples that a learning curve is drawn from."""

_DRAWS = 300  # resamples of validation examples and repeats
_BIG = 25_000  # training examples times labels from which fewer repeats are made
_EXPONENTS = np.arange(1, 41) / 20  # c of the power law: 0.05, 0.10, … 2.00

_WORD = re.compile(r"\w+")

_LITTLE = 0.01  # gain below which doubling hardly helps

_Array = np.ndarray[Any, np.dtype[np.float64]]
_Flags = np.ndarray[Any, np.dtype[np.bool_]]


def learning_curve(
    task: Task,
    splits: Mapping[SplitName, Sequence[Example]],
    *,
    seed: int,
    fit_and_score: Callable[[Sequence[Example]], float] | None = None,
    repeats: int | None = None,
) -> LearningCurve | None:
    """Scores after learning from 25, 50, 75 and 100% of train, and what doubling it would buy.

    The parts are nested, stratified by label and drawn by content. A power law a - b * n ** -c
    (Hestness et al. 2017, arXiv:1712.00409) is fitted to the mean scores by least squares, with a
    at most 1, b not negative and c from 0.05 to 2. For classify, TF-IDF of words and characters
    with logistic regression is trained; intervals are percentiles over resamples of validation
    examples and of repeats, the same for all parts, so that a gain is one of paired scores.
    macro_f1 is the mean over the labels that validation holds.

    The upper end of the gain's interval is at least that of what the last doubling brought, which
    a flattening curve does not exceed: on banking77 with 750 examples the power law alone promised
    0.084 (0.078 to 0.089), where doubling brought 0.118.

    Args:
        fit_and_score: trains on the given examples and returns the validation score, for other
            kinds or another model; its intervals are over repeats, and there are none with one.
        repeats: draws of the parts; by default 5 (2 for large sets) and, with `fit_and_score`, 1.

    Returns:
        None where there is nothing to train: another kind without `fit_and_score`, fewer than 40
        training or 20 validation examples, a single label, or no text.
    """
    train, validation = splits["train"], splits["validation"]
    if len(train) < LEAST_TRAIN or len(validation) < LEAST_VALIDATION:
        return None
    if fit_and_score is not None:
        method, learner = "The task's own model, tuned on each part.", "with this model"
        parts = [_parts(train, seed, repeat) for repeat in range(repeats or 1)]
        scores = np.array([[fit_and_score(part) for part in row] for row in parts])
        draws = scores[_drawn_repeats(len(scores), seed)].mean(axis=1) if len(scores) > 1 else None
    else:
        labels = sorted({label for e in [*train, *validation] for label in e.labels})
        if task.kind != "classify" or len(labels) < 2 or not any(e.text.strip() for e in train):
            return None
        method = "TF-IDF of words and characters with logistic regression."
        learner = "with TF-IDF and logistic regression"
        few = 2 if len(train) * len(labels) > _BIG else 5
        parts = [_parts(train, seed, repeat) for repeat in range(repeats or few)]
        scores, draws = _classified(task, labels, parts, validation, seed)
    points = _points(parts[0], scores, draws)
    return LearningCurve(
        metric=task.metric,
        method=method,
        repeats=len(parts),
        validation_examples=len(validation),
        points=points,
        doubled=2 * len(train),
        **_outlook(task.metric, learner, points, draws),
    )


def _parts(train: Sequence[Example], seed: int, repeat: int) -> list[list[Example]]:
    """Nested parts of the training split, one for each of `FRACTIONS`, stratified by label.

    The examples of each stratum, ordered by a seeded hash of their content, are spread evenly over
    one line, of which each part is a beginning; the first example of every stratum comes early.
    """
    strata: dict[tuple[str, ...], list[tuple[str, str, int, Example]]] = defaultdict(list)
    for e in train:
        drawn = hashlib.sha256(f"{seed} {repeat} {content_hash(e)}".encode()).hexdigest()
        strata[e.labels].append((drawn, e.id, e.row, e))
    line = [
        ((at + 0.5) / len(members) if at else 0.0, *key)
        for members in strata.values()
        for at, key in enumerate(sorted(members, key=lambda key: key[:3]))
    ]
    ordered = [key[-1] for key in sorted(line, key=lambda key: key[:4])]
    return [ordered[: round(fraction * len(ordered))] for fraction in FRACTIONS]


def _classified(
    task: Task,
    labels: Sequence[str],
    parts: Sequence[Sequence[Sequence[Example]]],
    validation: Sequence[Example],
    seed: int,
) -> tuple[_Array, _Array]:
    """Scores [repeats, parts] of the classifier, and of resamples [draws, parts]."""
    expected = _carried(labels, validation)
    n = len(validation)
    generator = np.random.default_rng(seed)
    counts = np.vstack([
        np.ones((1, n)),
        generator.multinomial(n, np.full(n, 1 / n), size=_DRAWS).astype(np.float64),
    ])  # fmt: skip
    scores = np.empty((len(parts), len(FRACTIONS), len(counts)))
    for row, nested in enumerate(parts):
        for column, part in enumerate(nested):
            if row and len(part) == len(nested[-1]):  # the whole split is the same in all repeats
                scores[row, column] = scores[0, column]
                continue
            given = _predicted(labels, part, validation, several=task.multi_label, seed=seed)
            scores[row, column] = _scored(task.metric, given, expected, counts)
    drawn = _drawn_repeats(len(parts), seed)
    resampled = scores[drawn, :, np.arange(1, _DRAWS + 1)[:, None]].mean(axis=1)
    return scores[:, :, 0], resampled


def _drawn_repeats(repeats: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which repeats each resample takes [draws, repeats]."""
    return np.random.default_rng([seed, 1]).integers(0, repeats, size=(_DRAWS, repeats))


def _carried(labels: Sequence[str], examples: Sequence[Example]) -> _Flags:
    return np.array([[label in e.labels for label in labels] for e in examples], dtype=np.bool_)


def _predicted(
    labels: Sequence[str],
    part: Sequence[Example],
    validation: Sequence[Example],
    *,
    several: bool,
    seed: int,
) -> _Flags:
    """The labels given to each validation example [n, labels], after learning from `part`.

    Settings are those of the report's classic baseline (C of 10), stopped a little earlier.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    texts, others = [e.text for e in part], [e.text for e in validation]
    vectorizers = [TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)]
    if any(_WORD.search(text) for text in texts):
        vectorizers.append(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        )
    known = hstack([each.fit_transform(texts) for each in vectorizers], format="csr")
    new = hstack([each.transform(others) for each in vectorizers], format="csr")
    carried = _carried(labels, part)
    model = LogisticRegression(C=10, max_iter=300, tol=1e-3, random_state=seed)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if several:
            given = np.tile(carried.all(axis=0), (len(others), 1))
            for column in np.flatnonzero(carried.any(axis=0) & ~carried.all(axis=0)):
                given[:, column] = model.fit(known, carried[:, column]).predict(new)
            return given
        chosen = model.fit(known, carried.argmax(axis=1)).predict(new)
    result: _Flags = np.eye(len(labels), dtype=np.bool_)[chosen]
    return result


def _scored(metric: str, given: _Flags, expected: _Flags, counts: _Array) -> _Array:
    """The metric [draws], where `counts` [draws, n] says how often each example is taken."""
    hits = (given & expected).astype(np.float64)
    sizes = given.astype(np.float64) + expected
    scores: _Array
    if metric == "accuracy":
        right = (given == expected).all(axis=1).astype(np.float64)
        scores = counts @ right / counts.sum(axis=1)
    elif metric == "micro_f1":
        scores = 2 * (counts @ hits.sum(axis=1)) / np.maximum(counts @ sizes.sum(axis=1), 1)
    else:
        present = counts @ expected > 0
        each = np.where(present, 2 * (counts @ hits) / np.maximum(counts @ sizes, 1), 0.0)
        scores = each.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return scores


def _points(
    parts: Sequence[Sequence[Example]], scores: _Array, draws: _Array | None
) -> tuple[CurvePoint, ...]:
    ends = np.quantile(draws, [0.025, 0.975], axis=0) if draws is not None else None
    return tuple(
        CurvePoint(
            fraction=fraction, n=len(part), score=float(score),
            low=None if ends is None else min(float(ends[0, at]), float(score)),
            high=None if ends is None else max(float(ends[1, at]), float(score)),
        )
        for at, (fraction, part, score) in enumerate(
            zip(FRACTIONS, parts, scores.mean(axis=0), strict=True)
        )
    )  # fmt: skip


def _outlook(
    metric: str, learner: str, points: Sequence[CurvePoint], draws: _Array | None
) -> dict[str, Any]:
    """The power law and what follows from it, as fields of a LearningCurve."""
    n = points[-1].n
    sizes = np.array([point.n / n for point in points])
    (a,), (b,), (c,) = _power_law(sizes, np.array([[point.score for point in points]]))
    fields: dict[str, Any] = {
        "asymptote": float(a), "scale": float(b * n**c), "exponent": float(c), "certain": False,
    }  # fmt: skip
    gain = float(b * (1 - 2**-c))
    about = f"Doubling the {n:,} training examples would add about {gain:.3f} {metric} {learner}"
    if draws is None:
        return fields | {
            "gain": gain,
            "conclusion": f"{about} if the curve goes on as it began. Each part was learned from "
            "once, so how certain that is cannot be told.",
        }
    rises = draws[:, -1] - draws[:, 0]
    rise = points[-1].score - points[0].score
    low, high = np.quantile(rises, [0.025, 0.975])
    if low <= 0:
        return fields | {
            "conclusion": f"From {points[0].n:,} to {n:,} training examples {metric} changes by "
            f"{rise:+.3f} (95% interval {low:+.3f} to {high:+.3f}), which may be chance: what more "
            "examples would buy cannot be told.",
        }
    _, scales, exponents = _power_law(sizes, draws)
    low, high = np.quantile(scales * (1 - 2**-exponents), [0.025, 0.975])
    last = np.quantile(draws[:, -1] - draws[:, 1], 0.975)
    low, high = min(float(low), gain), max(float(high), float(last), gain)
    end = "" if high >= _LITTLE else "; more of the same would hardly help"
    return fields | {
        "certain": True, "gain": gain, "gain_low": low, "gain_high": high,
        "conclusion": f"{about} (95% interval {low:.3f} to {high:.3f}){end}.",
    }  # fmt: skip


def _power_law(sizes: _Array, scores: _Array) -> tuple[_Array, _Array, _Array]:
    """a, b and c [rows] of a - b * size ** -c with the least squares for scores [rows, parts].

    For a given c the best a and b are those of a line, held within a <= 1 and b >= 0; of the
    exponents the best is taken. Exact and never short of convergence, unlike a search in all three.
    """
    x = sizes ** -_EXPONENTS[:, None]  # [exponents, parts]
    y = scores[:, None, :]
    off = x - x.mean(axis=1, keepdims=True)
    slope = -(off * (y - y.mean(axis=-1, keepdims=True))).sum(-1) / (off**2).sum(-1)
    b = np.maximum(slope, 0)
    a = y.mean(axis=-1) + b * x.mean(axis=1)
    b = np.where(a > 1, ((1 - y) * x).sum(-1) / (x**2).sum(-1), b)
    a = np.minimum(a, 1)
    errors = ((y - a[..., None] + b[..., None] * x) ** 2).sum(axis=-1)
    best = errors.argmin(axis=1)
    rows = np.arange(len(scores))
    return a[rows, best], b[rows, best], _EXPONENTS[best]
