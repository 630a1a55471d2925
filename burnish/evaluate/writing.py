"""How a system writes: empty answers, refusals, length and repetition, counted.

Reads answers and examples; writes nothing.
"""

import re
import statistics
from collections.abc import Callable, Sequence

from burnish.records import Answer, Example, Writing

_GRAM = 4
_LOOP = 0.5
_REFUSES = re.compile(
    r"^\W*(?:(?:i'?m|i am|we'?re)\s+(?:very\s+|so\s+|really\s+)?(?:sorry|afraid|unable|not able)\b"
    r"|sorry\b|apologies\b|i apologi[sz]e\b|unfortunately,?\s+i\b|as an ai\b"
    r"|i\s+(?:really\s+)?(?:cannot|can'?t|can not|won'?t|am unable|do not have|don'?t have|"
    r"must decline)\s+(?:to\s+)?(?:help|assist|answer|provide|do|comply|fulfil|complete|access|"
    r"enough|the\s+(?:ability|information)|write|summari[sz]e|give|extract|classify|generate)\b)",
    re.IGNORECASE,
)


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


def refuses(text: str) -> bool:
    """Whether an answer begins as a refusal does."""
    return bool(_REFUSES.match(text.strip().replace("’", "'")))


def repetition(text: str) -> float:
    """Share of the 4-grams of words that repeat an earlier one (Welleck et al. 2020)."""
    words = text.casefold().split()
    grams = [tuple(words[at : at + _GRAM]) for at in range(len(words) - _GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
