"""Classic baselines that copy from the input: lead-3, TextRank, and spans that answer a question.

Reads examples; writes nothing.
"""

import re
from collections import Counter

import numpy as np

from burnish.evaluate.similar import parts_of
from burnish.records import Example

LEAD = 3
"""Sentences of a summary."""
MOST_SENTENCES = 400
"""Sentences of a text that are ranked; the rest of a longer text is left out."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")
_LINKS = frozenset(("a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"))
"""Words that a span may hold though the question has them."""
_DAMPING = 0.85
_NAME = re.compile(r"(?:[A-Z][\w'’.-]*)(?:\s+(?:(?:of|the|de|von|and)\s+)?[A-Z][\w'’.-]*)*")
_NUMBER = re.compile(r"[$€£]?\d[\d,.]*\d|[$€£]?\d", re.ASCII)
_DATE = re.compile(
    r"(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"\s+)?(?:\d{1,2},?\s+)?\b1\d{3}\b|\b20\d{2}\b"
)
_KINDS = (
    (re.compile(r"\b(?:when|what year|which year|what date|what day)\b", re.I), _DATE),
    (re.compile(r"\b(?:how (?:many|much|old|long|far|tall|high|big)|what percent\w*|what number)\b",
                re.I), _NUMBER),
    (re.compile(r"\b(?:who|whom|whose|where|what (?:city|country|name|company|team)|which)\b",
                re.I), _NAME),
)  # fmt: skip


def lead(example: Example) -> str:
    """The first `LEAD` sentences of the longest input."""
    return " ".join(sentences_of(_longest(example))[:LEAD])


def rank(example: Example) -> str:
    """TextRank (Mihalcea & Tarau 2004): the `LEAD` sentences most like the others, in their order.

    Two sentences are linked by their shared words over the logarithms of their lengths; a sentence
    counts as much as those that link to it.
    """
    sentences = sentences_of(_longest(example))[:MOST_SENTENCES]
    if len(sentences) <= LEAD:
        return " ".join(sentences)
    words = [Counter(_WORD.findall(sentence.lower())) for sentence in sentences]
    size = np.array([np.log(max(each.total(), 1)) for each in words])
    links = np.array([[(one & other).total() for other in words] for one in words], dtype=float)
    lengths = size[:, None] + size
    links = np.divide(links, lengths, out=np.zeros_like(links), where=lengths > 0)
    np.fill_diagonal(links, 0.0)
    out = links.sum(axis=1, keepdims=True)
    n = len(sentences)
    steps = np.divide(links, out, out=np.full_like(links, 1 / n), where=out > 0)
    weight = np.full(n, 1 / n)
    for _ in range(50):
        weight = (1 - _DAMPING) / n + _DAMPING * weight @ steps
    best = sorted(np.argsort(-weight, kind="stable")[:LEAD].tolist())
    return " ".join(sentences[place] for place in best)


def sentence(example: Example) -> str:
    """The sentence of the longest input that shares most words with the rest of the input."""
    question = set(_WORD.findall(_rest(example).lower()))
    sentences = sentences_of(_longest(example))
    return max(sentences, key=lambda text: len(question & set(_WORD.findall(text.lower()))))


def span(example: Example) -> str:
    """In that sentence, what the question asks for: a date, a number or a name that it lacks.

    Where it asks for something else, or none is there, the longest run of words that the question
    does not have.
    """
    question, found = _rest(example), sentence(example)
    asked = set(_WORD.findall(question.lower())) - _LINKS
    for words, kind in _KINDS:
        if words.search(question):
            options = [
                match.group().strip(" .,") for match in kind.finditer(found)
                if not set(_WORD.findall(match.group().lower())) <= asked
            ]  # fmt: skip
            if options:
                return max(options, key=len) if kind is _NAME else options[0]
            break
    return _unasked(found, asked) or found


def _unasked(text: str, asked: set[str]) -> str:
    """The longest run of words of `text` that are not in `asked`."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    end = 0
    for match in _WORD.finditer(text):
        if match.group().lower() in asked:
            start = None
            continue
        if start is None:
            start = match.start()
        end = match.end()
        runs.append((start, end))
    best = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return text[slice(*best)]


def _rest(example: Example) -> str:
    """All inputs but the longest: the question."""
    others = parts_of(example)
    if others:
        others.remove(_longest(example))
    return " ".join(others)


def _longest(example: Example) -> str:
    return max(parts_of(example), key=len, default="")


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, and its lines; by their ends alone, so that "Dr. X" is two."""
    return [each.strip() for each in _SENTENCE.split(text) if each.strip()]
