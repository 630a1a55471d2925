"""Near-duplicates: pairs of texts that share most of their runs of words.

Reads texts once, writes nothing. MinHash signatures (Broder 1997; rensa computes them) are cut into
bands (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, chapter 3): texts that agree in a
band are candidates, and each candidate pair is then compared exactly, so no pair is reported that
is not one. What the bands miss at the threshold itself is under 1 in 200.
"""

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

RUN = 3
"""Words of a run (a shingle); shorter texts are one run."""

MISSED = 0.005
"""Most probability with which a pair exactly at the threshold is in no common band."""

MOST_COMPARED = 24
"""Texts of one band that are all compared with each other; of more, each with the first ones."""

_WORD = re.compile(r"\w+")
_BATCH = 8192


@dataclass(frozen=True, slots=True)
class Near:
    """Two texts, by place (first < second), and the share of word runs they have in common."""

    first: int
    second: int
    similarity: float


def near_pairs(texts: Sequence[str], threshold: float, *, seed: int = 0) -> list[Near]:
    """Pairs of texts whose Jaccard similarity over runs of three words reaches the threshold.

    Case, punctuation and white space do not count. Where more than 24 texts agree in a band, as
    with forms, each is compared with the first ones alone.

    Args:
        texts: read twice: once from first to last, then the candidates by place.

    Returns:
        Pairs in the order of their places.
    """
    bands, rows = _bands(threshold)
    keys = _band_keys(texts, bands, rows, seed)
    found: dict[tuple[int, int], float] = {}
    seen: dict[int, frozenset[str]] = {}

    def runs_of(place: int) -> frozenset[str]:
        if place not in seen:
            if len(seen) > 50_000:
                seen.clear()
            seen[place] = frozenset(word_runs(texts[place]))
        return seen[place]

    for first, second in _candidates(keys):
        if (first, second) not in found:
            found[first, second] = similarity(runs_of(first), runs_of(second))
    return [
        Near(first, second, value)
        for (first, second), value in sorted(found.items())
        if value >= threshold
    ]


def word_runs(text: str) -> list[str]:
    """The runs of three words of a text, folded, in order; a shorter text is one run."""
    words = _WORD.findall(text.casefold())
    if len(words) <= RUN:
        return [" ".join(words)]
    return [" ".join(run) for run in zip(words, words[1:], words[2:], strict=False)]


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard: what two sets share, of all they hold."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _bands(threshold: float) -> tuple[int, int]:
    """Number of bands and rows a band: the longest band that misses few pairs with 128 hashes."""
    for rows in range(8, 0, -1):
        # A pair of similarity s agrees in one band with probability s**rows.
        agree = threshold**rows
        bands = math.ceil(math.log(MISSED) / math.log1p(-agree)) if agree < 1 else 1
        if bands * rows <= 128:
            return bands, rows
    return 128, 1


def _band_keys(
    texts: Iterable[str], bands: int, rows: int, seed: int
) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """One key a text and band [bands, texts]; equal keys mean equal band (but for 1 in 2**64)."""
    from rensa import RMinHash

    keys = [array("Q") for _ in range(bands)]
    generator = np.random.default_rng(seed)
    odd = generator.integers(1, 2**63, size=rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    reader = iter(texts)
    while batch := list(islice(reader, _BATCH)):
        digests = RMinHash.digests_from_token_sets(
            [word_runs(text) for text in batch], num_perm=bands * rows, seed=seed
        )
        signature = np.asarray(digests, dtype=np.uint64).reshape(len(batch), bands, rows)
        mixed = np.zeros((len(batch), bands), dtype=np.uint64)
        for row in range(rows):
            mixed = (mixed ^ signature[:, :, row]) * odd[row]
            mixed ^= mixed >> np.uint64(29)
        for band in range(bands):
            keys[band].frombytes(np.ascontiguousarray(mixed[:, band]).tobytes())
    return np.stack([np.frombuffer(key, dtype=np.uint64) for key in keys])


def _candidates(keys: "np.ndarray[Any, np.dtype[np.uint64]]") -> Iterator[tuple[int, int]]:
    """Pairs of places that agree in a band, the lower first; a pair may come more than once."""
    for key in keys:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        sizes = np.diff(np.r_[starts, len(ordered)])
        for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            places = order[start : start + size].tolist()  # stable: in rising order
            for at, first in enumerate(places[:MOST_COMPARED]):
                for second in places[at + 1 :]:
                    yield first, second
