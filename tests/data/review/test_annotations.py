"""Annotations: both tools' exports become reviews; what is unclear is refused with its place."""

import json
from typing import Any

import pytest

from burnish.data.review.annotations import import_annotations
from burnish.errors import DataError


def prodigy(name: str | None, **fields: Any) -> dict[str, Any]:
    task = {"text": "t", "original": "a", "_input_hash": 1, "_task_hash": 2}
    return task | {"meta": {"id": name, "row": f"a.csv row {name}"} if name else {}} | fields


def studio(name: str | None, *results: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A task as Label Studio exports it (labelstud.io/guide/export)."""
    data = {"text": "t", "original": "a", "row": "a.csv row 1"}
    return {
        "id": 12,
        "data": data | ({"example_id": name} if name else {}),
        "annotations": [
            {
                "id": number, "completed_by": 1, "result": result, "was_cancelled": False,
                "ground_truth": False, "updated_at": f"2026-11-24T22:16:0{number}.728378Z",
            }
            | fields
            for number, result in enumerate(results)
        ],
        "predictions": [{"result": [choice("ignored")]}],
        "project": 83,
    }  # fmt: skip


def choice(*labels: str) -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {
        "id": "x", "type": "choices", "value": value, "origin": "manual", "from_name": "label",
        "to_name": "text",
    }  # fmt: skip


def area(*lines: str) -> dict[str, Any]:
    value = {"text": list(lines)}
    return {"id": "y", "type": "textarea", "value": value, "from_name": "answer", "to_name": "text"}


def imported(*tasks: dict[str, Any], lines: bool) -> list[tuple[str, str, str]]:
    text = "\n".join(map(json.dumps, tasks)) + "\n" if lines else json.dumps(list(tasks))
    return [(review.id, review.action, review.answer) for review in import_annotations(text)]


def refused(*tasks: Any, lines: bool) -> DataError:
    with pytest.raises(DataError) as caught:
        imported(*tasks, lines=lines)
    assert caught.value.hint
    return caught.value


def test_prodigys_answers() -> None:
    several = {"config": {"choice_style": "multiple"}, "options": []}
    assert imported(
        prodigy("1", answer="accept", accept=["b"], options=[]),
        prodigy("2", answer="accept", accept=["a"]),
        prodigy("3", answer="reject", accept=["b"]),
        prodigy("4", answer="ignore"),
        prodigy("5", answer="accept", user_input=" a\n"),
        prodigy("6", answer="accept", user_input="better"),
        prodigy("7", answer="accept"),
        prodigy("8", answer="accept", accept=["c", "b"], **several),
        prodigy("9", answer="accept", accept=[], **several),
        prodigy("10"),
        lines=True,
    ) == [
        ("1", "answer", "b"), ("2", "keep", ""), ("3", "drop", ""), ("5", "keep", ""),
        ("6", "answer", "better"), ("7", "keep", ""), ("8", "answer", "b\nc"),
        ("9", "answer", "none"),
    ]  # fmt: skip


def test_label_studios_answers() -> None:
    assert imported(
        studio("1", [choice("b")]),
        studio("2", [choice("a")]),
        studio("3", [area("one", "two")]),
        studio("4", [choice("b")], was_cancelled=True),
        studio("5"),
        studio("6", [choice("c", "b")]),
        studio("7", [choice("none")]),
        studio("8", [choice("b")], [choice("c")]),
        studio("9", [choice("b")], completed_by={"id": 7, "email": "x"}),
        lines=False,
    ) == [
        ("1", "answer", "b"), ("2", "keep", ""), ("3", "answer", "one\ntwo"),
        ("6", "answer", "b\nc"), ("7", "answer", "none"), ("8", "answer", "c"),
        ("9", "answer", "b"),
    ]  # fmt: skip


def test_the_same_annotators_later_answer_counts() -> None:
    first = prodigy("1", answer="accept", accept=["b"], _session_id="s-ann")
    second = prodigy("1", answer="reject", _session_id="s-ann")
    assert imported(first, second, lines=True) == [("1", "drop", "")]
    other = second | {"_session_id": "s-bob"}
    error = refused(first, other, prodigy("2", answer="accept"), lines=True)
    assert error.faults == ('line 2: annotators disagree on "1": "b" (s-ann) and drop (s-bob)',)
    assert imported(first, other, second, lines=True) == [("1", "drop", "")]
    assert imported(first, first | {"_session_id": "s-bob"}, lines=True) == [("1", "answer", "b")]


def test_what_is_unclear_is_refused_together() -> None:
    error = refused(
        prodigy(None, answer="accept"),
        prodigy("2", answer="yes"),
        prodigy("3", answer="accept", options=[], accept=[]),
        prodigy("4", answer="accept", user_input=" "),
        prodigy("5", answer="accept", accept="b"),
        prodigy("6", answer="accept"),
        lines=True,
    )
    assert [fault[:7] for fault in error.faults] == [f"line {n}:" for n in (1, 2, 3, 4, 5)]
    error = refused(
        studio(None, [choice("b")]), studio("2", []), studio("3", [choice()]), lines=False
    )
    assert [fault[:7] for fault in error.faults] == [f"task {n}:" for n in (1, 2, 3)]
    assert "example_id" in error.faults[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("[]", "the file is empty"),
        ("[1]", "task 1 is no object"),
        ('{"text": "a"}\n{broken', "not JSON (line 2)"),
        ("text,label\na,b", "not JSON (line 1)"),
        ('{"text": "a"}', "None of the 1 tasks"),
        ('[{"data": {"example_id": "1"}, "annotations": []}]', "None of the 1 tasks"),
    ],
)
def test_what_is_no_export_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        import_annotations(text)
    assert message in caught.value.message
