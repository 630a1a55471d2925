"""A text to look facts up in: which facts of an answer it lacks or contradicts.

Reads strings; writes nothing; knows no data set.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from burnish.facts.concepts import PROBLEM, concept
from burnish.facts.facts import Fact, facts, numbers, sides
from burnish.facts.polarity import Polarity, items_of, statements
from burnish.facts.wording import (
    MONTHS,
    OPPOSITE,
    UNITS,
    numbers_in,
    same_word,
    stem,
    tokens_of,
    unit_of,
)


@dataclass(frozen=True)
class Doubt:
    """A fact without support in the source.

    Attributes:
        fact: what the answer says.
        found: what the source says in its place; empty where it says nothing of the kind.
        certain: the fact is missing or contradicted; else it is there, but about something else.
    """

    fact: Fact
    found: str
    certain: bool


def doubts(
    answer: str, source: "Source | str", common: Collection[str] = frozenset()
) -> list[Doubt]:
    """The facts of `answer` that `source` lacks or contradicts, in the order of the answer.

    Args:
        common: as for `facts`.
    """
    known = source if isinstance(source, Source) else Source(source)
    found = (known.doubt(fact) for fact in facts(answer, common))
    return [doubt for doubt in found if doubt is not None]


class _Said(NamedTuple):
    """A word as the source has it.

    Attributes:
        asked: it was asked for and answered.
        stated: it was affirmed in so many words.
        item: concepts of the words that it stands together with, its own among them.
    """

    text: str
    asked: bool
    stated: bool
    item: frozenset[str]


class Source:
    """A text to look facts up in, read once.

    Args:
        text: the whole of it, such as a dialogue, a note or a context.
    """

    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)

    @cached_property
    def words(self) -> frozenset[str]:
        """Words without case, with letters spoken one by one joined."""
        words = [token.text.casefold() for token in self.tokens if token.is_word]
        return frozenset([*words, *("".join(run) for run in _spelled(words))])

    @cached_property
    def _initials(self) -> str:
        return "".join(token.text[0].casefold() for token in self.tokens if token.is_word)

    @cached_property
    def _long_words(self) -> dict[str, list[str]]:
        """First letter → the words long enough for a slip of typing to be told from another."""
        words: dict[str, list[str]] = defaultdict(list)
        for word in self.words:
            if len(word) >= 5:
                words[word[0]].append(word)
        return words

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of the words."""
        units = (UNITS[word] for word in self.words if word in UNITS)
        return frozenset(map(stem, [*self.words, *units]))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every number that stands in the text or may be meant by its words."""
        months = (MONTHS.get(word, 0) for word in self.words)
        return frozenset(
            [
                *(value for value, _, _ in numbers_in(self.tokens)),
                *(str(month) for month in months if month > 0),
            ]
        )

    @cached_property
    def _quantities(self) -> list[Fact]:
        return list(numbers(self.tokens))

    @cached_property
    def _units(self) -> dict[str, set[str]]:
        """Number → the units it stands before; "" where it stands before none."""
        units: dict[str, set[str]] = defaultdict(set)
        for value, _, last in numbers_in(self.tokens):
            after = map(unit_of, self.tokens[last + 1 : last + 4])
            units[value].add(next((unit for unit in after if unit), ""))
        return units

    @cached_property
    def _sides(self) -> list[Fact]:
        return list(sides(self.tokens, source=True))

    @cached_property
    def _said(self) -> list[dict[str, dict[Polarity, _Said]]]:
        """For each sentence, or question with its answer: concept → polarity → what was said."""
        sentences = []
        for unit in statements(self.tokens):
            said: dict[str, dict[Polarity, _Said]] = defaultdict(dict)
            for polarity, told, asked, stated in unit:
                trouble = {PROBLEM} & {concept(token.text) for token in told}
                for item in items_of(told, self.tokens, self._places):
                    names = frozenset(concept(token.text) for token in item) | trouble
                    for token in item:
                        own = _Said(token.text, asked, stated, names)
                        said[concept(token.text)].setdefault(polarity, own)
            sentences.append(said)
        return sentences

    @cached_property
    def _places(self) -> dict[int, int]:
        """Place in the text → place among the tokens."""
        return {token.at: place for place, token in enumerate(self.tokens)}

    def has_word(self, word: str) -> bool:
        """Whether a word stands here, in another form or with a slip of typing too."""
        folded = word.casefold()
        if folded in self.words or stem(folded) in self.stems:
            return True
        if len(folded) <= 5:
            return word.isupper() and folded in self._initials
        return any(same_word(folded, other) for other in self._long_words.get(folded[0], ()))

    def doubt(self, fact: Fact) -> Doubt | None:
        """None where the fact is supported."""
        if fact.values[0][0].isdigit():
            return self._number(fact)
        if fact.kind == "side":
            return self._side(fact)
        if fact.kind == "negation":
            return self._statement(fact)
        if any(self.has_word(value) for value in fact.values):
            return None
        if fact.kind == "date" and self.numbers & set(fact.about):
            return None
        return Doubt(fact, "", certain=True)

    def _number(self, fact: Fact) -> Doubt | None:
        missing = [value for value in fact.values if not self._has_number(value)]
        if missing:
            only_year = fact.kind == "date" and missing == list(fact.values[2:])
            return Doubt(fact, self._instead(fact), certain=not (only_year or fact.code))
        if not fact.about or len(fact.values) > 1:
            return None
        units = self._units[fact.values[0]]
        if not units or units & {"", fact.about[0]}:
            return None
        found = self._instead(fact)
        return Doubt(fact, found, certain=False) if found else None

    def _has_number(self, value: str) -> bool:
        """A year may be told by its last two digits."""
        if value in self.numbers:
            return True
        is_year = re.fullmatch(r"(19|20)\d\d", value)
        return bool(is_year) and str(int(value[2:])) in self.numbers

    def _instead(self, fact: Fact) -> str:
        """The source's number of the same shape with the same label or unit."""
        label = fact.text.split()[0].casefold()
        best, text = 0, ""
        for other in self._quantities:
            same_unit = bool(fact.about) and other.about == fact.about
            same_label = label.isalpha() and other.text.casefold().startswith(f"{label} ")
            alike = 2 * same_label + same_unit + (len(other.values) == len(fact.values) > 1)
            if alike > best and other.values != fact.values:
                best, text = alike, other.text
        return text

    def _side(self, fact: Fact) -> Doubt | None:
        side, other = fact.values[0], OPPOSITE[fact.values[0]]
        near = [known for known in self._sides if set(known.about) & set(fact.about)]
        pool = near or self._sides
        same = (side, "both") if near else (side,)
        if any(known.values[0] in same for known in pool):
            return None
        against = [known.text for known in pool if known.values[0] == other]
        if against:
            return Doubt(fact, against[0], certain=True)
        return Doubt(fact, "", certain=False)

    def _statement(self, fact: Fact) -> Doubt | None:
        """Contradicted where the sentences nearest to it say the opposite of most of its words.

        So is one item of a list, unless the list is merely mentioned. An answer to a question
        outweighs a mere mention of what is affirmed here in so many words.
        """
        own: Polarity = "present" if fact.values[0] == "present" else "absent"
        opposite: Polarity = "absent" if own == "present" else "present"
        against: dict[str, _Said] = {}
        agreeing: set[str] = set()
        for name in fact.about:
            said = self._nearest(name, fact.about)
            mine, theirs = said.get(own), said.get(opposite)
            if theirs and name != PROBLEM and _is_opposed(fact, theirs, mine):
                against[name] = theirs
            elif mine:
                agreeing.add(name)
        told = fact.stated or own == "absent"
        contradicted = told and any(
            not agreeing & set(item) and _contradicts(fact, item, against) for item in fact.items
        )
        if len(against) <= len(agreeing) and not contradicted:
            return None
        most = len(against) > 1 + len(agreeing)
        certain = contradicted or _contradicts(fact, fact.about, against, most=most)
        found = " ".join(said.text for said in against.values())
        return Doubt(fact, f"no {found}" if opposite == "absent" else found, certain)

    def _nearest(self, name: str, about: Sequence[str]) -> dict[Polarity, _Said]:
        """How a concept was said in the sentences that share most concepts with `about`."""
        holding = [said for said in self._said if name in said]
        shared = [len(said.keys() & set(about)) for said in holding]
        nearest: dict[Polarity, _Said] = {}
        for said, count in zip(holding, shared, strict=True):
            if count == max(shared):
                nearest = said[name] | nearest
        return nearest


