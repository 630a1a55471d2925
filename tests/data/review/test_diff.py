"""Diff: every kind of change is counted once where it happened, whatever the order of rows."""

import random

from burnish.data.examples import content_hash
from burnish.data.review.diff import DatasetDiff, diff
from burnish.records import Example


def example(
    row: int, text: str, label: str, *, name: str | None = None, source: str = "a.csv"
) -> Example:
    made = Example(
        id=name or "", source=source, row=row, inputs={"text": text}, answer=label,
        references=(label,), labels=(label,),
    )  # fmt: skip
    return made.model_copy(update={"id": name or content_hash(made)[:16]})


def version(n: int = 10, *, named: bool) -> dict[str, list[Example]]:
    rows = [
        example(i, f"the text of number {i}", "ab"[i % 2], name=f"id{i}" if named else None)
        for i in range(n)
    ]
    return {"train": rows[:-2], "test": rows[-2:]}


def outline(made: DatasetDiff) -> dict[str, int]:
    return {name: n for name, n in made.counts.items() if n}


def test_equal_versions_do_not_differ() -> None:
    for named in (True, False):
        made = diff(version(named=named), version(named=named))
        assert (outline(made), made.unchanged, made.labels) == ({}, 10, ())
        assert made.sizes_after == {"train": 8, "test": 2}


def test_each_change_is_found_with_and_without_ids() -> None:
    for named in (True, False):
        old, new = version(named=named), version(named=named)
        gone = new["train"].pop(0)
        new["train"].append(example(40, "something new", "b", name="id40" if named else None))
        new["test"].append(new["train"].pop(0))
        name = "id2" if named else None
        new["train"][0] = example(2, "the text of number 2", "b", name=name)
        name = "id3" if named else None
        new["train"][1] = example(3, "the text of number 3!", "b", name=name)
        made = diff(old, new)
        expected = {"added": 1, "removed": 1, "moved": 1, "answer changed": 1, "text changed": 1}
        if not named:  # "3!" and "3" are two words: four of six words are the same
            assert made.rows["text changed"][0].id == new["train"][1].id
        assert outline(made) == expected
        assert made.unchanged == 6
        removed, moved = made.rows["removed"][0], made.rows["moved"][0]
        assert (removed.id, removed.split_before, removed.split_after) == (gone.id, "train", None)
        assert (moved.row, moved.split_before, moved.split_after) == (
            "a.csv row 1",
            "train",
            "test",
        )
        changed = made.rows["answer changed"][0]
        assert (changed.before, changed.after) == ("a", "b")
        assert made.rows["text changed"][0].after == "the text of number 3!"


def test_other_texts_on_the_same_row_are_no_change_of_text() -> None:
    old = {"train": [example(1, "completely different words here", "a")]}
    new = {"train": [example(1, "nothing of that at all", "a")]}
    assert outline(diff(old, new)) == {"added": 1, "removed": 1}


def test_several_rows_of_one_input_are_matched_one_by_one() -> None:
    old = {"train": [example(1, "same", "a"), example(2, "same", "b")], "test": []}
    new = {"train": [example(2, "same", "b")], "test": [example(1, "same", "c")]}
    made = diff(old, new)
    assert outline(made) == {"moved": 1, "answer changed": 1}
    assert made.unchanged == 1
    old = {"train": [example(1, "same", "a")], "test": [example(2, "same", "b")]}
    new = {"test": [example(2, "same", "c")], "train": [example(1, "same", "d")]}
    assert outline(diff(old, new)) == {"answer changed": 2}


def test_label_shares_and_limits() -> None:
    old = {"train": [example(i, f"t {i}", "a") for i in range(20)]}
    new = {"train": [example(i, f"t {i}", "a" if i < 5 else "b") for i in range(20)]}
    made = diff(old, new, most_rows=3)
    assert made.counts["answer changed"] == 15
    assert [row.row for row in made.rows["answer changed"]] == [f"a.csv row {i}" for i in (5, 6, 7)]
    assert [(shift.label, shift.before, shift.after) for shift in made.labels] == [
        ("a", 1.0, 0.25),
        ("b", 0.0, 0.75),
    ]


def test_the_order_of_rows_changes_nothing() -> None:
    old, new = version(40, named=False), version(40, named=False)
    new["train"] = [*new["train"][5:], example(99, "new text of number 99", "a")]
    first = diff(old, new)
    random.Random(1).shuffle(new["train"])
    random.Random(2).shuffle(old["train"])
    assert diff(old, new) == first
    assert diff({}, {}).unchanged == 0
