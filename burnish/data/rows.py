"""Rows: what deciding about examples needs of them, while their texts lie in a spool.

Digests stand for texts, so that a million rows fit into memory. Writes nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
    """Examples of a spool in an order of their own; some may have been replaced.

    Args:
        items: places in the spool, or examples that stand in for theirs.
    """

    def __init__(self, spool: Sequence[Example], items: Iterable[int | Example]) -> None:
        self._spool = spool
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Example]:
        return (self._example(item) for item in self._items)

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> "Pool": ...
    def __getitem__(self, at: int | slice) -> "Example | Pool":
        if isinstance(at, slice):
            return Pool(self._spool, self._items[at])
        return self._example(self._items[at])

    def _example(self, item: int | Example) -> Example:
        return self._spool[item] if isinstance(item, int) else item


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