def _is_opposed(fact: Fact, theirs: _Said, mine: _Said | None) -> bool:
    """Whether a word is said otherwise in the source, and not as in the fact too."""
    if (PROBLEM in theirs.item) != (PROBLEM in fact.about):
        return False
    answered = fact.stated and theirs.asked
    return mine is None or (answered and not mine.asked and not mine.stated)


def _contradicts(
    fact: Fact, names: Sequence[str], against: Mapping[str, _Said], *, most: bool = False
) -> bool:
    """Whether the source says the opposite of half of these words of the fact, or of `most`.

    What is merely mentioned affirms weakly: one such word, where it is denied without having been
    asked for, is no contradiction. Nor is it one that something narrower is denied, of which the
    fact says no more than half, or two thirds where it merely mentions it.
    """
    found = [against[name] for name in names if name in against]
    if not found or not (most or 2 * len(found) >= len(names)):
        return False
    denies = fact.values[0] == "absent"
    stated = found[0].stated if denies else fact.stated
    if len(found) == 1 and not found[0].asked and not stated:
        return False
    least = 1 / 2 if denies or fact.stated else 2 / 3
    return any(len(said.item & set(names)) >= least * len(said.item) for said in found)


def _spelled(words: Sequence[str]) -> Iterator[list[str]]:
    """Runs of single letters: ["m", "g"]."""
    run: list[str] = []
    for word in [*words, ""]:
        if len(word) == 1:
            run.append(word)
            continue
        if len(run) > 1:
            yield run
        run = []
