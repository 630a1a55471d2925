"""Who recognises what: Presidio's recognisers with checksums, and the project's own.

Reads nothing, writes nothing, downloads nothing. Presidio's own recognisers of e-mail addresses
and web sites are not used: they ask tldextract, which fetches its list of domains when it can.

A recogniser runs only on texts with its words or its shape, such as "DOB" and two digits.
Every repetition in the patterns is bounded, so that time grows with the length of the text alone.
The module loads Presidio (seconds): import it inside functions.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import phonenumbers
import regex
from presidio_analyzer import LocalRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as presidio

from burnish.data.personal.cues import (
    ADDRESSES,
    DATES_OF_BIRTH,
    NAMES,
    NUMBERS,
    PHONES,
    PLACES,
    STREETS,
    WEB,
)

LEAST_SCORE = 0.4
"""Hits that a recogniser is less certain of are not used."""

_NEAR = 60
"""Characters before and after a number in which a word must say what it is, where one must."""

_CONTEXT_INCREASE = 0.35
"""What Presidio's LemmaContextAwareEnhancer adds to the score near a context word."""

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = r"\d\D{0,3}\d"
_SIX_DIGITS = r"\d(?:[^\w\n]{0,2}\d){5}"
_RECORD_WORDS = "mrn mr m record records rec chart patient pt hospital encounter"


class Text:
    """A text with what decides which recognisers are worth running on it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = frozenset(_LETTERS.findall(text.casefold()))
        self._shapes: dict[str, bool] = {}

    def has(self, shape: str) -> bool:
        """Whether a regular expression matches anywhere; each is tried once."""
        if shape not in self._shapes:
            self._shapes[shape] = re.search(shape, self.text) is not None
        return self._shapes[shape]


@dataclass(frozen=True)
class Recogniser:
    """A Presidio recogniser and when it is worth running.

    Attributes:
        words: a text without any of them cannot hold a hit, unless there are none.
        shape: a text that it does not match cannot hold a hit; a regular expression.
        needs_word: a hit counts only near one of the recogniser's own context words ("NHS"),
            since one in ten numbers of its shape passes its checksum by chance.
    """

    recogniser: Any
    shape: str
    words: frozenset[str] = frozenset()
    needs_word: bool = False

    def find(self, text: Text) -> list[tuple[int, int, str, float]]:
        """(start, end, type, score) of every hit that counts."""
        if (self.words and self.words.isdisjoint(text.words)) or not text.has(self.shape):
            return []
        results = self.recogniser.analyze(text.text, self.recogniser.supported_entities, None)
        scored = [
            (hit.start, hit.end, hit.entity_type, self._score(text.text, hit)) for hit in results
        ]
        return [hit for hit in scored if hit[3] >= LEAST_SCORE]

    def _score(self, text: str, hit: RecognizerResult) -> float:
        """Presidio's; where a word is needed, its own increase for context words, or nothing."""
        if not self.needs_word:
            return float(hit.score)
        near = text[max(0, hit.start - _NEAR) : hit.end + _NEAR]
        words = "|".join(regex.escape(word) for word in self.recogniser.context)
        found = regex.search(rf"\b(?:{words})\b", near, regex.IGNORECASE)
        return min(1.0, max(hit.score + _CONTEXT_INCREASE, LEAST_SCORE)) if found else 0.0


@cache
def recognisers(*, places: bool = False) -> tuple[Recogniser, ...]:
    """All of them, made once; `places` adds places that a cue gives away ("lives in Oulu")."""
    return (*_with_checksum(), *_near_a_word(), *_own(places))


def passes(kind: str, value: str) -> bool:
    """Whether the recognisers of a type take a value for what it should be, checksum and all."""
    for one in recognisers():
        if kind in one.recogniser.supported_entities and isinstance(
            one.recogniser, PatternRecognizer
        ):
            valid = one.recogniser.validate_result(value)
            if (valid is not None and not valid) or one.recogniser.invalidate_result(value):
                return False
    return True


def _with_checksum() -> list[Recogniser]:
    """Presidio's, where the checksum or the shape leaves little to chance."""
    cards = [Pattern("card", NUMBERS["card"], 0.3)]
    iban_flags = regex.MULTILINE | regex.IGNORECASE
    found = [
        (presidio.CreditCardRecognizer(patterns=cards), _SIX_DIGITS),
        (presidio.IbanRecognizer(regex_flags=iban_flags), r"\b[A-Za-z]{2}\d{2}[ -]?[A-Za-z\d]{4}"),
        (presidio.CryptoRecognizer(), r"\b(?:bc1|[13])[a-zA-HJ-NP-Z0-9]{25}"),
        (IpAddresses(), r"\d\.\d|:[\da-fA-F]{0,4}:"),
        (
            presidio.MacAddressRecognizer(),
            r"[\da-fA-F]{2}([:-])[\da-fA-F]{2}\1|[\da-fA-F]{4}\.[\da-f]{4}",
        ),
        (presidio.UsSsnRecognizer(), r"\d{3}[- .]\d{2}[- .]\d{4}"),
        (presidio.MedicalLicenseRecognizer(), r"\d{7}"),
        (presidio.EsNifRecognizer(), r"\d{7}"),
        (presidio.EsNieRecognizer(), r"\d{7}"),
        (presidio.ItFiscalCodeRecognizer(), r"[A-Za-z]{6}[\dA-Za-z]\d"),
        (presidio.FiPersonalIdentityCodeRecognizer(), r"\d{6}[-+A-Fa-fU-Yu-y]\d{3}"),
        (presidio.UkNinoRecognizer(), r"\d\d ?\d\d ?\d\d"),
        (presidio.KrRrnRecognizer(), r"\d{6}-?\d{7}"),
    ]
    return [Recogniser(one, shape) for one, shape in found]


