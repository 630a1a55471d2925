"""Requests and examples as columns: what the signals compare.

Reads texts, writes nothing. A request of the log and an example of the tuning become the same few
numbers, names and word counts, so that each can stand for the other under "nothing has changed".
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from burnish.facts.language import language_of
from burnish.facts.placeholders import PLACEHOLDER

Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → vectors of length 1 [texts, dimensions]."""

UNKNOWN = "?"
"""The name of what cannot be told, such as the language of "ok"."""
_WORD = re.compile(r"\[[a-z_]+\]|\w+")
"""A masked value is a word of its own, whatever its number: [person]."""
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and its answer, or an example's inputs, or a test answer.

    Attributes:
        id: of the exchange or the example.
        text: what the model read; "" for a test answer, whose input stays sealed.
        answer: what was written; None where only the input is known.
        form: what the answer is, such as "a label", "empty" or "no JSON".
        probability: of the label, where one was chosen of a set.
        at: when, ISO 8601; "" where no time is known.
    """

    id: str
    text: str
    answer: str | None = None
    form: str = ""
    probability: float | None = None
    at: str = ""


@dataclass(frozen=True)
class Sample:
    """n rows as columns; which ones there are depends on what is compared.

    Attributes:
        numbers: name → values [n], NaN where there is none.
        names: name → texts [n], such as languages or labels.
        words: how often each word stands in each row [n, words], or None.
        meaning: vectors of length 1 [n, dimensions], or None.
        strata: rows are only compared with rows of the same number [n].
    """

    numbers: dict[str, Floats] = field(default_factory=dict)
    names: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    words: Any = None
    meaning: NDArray[np.float32] | None = None
    strata: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        columns = [*self.numbers.values(), *self.names.values()]
        return len(columns[0]) if columns else 0

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """Some of the rows, in the order given."""
        return Sample(
            numbers={name: values[rows] for name, values in self.numbers.items()},
            names={name: values[rows] for name, values in self.names.items()},
            words=None if self.words is None else self.words[rows],
            meaning=None if self.meaning is None else self.meaning[rows],
            strata=None if self.strata is None else self.strata[rows],
        )

    def joined(self, other: "Sample") -> "Sample":
        """The rows of both, of the columns that both have."""
        return Sample(
            numbers={
                name: np.concatenate([values, other.numbers[name]])
                for name, values in self.numbers.items()
                if name in other.numbers
            },
            names={
                name: np.concatenate([values, other.names[name]])
                for name, values in self.names.items()
                if name in other.names
            },
            words=_joined_words(self.words, other.words),
            meaning=_joined(self.meaning, other.meaning),
            strata=_joined(self.strata, other.strata),
        )


class Vocabulary:
    """Numbers for words, given out in the order in which words are met.

    Samples that are compared are made with the same vocabulary.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def words(self) -> list[str]:
        """All words so far, by number."""
        return list(self._numbers)

    def count(self, texts: Iterable[str]) -> Any:
        """Word counts [texts, words so far], sparse."""
        ends, columns, counts = [0], [], []
        for text in texts:
            plain = PLACEHOLDER.sub(r"[\1]", text[:_MOST_CHARACTERS])
            found = Counter(_WORD.findall(plain.lower()))
            for word, times in found.items():
                columns.append(self._numbers.setdefault(word, len(self._numbers)))
                counts.append(times)
            ends.append(len(columns))
        shape = (len(ends) - 1, len(self._numbers))
        data = np.asarray(counts, dtype=np.float32)
        return csr_matrix((data, np.asarray(columns, dtype=np.int32), ends), shape=shape)


def input_sample(
    seen: Sequence[Seen],
    vocabulary: Vocabulary,
    *,
    season: str = "off",
    embed: Embed | None = None,
) -> Sample:
    """What was asked: length, language, words, and meaning where there is a model for it.

    Args:
        season: as `watch.season`.
    """
    texts = [one.text for one in seen]
    return Sample(
        numbers={"input length": np.array([len(text) for text in texts], dtype=np.float64)},
        names={"input language": _array([language_of(text) or UNKNOWN for text in texts])},
        words=vocabulary.count(texts),
        meaning=embed(texts) if embed else None,
        strata=strata_of(seen, season),
    )


def output_sample(seen: Sequence[Seen], *, labels: bool, season: str = "off") -> Sample:
    """What was answered.

    Args:
        seen: with answers.
        labels: the answers are labels; else their length and language count.
    """
    answers = [one.answer or "" for one in seen]
    numbers: dict[str, Floats] = {}
    names = {"form": _array([one.form or UNKNOWN for one in seen])}
    if labels:
        names["labels"] = _array([answer.strip() or UNKNOWN for answer in answers])
    else:
        numbers["answer length"] = np.array([len(text) for text in answers], dtype=np.float64)
        names["answer language"] = _array([language_of(text) or UNKNOWN for text in answers])
    sure = [np.nan if one.probability is None else one.probability for one in seen]
    if not np.isnan(sure).all():
        numbers["confidence"] = np.array(sure, dtype=np.float64)
    return Sample(numbers=numbers, names=names, strata=strata_of(seen, season))


def strata_of(seen: Sequence[Seen], season: str) -> NDArray[np.int64] | None:
    """The weekday of each (0 is Monday), or four times it and the quarter of the day; in UTC."""
    if season == "off" or not all(one.at for one in seen):
        return None
    times = [datetime.fromisoformat(one.at) for one in seen]
    if season == "weekday":
        return np.array([time.weekday() for time in times], dtype=np.int64)
    return np.array([4 * time.weekday() + time.hour // 6 for time in times], dtype=np.int64)


def _array(names: Sequence[str]) -> NDArray[np.str_]:
    return np.array(names, dtype=np.str_)


def _joined(one: Any, other: Any) -> Any:
    return None if one is None or other is None else np.concatenate([one, other])


def _joined_words(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return None
    width = max(one.shape[1], other.shape[1])
    parts = [csr_matrix((part.data, part.indices, part.indptr), (part.shape[0], width))
             for part in (one, other)]  # fmt: skip
    return vstack(parts, format="csr")
