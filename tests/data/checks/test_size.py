"""Size: the learning curve on data whose curve is known."""

import random
from itertools import pairwise

import numpy as np
import pytest

from burnish.data.checks.size import (
    _parts,
    _power_law,
    learning_curve,
)
from burnish.records import METRICS, DataSettings, Example, Task


def task_of(kind="classify", metric=None, **settings):
    return Task(
        name="t", kind=kind, metric=metric or METRICS[kind][0], data=DataSettings(), **settings
    )


def example(text, *labels, row=1):
    answer = ", ".join(labels) or "none"
    return Example(
        id=text, source="f.csv", row=row, inputs={"text": text}, answer=answer,
        references=(answer,), labels=labels,
    )  # fmt: skip


_chance = random.Random(0)
WORDS = [["".join(_chance.choices("abcdefghij", k=6)) for _ in range(60)] for _ in range(4)]
FILLERS = ["".join(_chance.choices("abcdefghij", k=6)) for _ in range(300)]


def topics(n, *, seed=0, noise=0.0, several=False):
    """Texts of 4 topics with 60 rare words each, so that more examples teach more words."""
    chance = random.Random(seed)
    made = []
    for row in range(n):
        topic = row % 4
        words = chance.choices(WORDS[topic], k=2) + chance.choices(FILLERS, k=4)
        if chance.random() < noise:
            topic = chance.randrange(4)
        labels = [f"t{topic}", *(["even"] if several and topic % 2 == 0 else [])]
        made.append(example(" ".join(words), *labels, row=row))
    return made


def splits_of(train, validation):
    return {"train": train, "validation": validation, "test": []}


def test_the_curve_rises_where_more_words_are_learned():
    found = learning_curve(task_of(), splits_of(topics(240), topics(200, seed=1)), seed=0)
    assert found is not None
    scores = [point.score for point in found.points]
    assert [point.n for point in found.points] == [60, 120, 180, 240]
    assert scores[0] + 0.1 < scores[-1]
    assert all(point.low <= point.score <= point.high for point in found.points)
    assert found.certain
    assert 0 <= found.gain_low <= found.gain <= found.gain_high
    assert found.doubled == 480
    assert found.gain_high >= scores[-1] - scores[1]  # what the last doubling brought
    assert f"{found.gain:.3f} macro_f1" in found.conclusion
    truth = learning_curve(task_of(), splits_of(topics(480), topics(200, seed=1)), seed=0)
    assert truth.points[-1].score - scores[-1] > found.gain_low


def test_a_curve_that_is_only_noise_says_that_it_cannot_tell():
    splits = splits_of(topics(80, noise=1.0), topics(60, seed=1, noise=1.0))
    found = learning_curve(task_of(), splits, seed=0)
    assert not found.certain
    assert found.gain is None
    assert "cannot be told" in found.conclusion


def test_order_of_rows_changes_nothing_and_the_seed_does():
    train, validation = topics(80), topics(40, seed=1)
    found = learning_curve(task_of(), splits_of(train, validation), seed=0, repeats=2)
    shuffled = train.copy()
    random.Random(3).shuffle(shuffled)
    again = learning_curve(task_of(), splits_of(shuffled, validation), seed=0, repeats=2)
    assert again == found
    assert learning_curve(task_of(), splits_of(train, validation), seed=1, repeats=2) != found


@pytest.mark.parametrize("metric", ["accuracy", "micro_f1", "macro_f1"])
@pytest.mark.parametrize("several", [False, True])
def test_scores_are_those_of_scikit_learn(metric, several, monkeypatch):
    from sklearn.metrics import accuracy_score, f1_score

    from burnish.data.checks import size

    seen = []
    inner = size._predicted

    def spy(labels, part, validation, **options):
        given = inner(labels, part, validation, **options)
        seen.append((given, size._carried(labels, validation)))
        return given

    monkeypatch.setattr(size, "_predicted", spy)
    task = task_of(metric=metric, multi_label=several)
    splits = splits_of(topics(80, several=several), topics(40, seed=1, several=several))
    found = learning_curve(task, splits, seed=0, repeats=1)
    for point, (given, expected) in zip(found.points, seen, strict=True):
        reference = {
            "accuracy": accuracy_score(expected, given),
            "micro_f1": f1_score(expected, given, average="micro"),
            "macro_f1": f1_score(expected, given, average="macro", zero_division=0),
        }[metric]
        assert point.score == pytest.approx(reference)


def test_other_kinds_need_a_score_function():
    splits = splits_of(topics(80), topics(40, seed=1))
    assert learning_curve(task_of("summarize"), splits, seed=0) is None
    sizes = []

    def score(part):
        sizes.append(len(part))
        return 0.8 - 2 * len(part) ** -0.5

    found = learning_curve(task_of("summarize"), splits, seed=0, fit_and_score=score)
    assert sizes == [20, 40, 60, 80]
    assert (found.asymptote, found.scale) == (pytest.approx(0.8), pytest.approx(2))
    assert found.exponent == pytest.approx(0.5)
    assert found.gain == pytest.approx(2 * (80**-0.5 - 160**-0.5))
    assert found.gain_low is None
    assert not found.certain
    assert "learned from once" in found.conclusion


@pytest.mark.parametrize(
    ("train", "validation"), [(topics(39), topics(40)), (topics(80), topics(19)), ([], [])]
)
def test_too_few_examples_have_no_curve(train, validation):
    assert learning_curve(task_of(), splits_of(train, validation), seed=0) is None


def test_parts_are_nested_and_hold_every_label_in_proportion():
    train = [example(f"x{i}", "rare" if i % 10 == 0 else "common", row=i) for i in range(200)]
    parts = _parts(train, 0, 0)
    assert [len(part) for part in parts] == [50, 100, 150, 200]
    for part, larger in pairwise(parts):
        assert {each.id for each in part} < {each.id for each in larger}
    rare = [sum(each.labels == ("rare",) for each in part) for part in parts]
    assert rare == pytest.approx([5, 10, 15, 20], abs=1)
    assert _parts(train, 0, 1)[0] != parts[0]


def test_the_power_law_of_exact_points_is_found_and_stays_in_its_bounds():
    sizes = np.array([0.25, 0.5, 0.75, 1.0])
    a, b, c = _power_law(sizes, np.array([0.9 - 0.1 * sizes**-0.7, [0.5, 0.4, 0.3, 0.2]]))
    assert (a[0], b[0], c[0]) == pytest.approx((0.9, 0.1, 0.7))
    assert b[1] == 0
    a, b, _ = _power_law(sizes, np.array([[0.2, 0.5, 0.8, 1.1]]))
    assert a[0] <= 1
    assert b[0] >= 0


def test_many_rare_labels_raise_no_warning(recwarn):
    train = [example(f"text {i} of {i % 45}", f"l{i % 45}", row=i) for i in range(90)]
    assert learning_curve(task_of(), splits_of(train, train[:30]), seed=0, repeats=1) is not None
    assert [str(each.message) for each in recwarn] == []