def _near_a_word() -> list[Recogniser]:
    """Presidio's, where plain digits pass the checksum too often to be believed alone."""
    kinds = (
        presidio.NhsRecognizer, presidio.UsNpiRecognizer, presidio.AuTfnRecognizer,
        presidio.AuMedicareRecognizer, presidio.CaSinRecognizer, presidio.DeTaxIdRecognizer,
        presidio.InAadhaarRecognizer, presidio.PlPeselRecognizer, presidio.SgFinRecognizer,
        presidio.SePersonnummerRecognizer, presidio.ThTninRecognizer,
        presidio.TrNationalIdRecognizer, presidio.ZaIdNumberRecognizer,
        presidio.UsPassportRecognizer, presidio.UsLicenseRecognizer,
    )  # fmt: skip
    return [_with_word(kind()) for kind in kinds]


def _with_word(recogniser: Any) -> Recogniser:
    return Recogniser(recogniser, _SIX_DIGITS, needs_word=True)


def _own(places: bool) -> list[Recogniser]:
    """The project's, each with its words, its shape and how certain it is."""
    birth = "dob d o birth birthdate birthday born"
    named = [
        ("MEDICAL_RECORD_NUMBER", 0.9, NUMBERS["record"], _RECORD_WORDS, _DIGITS),
        ("EMAIL_ADDRESS", 0.95, WEB["email"], "", "@"),
        ("URL", 0.9, WEB["url"], "http https ftp www", ""),
        ("URL", 0.7, WEB["domain"], WEB["domains"], r"\.[a-z]{2}"),
        ("DATE_OF_BIRTH", 0.9, DATES_OF_BIRTH["after"], birth, _DIGITS),
        ("DATE_OF_BIRTH", 0.8, DATES_OF_BIRTH["before"], birth, _DIGITS),
        ("AGE", 0.8, NUMBERS["age"], "age aged old o yo turn turned turns turning years", ""),
        ("US_SSN", 0.9, NUMBERS["ssn"], "ssn social soc", _DIGITS),
        ("US_DRIVER_LICENSE", 0.7, NUMBERS["licence"], "license licence", _DIGITS),
        ("ZIP_CODE", 0.7, ADDRESSES["zip"], ADDRESSES["zip words"], _DIGITS),
        ("ZIP_CODE", 0.6, ADDRESSES["after a state"], "", r"[A-Z]{2} \d{5}"),
        ("ZIP_CODE", 0.6, ADDRESSES["postcode"], "", r"\d[A-Z]{2}\b"),
        *(("STREET_ADDRESS", 0.7, form, words, r"\d") for words, form in STREETS),
        *(("PERSON", 0.7, form, words, "") for words, form in NAMES),
        *(("LOCATION", 0.65, form, words, "") for words, form in PLACES if places),
    ]
    made = [
        Recogniser(_pattern_recogniser(kind, form, score), shape, frozenset(words.split()))
        for kind, score, form, words, shape in named
    ]
    return [*made, Recogniser(PhoneNumbers(), _SIX_DIGITS)]


def _pattern_recogniser(kind: str, form: str, score: float) -> PatternRecognizer:
    """A Presidio recogniser of one pattern, in which case counts unless it says otherwise."""
    return PatternRecognizer(
        supported_entity=kind,
        name=f"Burnish{kind.title().replace('_', '')}",
        patterns=[Pattern(kind.lower(), form, score)],
        global_regex_flags=regex.MULTILINE,
    )


class IpAddresses(presidio.IpRecognizer):
    """Presidio's, without what is a name in a programming language: "E::A"."""

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether a hit is no address."""
        digits = any(char.isdigit() for char in pattern_text)
        return not digits or bool(super().invalidate_result(pattern_text))


class PhoneNumbers(LocalRecognizer):
    """Phone numbers: whatever is dialled in one of `REGIONS` and written like it, or is called one.

    Presidio's own searches the text once for each region, which takes milliseconds, and knows no
    number without its area code; this one looks for the shape first and asks phonenumbers then.
    """

    REGIONS = ("US", "GB", "DE", "FR", "IT", "IN", "AU", "BR", "IL", "ES", "NL", "SE")

    def __init__(self) -> None:
        super().__init__(supported_entities=["PHONE_NUMBER"], name="BurnishPhoneNumbers")
        self._called = regex.compile(PHONES["called"])
        self._shape = regex.compile(PHONES["shape"])

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Every number in the text, without overlaps."""
        found = []
        for match in self._shape.finditer(text):
            start, end = match.span()
            called = self._called.search(text, max(0, start - 40), start) is not None
            score = self._score(match.group(), called)
            if score:
                found.append(RecognizerResult("PHONE_NUMBER", start, end, score))
        return found

    def _score(self, written: str, called: bool) -> float:
        digits = sum(char.isdigit() for char in written.split("x")[0])
        if not 7 <= digits <= 15:
            return 0.0
        if called:
            return 0.85
        grouped = not written.isdigit()
        if written.startswith(("+", "00")):
            return 0.8 if self._dialled(written, "US", strictly=False) else 0.0
        if regex.match(PHONES["american"], written):
            return 0.75
        trunk = written.startswith(("0", "(0"))
        regions = self.REGIONS if trunk and grouped else ()
        return 0.6 if any(self._dialled(written, region) for region in regions) else 0.0

    @staticmethod
    def _dialled(written: str, region: str, *, strictly: bool = True) -> bool:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            return False
        if strictly:
            return phonenumbers.is_valid_number(number)
        return phonenumbers.is_possible_number(number)
