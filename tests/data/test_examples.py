"""Rows to examples, and the faults that stop a data set."""

import json
from datetime import datetime
from types import SimpleNamespace

import pytest

from burnish.data.examples import (
    Faults,
    answer_key,
    check_columns,
    check_ids,
    content_hash,
    input_key,
    nearest,
    read_examples,
)
from burnish.errors import DataError
from burnish.records import DataSettings, Example, Message, Table, Task


def task(kind="classify", **settings):
    data = {"source": "f.jsonl", "inputs": ("text",), "output": ("label",)} | settings
    multi_label = data.pop("multi_label", False)
    return Task(
        name="t", kind=kind, metric="accuracy", multi_label=multi_label, data=DataSettings(**data)
    )


def chats(**settings):
    return task("generate", inputs=(), output=(), messages="messages", **settings)


def table(rows, path="f.jsonl"):
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(path, "jsonl", "utf-8", columns, rows, list(range(1, len(rows) + 1)))


def read(task, rows):
    faults = Faults()
    examples = []
    result = read_examples(task, table(rows), faults, examples.append)
    return SimpleNamespace(examples=examples, **vars(result)), faults


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


GOOD = [{"text": f"good {n}", "label": "a"} for n in range(20)]


def test_a_row_becomes_an_example_with_its_place():
    result, faults = read(task(), [{"text": " Hi\r\nthere ", "label": " a  b "}])
    faults.stop()
    (example,) = result.examples
    assert example.inputs == {"text": "Hi\nthere"}
    assert (example.answer, example.references, example.labels) == ("a b", ("a b",), ("a b",))
    assert (example.source, example.row, example.group) == ("f.jsonl", 1, None)
    assert example.id == content_hash(example)[:16]


def test_inputs_of_every_type_become_text_in_the_order_of_the_brief():
    rows = [{"a": None, "b": {"é": [1]}, "c": 3, "label": "x"}]
    example = read(task(inputs=("c", "b", "a")), rows)[0].examples[0]
    assert list(example.inputs.items()) == [("c", "3"), ("b", '{"é": [1]}'), ("a", "")]


def test_id_and_group_come_from_their_columns():
    rows = [{"text": "x", "label": "a", "n": 7, "g": 1.5}, {"text": "y", "label": "a", "n": "8"}]
    first, second = read(task(id="n", group="g"), rows)[0].examples
    assert (first.id, first.group, second.id, second.group) == ("7", "1.5", "8", None)


def test_the_id_depends_on_content_alone():
    rows = [{"text": "x", "label": "a"}, {"text": "y", "label": "a"}]
    forward = [e.id for e in read(task(), rows)[0].examples]
    backward = [e.id for e in read(task(), rows[::-1])[0].examples]
    assert forward == backward[::-1]
    assert len(set(forward)) == 2


@pytest.mark.parametrize("as_text", [False, True])
def test_a_chat_ends_at_its_last_assistant_turn(as_text):
    chat = turns(("system", "s"), ("user", "q\r\n1"), ("assistant", "r"), ("user", "thanks"))
    cell = json.dumps(chat) if as_text else chat
    result, _ = read(chats(), [{"messages": cell}])
    (example,) = result.examples
    assert example.history == (
        Message(role="system", content="s"),
        Message(role="user", content="q\n1"),
    )
    assert (example.answer, example.inputs, result.cut_chats) == ("r", {}, (1,))


def test_earlier_assistant_turns_stay_in_the_history_and_nothing_is_cut():
    chat = turns(("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"))
    result, _ = read(chats(), [{"messages": chat}])
    assert [turn.content for turn in result.examples[0].history] == ["1", "2", "3"]
    assert (result.examples[0].answer, result.cut_chats) == ("4", ())


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (turns(("user", "q")), "no assistant turn"),
        (turns(("user", "q"), ("assistant", " ")), "empty answer"),
        (turns(("system", "s"), ("assistant", "hello")), "empty input"),
        (turns(("user", "q"), ("oracle", "r")), "not a chat"),
        ([{"role": "user"}], "not a chat"),
        ("[{", "not a chat"),
        (None, "not a chat"),
    ],
)
def test_unusable_chats_are_dropped_with_their_reason(cell, reason):
    good = [{"messages": turns(("user", f"q{n}"), ("assistant", "a"))} for n in range(20)]
    result, faults = read(chats(), [*good, {"messages": cell}])
    faults.stop()
    assert [(drop.row, drop.reason) for drop in result.dropped] == [(21, reason)]
    assert len(result.examples) == 20


