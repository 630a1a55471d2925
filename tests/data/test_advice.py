"""Advice: each sentence where its cause is present, and only there."""

import pytest

from burnish.data import advice
from burnish.data.advice import half_width
from burnish.data.rows import row_of
from burnish.records import DataSettings, Example, Task


def advise(task, splits, labels=(), notes=()):
    """The advice on examples, which it reads as rows."""
    rows = {
        name: [row_of(task, example, at) for at, example in enumerate(pool)]
        for name, pool in splits.items()
    }
    return advice.advise(task, rows, labels, notes)


def task(kind="classify", **settings):
    return Task(name="t", kind=kind, metric="accuracy", data=DataSettings(**settings))


def example(text, label="", *, row=1, answer=None, group=None):
    answer = label if answer is None else answer
    return Example(
        id=text, source="f.csv", row=row, inputs={"text": text}, answer=answer,
        references=(answer,), labels=(label,) if label else (), group=group,
    )  # fmt: skip


def pool(prefix, n, labels=("a", "b"), answer=None):
    return [
        example(f"{prefix}{i}", labels[i % len(labels)], row=i, answer=answer) for i in range(n)
    ]


def splits(train=400, validation=100, test=100, **options):
    return {
        "train": pool("train", train, **options),
        "validation": pool("validation", validation, **options),
        "test": pool("test", test, **options),
    }


def test_enough_balanced_data_needs_no_advice():
    assert advise(task(), splits(), ("a", "b")) == ()


def test_fewer_than_two_hundred_examples_are_called_few():
    (sentence,) = advise(task(), splits(50, 49, 100), ("a", "b"))
    assert sentence.startswith("199 examples are few")
    assert advise(task(), splits(51, 49, 100), ("a", "b")) == ()


def test_a_small_test_split_comes_with_the_width_of_its_interval():
    (sentence,) = advise(task(), splits(test=60), ("a", "b"))
    assert "60 test examples" in sentence
    assert "±0.13" in sentence


@pytest.mark.parametrize(("n", "expected"), [(96, 0.1), (384, 0.05)])
def test_half_width_is_that_of_a_binomial_share(n, expected):
    assert half_width(n) == pytest.approx(expected, abs=5e-4)


def test_long_answers_ask_for_thousands():
    long = splits(answer="word " * 60)
    assert any("thousands" in sentence for sentence in advise(task("summarize"), long))
    assert advise(task("answer"), long) == ()
    assert advise(task("summarize"), splits(answer="word " * 10)) == ()
    assert advise(task("summarize"), splits(1000, answer="word " * 60)) == ()


def test_labels_with_few_train_examples_are_named_with_their_counts():
    data = splits()
    for name in data:
        data[name] += [example(f"{name} rare {i}", "rare") for i in range(9)]
    (sentence,) = advise(task(), data, ("a", "b", "rare"))
    assert sentence.startswith("1 label of 3 has fewer than 10")
    assert "rare (9)" in sentence


def test_labels_missing_from_train_or_test_are_named():
    data = splits()
    data["train"] += [example(f"x{i}", "untested") for i in range(20)]
    data["test"] += [example("y", "unlearned")]
    sentences = advise(task(), data, ("a", "b", "unlearned", "untested"))
    assert ["no train example" in sentences[0], "no test example" in sentences[1]] == [True, True]
    assert "unlearned" in sentences[0]
    assert "untested" in sentences[1]


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_conflicts_are_counted_with_their_rows(name):
    data = splits()
    data[name] += [example("same", "a", row=900), example(" SAME", "b", row=901)]
    data[name] += [example("equal", "a", row=902), example("equal ", "a", row=903)]
    (sentence,) = advise(task(), data, ("a", "b"))
    assert f"In {name}, the same input has different answers in 1 place" in sentence
    assert "rows 900 and 901" in sentence
    assert "902" not in sentence


def test_several_answers_to_free_text_are_no_conflict():
    data = splits()
    data["test"] += [example("same", answer="one"), example("same", answer="two")]
    assert advise(task("generate"), data) == ()


def test_a_group_in_two_of_the_users_files_is_reported():
    data = splits()
    data["train"] += [example("p", "a", group="doc 7"), example("q", "a", group="doc 8")]
    data["test"] += [example("r", "a", group="doc 7")]
    (sentence,) = advise(task(group="doc"), data, ("a", "b"))
    assert "1 group" in sentence
    assert "doc 7" in sentence
    assert "doc 8" not in sentence


def test_long_lists_are_cut_and_counted():
    data = splits()
    data["train"] += [example(f"r{i}", f"rare{i:02}") for i in range(25)]
    labels = tuple(sorted({e.answer for e in data["train"]}))
    assert all("and 15 more" in sentence for sentence in advise(task(), data, labels))


def test_notes_come_last_and_the_worst_first():
    data = splits(40, 5, 5)
    data["test"] += [example("same", "a", row=1), example("same", "b", row=2)]
    sentences = advise(task(), data, ("a", "b"), notes=["a note"])
    assert "different answers" in sentences[0]
    assert sentences[-1] == "a note"
