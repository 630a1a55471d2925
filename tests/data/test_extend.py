"""Extending a data set: where gathered examples go, and that nothing leaks or contradicts."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from burnish.data.extend import Extended, extend
from burnish.records import Example, Review, Task

LABELS = ("card", "pin")
WORDS = [f"{start}{end}" for start in "bdfgklmnprst" for end in ("ado", "ile", "une", "ost", "ark")]
CHANCE = random.Random(5)


def task(kind: str = "classify", **brief: Any) -> Task:
    data = {"source": "a.csv", "inputs": ["text"], "output": ["label"]}
    metric = {"classify": "macro_f1", "extract": "field_f1"}.get(kind, "rougeL")
    checks = {"personal_data": "off"}
    values = {"name": "t", "kind": kind, "metric": metric, "data": data, "checks": checks}
    return Task.model_validate(values | brief)


def example(name: str, text: str = "", answer: str = "card", **fields: Any) -> Example:
    text = text or " ".join(CHANCE.sample(WORDS, 9))
    labels = (answer,) if fields.pop("labelled", True) else ()
    return Example(id=name, source="a.csv", row=int(name.rpartition("-")[2]),
                   inputs=fields.pop("inputs", {"text": text}), answer=answer,
                   references=(answer,), labels=labels, **fields)  # fmt: skip


def some(name: str, n: int) -> list[Example]:
    return [example(f"{name}-{at}", answer=LABELS[at % 2]) for at in range(n)]


TRAIN, VALIDATION, TEST = some("train", 40), some("validation", 8), some("test", 8)
OLD = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def extended(new: Sequence[Example], **given: Any) -> Extended:
    return extend(given.pop("task", task()), given.pop("old", OLD), new, **given)


def ids(done: Extended, name: str) -> set[str]:
    return {e.id for e in done.splits.get(name, [])}  # type: ignore[call-overload]


def reasons(done: Extended) -> dict[int, str]:
    return {drop.row: drop.reason for drop in done.dropped}


def test_the_latest_half_is_the_fresh_test_and_the_rest_is_learned_or_chosen_with() -> None:
    new = some("new", 40)
    done = extended(new)
    assert ids(done, "fresh") == {e.id for e in new[20:]}
    early = {e.id for e in new[:20]}
    assert (ids(done, "train") | ids(done, "validation")) & {e.id for e in new} == early
    assert done.added == {"train": 17, "validation": 3, "fresh": 20}
    assert ids(done, "train") >= {e.id for e in TRAIN}
    assert ids(done, "validation") >= {e.id for e in VALIDATION}
    assert done.dropped == []


def test_it_depends_on_what_is_said_alone() -> None:
    new = some("new", 30)
    assert extended(new).splits == extended(new).splits
    other = extended(new, task=task(retune={"fresh_fraction": 0.2}))
    assert len(other.splits["fresh"]) == 6


def test_what_is_in_a_held_out_split_is_neither_learned_nor_tested_again() -> None:
    near = TEST[0].inputs["text"] + " today"
    new = [
        example("new-1", TEST[1].inputs["text"].upper()),
        example("new-2", near),
        example("new-3", VALIDATION[0].inputs["text"]),
        example("new-4"),
    ]  # fmt: skip
    done = extended(new)
    assert reasons(done) == {
        1: "also in test",
        2: "near-duplicate in test",
        3: "also in validation",
    }
    assert done.dropped[0].kept == "a.csv row 1"


def test_of_the_test_split_inputs_alone_are_needed() -> None:
    blank = [e.model_copy(update={"answer": "", "references": (), "labels": ()}) for e in TEST]
    new = [*some("new", 6), example("new-9", TEST[1].inputs["text"])]
    done = extended(new, old=OLD | {"test": blank})
    assert reasons(done) == {9: "also in test"}


def test_what_is_learned_already_leaves_and_what_is_near_it_is_never_the_fresh_test() -> None:
    same, other = TRAIN[0], TRAIN[2]
    new = [
        *some("new", 4),
        example("new-7", same.inputs["text"] + " today", same.answer),
        example("new-8", other.inputs["text"] + " today", "pin"),
    ]  # fmt: skip
    done = extended(new)
    assert reasons(done) == {7: "near-duplicate of an example"}
    assert "new-8" in ids(done, "train"), "another answer to a nearly equal input is news"


def test_a_person_overrules_an_old_answer_and_a_caller_does_not() -> None:
    said = example("new-5", TRAIN[0].inputs["text"], "pin")
    done = extended([*some("new", 4), said], by_people=["new-5"])
    assert "new-5" in ids(done, "train")
    assert TRAIN[0].id not in ids(done, "train")
    assert reasons(done) == {0: "answered otherwise by a person since"}
    done = extended([*some("new", 4), said])
    assert reasons(done) == {5: "contradicts an example"}
    assert TRAIN[0].id in ids(done, "train")


def test_of_two_answers_to_one_input_a_persons_stays_and_then_the_latest() -> None:
    text = " ".join(WORDS[:9])
    early, late = example("new-5", text, "card"), example("new-6", text, "pin")
    assert reasons(extended([*some("new", 4), early, late])) == {5: "answered otherwise since"}
    done = extended([*some("new", 4), early, late], by_people=["new-5"])
    assert reasons(done) == {6: "answered otherwise since"}
    again = example("new-7", text + " today", "pin")
    assert reasons(extended([*some("new", 4), late, again])) == {6: "near-duplicate"}


def test_nothing_near_stands_in_two_splits() -> None:
    texts = [" ".join(CHANCE.sample(WORDS, 9)) for _ in range(12)]
    new = []
    for at, text in enumerate(texts):  # each again at the end, with a number that makes it another
        new.append(example(f"new-{at}", f"{text} 1", LABELS[at % 2]))
    for at, text in enumerate(texts):
        new.append(example(f"new-{at + 50}", f"{text} 2", LABELS[at % 2]))
    done = extended(new)
    for at in range(len(texts)):
        where = [name for name in done.splits for e in done.splits[name]
                 if e.id in (f"new-{at}", f"new-{at + 50}")]  # fmt: skip
        assert len(where) == 2
        assert len(set(where)) == 1


def test_the_last_example_of_a_new_label_is_not_chosen_with() -> None:
    new = [example(f"new-{at}", answer="fraud" if at == 3 else "card") for at in range(40)]
    for seed in range(5):
        done = extended(new, task=task(seed=seed))
        assert "new-3" in ids(done, "train")


def test_decisions_and_cleaning_apply_to_what_was_gathered() -> None:
    reviews = [Review(id="new-1", kind="label-error", action="drop")]
    messy = example("new-2", "It &amp; that   said  so plainly to the nurse on the ward today")
    done = extended([*some("new", 2), messy], reviews=reviews)
    assert reasons(done) == {1: "dropped by a person"}
    text = next(e for pool in done.splits.values() for e in pool if e.id == "new-2").text
    assert text == "It & that said so plainly to the nurse on the ward today"
    assert done.prepared.cleaned


def test_without_near_duplicates_equal_inputs_still_do_not_leak() -> None:
    off = {"near_duplicates": "off", "personal_data": "off"}
    near = example("new-2", TEST[0].inputs["text"] + " today")
    new = [example("new-1", TEST[1].inputs["text"]), near, *some("more", 3)]
    assert reasons(extended(new, task=task(checks=off))) == {1: "also in test"}


def test_two_columns_must_both_be_near() -> None:
    brief = task(data={"source": "a.csv", "inputs": ["page", "ask"], "output": ["label"]})
    page = " ".join(WORDS[:30])
    old = [example("test-1", inputs={"page": page, "ask": "who wrote it and when was that"})]
    new = [
        example("new-1", inputs={"page": page, "ask": "where does the river begin in spring"}),
        example("new-2", inputs={"page": page, "ask": "who wrote it and when was that then"}),
        example("new-3", inputs={"page": "short", "ask": "why"}),
    ]  # fmt: skip
    done = extended(new, task=brief, old={"train": [], "validation": [], "test": old})
    assert reasons(done) == {2: "near-duplicate in test"}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_new_examples_are_no_fault(n: int) -> None:
    done = extended(some("new", n))
    assert sum(done.added.values()) == n
    assert "fresh" in done.splits or n == 1


def test_json_answers_agree_whatever_the_order_of_their_keys() -> None:
    brief = task("extract")
    old = example("train-1", TRAIN[0].text, '{"a": 1, "b": 2}', labelled=False)
    blank = example("test-1", answer="", labelled=False)
    same = example("new-1", TRAIN[0].text, '{"b": 2, "a": 1}', labelled=False)
    new = [same, *(example(f"new-{at}", answer='{"a": 1}', labelled=False) for at in (2, 3))]
    done = extended(new, task=brief, old={"train": [old], "validation": [], "test": [blank]})
    assert reasons(done) == {1: "near-duplicate of an example"}
