"""Stand-ins have the shape of what they replace, and pass its checksum."""

import re

import pytest

from burnish.data.personal.identities import Identity
from burnish.data.personal.recognisers import passes
from burnish.data.personal.stand_ins import Placeholders, StandIns


def stand_in(kind: str, value: str, seed: int = 0) -> str:
    return StandIns(seed, "e1").of(Identity(kind, value, frozenset()), value)


def shape(text: str) -> str:
    digits = re.sub(r"\d", "0", text)
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", digits))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("CREDIT_CARD", "4111 1111-1111 1111"), ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("UK_NHS", "943-476-5919"), ("MEDICAL_LICENSE", "AB1234563"), ("ES_NIF", "12345678Z"),
        ("MEDICAL_RECORD_NUMBER", "A-0012345"), ("US_SSN", "123-45-6789"),
        ("PHONE_NUMBER", "+1 (415) 555-0123"), ("PHONE_NUMBER", "020 7946 0018 x12"),
        ("ZIP_CODE", "78701-1234"), ("MAC_ADDRESS", "00:1B:44:11:3A:B7"),
    ],
)  # fmt: skip
def test_numbers_keep_shape_and_checksum(kind: str, value: str, seed: int) -> None:
    made = stand_in(kind, value, seed)
    assert made != value
    assert shape(made) == shape(value)
    assert kind == "US_SSN" or passes(kind, made)


def test_a_bitcoin_address_passes_its_checksum() -> None:
    assert passes("CRYPTO", stand_in("CRYPTO", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("03/04/1950", r"\d\d/\d\d/19[45]\d"),
        ("3/4/1950", r"\d{1,2}/\d{1,2}/19[45]\d"),
        ("13.04.50", r"\d\d\.\d\d\.[45]\d"),
        ("1950-03-04", r"19[45]\d-\d\d-\d\d"),
        ("March 3rd, 1950", r"[A-Z][a-z]+ \d{1,2}(st|nd|rd|th), 19[45]\d"),
        ("3 mar 1950", r"\d{1,2} [a-z]{3} 19[45]\d"),
    ],
)
def test_dates_keep_their_form(value: str, form: str, seed: int) -> None:
    assert re.fullmatch(form, stand_in("DATE_OF_BIRTH", value, seed))


def test_dates_move_by_one_offset() -> None:
    names = StandIns(3, "e1")
    made = [
        names.of(Identity("DATE_OF_BIRTH", text, frozenset()), text)
        for text in ("1950-03-04", "03/04/1950", "1950-03-14")
    ]
    year, month, day = made[0].split("-")
    assert made[1] == f"{month}/{day}/{year}"
    assert made[2] != made[0]


def test_what_is_no_date_keeps_its_shape() -> None:
    assert re.fullmatch(r"\d\d/\d\d/\d{4}", stand_in("DATE_OF_BIRTH", "45/45/1950"))


def test_parts_of_a_name_get_the_parts_of_its_stand_in() -> None:
    names = StandIns(0, "e1")
    person = Identity("PERSON", "Jane van der Doe", frozenset({"jane", "doe"}))
    whole = names.of(person, "Jane van der Doe")
    first, *particles, last = whole.split()
    assert particles == ["van", "der"]
    assert names.of(person, "Doe") == last
    assert names.of(person, "JANE DOE") == f"{first} {last}".upper()
    assert names.of(person, "J. Doe")[1:] == f". {last}"


def test_addresses_keep_kinds_units_and_lines() -> None:
    made = stand_in("STREET_ADDRESS", "12 Larkspur Lane, Apt. 4B\nAustin, TX 78701")
    assert re.fullmatch(r"\d\d [A-Z]\w+ Lane, Apt\. \d[A-Z]\n[A-Z]\w+, TX \d{5}", made)
    assert "Larkspur" not in made


def test_many_names_never_run_out() -> None:
    names = StandIns(0, "e1")
    given = [names.of(Identity("PERSON", f"Aa{chr(97 + i % 26)}{chr(97 + i // 26)}", frozenset()),
                      f"Aa{chr(97 + i % 26)}{chr(97 + i // 26)}") for i in range(200)]  # fmt: skip
    assert len(set(given)) > 190


def test_placeholders_count_by_type_and_skip_those_that_stand() -> None:
    names = Placeholders(["[PERSON_1] and [PERSON_3]"])
    people = [Identity("PERSON", value, frozenset()) for value in "abc"]
    assert [names.of(one, one.value) for one in [*people, people[0]]] == [
        "[PERSON_2]", "[PERSON_4]", "[PERSON_5]", "[PERSON_2]",
    ]  # fmt: skip
    assert names.of(Identity("AGE", "92", frozenset()), "92") == "[AGE_1]"
