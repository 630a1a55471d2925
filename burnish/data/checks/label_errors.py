"""Labels that are probably wrong: every example judged by a model that never saw it.

Reads examples; writes nothing. A classifier of words and characters is cross-validated, and
cleanlab's confident learning (Northcutt, Jiang and Chuang, 2021) tells which labels to doubt.
scikit-learn and cleanlab are imported inside functions: they start slowly.
"""

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.chat.answers import label_text
from burnish.data.examples import content_hash, excerpt, input_key, place, shortened
from burnish.records import Example, Finding, Task

FOLDS = 5
"""Parts of the data, each judged by a model of the others."""

SHORT_TEXT = 1000
"""Mean characters of a text up to which runs of characters are read beside the words."""

MANY_ROWS = 1000
"""Rows from which a feature must stand in two of them."""

PLAIN = 0.15
"""A given label below it and another above 1 minus it is suspected without further theory.

Confident learning asks for as much confidence as a label's examples have on average, which in tidy
data leaves plain errors out.
"""

_MAX_NAMED = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedLabel:
    """What cross-validation says of one example's label.

    Attributes:
        example: the judged one.
        probability: of the given label (of several labels: of the most doubtful decision).
        answer: the label, or labels, that the text reads like, as an answer.
        suspected: confident learning counts the given label among the errors, or it plainly is.
        reason: the same in a sentence.
    """

    example: Example
    probability: float
    answer: str
    suspected: bool
    reason: str


def label_errors(task: Task, examples: Sequence[Example], *, seed: int) -> list[Finding]:
    """The labels to doubt, by confident learning or because they are plainly wrong, worst first.

    A finding's score is 1 minus the probability of the given label. What cannot be judged is not
    among the findings: `unjudged_labels` says it.
    """
    return [
        Finding(
            kind="label-error",
            rows=(place(judged.example),),
            ids=(judged.example.id,),
            text=excerpt(judged.example),
            score=min(1.0, max(0.0, 1 - judged.probability)),
            reason=judged.reason,
            suggestion=f"answer: {judged.answer}" if judged.answer else "",
        )
        for judged in ranked_labels(task, examples, seed=seed)
        if judged.suspected
    ]


def ranked_labels(task: Task, examples: Sequence[Example], *, seed: int) -> list[JudgedLabel]:
    """All examples whose label can be judged, most doubtful first (by self-confidence).

    The ranking depends on the seed and on what the examples say, not on their order. Examples of
    one group, or with the same input, are judged by a model that saw none of them.
    """
    data = _Data.of(task, examples, seed)
    if data is None:
        return []
    probabilities, judged = _out_of_sample(data)
    judge = _judge_several if task.multi_label else _judge_one
    found = list(judge(data, probabilities, judged))
    found.sort(key=lambda each: (each.probability, content_hash(each.example), each.example.id))
    return found


@dataclass(frozen=True)
class Reading:
    """What a model of trusted examples reads in others.

    Attributes:
        labels: that it knows, sorted.
        shares: probability of each label [others, labels]; of several labels, each by itself.
    """

    labels: tuple[str, ...]
    shares: Floats


def read_by(
    task: Task, trusted: Sequence[Example], others: Sequence[Example], *, seed: int
) -> Reading | None:
    """What the classifier reads in others after learning from trusted examples alone.

    The others' own answers play no part, so nobody sways it by them. None where it cannot learn.
    """
    blank = [other.model_copy(update={"answer": "", "labels": ()}) for other in others]
    data = _Data.of(task, [*trusted, *blank], seed)
    if data is None or not others:
        return None
    row = {id(example): at for at, example in enumerate(data.examples)}
    rows = np.array([row[id(example)] for example in blank])
    held = np.zeros(len(data.examples), dtype=bool)
    held[rows] = True
    shares = np.zeros(data.carried.shape)
    with _one_thread():
        shares[held] = (_predict_several if data.several else _predict_one)(data, ~held, held)
    return Reading(tuple(data.labels), shares[rows])


