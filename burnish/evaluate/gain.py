"""What new examples should buy, before anything is tuned on them: a learning curve, measured.

The task's classic baseline learns from the training split and from growing parts of the new
examples, and is scored on new examples that it did not learn from, by cross-validation. Nothing is
extrapolated, and no test split is looked at.

Reads examples; writes nothing.
"""

import hashlib
from collections.abc import Callable, Sequence

from burnish.evaluate.classic import answer_classic
from burnish.evaluate.measured import Measured
from burnish.evaluate.metrics import measure
from burnish.evaluate.similar import parts_of
from burnish.evaluate.statistics import paired_difference
from burnish.records import Answer, Example, Gain, Task

LEAST = 20
"""New examples without which the interval would say nothing."""
FRACTIONS = (1 / 3, 2 / 3, 1.0)
"""Parts of the new examples that are learned from."""
_FOLDS = 5
_BIG = 50_000  # training examples times labels from which fewer models are fitted


def expected_gain(
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    new: Sequence[Example],
    *,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Gain | str:
    """The gain on the primary metric, on new requests, or why it cannot be told.

    Args:
        labels: the label set with the new examples' own (classify).
        train: what the serving run learned from.
        new: the new examples that may be learned from or chosen with; none of the fresh test.
        tell: called with the number of models fitted, and of all.
    """
    if len(new) < LEAST:
        return (
            f"The gain cannot be told from {len(new)} new examples beside the fresh test; {LEAST} "
            "are the least."
        )
    if task.kind == "summarize" or (task.kind == "answer" and len(parts_of(new[0])) > 1):
        return (
            "The gain cannot be told before tuning: the classic baselines of such a task do not "
            "learn from examples."
        )
    few = len(train) * max(1, len(labels)) > _BIG
    fractions, folds = (FRACTIONS[-1:], 2) if few else (FRACTIONS, _FOLDS)
    told = [0, 1 + folds * len(fractions)]

    def fit(known: Sequence[Example], asked: Sequence[Example]) -> list[Answer]:
        found = answer_classic(task, labels, known, asked, task.seed)
        told[0] += 1
        tell(*told)
        return [] if found is None else found.answers

    points: list[tuple[int, Measured]] = []
    before = fit(train, new)
    if not before:
        return "The gain cannot be told before tuning: there is no text to learn from."
    points.append((len(train), measure(task, labels, before, new)[task.metric]))
    order = sorted(range(len(new)), key=lambda at: _lot(task.seed, new[at]))
    for fraction in fractions:
        given: dict[int, Answer] = {}
        size = 0
        for fold in range(folds):
            held = order[fold::folds]
            rest = [at for place, at in enumerate(order) if place % folds != fold]
            part = rest[: round(fraction * len(rest))]
            size += len(part)
            answers = fit([*train, *(new[at] for at in part)], [new[at] for at in held])
            given |= dict(zip(held, answers, strict=True))
        scored = measure(task, labels, [given[at] for at in range(len(new))], new)
        points.append((len(train) + round(size / folds), scored[task.metric]))
    return _gain(task, points, len(new), folds, len(train))


def _gain(
    task: Task, points: Sequence[tuple[int, Measured]], n: int, folds: int, known: int
) -> Gain:
    first, last = points[0][1], points[-1][1]
    found = paired_difference(
        last.statistics, first.statistics, last.value,
        resamples=task.evaluate.resamples, seed=task.seed, bounds=last.bounds,
    )  # fmt: skip
    labels = task.kind == "classify"
    how = "TF-IDF with logistic regression" if labels else "the answer of the most similar example"
    return Gain(
        sizes=tuple(size for size, _ in points),
        scores=tuple(scored.score for _, scored in points),
        expected=found.value,
        low=found.low,
        high=found.high,
        n=n,
        measured=f"The classic baseline of such tasks, {how}, learned from the "
        f"{known:,} training examples, and from these with parts of the {n:,} new ones; it was "
        f"scored on new examples it had not learned from, in {folds} folds, paired. The tuned "
        "model may gain more or less.",
    )


def _lot(seed: int, example: Example) -> bytes:
    text = f"{seed} {example.text}\n{example.answer}\n{example.id}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
