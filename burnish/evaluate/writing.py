"""How a system writes: empty answers, refusals, length and repetition, counted.

Reads answers and examples; writes nothing.
"""

import statistics
from collections.abc import Callable, Sequence

from burnish.chat.answers import refuses
from burnish.records import Answer, Example, Writing

_GRAM = 4
_LOOP = 0.5


def count_writing(
    answers: Sequence[Answer],
    examples: Sequence[Example],
    count_tokens: Callable[[str], int] | None = None,
) -> Writing:
    """The counts over all answers, of which there is one at least.

    Args:
        count_tokens: length of a text in the base's tokens, where its tokenizer is at hand.
    """
    texts = [answer.text.strip() for answer in answers]
    shares = [repetition(text) for text in texts]
    counts = [count_tokens(text) for text in texts] if count_tokens else []
    return Writing(
        n=len(texts),
        empty=sum(not text for text in texts),
        refusals=sum(
            refuses(text) and not any(map(refuses, example.references))
            for text, example in zip(texts, examples, strict=True)
        ),
        cut=sum(not answer.stopped for answer in answers),
        looping=sum(share > _LOOP for share in shares),
        repetition=sum(shares) / len(shares),
        words=statistics.median(len(text.split()) for text in texts),
        reference_words=statistics.median(len(each.answer.split()) for each in examples),
        tokens=sum(counts) / len(counts) if counts else None,
    )


def repetition(text: str) -> float:
    """Share of the 4-grams of words that repeat an earlier one (Welleck et al. 2020)."""
    words = text.casefold().split()
    grams = [tuple(words[at : at + _GRAM]) for at in range(len(words) - _GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