def unjudged_labels(task: Task, examples: Sequence[Example]) -> tuple[str, ...]:
    """Sentences on the labels that cross-validation cannot judge, for advice; mostly none."""
    if task.kind != "classify" or not examples:
        return ()
    groups: dict[str, set[str]] = defaultdict(set)
    counts = Counter(label for example in examples for label in example.labels)
    for example in examples:
        for label in example.labels:
            groups[label].add(_group(example))
    if len(counts) < 2 and not task.multi_label:
        return ("All examples have the same label, so no label error can be found.",)
    single = sorted(label for label, names in groups.items() if len(names) < 2)
    if not single:
        return ()
    named = ", ".join(f"{shortened(label)} ({counts[label]})" for label in single[:_MAX_NAMED])
    more = f" and {len(single) - _MAX_NAMED} more" if len(single) > _MAX_NAMED else ""
    return (
        f"Whether {'this label is' if len(single) == 1 else 'these labels are'} right cannot be "
        "judged, since nothing else in the data has the same label outside the example's own "
        f"group: {named}{more}.",
    )


@dataclass(frozen=True)
class _Data:
    """Examples in the order of their content, with features, labels and folds.

    Attributes:
        features: sparse, examples by features.
        carried: examples by labels, True where the example has the label.
        folds: examples, the number of the fold each is in.
    """

    examples: list[Example]
    labels: list[str]
    features: Any
    carried: NDArray[np.bool_]
    folds: NDArray[np.int64]
    several: bool
    seed: int

    @classmethod
    def of(cls, task: Task, examples: Sequence[Example], seed: int) -> "_Data | None":
        """None where there is nothing to compare: not classify, one label or one group."""
        if task.kind != "classify":
            return None
        ordered = sorted(examples, key=lambda e: (content_hash(e), e.id, e.source, e.row))
        labels = sorted({label for example in ordered for label in example.labels})
        if len(labels) < 2 and not (labels and task.multi_label):
            return None
        folds = _folds(ordered, seed)
        if folds.max() == 0:
            return None
        column = {label: at for at, label in enumerate(labels)}
        carried = np.zeros((len(ordered), len(labels)), dtype=bool)
        for row, example in enumerate(ordered):
            carried[row, [column[label] for label in example.labels]] = True
        features = _features([example.text for example in ordered])
        return cls(ordered, labels, features, carried, folds, task.multi_label, seed)


def _group(example: Example) -> str:
    return f"group {example.group}" if example.group is not None else input_key(example)


