"""Answers that their own input does not support: facts, words, spans and values it lacks.

Reads examples; writes nothing. How much a missing fact says is learned from the other rows: where
answers often hold what the input lacks (written from knowledge, or reworded), it says little.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from burnish.data.checks.signs import Sign
from burnish.data.examples import folded, shortened
from burnish.facts.facts import FactKind, common_words, facts
from burnish.facts.sources import Doubt, Source
from burnish.facts.wording import SIDES, STOP_WORDS, stem, tokens_of, unit_of
from burnish.records import Example, Task

SPAN_SHARE = 0.5
"""Share of answers that stand in their context word for word from which all should."""

FIELD_SHARE = 0.8
"""Share of a field's values that stand in their text from which all should."""

_WEIGHT: dict[FactKind, float] = {
    "number": 0.85, "dose": 0.9, "date": 0.7, "name": 0.8, "drug": 0.9, "side": 0.9,
    "negation": 0.5,
}  # fmt: skip
"""How strongly a missing fact of each kind speaks, in data where none is missing else."""

_UNCERTAIN = 0.3
_PLAIN_WORD = 0.5
_PRIOR = 2.0
_FEW_WORDS = 4


def unsupported(task: Task, examples: Sequence[Example]) -> list[list[Sign]]:
    """Signs for each example, in its order, strongest first."""
    if task.kind == "extract":
        return _values(examples)
    sources = [Source(example.text) for example in examples]
    signs = _facts(examples, sources)
    if task.kind == "answer":
        return _spans(examples, signs)
    return [
        sorted([*found, *words], key=lambda sign: (-sign.score, sign.reason))
        for found, words in zip(signs, _words(examples, sources), strict=True)
    ]


def _facts(examples: Sequence[Example], sources: Sequence[Source]) -> list[list[Sign]]:
    common = common_words(text for example in examples for text in (example.answer, example.text))
    held: Counter[FactKind] = Counter()
    lacking: Counter[FactKind] = Counter()
    doubts: list[list[Doubt]] = []
    for example, source in zip(examples, sources, strict=True):
        told = facts(example.answer, common)
        doubted = [doubt for doubt in map(source.doubt, told) if doubt is not None]
        held.update({fact.kind for fact in told})
        lacking.update({doubt.fact.kind for doubt in doubted if doubt.certain})
        doubts.append(doubted)
    trust = {
        kind: _WEIGHT[kind] * (1 - (lacking[kind] + 0.5) / (held[kind] + 1)) ** 2 for kind in held
    }
    return [
        [_sign(doubt, trust[doubt.fact.kind]) for doubt in _distinct(doubted)] for doubted in doubts
    ]


def _distinct(doubts: Sequence[Doubt]) -> list[Doubt]:
    """The first of those that say the same: a wrong side is wrong as often as it is named."""
    first: dict[tuple[FactKind, tuple[str, ...]], Doubt] = {}
    for doubt in sorted(doubts, key=lambda each: not each.certain):
        first.setdefault((doubt.fact.kind, doubt.fact.values), doubt)
    return list(first.values())


def _sign(doubt: Doubt, trust: float) -> Sign:
    said, found = doubt.fact.text, doubt.found
    instead = f'the input has "{found}"' if found else "the input does not"
    if not doubt.certain and not found:
        instead = "the input says no side" if doubt.fact.kind == "side" else instead
    return Sign(trust * (1 if doubt.certain else _UNCERTAIN), f'says "{said}", {instead}')


def _words(examples: Sequence[Example], sources: Sequence[Source]) -> list[list[Sign]]:
    """The word whose absence from the input is least usual, judged by the other rows."""
    told: list[dict[str, str]] = []
    absent: list[set[str]] = []
    for example, source in zip(examples, sources, strict=True):
        words = {stem(word): word for word in _content(example.answer)}
        told.append(words)
        absent.append({name for name, word in words.items() if not source.has_word(word)})
    held = Counter(name for words in told for name in words)
    lacking = Counter(name for names in absent for name in names)
    share = sum(lacking.values()) / max(1, sum(held.values()))
    signs: list[list[Sign]] = []
    for words, names in zip(told, absent, strict=True):
        usual = {
            name: (lacking[name] - 1 + _PRIOR * share) / (held[name] - 1 + _PRIOR) for name in names
        }
        if not usual:
            signs.append([])
            continue
        name = min(usual, key=lambda each: (usual[each], each))
        score = _PLAIN_WORD * (1 - usual[name]) ** 4
        signs.append([Sign(score, f'says "{words[name]}", the input does not')])
    return signs


def _content(text: str) -> Iterator[str]:
    for token in tokens_of(text):
        word = token.text.casefold()
        plain = word not in STOP_WORDS and word not in SIDES and not unit_of(token)
        if token.is_word and len(word) > 3 and plain:
            yield word


def _spans(examples: Sequence[Example], signs: list[list[Sign]]) -> list[list[Sign]]:
    """Where answers are spans of the context, one that is none; a span needs no other support."""
    inside = [folded(example.answer) in folded(example.text) for example in examples]
    share = sum(inside) / max(1, len(inside))
    if share < SPAN_SHARE:
        return signs
    missing = 'the answer "{}" does not stand in the context'
    return [
        [] if within else [Sign(share**2, missing.format(shortened(example.answer))), *found]
        for example, within, found in zip(examples, inside, signs, strict=True)
    ]


def _values(examples: Sequence[Example]) -> list[list[Sign]]:
    """Values of JSON answers that the text lacks, in fields whose values mostly stand in it."""
    held: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    found: list[list[tuple[str, str]]] = []
    for example in examples:
        text = example.text
        source, plain = Source(text), folded(text)
        missing = []
        for path, value in _leaves(json.loads(example.answer)):
            held[path] += 1
            if folded(value) not in plain and value not in source.numbers:
                lacking[path] += 1
                missing.append((path, value))
        found.append(missing)
    share = {path: 1 - (lacking[path] - 1) / max(1, count - 1) for path, count in held.items()}
    return [
        [
            Sign(0.9 * share[path] ** 2, f'{path} is "{shortened(value)}", which the text lacks')
            for path, value in missing
            if held[path] > _FEW_WORDS and share[path] >= FIELD_SHARE
        ]
        for missing in found
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every text and number of a JSON value; lists do not lengthen the path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, str) and value.strip():
        yield path, value
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield path, f"{value:.10g}"
