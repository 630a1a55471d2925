"""The queue as a table for spreadsheets, and what comes back of it.

Writes and reads texts, no files. A cell that a spreadsheet would run as a formula gets an
apostrophe in front, which is taken off again where a cell is read.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from burnish.records import Queued

EXCHANGE, RIGHT = "exchange", "right"
"""The columns that are read again."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_table(lines: Sequence[Queued]) -> str:
    """CSV with a header, with the mark by which Excel knows UTF-8."""
    inputs = list(dict.fromkeys(name for line in lines for name in line.inputs))
    chats = any(line.history for line in lines)
    columns = [
        EXCHANGE, RIGHT, "answer", "corrections", *(f"input {name}" for name in inputs),
        *(["chat"] if chats else []), "why", "flags", "shadows", "probability", "score", "at",
        "caller",
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _inert(cell) for name, cell in _cells(line).items()})
    return "\ufeff" + out.getvalue()


def rights(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(exchange, right) of each row of a table, both as text, both maybe empty."""
    return [(_text(row.get(EXCHANGE)), _text(row.get(RIGHT))) for row in rows]


def _cells(line: Queued) -> dict[str, str]:
    cells = {
        EXCHANGE: line.exchange,
        RIGHT: line.right,
        "answer": line.answer,
        "corrections": "\n".join(f"{answer} ({who})" for answer, who in line.corrections),
        "why": ", ".join(line.why),
        "flags": " ".join(line.flags),
        "shadows": "\n".join(f"{answer} ({who})" for answer, who in line.shadows),
        "probability": "" if line.probability is None else f"{line.probability:.3f}",
        "score": f"{line.score:.3f}",
        "at": line.at,
        "caller": line.caller,
    }
    if line.history:
        cells["chat"] = "\n\n".join(f"{turn.role}: {turn.content}" for turn in line.history)
    return cells | {f"input {name}": text for name, text in line.inputs.items()}


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(cell: Any) -> str:
    """A cell as it was written; a spreadsheet writes the label 4 as 4.0."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    return text[1:].strip() if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
