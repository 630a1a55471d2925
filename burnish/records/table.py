"""Rows as a reader found them, before anything was decided about them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """The rows of one file or data set.

    Attributes:
        path: as the user named it.
        format: "csv", "tsv", "json", "jsonl", "parquet", "excel", "hf-dataset", "openai-chat",
            "alpaca" or "sharegpt".
        encoding: of a text file, as detected; None for the binary formats.
        columns: in file order.
        rows: one mapping a row; a missing cell is None. Values are str, int, float, bool, None,
            list or dict. Chat formats have one column "messages": a list of
            {"role": "system" | "user" | "assistant", "content": str}.
        numbers: the user's number of each row: 1 for the first row of data.
        notes: what the reader did that a user may want to know (one sentence each).
    """

    path: str
    format: str
    encoding: str | None
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    numbers: list[int]
    notes: tuple[str, ...] = ()
