"""Spellings of one value belong together, and known values are met again."""

from burnish.data.personal.identities import Identities


def again(known: Identities, text: str) -> list[str]:
    return [text[span.start : span.end] for span in known.again(text)]


def test_a_part_of_a_name_is_its_owners() -> None:
    known = Identities([("PERSON", "Doe"), ("PERSON", "Jane Doe"), ("PERSON", "Ann Lee")])
    assert [one.value for one in known.known] == ["Jane Doe", "Ann Lee"]
    assert known.of("PERSON", "Doe") is known.of("PERSON", "JANE DOE")
    assert known.of("PERSON", "Lee").value == "Ann Lee"


def test_numbers_are_the_same_whatever_stands_between() -> None:
    known = Identities([("PHONE_NUMBER", "(415) 555-0123")])
    assert known.of("PHONE_NUMBER", "+1 415.555.0123") is known.known[0]


def test_known_values_are_met_again_as_words_alone() -> None:
    known = Identities([("PERSON", "Jane van Doe"), ("MEDICAL_RECORD_NUMBER", "123")])
    assert again(known, "Jane, DOE; van Janet doe 1234 123") == ["Jane", "DOE", "123"]


def test_ages_and_codes_mean_nothing_alone() -> None:
    assert again(Identities([("AGE", "93"), ("ZIP_CODE", "02139")]), "93 02139") == []


def test_nobody_is_nowhere() -> None:
    assert again(Identities([]), "Jane") == []
