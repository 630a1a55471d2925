"""Personal data in examples: found, reported without being repeated, masked or replaced.

Reads texts and examples, writes nothing, and uses no network. What is looked for stands in
recognisers.py and cues.py; what is put in its place, in stand_ins.py. Names without a cue and
most places need a spaCy model; without one, nothing of spaCy's models is loaded.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from burnish.data.examples import excerpt, place
from burnish.data.personal.fields import rewritten
from burnish.data.personal.identities import Identities, Identity
from burnish.data.personal.spans import Span, settled
from burnish.data.personal.stand_ins import Placeholders, StandIns
from burnish.errors import DataError
from burnish.records import Example, Finding

__all__ = ["PersonalData", "Span"]

_NER_TYPES = {
    "PERSON": "PERSON", "PER": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION",
    "FAC": "LOCATION", "NORP": "NRP", "ORG": "ORGANIZATION",
}  # fmt: skip
_NER_SCORE = 0.6
_NAME_LIKE = re.compile(r"(?=.*[^\W\d_]{2})(?:the )?(?!the )[^\W\d_a-z][^\d_%/<>=@#+]*")
_ABBREVIATION = re.compile(r"(?:the )?[A-Z][A-Za-z]?[A-Z.]{0,4}s?|(?:[A-Z] )+[A-Z]\.?")
_FULL_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]+(?: [^\W\d_a-z]\.?)?(?: [^\W\d_a-z][^\W\d_]+){1,2}")
_ORGANISATION = re.compile(
    r"(?i)\b(?:inc|ltd|llc|corp(?:oration)?|company|co|group|gmbh|ag|plc|bank|university|college|school"
    r"|hospital|clinic|institute|foundation|association|agency|department|ministry|council|church"
    r"|committee|center|centre|services?|systems|solutions|partners|holdings|labs?|and sons)\b|&"
)
_UNUSED_PIPES = ["tagger", "parser", "attribute_ruler", "lemmatizer", "senter", "morphologizer"]


class PersonalData:
    """Finds personal data by patterns and checksums, and by a NER model where one is named.

    Args:
        ner_model: name of an installed spaCy model, or its folder.
        seed: of the stand-ins that `replace` makes.

    Raises:
        DataError: the model is not installed, or finds no names.
    """

    def __init__(self, *, ner_model: str | None = None, seed: int = 0) -> None:
        from burnish.data.personal.recognisers import recognisers

        self._recognisers = recognisers(places=ner_model is not None)
        self._ner = _load_ner(ner_model) if ner_model is not None else None
        self._seed = seed

    def find(self, text: str) -> list[Span]:
        """The personal data in a text, in its order, without overlaps.

        Of overlapping hits the longest counts, of equally long ones the most certain.
        """
        from burnish.data.personal.recognisers import Text

        seen = Text(text)
        hits = [Span(*hit) for one in self._recognisers for hit in one.find(seen)]
        if self._ner is not None:
            hits += _named(self._ner(text))
        if not hits:
            return []
        spans = settled(text, hits)
        names = Identities(("PERSON", text[s.start : s.end]) for s in spans if s.type == "PERSON")
        return settled(text, [*spans, *names.again(text)]) if names.known else spans

    def report(self, examples: Sequence[Example]) -> list[Finding]:
        """One finding for each example with personal data, the most certain first.

        No personal value stands in a finding: its text is masked.
        """
        findings = [self._finding(example) for example in examples]
        return sorted(
            (finding for finding in findings if finding is not None),
            key=lambda one: (-one.score, one.text, one.reason, one.ids, one.rows),
        )

    def mask(self, example: Example) -> tuple[Example, dict[str, str]]:
        """The example with [PERSON_1], [PHONE_NUMBER_1] … for its personal data.

        The same value gets the same placeholder in inputs, history, answer and references, also
        where only a part of a name stands there. Labels, ids and groups stay as they are, and
        JSON stays JSON.

        Returns:
            The masked example, and placeholder → value.
        """
        seen = _Survey(self, example)
        return seen.rewritten(Placeholders(seen.texts))

    def replace(self, example: Example) -> tuple[Example, dict[str, str]]:
        """Like `mask`, with invented values of the same shape instead of placeholders.

        Dates move by one number of days for each example; what has a checksum passes it again.
        The choice depends on the seed and the example's id.
        """
        seen = _Survey(self, example)
        return seen.rewritten(StandIns(self._seed, example.id))

    def _finding(self, example: Example) -> Finding | None:
        seen = _Survey(self, example)
        if not seen.counts:
            return None
        masked, _ = seen.rewritten(Placeholders(seen.texts))
        where = [
            f"{', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))} in {field}"
            for field, kinds in seen.counts.items()
        ]
        return Finding(
            kind="personal-data",
            rows=(place(example),),
            ids=(example.id,),
            text=excerpt(masked),
            score=round(seen.score, 4),
            reason="; ".join(where),
            suggestion="mask",
        )


class _Names(Protocol):
    """What gives an identity another name: placeholders or stand-ins."""

    def of(self, identity: Identity, said: str) -> str:
        """The name, for a value as it is spelled here."""
        ...

    def mapping(self) -> dict[str, str]:
        """The names given → the values."""
        ...


class _Survey:
    """All that was found in one example: the texts, who is who, counts by field and the score."""

    def __init__(self, personal: PersonalData, example: Example) -> None:
        self._example = example
        self._found: dict[tuple[str, str], list[Span]] = {}
        self.texts: list[str] = []
        self.counts: dict[str, Counter[str]] = {}
        self.score = 0.0

        def look(_: str, cue: str, text: str) -> str:
            if (cue, text) not in self._found:
                self._found[cue, text] = _find_cued(personal, cue, text)
            self.texts.append(text)
            return text

        rewritten(example, look)
        self._known = Identities(
            (span.type, text[span.start : span.end])
            for (_, text), spans in self._found.items()
            for span in spans
        )
        rewritten(example, self._count)

    def rewritten(self, names: _Names) -> tuple[Example, dict[str, str]]:
        """The example with other names for its identities, and name → value."""

        def change(_: str, cue: str, text: str) -> str:
            pieces, at = [], 0
            for span in self._spans(cue, text):
                value = text[span.start : span.end]
                pieces += [text[at : span.start], names.of(self._known.of(span.type, value), value)]
                at = span.end
            return "".join([*pieces, text[at:]])

        return rewritten(self._example, change), names.mapping()

    def _spans(self, cue: str, text: str) -> list[Span]:
        return settled(text, [*self._found[cue, text], *self._known.again(text)])

    def _count(self, field: str, cue: str, text: str) -> str:
        for span in self._spans(cue, text):
            self.counts.setdefault(field, Counter())[span.type] += 1
            self.score = max(self.score, span.score)
        return text


def _find_cued(personal: PersonalData, cue: str, text: str) -> list[Span]:
    """What is found in a text that stands under a key or a column's name."""
    if not cue:
        return personal.find(text)
    lead = len(cue) + 2
    return [
        Span(max(0, span.start - lead), span.end - lead, span.type, span.score)
        for span in personal.find(f"{cue}: {text}")
        if span.end > lead
    ]


