"""What each recogniser takes and leaves."""

import pytest

from burnish.data.personal.recognisers import Text, passes, recognisers


def found(text: str) -> set[tuple[str, str]]:
    seen = Text(text)
    hits = [hit for one in recognisers() for hit in one.find(seen)]
    return {(kind, text[start:end]) for start, end, kind, _ in hits}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("card 4111-1111-1111-1111", "CREDIT_CARD", "4111-1111-1111-1111"),
        ("my iban is gb82west12345698765432", "IBAN_CODE", "gb82west12345698765432"),
        ("SSN 123-45-6789", "US_SSN", "123-45-6789"),
        ("his NHS number is 943 476 5919", "UK_NHS", "943 476 5919"),
        ("DEA AB1234563", "MEDICAL_LICENSE", "AB1234563"),
        ("DNI 12345678Z", "ES_NIF", "12345678Z"),
        ("from 2001:db8::8a2e:370:7334", "IP_ADDRESS", "2001:db8::8a2e:370:7334"),
        ("see https://a.example.org/x?y=1.", "URL", "https://a.example.org/x?y=1"),
        ("see example.com/help", "URL", "example.com/help"),
        ("me.too+x@corp.internal", "EMAIL_ADDRESS", "me.too+x@corp.internal"),
        ("MRN# A-1234567", "MEDICAL_RECORD_NUMBER", "A-1234567"),
        ("Patient ID: 99-12345", "MEDICAL_RECORD_NUMBER", "99-12345"),
        ("DOB: March 3rd, 1951", "DATE_OF_BIRTH", "March 3rd, 1951"),
        ("born on 03.04.1951 in Bonn", "DATE_OF_BIRTH", "03.04.1951"),
        ("1951-04-03 (DOB)", "DATE_OF_BIRTH", "1951-04-03"),
        ("a 93-year-old man", "AGE", "93"),
        ("Aged 93.", "AGE", "93"),
        ("ninety-two years old", "AGE", "ninety-two"),
        ("at 221B Baker Street, London NW1 6XE", "STREET_ADDRESS",
         "221B Baker Street, London NW1 6XE"),
        ("at 12 Main St Apt 4B, Austin, TX 78701", "STREET_ADDRESS",
         "12 Main St Apt 4B, Austin, TX 78701"),
        ("wohnt Hauptstraße 12, Berlin", "STREET_ADDRESS", "Hauptstraße 12, Berlin"),
        ("P.O. Box 123, Springfield, IL 62704", "STREET_ADDRESS",
         "P.O. Box 123, Springfield, IL 62704"),
        ("zip code is 02139", "ZIP_CODE", "02139"),
        ("call 467 3395", "PHONE_NUMBER", "467 3395"),
        ("(020) 7946 0018 or so", "PHONE_NUMBER", "(020) 7946 0018"),
        ("driver's license number is D1234567", "US_DRIVER_LICENSE", "D1234567"),
    ],
)  # fmt: skip
def test_takes(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("card 4111-1111-1111-1112", "CREDIT_CARD"),
        ("GB82WEST12345698765433", "IBAN_CODE"),
        ("order 9434765919", "UK_NHS"),
        ("DNI 12345678A", "ES_NIF"),
        ("seen on 03/04/1951", "DATE_OF_BIRTH"),
        ("a 63-year-old man, pulse 93", "AGE"),
        ("weighs 93 years ago", "AGE"),
        ("the pain is gone.So she left", "URL"),
        ("between 2019-2020 and 12.5-15.0 or 1 234 567", "PHONE_NUMBER"),
        ("take 2 tablets Daily", "STREET_ADDRESS"),
        ("E::A", "IP_ADDRESS"),
    ],
)
def test_leaves(text: str, kind: str) -> None:
    assert kind not in {name for name, _ in found(text)}


def test_checksums_decide() -> None:
    assert passes("CREDIT_CARD", "4111 1111 1111 1111")
    assert not passes("CREDIT_CARD", "4111 1111 1111 1112")
    assert passes("IBAN_CODE", "GB82WEST12345698765432")
    assert not passes("IBAN_CODE", "GB82WEST12345698765433")