def _folds(examples: Sequence[Example], seed: int) -> NDArray[np.int64]:
    """Deals groups out to the folds, label by label, in an order drawn from their content."""
    members: dict[str, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        members[_group(example)].append(at)
    counts = Counter(label for example in examples for label in example.labels)
    hands = []
    for group, rows in members.items():
        here = {label for row in rows for label in examples[row].labels}
        rarest = min(here, key=lambda label: (counts[label], label), default="")
        lot = hashlib.sha256(f"{seed} {group}".encode()).hexdigest()
        hands.append((rarest, lot, rows))
    folds = np.zeros(len(examples), dtype=np.int64)
    for turn, (_, _, rows) in enumerate(sorted(hands)):
        folds[rows] = turn % min(FOLDS, len(hands))
    return folds


def _features(texts: Sequence[str]) -> Any:
    """TF-IDF of words (1 and 2), and of characters within words (2 to 5) where texts are short."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = 2 if len(texts) >= MANY_ROWS else 1
    settings: dict[str, Any] = {"sublinear_tf": True, "min_df": rows, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **settings)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **settings)
    blocks = []
    has_words = any(words.build_tokenizer()(text) for text in texts)
    if has_words:
        blocks.append(words.fit_transform(texts))
    if not has_words or sum(map(len, texts)) <= SHORT_TEXT * len(texts):
        blocks.append(characters.fit_transform(texts))
    return hstack(blocks, format="csr")


def _out_of_sample(data: _Data) -> tuple[Floats, NDArray[np.bool_]]:
    """Probabilities (examples by labels), and which of them a model could learn at all."""
    probabilities = np.zeros(data.carried.shape)
    judged = np.zeros(data.carried.shape, dtype=bool)
    predict = _predict_several if data.several else _predict_one
    with _one_thread():
        for fold in range(int(data.folds.max()) + 1):
            held = data.folds == fold
            if held.any():
                judged[held] = data.carried[~held].any(axis=0)
                probabilities[held] = predict(data, ~held, held)
    return probabilities, judged


@contextmanager
def _one_thread() -> Iterator[None]:
    """Equal sums on every machine, and no word of a regression that stops early by design."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        yield


def _regression(seed: int) -> Any:
    """20 steps find 98.4 to 99.0% of banking77's flipped labels (three seeds), 30 up to 99.2%."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=20, random_state=seed)


def _predict_one(data: _Data, known: NDArray[np.bool_], held: NDArray[np.bool_]) -> Floats:
    targets = data.carried[known].argmax(axis=1)
    probabilities = np.zeros((int(held.sum()), len(data.labels)))
    if len(set(targets.tolist())) == 1:
        probabilities[:, targets[0]] = 1
        return probabilities
    model = _regression(data.seed).fit(data.features[known], targets)
    probabilities[:, model.classes_] = model.predict_proba(data.features[held])
    return probabilities


def _predict_several(data: _Data, known: NDArray[np.bool_], held: NDArray[np.bool_]) -> Floats:
    """One regression per label; a label that all or none of the known examples carry needs none."""
    carried = data.carried[known]
    probabilities = np.tile(carried.mean(axis=0), (int(held.sum()), 1))
    for column in np.flatnonzero(carried.any(axis=0) & ~carried.all(axis=0)):
        model = _regression(data.seed).fit(data.features[known], carried[:, column])
        probabilities[:, column] = model.predict_proba(data.features[held])[:, 1]
    return probabilities


def _judge_one(
    data: _Data, probabilities: Floats, judged: NDArray[np.bool_]
) -> Iterator[JudgedLabel]:
    given = data.carried.argmax(axis=1)
    rows = np.flatnonzero(data.carried.any(axis=1) & judged[np.arange(len(given)), given])
    columns = np.unique(given[rows])
    if len(columns) < 2:
        return
    scores = probabilities[np.ix_(rows, columns)]
    scores = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)
    at = np.searchsorted(columns, given[rows])
    suspected = _suspected_one(at, scores)
    for row, own, line, suspect in zip(rows, at, scores, suspected, strict=True):
        best = int(line.argmax())
        label, other = data.labels[columns[own]], data.labels[columns[best]]
        reads = f"reads like {shortened(other)} ({line[best]:.2f})"
        yield JudgedLabel(
            example=data.examples[row],
            probability=float(line[own]),
            answer=other,
            suspected=best != own and (bool(suspect) or _is_plain(line[own], line[best])),
            reason=f"labelled {shortened(label)} ({line[own]:.2f}), {reads}",
        )


def _is_plain(given: float, other: float = 1.0) -> bool:
    return bool(given < PLAIN and other > 1 - PLAIN)


def _suspected_one(given: NDArray[np.int64], probabilities: Floats) -> NDArray[np.bool_]:
    from cleanlab.filter import find_label_issues

    found: NDArray[np.bool_] = _quiet(find_label_issues)(given, probabilities, n_jobs=1)
    return found


def _judge_several(
    data: _Data, probabilities: Floats, judged: NDArray[np.bool_]
) -> Iterator[JudgedLabel]:
    """The decision on each label is judged by itself; the most doubtful one speaks for the row."""
    quality = np.where(data.carried, probabilities, 1 - probabilities)
    quality = np.where(judged, quality, 1.0)
    suspected = _suspected_several(data.carried, probabilities)
    for row, example in enumerate(data.examples):
        worst = int(quality[row].argmin())
        label, probability = data.labels[worst], probabilities[row, worst]
        has = bool(data.carried[row, worst])
        kept = [name for name in example.labels if name != label]
        answer = kept if has else [*kept, label]
        said = "has the label" if has else "lacks the label"
        reads = "reads as if it had not" if has else "reads as if it had it"
        yield JudgedLabel(
            example=example,
            probability=float(quality[row, worst]),
            answer=label_text(tuple(sorted(answer))),
            suspected=bool(judged[row, worst])
            and (bool(suspected[row, worst]) or _is_plain(quality[row, worst])),
            reason=f"{said} {shortened(label)} ({probability:.2f}), {reads}",
        )


def _suspected_several(carried: NDArray[np.bool_], probabilities: Floats) -> NDArray[np.bool_]:
    """Confident learning on each label by itself, present or absent (one against the rest)."""
    suspected = np.zeros(carried.shape, dtype=bool)
    for column in np.flatnonzero(carried.any(axis=0) & ~carried.all(axis=0)):
        present = probabilities[:, column]
        both = np.column_stack([1 - present, present])
        suspected[:, column] = _suspected_one(carried[:, column].astype(np.int64), both)
    return suspected


def _quiet(call: Callable[..., Any]) -> Callable[..., Any]:
    """cleanlab warns of small classes; what cannot be judged is said by `unjudged_labels`."""

    def quietly(*args: Any, **settings: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **settings)

    return quietly
