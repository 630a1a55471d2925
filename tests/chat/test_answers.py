"""From cells to learned answers and from written answers back."""

from typing import Any

import pytest

from burnish.chat.answers import NO_LABELS, parse, target_of
from burnish.records import METRICS, DataSettings, Task, TaskKind


def task(kind: TaskKind, **more: Any) -> Task:
    return Task(
        name="t",
        kind=kind,
        metric=METRICS[kind][0],
        data=DataSettings(source="x", inputs=("i",), output=("o",)),
        **more,
    )


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        (["b", "a", "a"], ("a", "b")),
        ("b|a", ("a", "b")),
        ("b; a", ("a", "b")),
        ('["x, y", "a"]', ("a", "x, y")),
        ("", ()),
        (None, ()),
        (7, ("7",)),
    ],
)
def test_several_labels(cell: Any, labels: tuple[str, ...]) -> None:
    several = task("classify", multi_label=True)
    target = target_of(several, {"o": cell})
    assert target.labels == labels
    assert parse(several, target.text) == list(labels)
    assert target.text == ("\n".join(labels) or NO_LABELS)


@pytest.mark.parametrize(("cell", "label"), [(" a  b ", "a b"), (3, "3"), (["a"], "a")])
def test_one_label(cell: Any, label: str) -> None:
    assert target_of(task("classify"), {"o": cell}).labels == (label,)


@pytest.mark.parametrize("kind", ["classify", "summarize", "answer", "extract", "generate"])
@pytest.mark.parametrize("cell", [None, "", "  ", []])
def test_an_empty_answer_is_refused(kind: TaskKind, cell: Any) -> None:
    with pytest.raises(ValueError):
        target_of(task(kind), {"o": cell})


@pytest.mark.parametrize(
    "cell",
    [
        ["42", "forty-two", "42"],
        [{"text": "42", "start": 3}, {"text": "forty-two"}],
        {"text": ["42", "forty-two"], "answer_start": [3, 9]},
    ],
)
def test_several_accepted_answers(cell: Any) -> None:
    target = target_of(task("answer"), {"o": cell})
    assert target.text == "42"
    assert target.references == ("42", "forty-two")


def test_several_columns_become_one_json() -> None:
    target = target_of(task("extract"), {"intent": "Play", "slots": '{"artist": "Bo"}'})
    assert target.text == '{"intent": "Play", "slots": {"artist": "Bo"}}'
    assert parse(task("extract"), target.text) == {"intent": "Play", "slots": {"artist": "Bo"}}


def test_json_is_found_in_prose_and_rubbish_is_none() -> None:
    assert parse(task("extract"), 'Sure: {"a": 1} as asked') == {"a": 1}
    assert parse(task("extract"), "no json {") is None