def test_up_to_a_tenth_of_empty_answers_is_dropped():
    rows = [*GOOD[:9], {"text": "lost", "label": "  "}]
    result, faults = read(task(), rows)
    faults.stop()
    (drop,) = result.dropped
    assert (drop.source, drop.row, drop.reason, drop.text) == (
        "f.jsonl", 10, "empty answer", "lost",
    )  # fmt: skip


def test_more_empty_answers_stop_everything_and_are_listed():
    rows = [*GOOD[:8], {"text": "x", "label": None}, {"text": "y", "label": ""}]
    _, faults = read(task(), rows)
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert caught.value.faults == ("f.jsonl row 9: empty answer", "f.jsonl row 10: empty answer")
    assert "2 of the 10 rows" in caught.value.message
    assert caught.value.hint


def test_at_most_twenty_faults_are_listed():
    _, faults = read(task(), [{"text": "x", "label": ""}] * 50)
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert len(caught.value.faults) == 21
    assert caught.value.faults[-1] == "and 30 more"


def test_an_empty_label_set_is_an_answer_where_several_labels_are_allowed():
    rows = [{"text": "x", "label": None}, {"text": "y", "label": ["b", "a", 3]}]
    none, several = read(task(multi_label=True), rows)[0].examples
    assert (none.answer, none.labels) == ("none", ())
    assert several.labels == ("3", "a", "b")


def test_a_number_can_be_a_label_even_among_several():
    assert read(task(multi_label=True), [{"text": "x", "label": 3}])[0].examples[0].labels == ("3",)
    assert read(task(), [{"text": "x", "label": 0}])[0].examples[0].answer == "0"


def test_answers_that_are_not_json_follow_the_rule_of_the_empty_ones():
    extract = task("extract")
    good = [{"text": f"t{n}", "label": '{"a": 1}'} for n in range(10)]
    result, faults = read(extract, [*good, {"text": "x", "label": "{a: 1"}])
    faults.stop()
    assert result.dropped[0].reason == "answer is not JSON"
    with pytest.raises(DataError, match="2 answer is not JSON"):
        read(extract, [*good, *[{"text": "x", "label": "no"}] * 2])[1].stop()


def test_extract_joins_columns_and_empty_ones_are_no_answer():
    extract = task("extract", output=("a", "b"))
    rows = [{"text": f"t{n}", "a": n, "b": None} for n in range(10)]
    result, faults = read(extract, [*rows, {"text": "x", "a": None, "b": {}}])
    faults.stop()
    assert json.loads(result.examples[3].answer) == {"a": 3, "b": None}
    assert [drop.reason for drop in result.dropped] == ["empty answer"]


def test_a_cell_too_long_is_named_with_row_column_and_length():
    _, faults = read(task(), [*GOOD, {"text": "x" * 50_001, "label": "a"}])
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert caught.value.faults == ('f.jsonl row 21, column "text": 50,001 characters',)
    read(task(), [{"text": "x" * 50_000, "label": "a"}])[1].stop()


def test_faults_of_several_kinds_are_raised_together():
    _, faults = read(task(), [{"text": "x" * 60_000, "label": ""}])
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert len(caught.value.faults) == 2


