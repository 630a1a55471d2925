"""Candidate instructions: bounded, without repetitions, and fed by the training split alone."""

import pytest

from burnish.evaluate.instructions import candidate_instructions
from burnish.records import METRICS, DataSettings, Example, PromptSettings, Task

LABELS = ("billing", "delivery")


def task_of(kind, system="Do it well.", **fields):
    return Task(
        name="t", kind=kind, metric=METRICS[kind][0], data=DataSettings(),
        goal="Condense the note.", prompt=PromptSettings(system=system), **fields,
    )  # fmt: skip


def train(*lengths):
    return [
        Example(id=str(n), source="f", row=n, answer="word " * n, references=("x",))
        for n in lengths
    ]


@pytest.mark.parametrize("kind", list(METRICS))
def test_the_briefs_own_comes_first_and_few_others_follow(kind):
    found = candidate_instructions(task_of(kind), LABELS, train(3, 5, 90))
    assert next(iter(found.items())) == ("the brief's own", "Do it well.")
    assert 4 <= len(found) <= 6
    assert len(set(found.values())) == len(found)
    assert all("  " not in text for text in found.values())


def test_the_length_of_answers_is_told():
    found = candidate_instructions(task_of("summarize"), (), train(3, 5, 90))
    assert found["length"] == "Do it well.\nWrite about 5 words."
    assert "at most 10 words" in candidate_instructions(task_of("answer"), (), train(5))["length"]
    assert candidate_instructions(task_of("summarize"), (), [])["length"].endswith("about 1 words.")


def test_labels_and_fields_are_listed():
    found = candidate_instructions(task_of("classify"), LABELS, [])
    assert found["labels first"].startswith("Labels:\n- billing\n- delivery\n\nCondense the note.")
    several = candidate_instructions(task_of("classify", multi_label=True), LABELS, [])
    assert "every label that applies, one a line, or none" in several["form last"]
    many = candidate_instructions(task_of("classify"), tuple(map(str, range(500))), [])
    assert "Labels:" not in many["labels first"]
    schema = {"properties": {"city": {}, "genre": {}}}
    found = candidate_instructions(task_of("extract", json_schema=schema), (), [])
    assert "Use these keys: city, genre." in found["keys"]


def test_the_same_text_is_not_tried_twice():
    task = task_of("answer", system="").model_copy(update={"goal": ""})
    found = candidate_instructions(task, (), train(2))
    assert found["the brief's own"] == ""
    assert len(set(found.values())) == len(found)
