"""What a person writes under `right`: words, answers, new labels, and what cannot be used."""

from typing import Any

import pytest

from burnish.gather.settling import Answers, check_settled, form_of, settle, with_new_labels
from burnish.records import Queued, Task

SCHEMA = {
    "type": "object", "properties": {"dose": {"type": "integer"}, "unit": {"enum": ["mg"]}},
    "required": ["dose"],
}  # fmt: skip


def answers(kind: str = "classify", *, labels: tuple[str, ...] = ("card", "pin"), **brief: Any
            ) -> Answers:  # fmt: skip
    metric = {"classify": "macro_f1", "extract": "field_f1"}.get(kind, "rougeL")
    data = {"source": "a.csv", "inputs": ["text"], "output": ["out"]}
    task = Task.model_validate({"name": "t", "kind": kind, "metric": metric, "data": data} | brief)
    return Answers(
        task, labels if kind == "classify" else (), SCHEMA if kind == "extract" else None
    )


def line(right: str, *, answer: str = "pin", **fields: Any) -> Queued:
    known = {"exchange": "ex-1", "at": "2026-10-01T08:00:00.000Z", "inputs": {"text": "t"},
             "answer": answer, "why": ("novel",), "score": 0.5}  # fmt: skip
    return Queued.model_validate(known | fields | {"right": right})


def text(made: Answers, right: str, **fields: Any) -> str | None:
    target = settle(made, line(right, **fields)).target
    return None if target is None else target.text


def test_the_words_and_the_answer_itself() -> None:
    corrected = {"corrections": (("card", "c1"),)}
    assert settle(answers(), line("Accept", **corrected)).caller == "c1"
    assert text(answers(), "accept", **corrected) == "card"
    assert text(answers(), " KEEP ") == "pin"
    assert text(answers(), "drop") is None
    assert text(answers(), "card") == text(answers(), "answer: card") == "card"
    assert settle(answers(), line("keep")).caller == ""


def test_a_new_label_is_taken_only_where_it_is_said_to_be_one() -> None:
    assert text(answers(), "new: fraud") == "fraud"
    with pytest.raises(ValueError, match='did you mean "card"'):
        text(answers(), "Card ")
    with pytest.raises(ValueError, match='write "new: fraud"'):
        text(answers(), "fraud")
    with pytest.raises(ValueError, match="no label"):
        text(answers(), "accept", corrections=(("fraud", "c1"),))
    with pytest.raises(ValueError, match="no label"):
        text(answers(), "keep", answer="fraud")


def test_a_label_that_one_line_says_to_be_new_is_known_to_the_others() -> None:
    made = with_new_labels(answers(), ["card", "new: fraud", "", " New : card theft"])
    assert made.labels == ("card", "card theft", "fraud", "pin")
    assert text(made, "accept", corrections=(("fraud", "c1"),)) == "fraud"
    assert with_new_labels(answers("extract"), ['new: {"dose": 1}']).labels == ()


def test_accept_needs_one_correction() -> None:
    with pytest.raises(ValueError, match="no caller corrected it"):
        text(answers(), "accept")
    with pytest.raises(ValueError, match="callers gave 2 answers"):
        text(answers(), "accept", corrections=(("card", "c1"), ("pin", "c2")))
    twice = (("card", "c1"), ("card", "c2"))
    assert text(answers(), "accept", corrections=twice) == "card"


def test_a_label_that_is_called_like_a_word_must_be_told_from_it() -> None:
    made = answers(labels=("Drop", "keep"))
    with pytest.raises(ValueError, match='"answer: drop"'):
        text(made, "drop")
    assert text(made, "answer: Drop") == "Drop"
    assert text(made, "action: drop") is None
    assert text(made, "action: keep", answer="keep") == "keep"


def test_several_labels_and_none() -> None:
    made = answers(multi_label=True)
    assert text(made, "pin | card") == "card\npin"
    assert settle(made, line("none")).target == settle(made, line("keep", answer="none")).target
    assert settle(made, line("none")).target.labels == ()  # type: ignore[union-attr]
    assert text(made, "keep", answer="pin\ncard\n") == "card\npin"
    with pytest.raises(ValueError, match='"fraud" is no label'):
        text(made, "card, fraud")


def test_json_must_be_json_and_fit_the_schema() -> None:
    made = answers("extract")
    assert text(made, '{"dose": 4, "unit": "mg"}') == '{"dose": 4, "unit": "mg"}'
    assert text(made, "keep", answer='It is {"dose": 4}.') == '{"dose": 4}'
    for wrong in ("four", '{"dose": "four"}', '{"unit": "mg"}', '{"dose": 4, "unit": "g"}'):
        with pytest.raises(ValueError):
            text(made, wrong)
    with pytest.raises(ValueError, match="no JSON"):
        text(made, "keep", answer="no idea")


def test_a_new_value_may_go_beyond_what_examples_had_but_not_beyond_the_brief() -> None:
    new = 'new: {"dose": 4, "unit": "g"}'
    assert text(answers("extract"), new) == '{"dose": 4, "unit": "g"}'
    with pytest.raises(ValueError, match="unit"):
        text(answers("extract", json_schema=SCHEMA), new)


def test_a_text_is_taken_as_it_is_but_not_without_words() -> None:
    made = answers("summarize")
    assert text(made, "Fever: since Monday.") == "Fever: since Monday."
    assert text(made, "answer: keep") == "keep"
    with pytest.raises(ValueError, match="empty"):
        text(made, "keep", answer="  ")


def test_all_faults_are_told_with_their_places() -> None:
    lines = [("line 1", line("card")), ("line 2", line("frod")), ("line 3", line("keep"))]
    one, other = check_settled(answers(), lines[:2])
    assert one.startswith('line 2: "frod" is no label')
    assert other.startswith('line 2: "frod", but line 1 says "card"')
    assert check_settled(answers(), [lines[0], ("row 9", line("card"))]) == []


@pytest.mark.parametrize(
    ("beginning", "form"),
    [
        ('{"exchange":"ex-1","at":"","why":[]}\n', "queue"),
        ('\ufeff\n{"exchange": "ex-1", "why": []}', "queue"),
        ('{"text": "t", "answer": "accept", "meta": {"id": "x"}}\n', "annotations"),
        ('[{"id": 1, "data": {}}]', "annotations"),
        ("exchange,right\nex-1,keep\n", "table"),
        ("PK\x03\x04", "table"),
    ],
)
def test_the_form_of_a_file_is_told_from_its_beginning(beginning: str, form: str) -> None:
    assert form_of(beginning) == form
