"""Rules for extraction: from the schema, from training answers, and from the nearest example."""

import json

from burnish.evaluate.classic_fields import fill_fields
from burnish.records import Example


def example(text, **fields):
    answer = json.dumps(fields)
    return Example(
        id="e", source="f", row=1, inputs={"text": text}, answer=answer, references=(answer,)
    )


def filled(text, train, schema=None):
    (answer,) = fill_fields(schema, train, [example(text)])
    return json.loads(answer)


TRAIN = [
    example("book a table in Rome", intent="book", slots={"city": "Rome"}),
    example("book a table in New York", intent="book", slots={"city": "New York"}),
    example("play some jazz", intent="play", slots={"genre": "jazz"}),
]


def test_training_values_that_stand_in_the_input_fill_their_fields():
    assert filled("a table in NEW YORK, please book", TRAIN) == {
        "intent": "book", "slots": {"city": "New York"},
    }  # fmt: skip
    assert filled("jazz in Romeo", TRAIN) == {"intent": "play", "slots": {"genre": "jazz"}}


def test_a_field_that_is_never_absent_is_copied_from_the_nearest_example():
    assert filled("table for two", TRAIN)["intent"] == "book"
    assert filled("playing something", TRAIN)["intent"] == "play"


def test_values_that_rarely_mean_the_field_are_not_looked_for():
    train = [
        example("add it to my list", owner="my"),
        *[example(f"my {n}", x="y") for n in range(4)],
    ]
    assert "owner" not in filled("my day", train)


def test_the_schema_gives_values_and_numbers():
    schema = {
        "properties": {
            "size": {"enum": ["small", "large"]},
            "people": {"type": "integer"},
            "inner": {"properties": {"price": {"type": "number"}}},
        }
    }
    train = [example("x", other="none")]
    found = filled("a large table for 4 at 12.50 on 007", train, schema)
    assert found == {"size": "large", "people": 4, "inner": {"price": 12.5}, "other": "none"}


def test_lists_empty_answers_and_clashing_paths_do_no_harm():
    train = [example("a b", a=["x"], b={}), example("cc", a={"b": "cc"}), example("cc", a="cc")]
    assert filled("cc", train)["a"] in ("cc", {"b": "cc"})
    assert filled("zzz", [example("a b", a=["x"])]) == {}