def _named(doc: Any) -> list[Span]:
    """Names and places of a spaCy document that are written like names.

    Small models take doses, drugs in small letters and abbreviations for names; and they take many
    a foreign name for an organisation, so that this counts only where a word such as "Ltd" agrees.
    """
    spans = []
    for ent in doc.ents:
        kind, text = _NER_TYPES.get(ent.label_), ent.text.strip(" .,:;'’\"()")
        if kind is None or not _NAME_LIKE.fullmatch(text) or _ABBREVIATION.fullmatch(text):
            continue
        if kind == "ORGANIZATION" and not _ORGANISATION.search(text):
            if not _FULL_NAME.fullmatch(text):
                continue
            kind = "PERSON"
        start = ent.start_char + ent.text.index(text)
        spans.append(Span(start, start + len(text), kind, _NER_SCORE))
    return spans


def _load_ner(name: str) -> Any:
    """The spaCy model, with no more of its pipeline than finding names takes."""
    hint = f"python -m spacy download {name}, or leave out ner_model under `checks:`"
    try:
        import spacy
        from spacy.util import get_installed_models
    except ImportError:
        raise DataError(
            f'The NER model "{name}" needs spaCy, which is not installed.',
            hint=f"pip install spacy; then {hint}",
        ) from None
    try:
        model = spacy.load(name, exclude=_UNUSED_PIPES)
    except (OSError, ValueError, ImportError) as error:
        installed = ", ".join(sorted(get_installed_models())) or "none"
        raise DataError(
            f'The NER model "{name}" is not installed; spaCy models found here: {installed}.',
            faults=[] if isinstance(error, OSError) else [str(error)],
            hint=f"name an installed one under `checks:` as ner_model, or type: {hint}",
        ) from None
    if not any(pipe in model.pipe_names for pipe in ("ner", "entity_ruler", "span_ruler")):
        raise DataError(
            f'The spaCy model "{name}" finds no names: its pipeline is '
            f"{', '.join(model.pipe_names) or 'empty'}.",
            hint=f"name a model with a component ner; or type: {hint}",
        )
    return model
