"""Rows: what deciding about examples needs of them, while their texts lie in a spool.

Digests stand for texts, so that a million rows fit into memory. Writes nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from burnish.data.examples import answer_key, content_hash, input_key
from burnish.records import Example, Task


@dataclass(frozen=True, slots=True)
class Row:
    """An example without its texts.

    Attributes:
        at: its place in the spool.
        input: digest of the folded input; equal means the same input.
        answer: digest of the folded answer.
        content: digest of inputs, history and answer; the order of all that must not depend on
            the order of rows.
        words: of the answer.
    """

    at: int
    source: str
    row: int
    id: str
    input: bytes
    answer: bytes
    content: bytes
    group: str | None
    labels: tuple[str, ...]
    words: int


def row_of(task: Task, example: Example, at: int) -> Row:
    """The row of an example that stands at `at` in its spool."""
    return Row(
        at=at,
        source=example.source,
        row=example.row,
        id=example.id,
        input=_digest(input_key(example)),
        answer=_digest(answer_key(task, example)),
        content=bytes.fromhex(content_hash(example)),
        group=example.group,
        labels=example.labels,
        words=len(example.answer.split()),
    )


class Pool(Sequence[Example]):
    """Examples of a spool in an order of their own.

    Args:
        places: in the spool.
    """

    def __init__(self, spool: Sequence[Example], places: Iterable[int]) -> None:
        self._spool = spool
        self._places = list(places)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> "Pool": ...
    def __getitem__(self, at: int | slice) -> "Example | Pool":
        if isinstance(at, slice):
            return Pool(self._spool, self._places[at])
        return self._spool[self._places[at]]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
