"""Faithfulness: what answers say that their inputs do not, and how much of their wording is new.

The facts of an answer (numbers, doses, dates, names, drugs, sides, and what it affirms or denies)
are looked up in the input by `burnish.facts`. How many planted contradictions that finds, and how
many sound answers it doubts, `bench/faithfulness.py` measures. An empty answer is faithful: the
metric stands beside the others and cannot decide a verdict alone.

Reads answers and examples; writes nothing.
"""

from collections.abc import Sequence
from itertools import pairwise

from burnish.evaluate.measured import Measured, of_means
from burnish.facts.facts import common_words
from burnish.facts.sources import Doubt, Source, doubts
from burnish.facts.wording import tokens_of
from burnish.records import Doubted, Example

KINDS = ("summarize", "answer")
"""Kinds of task whose answers should say only what their input says."""


def doubted_spans(written: Sequence[str], examples: Sequence[Example]) -> list[tuple[Doubted, ...]]:
    """For each answer, what its input lacks or contradicts, in the order of the answer.

    Only certain doubts count; a fact that stands in the input about something else is none.
    """
    sources = [example.text for example in examples]
    references = (text for example in examples for text in example.references)
    common = common_words([*sources, *references])
    return [
        tuple(_doubted(each, text) for each in doubts(text, Source(source), common) if each.certain)
        for text, source in zip(written, sources, strict=True)
    ]


def measure_faithfulness(written: Sequence[str], examples: Sequence[Example]) -> Measured:
    """The share of answers without a certain doubt."""
    return of_means(
        "faithfulness", [float(not spans) for spans in doubted_spans(written, examples)]
    )


def novelty(written: Sequence[str], examples: Sequence[Example]) -> float:
    """The share of the answers' word pairs that their inputs do not have, from 0 to 1.

    Novel n-grams as See et al. (2017) count them, with n = 2, over all answers together. 0 where
    there is no pair. It is neither good nor bad: a copy has none, an invention many.
    """
    new = total = 0
    for text, example in zip(written, examples, strict=True):
        known = set(_pairs(example.text))
        pairs = _pairs(text)
        total += len(pairs)
        new += sum(pair not in known for pair in pairs)
    return new / total if total else 0.0


def _doubted(doubt: Doubt, text: str) -> Doubted:
    """With the place of its words in the answer."""
    fact = doubt.fact
    start = text.find(fact.text, max(0, fact.at - len(fact.text)))
    if start < 0:  # white space stands there that `fact.text` has not
        start = fact.at
    end = min(len(text), start + len(fact.text))
    return Doubted(kind=fact.kind, text=fact.text, found=doubt.found, start=start, end=end)


def _pairs(text: str) -> list[tuple[str, str]]:
    words = [token.text.casefold() for token in tokens_of(text) if token.text[0].isalnum()]
    return list(pairwise(words))
