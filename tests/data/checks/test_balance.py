"""Balance: counts, findings, and evening out that neither order nor other splits can sway."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from burnish.data.checks.balance import balance, imbalance, resampled
from burnish.errors import DataError
from burnish.facts.language import language_of
from burnish.records import METRICS, DataSettings, Example, Task


def task_of(kind="classify", **settings):
    return Task(name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(), **settings)


def example(text, *labels, row=1, source="f.csv", group=None, answer=None):
    answer = ", ".join(labels) if answer is None else answer
    return Example(
        id=f"{text}", source=source, row=row, inputs={"text": text}, answer=answer,
        references=(answer,), labels=labels, group=group,
    )  # fmt: skip


def pool(**counts):
    return [example(f"{label} {i}", label, row=i) for label, n in counts.items() for i in range(n)]


def splits_of(train, validation=(), test=()):
    return {"train": list(train), "validation": list(validation), "test": list(test)}


def counts_of(examples):
    return Counter(label for each in examples for label in each.labels)


def test_counts_shares_and_entropy_of_labels():
    found = balance(task_of(), splits_of(pool(a=60, b=30, c=10), pool(c=1), pool(a=2)))
    assert [(each.name, each.n["train"], each.share) for each in found.slices] == [
        ("a", 60, 0.6), ("b", 30, 0.3), ("c", 10, 0.1),
    ]  # fmt: skip
    assert found.slices[2].n == {"train": 10, "validation": 1, "test": 0}
    assert found.entropy == pytest.approx(0.8173, abs=1e-4)  # 0.8979 nats of ln 3
    assert found.ratio == 6
    assert found.minority == ("c",)


@pytest.mark.parametrize(("b", "expected"), [(100, 1.0), (1, 0.0801)])
def test_entropy_is_one_for_even_labels_and_near_zero_for_one(b, expected):
    found = balance(task_of(), splits_of(pool(a=100, b=b)))
    assert found.entropy == pytest.approx(expected, abs=1e-4)


def test_a_label_that_train_lacks_is_in_the_minority():
    found = balance(task_of(), splits_of(pool(a=10, b=10), pool(new=1)))
    assert found.minority == ("new",)
    assert found.slices[-1].n["train"] == 0
    assert found.ratio == 1


def test_one_finding_for_each_minority_label_rarest_first():
    train = pool(a=60, b=30, c=10, d=4)
    first, second = imbalance(task_of(), train)
    assert '"d"' in first.reason
    assert '"c"' in second.reason
    assert first.score == pytest.approx(1 - 4 / 26)
    assert sorted(first.ids) == ["d 0", "d 1", "d 2", "d 3"]
    assert len(second.rows) == 10
    random.Random(1).shuffle(train)
    assert imbalance(task_of(), train) == [first, second]


def test_even_labels_have_no_finding():
    assert imbalance(task_of(), pool(a=50, b=40, c=30)) == []


def test_several_labels_an_example_are_counted_one_by_one():
    train = [example(f"x{i}", "a", "b", row=i) for i in range(30)] + [example("y", "c", row=99)]
    (finding,) = imbalance(task_of(multi_label=True), train)
    assert finding.ids == ("y",)
    found = balance(task_of(multi_label=True), splits_of(train))
    assert {each.name: each.n["train"] for each in found.slices} == {"a": 30, "b": 30, "c": 1}


@pytest.mark.parametrize("how", ["oversample", "undersample", "weights"])
@pytest.mark.parametrize("task", [task_of("summarize"), task_of(multi_label=True)])
def test_resampling_needs_one_label_an_example(how, task):
    with pytest.raises(DataError) as caught:
        resampled(task, pool(a=2), how, 0)
    assert "balance: none" in str(caught.value.hint)


def test_oversampling_repeats_whole_rounds_and_then_a_draw():
    train = pool(a=50, b=20)
    found, weights = resampled(task_of(), train, "oversample", 0)
    assert weights == {}
    assert counts_of(found) == {"a": 50, "b": 50}
    times = Counter(each.inputs["text"] for each in found if each.labels == ("b",))
    assert Counter(times.values()) == {2: 10, 3: 10}
    assert len({each.id for each in found}) == 100
    assert {each.id for each in train} <= {each.id for each in found}
    assert any(each.id == "b 0#2" for each in found)


def test_no_label_grows_more_than_tenfold():
    found, _ = resampled(task_of(), pool(a=500, b=3), "oversample", 0)
    assert counts_of(found) == {"a": 500, "b": 30}


def test_ids_of_repeats_step_aside_for_ids_that_exist():
    train = [*pool(a=4), example("b 0", "b"), example("b 0#2", "b", row=2)]
    found, _ = resampled(task_of(), train, "oversample", 0)
    assert len({each.id for each in found}) == len(found) == 8


def test_undersampling_cuts_to_the_median_and_never_below_the_rarest():
    found, _ = resampled(task_of(), pool(a=90, b=30, c=10), "undersample", 0)
    assert counts_of(found) == {"a": 30, "b": 30, "c": 10}
    found, _ = resampled(task_of(), pool(a=90, b=10), "undersample", 0)
    assert counts_of(found) == {"a": 50, "b": 10}


@pytest.mark.parametrize("how", ["oversample", "undersample"])
def test_the_order_of_rows_changes_nothing_and_the_seed_only_the_draw(how):
    train = pool(a=50, b=23, c=4)
    found, _ = resampled(task_of(), train, how, 3)
    shuffled = train.copy()
    random.Random(5).shuffle(shuffled)
    assert resampled(task_of(), shuffled, how, 3)[0] == found
    other, _ = resampled(task_of(), train, how, 4)
    assert (other == found) is (how == "undersample")


def test_weights_are_inverse_to_counts_with_mean_one():
    train = pool(a=60, b=30, c=10)
    found, weights = resampled(task_of(), train, "weights", 0)
    assert found == train
    assert weights["b"] == pytest.approx(2 * weights["a"])
    assert weights["c"] == pytest.approx(6 * weights["a"])
    assert sum(weights[each.labels[0]] for each in train) == pytest.approx(100)


def test_weights_stop_at_ten_and_keep_their_mean():
    train = pool(a=5000, b=1000, c=1)
    _, weights = resampled(task_of(), train, "weights", 0)
    assert weights["c"] == 10
    assert weights["b"] == pytest.approx(5 * weights["a"])
    assert sum(weights[each.labels[0]] for each in train) == pytest.approx(len(train))


def test_before_and_after_stand_in_one_record():
    train = pool(a=60, b=20)
    after, _ = resampled(task_of(), train, "oversample", 0)
    found = balance(task_of(), splits_of(train), how="oversample", after=after)
    assert [(each.n["train"], each.after) for each in found.slices] == [(60, 60), (20, 60)]
    assert (found.ratio, found.ratio_after) == (3, 1)
    assert found.entropy < found.entropy_after == 1
    _, weights = resampled(task_of(), train, "weights", 0)
    found = balance(task_of(), splits_of(train), how="weights", after=train, weights=weights)
    assert found.ratio_after == pytest.approx(1)
    assert found.slices[1].weight == weights["b"]


def test_other_kinds_are_sliced_by_length_language_source_and_group():
    english = "The patient was seen in the clinic and is well"
    german = "Der Patient war in der Praxis und es geht ihm gut"
    train = [
        example(f"{english} {i}", source="a.csv", group="g1", row=i, answer="x") for i in range(19)
    ]
    train.append(example(german, source="b.csv", group="g2", row=7, answer="x"))
    found = balance(task_of("summarize"), splits_of(train))
    counts = {(each.by, each.name): each.n["train"] for each in found.slices}
    assert counts == {
        ("length", "10 to 29 words"): 20, ("language", "English"): 19, ("language", "German"): 1,
        ("source", "a.csv"): 19, ("source", "b.csv"): 1, ("group", "g1"): 19, ("group", "g2"): 1,
    }  # fmt: skip
    assert found.entropy is None
    findings = imbalance(task_of("summarize"), train)
    assert len(findings) == 3
    assert all(finding.rows == ("b.csv row 7",) for finding in findings)
    assert any("seem to be in English" in finding.reason for finding in findings)


def test_one_source_or_one_language_dominates_nothing():
    train = [example(f"{'word ' * 20}{i}", row=i, answer="x") for i in range(30)]
    assert imbalance(task_of("generate"), train) == []
    assert balance(task_of("generate"), splits_of([])).slices == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what is the time in london", "English"),
        ("le patient a de la fièvre et ne mange pas depuis trois jours", "French"),
        ("el paciente tiene fiebre y no come desde hace tres días", "Spanish"),
        ("患者は三日間熱があります", "Japanese"),
        ("患者发烧三天了", "Chinese"),
        ("الحمى منذ ثلاثة أيام", "Arabic script"),
        ("Пациент болен", "Cyrillic script"),
        ("pizza 12", ""),
        ("\x00\ud800 12 !", ""),
    ],
)
def test_languages_are_told_by_script_and_common_words(text, expected):
    assert language_of(text) == expected


@pytest.mark.skipif("BURNISH_DATA" not in os.environ, reason="BURNISH_DATA is not set")
def test_clinc150_imbalanced_is_found_and_evened_out():
    folder = Path(os.environ["BURNISH_DATA"]) / "classification-clinc150"
    lines = (folder / "train_imbalanced.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    train = [example(row["text"], row["label"], row=at) for at, row in enumerate(rows, start=1)]
    found = balance(task_of(), splits_of(train))
    assert (len(found.slices), len(found.minority), found.ratio) == (151, 30, 4)
    assert len(imbalance(task_of(), train)) == 30
    more, _ = resampled(task_of(), train, "oversample", 0)
    fewer, _ = resampled(task_of(), train, "undersample", 0)
    assert set(counts_of(more).values()) == {100}
    assert max(counts_of(fewer).values()) == 75
    assert (len(train), len(more), len(fewer)) == (10625, 15100, 9075)
