"""The rules of SQuAD's evaluation scripts, v1.1 and v2, written anew: a reference to measure by.

Rajpurkar et al. 2016 and 2018. Both lower the case, take out punctuation, then English articles,
then surplus white space, and count the best of several references.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def best_v1(text: str, references: Sequence[str]) -> tuple[float, float]:
    """Exact match and token F1 of v1.1: no shared word is an F1 of 0, even of nothing."""
    given = _words(text)
    exact = max(float(given == _words(reference)) for reference in references)
    return exact, max(_f1(given, _words(reference)) for reference in references)


def best_v2(text: str, references: Sequence[str]) -> tuple[float, float]:
    """Exact match and token F1 of v2: with nothing to find, saying nothing is right."""
    given = _words(text)
    wanted = [words for words in map(_words, references) if words] or [[]]
    exact = max(float(given == words) for words in wanted)
    overlap = [_f1(given, words) if given and words else float(given == words) for words in wanted]
    return exact, max(overlap)


def _words(text: str) -> list[str]:
    return re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_NO_PUNCTUATION)).split()


def _f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(given) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)
