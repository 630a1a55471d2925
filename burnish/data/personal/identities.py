"""Who is who in one example: spellings of one value, and where a known value stands again.

A name found in the note must be masked in the summary too, also where only the surname stands
there. Reads texts, writes nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from burnish.data.personal.spans import Span

NUMBERED = frozenset(
    {"PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "MEDICAL_RECORD_NUMBER", "IBAN_CODE", "UK_NHS"}
)
"""Types whose values are the same whatever stands between their digits and letters."""

_PARTICLES = "van von vom de del della di da dos das der den ter ten la le el al bin ibn zu y"
PARTICLES = frozenset(_PARTICLES.split())
"""Small words within names, which are nobody's name alone."""

_ALONE = frozenset({"AGE", "ZIP_CODE"})
"""Types whose values say nothing where nothing beside them says what they are."""

_WORDS_TOO = (
    "Will May Mark Rose Grace Hope Art Bill Sue Pat Jack Drew Dean Grant Chase Faith Joy April "
    "June August Summer Young Long Brown Green White Black Gray King Price Day Wood Stone Rich "
    "Best Small Little Short Hill Lake Field Hand Foot Head Back Heart Major Pain Cook Baker Page "
    "Case Lane Street Park Read Reed Bell Ball Ray Guy Gene Frank Earnest Ernest Iris Lily Daisy "
    "Angel Christian Virginia Georgia Carolina Paris London Sydney Austin Israel Doctor Nurse "
    "Patient And The For Miss Bush Love Moon Sun West East North South Early Strong Wise Sharp "
    "Bishop Pope Church House Banks Law Marsh Moss Nice Noble Power Rice Rush Sweet Swift Walker "
    "Weeks Winter Spring Wolf Fox Bird Fish Lamb Drake Berry Branch Brook Burns Chance Cross Dale "
    "Dash English French German Irish Jordan Kent Mason Miles Mills Parish Parks Peck Penny Pride "
    "Rivers Sage Sales Savage Self Shields Sparks Speed Story Temple Trout Wall Ward Waters Webb "
    "Wells"
)
"""Names that are words too: alone, they are taken for a name only within a sentence."""

_AMBIGUOUS = frozenset(_WORDS_TOO.split())
_MONTHS = frozenset({"May", "April", "June", "August", "March"})
_LEAST_PART = 3
_AGAIN = 0.65
"""Score of a known value met again: more certain than a NER model's guess."""


@dataclass
class Identity:
    """One value under all its spellings."""

    type: str
    value: str
    words: frozenset[str]
    spellings: set[str] = field(default_factory=set)


class Identities:
    """The values found in one example, in the order they were found, names with most words first.

    Args:
        found: (type, value) of every span in every text of the example.
    """

    def __init__(self, found: Iterable[tuple[str, str]]) -> None:
        self.known: list[Identity] = []
        self._by_key: dict[tuple[str, str], Identity] = {}
        distinct = list(dict.fromkeys(found))
        names = [value for kind, value in distinct if kind == "PERSON"]
        for value in sorted(names, key=lambda value: -len(_name_words(value))):
            self._add_person(value)
        for kind, value in distinct:
            if kind != "PERSON":
                self._add(kind, value, frozenset())
        owners = dict.fromkeys(id(self.of(kind, value)) for kind, value in distinct)
        order = {owner: i for i, owner in enumerate(owners)}
        self.known.sort(key=lambda one: order[id(one)])
        self._again = self._compiled()

    def of(self, kind: str, value: str) -> Identity:
        """Whose value this is; a part of a name is its owner's."""
        key = kind, _key(kind, value)
        if key not in self._by_key:
            words = _name_words(value)
            owners = [one for one in self.known if words and words <= one.words]
            self._by_key[key] = owners[0] if owners else Identity(kind, value, words, {value})
        return self._by_key[key]

    def again(self, text: str) -> list[Span]:
        """Where the known values stand in a text, recognised there or not."""
        found = []
        for pattern, owners in self._again:
            for match in pattern.finditer(text):
                said = match.group()
                if said in _AMBIGUOUS and _is_a_word_here(text, match.start(), said):
                    continue
                if owner := owners.get(_folded(said)):
                    found.append(Span(*match.span(), owner.type, _AGAIN))
        return found

    def _add_person(self, value: str) -> None:
        words = _name_words(value)
        for other in self.known:
            if words and words <= other.words:
                self._by_key["PERSON", _key("PERSON", value)] = other
                other.spellings.add(value)
                return
        self._add("PERSON", value, words)

    def _add(self, kind: str, value: str, words: frozenset[str]) -> None:
        key = kind, _key(kind, value)
        if key not in self._by_key:
            self._by_key[key] = Identity(kind, value, words)
            self.known.append(self._by_key[key])
        self._by_key[key].spellings.add(value)

    def _compiled(self) -> list[tuple[re.Pattern[str], dict[str, Identity]]]:
        """A pattern for names, in which case counts, and one for all else."""
        names: dict[str, Identity] = {}
        others: dict[str, Identity] = {}
        for identity in self.known:
            for spelling in sorted(identity.spellings):
                if identity.type not in _ALONE and len(spelling) >= _LEAST_PART:
                    into = names if identity.type in _CASED else others
                    into.setdefault(_folded(spelling), identity)
            if identity.type == "PERSON":
                for word in sorted(_parts(identity.spellings)):
                    names.setdefault(_folded(word), identity)
        compiled = []
        for table, flags in ((names, 0), (others, re.IGNORECASE)):
            forms = {form for owner in table.values() for form in _forms(owner)}
            ordered = sorted(
                (form for form in forms if _folded(form) in table),
                key=lambda form: (-len(form), form),
            )
            if ordered:
                either = "|".join(r"\s+".join(map(re.escape, form.split())) for form in ordered)
                compiled.append((re.compile(rf"(?<!\w)(?:{either})(?!\w)", flags), table))
        return compiled


_CASED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP"})


def _forms(owner: Identity) -> set[str]:
    """How a name may be written again: as it stood, in parts, and all of it in capitals."""
    forms = set(owner.spellings)
    if owner.type == "PERSON":
        forms |= _parts(owner.spellings)
    return forms | {form.upper() for form in forms}


def _parts(spellings: Iterable[str]) -> set[str]:
    words = {word.strip(".,'’") for spelling in spellings for word in spelling.split()}
    return {
        word
        for word in words
        if len(word) >= _LEAST_PART and word not in _MONTHS and word.casefold() not in PARTICLES
    }


def _name_words(value: str) -> frozenset[str]:
    words = (word.strip(".,'’").casefold() for word in value.split())
    return frozenset(word for word in words if len(word) > 1 and word not in PARTICLES)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _key(kind: str, value: str) -> str:
    """Equal for spellings of one value."""
    if kind not in NUMBERED:
        return _folded(value)
    plain = "".join(char for char in value.casefold() if char.isalnum())
    if kind == "MEDICAL_RECORD_NUMBER":
        return plain.lstrip("0")
    return plain[1:] if kind == "PHONE_NUMBER" and len(plain) == 11 and plain[0] == "1" else plain


def _is_a_word_here(text: str, start: int, said: str) -> bool:
    """At the beginning of a sentence "Will" need not be a name."""
    before = text[:start].rstrip()[-1:]
    return said in _MONTHS or not before or before in '.!?:"“'
