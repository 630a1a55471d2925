"""Facts are told in every form people write them in, and looked up in every form people say."""

import pytest

from burnish.facts.facts import common_words, facts
from burnish.facts.sources import Source, doubts


def doubted(answer: str, source: str) -> list[tuple[str, str]]:
    return [(doubt.fact.text, doubt.found) for doubt in doubts(answer, source) if doubt.certain]


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("She is 76 years old.", "I am seventy six years old."),
        ("BP 134/81", "Your pressure is one thirty four over eighty one."),
        ("Takes 1,200 mg daily.", "She takes twelve hundred milligrams, that is 1200 mg."),
        ("Takes .5 mg.", "half a milligram, 0.50 mg"),
        ("Took 0.125 mg.", "point one two five M G"),
        ("Seen on 07/31/2008.", "It was on July thirty first, O eight."),
        ("Weighs 8.5 pounds.", "eight point five pounds"),
        ("In his 40s.", "in his forty's"),
        ("Three weeks.", "3 wks now"),
        ("In 1996.", "in nineteen ninety six"),
        ("Takes it for 2 days.", "for a couple of days"),
    ],
)
def test_numbers_agree_in_figures_words_and_speech(answer: str, source: str) -> None:
    assert doubted(answer, source) == []


def test_a_wrong_number_is_told_with_the_one_in_its_place() -> None:
    assert doubted("Findings: BP 158/92.", "VS: BP 134/81, HR 70.") == [("BP 158/92", "BP 134/81")]
    assert doubted("lisinopril 20 mg", "on lisinopril 10mg") == [("20 mg", "10mg")]


def test_a_number_of_something_else_is_only_a_weak_doubt() -> None:
    found = doubts("For 3 weeks.", "I had 3 cats. It began 5 weeks ago.")
    assert found == []
    found = doubts("For 3 weeks.", "It took 3 hours, 5 weeks ago.")
    assert [(doubt.fact.text, doubt.found, doubt.certain) for doubt in found] == [
        ("3 weeks", "5 weeks", False)
    ]


def test_numbers_of_a_list_are_no_facts() -> None:
    assert [fact.text for fact in facts("1. Asthma.\n2. Gout for 7 years.")] != []
    assert [f.text for f in facts("1. Asthma.\n2. Gout for 7 years.") if f.kind != "negation"] == [
        "7 years"
    ]


def test_only_the_missing_year_of_a_date_is_a_weak_doubt() -> None:
    weak, strong = (
        doubts("On 10/24/08.", "On October twenty fourth."),
        doubts("On 10/24/08.", "On October twenty fifth."),
    )
    assert [doubt.certain for doubt in weak] == [False]
    assert [doubt.certain for doubt in strong] == [True]


def test_names_and_drugs_are_found_by_form_not_by_a_list() -> None:
    assert doubted("Seen by Dr. Kumar.", "Doctor Smith saw me.") == [("Kumar", "")]
    assert doubted("Started qexapril.", "Start zolinam.") == [("qexapril", "")]
    assert doubted("Started zolin 5 mg.", "Start the 5 mg pill.") == [("zolin", "")]
    assert doubted("Stopped zolinex to 5 mg.", "Stop zolinnex 5 mg.") == []
    assert doubted("Works at Wal-Mart, drives for Fed Ex.", "at Walmart, then FedEx") == []


def test_a_word_that_some_write_small_is_no_name() -> None:
    common = common_words(["the department"])
    assert [f.text for f in facts("Went to Department, Iowa.", common) if f.kind == "name"] == [
        "Iowa"
    ]


def test_sides_are_compared_where_they_are_named() -> None:
    source = "My right knee hurts. The left hip is fine."
    assert doubted("Left hip is fine, right knee hurts.", source) == []
    assert doubted("Pain in the left knee.", source) == [("left knee", "right knee")]
    assert doubted("Left arm weak.", "R arm weak") == [("Left arm", "R arm")]


@pytest.mark.parametrize(
    "text", ["All right, see you.", "She left the house.", "It hurts right now.", "Good, right?"]
)
def test_right_and_left_are_not_always_sides(text: str) -> None:
    assert [fact for fact in facts(text) if fact.kind == "side"] == []


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("No fever.", "Doctor: Any fever?\nPatient: Yes, since Monday."),
        ("Has fever.", "Doctor: Any chills or fever?\nPatient: No."),
        ("Denies smoking cigarettes.", "I smoke cigarettes every day."),
        ("Reports vomiting and nausea.", "He denies nausea."),
    ],
)
def test_what_is_denied_and_affirmed_contradicts(answer: str, source: str) -> None:
    assert [doubt.fact.kind for doubt in doubts(answer, source)] == ["negation"]


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("No fever.", "Doctor: Any fever?\nPatient: No."),
        ("Has fever.", "Doctor: Any fever?\nPatient: Um, yeah."),
        ("No fever.", "Doctor: How long did the fever last?\nPatient: No idea."),
        ("No fever but has cough.", "I cough. I don't have any fever."),
        ("No fever.", "Doctor: Any fever?\nPatient: I don't know."),
    ],
)
def test_what_agrees_or_is_left_open_does_not(answer: str, source: str) -> None:
    assert doubts(answer, source) == []


@pytest.mark.parametrize(
    "text", ["", ".", "²", "...", "\x00", "١٢٣ ½", "🙂 left", "1/2/3/4", ":" * 50]
)
def test_odd_texts_do_no_harm(text: str) -> None:
    assert doubts(text, text) == []
    assert doubts("No fever, 5 mg of Zolin.", Source(text)) is not None
