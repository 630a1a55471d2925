"""What English sentences, and questions with their answers, affirm and deny."""

import pytest

from burnish.facts.concepts import concept
from burnish.facts.polarity import statements
from burnish.facts.sources import doubts
from burnish.facts.wording import numbers_in, tokens_of


def said(text: str, *, questions: bool = True) -> dict[str, set[str]]:
    """Polarity → concepts."""
    found: dict[str, set[str]] = {"present": set(), "absent": set()}
    for unit in statements(tokens_of(text), questions=questions):
        for statement in unit:
            found[statement.polarity] |= {concept(token.text) for token in statement.told}
    return found


@pytest.mark.parametrize(
    ("note", "present", "absent"),
    [
        ("Denies fever, chills or cough.", set(), {"fever", "chill", "cough"}),
        ("No fever, but has a cough.", {"cough"}, {"fever"}),
        ("He has not had any fever.", set(), {"fever"}),
        ("No one else is sick, and he reports cough.", {"cough"}, {"other", "sick"}),
        ("Negative for melena.", set(), {"melena"}),
        ("Negative cardiac enzymes.", set(), set()),
        ("Fever: none. Tobacco denied.", set(), {"smoke"}),
        ("Alcohol use, denies. Her daughter denies fever.", set(), {"drink", "fever"}),
        ("In no distress, calm and alert.", set(), {"distres"}),
        ("No other complaints.", set(), {"other", "complaint"}),
        ("She is a nonsmoker.", set(), {"smoke"}),
        ("He quit smoking.", set(), set()),
        ("If fever returns, call.", set(), set()),
        ("He cannot sleep.", set(), set()),
        ("Without fever. Cough since Monday.", {"cough", "monda"}, {"fever"}),
    ],
)
def test_what_a_note_affirms_and_denies(note: str, present: set[str], absent: set[str]) -> None:
    found = said(note, questions=False)
    assert (found["present"], found["absent"]) == (present, absent)


@pytest.mark.parametrize(
    ("reply", "polarity"),
    [
        ("No.", "absent"),
        ("Nope, nothing.", "absent"),
        ("Not that I know of.", "absent"),
        ("Um, I don't think so.", "absent"),
        ("Absolutely not.", "absent"),
        ("No. I always sleep well.", "absent"),
        ("Yes.", "present"),
        ("Well, yeah, since Monday.", "present"),
        ("I do.", "present"),
        ("Unfortunately.", "present"),
        ("I don't know.", None),
        ("No problems.", None),
        ("I have always been a homebody.", None),
        ("What is that?", None),
    ],
)
def test_an_answer_decides_what_a_question_says(reply: str, polarity: str | None) -> None:
    found = said(f"Doctor: Any fever?\nPatient: {reply}")
    assert {name for name, told in found.items() if "fever" in told} == (
        {polarity} if polarity else set()
    )


def test_a_question_without_its_mark_is_still_one() -> None:
    assert said("Doctor: Do you have any fever.\nPatient: No.")["absent"] == {"fever"}


def test_what_the_answer_takes_up_is_not_decided_by_its_yes_or_no() -> None:
    found = said("Doctor: Do you smoke or drink?\nPatient: I don't smoke, and I drink.")
    assert found == {"present": {"drink"}, "absent": {"smoke"}}


def test_a_denial_in_the_question_stays_when_it_is_confirmed() -> None:
    assert said("Doctor: So you have no fever?\nPatient: Right.")["absent"] == {"fever"}


def test_a_no_that_begins_a_sentence_denies_nothing_in_it() -> None:
    assert said("Patient: No, currently unemployed at home.")["absent"] == set()


def test_the_answer_is_sought_in_the_next_line() -> None:
    dialogue = "Doctor: Any fever? I have to ask this.\nPatient: No."
    assert said(dialogue)["absent"] == {"fever"}


@pytest.mark.parametrize(
    ("answer", "source", "certain"),
    [
        ("No fever.", "Any fever?\nYes.", [True]),
        ("No fever.", "He had a fever.", [True]),
        ("No fever.", "Fever again, then.", [False]),
        ("Reports smoking and drinking.", "Do you smoke?\nNo.", [True]),
        ("He does smoke.", "Smoking, you say. Do you smoke?\nNo.", [True]),
        ("Has asthma.", "I have asthma. Is it the asthma that brings you?\nNo.", []),
        ("Sleeping well.", "Any trouble with sleeping?\nNo.", []),
        ("Has other complaints.", "Anything else?\nNo, that is all.", [True]),
        ("Has chest pain and headaches.", "He denies chest pain, headaches.", [True]),
        ("Has fever, cough, chills.", "No fever. He has cough and chills.", [True]),
        ("In a nursing home.", "Has the nursing home done the voiding diary?\nNo.", [False]),
        ("He has smoked tobacco.", "Do you use cigarettes?\nNo.", [True]),
    ],
)
def test_only_what_is_said_plainly_makes_a_doubt_certain(
    answer: str, source: str, certain: list[bool]
) -> None:
    assert [doubt.certain for doubt in doubts(answer, source)] == certain


@pytest.mark.parametrize(
    ("spoken", "value"),
    [
        ("one O two point six", "102.6"), ("point one twenty five", "0.125"),
        ("a pack and a half", "0.5"), ("eight and a half", "8.5"), ("nineteen O eight", "1908"),
        ("four o'clock", "4"), ("five hundreds", "500"), ("1/2", "0.5"), ("4:00", "4"),
    ],
)  # fmt: skip
def test_numbers_as_people_say_them(spoken: str, value: str) -> None:
    assert value in {found for found, _, _ in numbers_in(tokens_of(spoken))}


def test_a_short_answer_may_name_a_side() -> None:
    assert doubts("Left knee surgery.", "Which knee?\nRight.")[0].certain
    assert doubts("Left knee surgery.", "My knee, okay?\nRight.")[0].certain is False