def test_unknown_columns_come_with_the_nearest_and_all_columns():
    source = table([{"Text": "x", "label": "a", "doc": 1}])
    with pytest.raises(DataError) as caught:
        check_columns(task(output=("lable",), group="zzz"), {"source": source})
    assert caught.value.faults == (
        'f.jsonl: no column "text" (data.inputs); nearest: "Text"',
        'f.jsonl: no column "lable" (data.output); nearest: "label"',
        'f.jsonl: no column "zzz" (data.group)',
    )
    assert '"Text", "label", "doc"' in caught.value.message


def test_unknown_columns_of_every_file_are_listed():
    tables = {"train": table([{"text": "x"}], "a"), "test": table([{"label": "x"}], "b")}
    with pytest.raises(DataError) as caught:
        check_columns(task(), tables)
    assert [fault[:2] for fault in caught.value.faults] == ["a:", "b:"]


def test_repeated_and_missing_ids_are_listed_with_their_rows():
    rows = [
        {"text": str(n), "label": "a", "key": key}
        for n, key in enumerate(["x", "y", "x", None, "z"])
    ]
    named = task(id="key")
    faults = Faults()
    check_ids(named, read(named, rows)[0].examples, faults)
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert caught.value.faults == (
        "no id: f.jsonl row 4",
        '"x": f.jsonl row 1, f.jsonl row 3',
    )


def test_keys_fold_white_space_case_and_the_order_of_json_keys():
    one, two = read(task(), [{"text": "A  b\n", "label": "x"}, {"text": "a B", "label": "X"}])[
        0
    ].examples
    assert input_key(one) == input_key(two)
    assert answer_key(task(), one) == answer_key(task(), two)
    assert one.id != two.id
    extract = task("extract")
    rows = [{"text": "t", "label": {"a": 1, "b": 2}}, {"text": "t", "label": {"b": 2, "a": 1}}]
    one, two = read(extract, rows)[0].examples
    assert answer_key(extract, one) == answer_key(extract, two)


def test_the_system_turn_is_part_of_the_input():
    rows = [
        {"messages": turns(("system", word), ("user", "q"), ("assistant", "a"))} for word in "xy"
    ]
    one, two = read(chats(), rows)[0].examples
    assert input_key(one) != input_key(two)


def test_nearest_is_silent_where_nothing_is_like_it():
    assert nearest("colour", ["Color", "size"]) == '; nearest: "Color"'
    assert nearest("zebra", ["Color"]) == ""


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01T23:30:00+02:00", "2024-03-01"),
        ("2024-03-01 09:30", "2024-03-01"),
        (datetime(2024, 3, 1, 9), "2024-03-01"),
        ("20240301", "2024-03-01"),
        (" 2024-03 ", "2024-03"),
        (2024, "2024"),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_kept_as_exact_as_they_are_told(cell, time):
    result, faults = read(task(time="when"), [{"text": "t", "label": "a", "when": cell}])
    faults.stop()
    assert result.examples[0].time == time


def test_dates_that_cannot_be_read_are_listed_with_their_rows():
    bad = {5: "31.12.2024", 7: "2024-13", 9: "yesterday"}
    rows = [row | {"when": bad.get(at, "2024-01-01")} for at, row in enumerate(GOOD, 1)]
    _, faults = read(task(time="when"), rows)
    with pytest.raises(DataError) as caught:
        faults.stop()
    assert "3 cells are no dates" in str(caught.value)
    assert "2024-03-01" in str(caught.value)
    assert caught.value.faults == tuple(
        f'f.jsonl row {at}, column "when": "{text}"' for at, text in bad.items()
    )


def test_an_example_without_a_date_is_written_as_before():
    result, _ = read(task(), GOOD)
    assert "time" not in result.examples[0].model_dump_json()
    dated, _ = read(task(time="label"), [{"text": "t", "label": "2024-01"}])
    assert Example.model_validate_json(dated.examples[0].model_dump_json()).time == "2024-01"


def test_an_unknown_column_of_dates_is_refused():
    with pytest.raises(DataError, match="lacks columns"):
        check_columns(task(time="whne"), {"f.jsonl": table([GOOD[0] | {"when": "2024"}])})
