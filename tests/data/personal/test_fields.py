"""Every text of an example is passed through, labels and keys are not."""

import json

from burnish.data.personal.fields import rewritten
from burnish.records import Example, Message

ANSWER = '{"a_b": ["q", 7, true, null, 1.5]}'


def test_fields_and_cues() -> None:
    given = Example(
        id="a", source="f", row=1, inputs={"first_name": "x", "note": "y" * 100},
        history=(Message(role="system", content="z"),),
        answer=ANSWER, references=(ANSWER, "r"),
    )  # fmt: skip
    seen = []

    def upper(field: str, cue: str, text: str) -> str:
        seen.append((field, cue, text))
        return "8" if text == "7" else text.upper()

    made = rewritten(given, upper)
    assert seen == [
        ("first_name", "first name", "x"), ("note", "", "y" * 100),
        ("turn 1", "", "z"), ("answer", "a b", "q"), ("answer", "a b", "7"),
        ("reference 2", "", "r"),
    ]  # fmt: skip
    assert json.loads(made.answer) == {"a_b": ["Q", 8, True, None, 1.5]}
    assert made.references == (made.answer, "R")
    assert made.history[0].role == "system"


def test_deep_and_broken_json_is_text_or_left() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    given = Example(id="a", source="f", row=1, inputs={"x": deep}, answer="{x", references=("{x",))
    made = rewritten(given, lambda field, cue, text: text.upper())
    assert made.inputs["x"] == deep
    assert made.answer == "{X"
