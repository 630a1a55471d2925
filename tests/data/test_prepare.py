"""Preparing: what cleaning, decisions and personal data make of an example, and what is noted."""

import pytest

from burnish.data.prepare import Preparation
from burnish.errors import DataError
from burnish.records import CheckSettings, DataSettings, Example, Message, Review, Table, Task


def task(kind="summarize", *, multi_label=False, **checks):
    data = DataSettings(source="f.csv", inputs=("note",), output=("summary",))
    return Task(
        name="t", kind=kind, metric="rougeL", multi_label=multi_label, data=data,
        checks=CheckSettings(**checks),
    )  # fmt: skip


def example(note, answer="fine", *, labels=(), history=(), **more):
    return Example(
        id="1", source="f.csv", row=3, inputs={"note": note} if note is not None else {},
        history=history, answer=answer, references=(answer,), labels=labels, **more,
    )  # fmt: skip


def review(action, answer="", kind="label-error"):
    return Review(id="1", kind=kind, action=action, answer=answer, row="f.csv row 3")


def test_a_sound_example_passes_untouched():
    prepare = Preparation(task(), [])
    sound = example("The knee hurts; 10 µg daily, BP < 120/80.")
    assert prepare(sound) is sound
    assert len(prepare.changes) == 0
    assert prepare.cleaned == {}


def test_what_cleaning_changed_is_noted_with_what_it_was():
    prepare = Preparation(task(), [])
    done = prepare(example("The\u200b knee  hurts", "It\u00a0hurts"))
    assert done.inputs == {"note": "The knee hurts"}
    assert (done.answer, done.references) == ("It hurts", ("It hurts",))
    first, second = prepare.changes
    assert (first.field, first.before, first.after) == (
        "note", "The\u200b knee  hurts", "The knee hurts",
    )  # fmt: skip
    assert set(first.rules) == {"control", "whitespace"}
    assert (second.field, second.row) == ("answer", 3)
    assert prepare.cleaned["whitespace"] == 1


def test_a_rule_left_out_is_off():
    prepare = Preparation(task(cleaning=("control",)), [])
    assert prepare(example("a\u200bb  c")).inputs == {"note": "ab  c"}


def test_chats_are_cleaned_turn_by_turn():
    prepare = Preparation(task("generate"), [])
    turns = (Message(role="user", content="a\u200b b"), Message(role="assistant", content="c"))
    done = prepare(example(None, history=turns))
    assert [turn.content for turn in done.history] == ["a b", "c"]
    assert prepare.changes[0].field == "turn 1"


def test_labels_are_cleaned_and_json_is_not():
    done = Preparation(task("classify"), [])(
        example("x", "lost\u00a0card", labels=("lost\u00a0card",))
    )
    assert (done.labels, done.answer) == (("lost card",), "lost card")
    several = Preparation(task("classify", multi_label=True), [])
    done = several(example("x", "a\u00a0b\nc", labels=("a\u00a0b", "c")))
    assert (done.labels, done.answer) == (("a b", "c"), "a b\nc")
    text = '{"a":  "b\u00a0c"}'
    assert Preparation(task("extract"), [])(example("x", text)).answer == text


@pytest.mark.parametrize(
    ("note", "answer", "reason"),
    [("\u200b", "fine", "empty input"), ("knee", "\u200b", "empty answer")],
)
def test_what_cleaning_empties_is_left_out(note, answer, reason):
    assert Preparation(task(), [])(example(note, answer)) == reason


def test_boilerplate_of_a_column_goes():
    texts = [
        f"Note {at} {'word ' * at}\nThis message is confidential and meant for the addressee only"
        for at in range(60)
    ]
    table = Table("f.csv", "csv", "utf-8", ("note",), [{"note": t} for t in texts], list(range(60)))
    prepare = Preparation(task(), [table])
    assert prepare(example(texts[3])).inputs == {"note": "Note 3 word word word"}
    assert "boilerplate" in prepare.changes[0].rules


def test_a_person_drops_answers_and_masks():
    assert Preparation(task(), [], [review("drop")])(example("x")) == "dropped by a person"
    prepare = Preparation(task(), [], [review("answer", "better")])
    done = prepare(example("x"))
    assert (done.answer, done.references) == ("better", ("better",))
    assert prepare.reviewed == {"1"}
    masked = Preparation(task(), [], [review("mask", kind="personal-data")])
    assert "@" not in masked(example("Write to jane.doe@example.com today")).inputs["note"]


def test_another_label_by_a_person():
    prepare = Preparation(task("classify"), [], [review("answer", "b")])
    done = prepare(example("x", "a", labels=("a",)))
    assert (done.labels, done.answer) == (("b",), "b")


def test_an_answer_that_is_none_for_the_task_is_refused():
    prepare = Preparation(task("extract"), [], [review("answer", "not json")])
    with pytest.raises(DataError, match=r"f\.csv row 3"):
        prepare(example("x", "{}"))


MAIL = "Reach Jane at jane.doe@example.com or (415) 555-0132."


def test_masking_keeps_no_old_text():
    prepare = Preparation(task(personal_data="mask"), [])
    done = prepare(example(MAIL, "Mail jane.doe@example.com"))
    assert "example.com" not in done.model_dump_json()
    assert done.inputs["note"].count("[EMAIL_ADDRESS_1]") == 1
    assert "[EMAIL_ADDRESS_1]" in done.answer
    assert {change.before for change in prepare.changes} == {""}
    assert prepare.mapping == {}


def test_the_mapping_is_kept_where_the_brief_asks():
    prepare = Preparation(task(personal_data="mask", keep_mapping=True), [])
    prepare(example(MAIL))
    assert prepare.mapping["1"]["[EMAIL_ADDRESS_1]"] == "jane.doe@example.com"


def test_replacing_and_dropping():
    replaced = Preparation(task(personal_data="replace"), [])(example(MAIL))
    assert "jane.doe@example.com" not in replaced.inputs["note"]
    assert "@" in replaced.inputs["note"]
    assert Preparation(task(personal_data="drop"), [])(example(MAIL)) == "personal data"
    assert isinstance(Preparation(task(personal_data="drop"), [])(example("The knee.")), Example)
