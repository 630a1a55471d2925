"""Sheets as files, for those who prefer a spreadsheet: written blind, read back with votes in.

Writes and reads CSV (UTF-8, with the mark that Excel needs) or JSONL, told by the suffix. Of a
file that comes back only item, rater and vote are read.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from burnish.errors import DataError
from burnish.evaluate.sheet import Item, Sheets
from burnish.records import Vote
from burnish.store.files import disk_errors, write_text

COLUMNS = ("item", "rater", "question", "input", "answer_1", "answer_2", "vote")
MOST_LETTERS_OF_A_NAME = 64
_QUESTIONS = {
    "pairwise": "Which answer is better? Vote 1, 2 or tie.",
    "rubric": "How good is the answer? Vote 1 (useless) to 5 (nothing to improve).",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_sheet(path: Path, sheets: Sheets, rater: str) -> int:
    """Write every item as `rater` sees it, with an empty vote; the number of items.

    Raises:
        DataError: the file's name ends neither in .csv nor in .jsonl, or the rater's is none.
    """
    kind = _kind(path)
    if fault := rater_fault(rater):
        raise DataError(
            f"No sheet can be written: {fault}", hint="name the rater with --rater NAME"
        )
    rows = [_row(item, rater) for item in sheets.items(rater)]
    if kind == "jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        # A spreadsheet would run what begins like a formula; these columns are not read again.
        shown = ("input", "answer_1", "answer_2")
        writer.writerows(row | {name: _inert(row[name]) for name in shown} for row in rows)
        text = "\ufeff" + out.getvalue()
    write_text(path, text)
    return len(rows)


def read_sheet(path: Path, sheets: Sheets, at: str) -> tuple[list[Vote], int]:
    """The votes of a sheet, and the number of items without one.

    Args:
        at: time of the votes.

    Raises:
        DataError: with every vote that cannot be taken over, by its line; then none is.
    """
    votes: list[Vote] = []
    faults: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    empty = 0
    for line, row in _rows(path):
        key, rater, said = (str(row.get(name) or "").strip() for name in ("item", "rater", "vote"))
        item = sheets.find(key)
        said = _plain(said)
        if not said:
            empty += 1
        elif item is None:
            faults.append(f"line {line}: item {key!r} is none of this report's.")
        elif said not in item.votes:
            expected = f"{', '.join(item.votes[:-1])} or {item.votes[-1]}"
            faults.append(f"line {line}: the vote is {said[:40]!r}; expected {expected}.")
        elif fault := rater_fault(rater):
            faults.append(f"line {line}: {fault}")
        elif (rater, key) in seen:
            faults.append(f"line {line}: {rater!r} votes on it a second time, first on line "
                          f"{seen[rater, key]}.")  # fmt: skip
        else:
            seen[rater, key] = line
            votes.append(sheets.vote(item, said, rater, at))
    if faults:
        raise DataError(
            f"{path} holds votes that cannot be taken over, so none was.",
            faults=faults,
            hint="mend these lines; burnish evaluate --human-sheet FILE writes a fresh sheet",
        )
    return votes, empty


def rater_fault(name: str) -> str:
    """What is wrong with a rater's name, or ""."""
    if not name.strip():
        return "the rater has no name."
    if len(name) > MOST_LETTERS_OF_A_NAME or not name.isprintable():
        return (
            f"the rater's name is {name[:40]!r}; expected at most {MOST_LETTERS_OF_A_NAME} "
            "letters on one line."
        )
    return ""


def _kind(path: Path) -> str:
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("csv", "jsonl"):
        raise DataError(
            f"{path} is no name for a sheet; expected one that ends in .csv or .jsonl.",
            hint="burnish evaluate --human-sheet votes.csv",
        )
    return kind


def _row(item: Item, rater: str) -> dict[str, str]:
    answers = [*item.answers, ""][:2]
    return {
        "item": item.key,
        "rater": rater,
        "question": _QUESTIONS[item.sheet],
        "input": item.input,
        "answer_1": answers[0],
        "answer_2": answers[1],
        "vote": "",
    }


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(said: str) -> str:
    """A vote as a spreadsheet may have written it: 4 as 4.0, Tie with a capital."""
    said = said.lower()
    return said[:-2] if said[:-2].isdigit() and said.endswith((".0", ",0")) else said


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with its line, the first one 1."""
    with disk_errors(path):
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path} is not UTF-8 text.", hint='save it as "CSV UTF-8" in the spreadsheet'
        ) from None
    if _kind(path) == "jsonl":
        for line, source in enumerate(text.splitlines(), start=1):
            if source.strip():
                yield line, _object(path, line, source)
        return
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if missing := [
        name for name in ("item", "rater", "vote") if name not in (reader.fieldnames or ())
    ]:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}.",
            hint="burnish evaluate --human-sheet FILE writes a sheet to fill in",
        )
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}, is not CSV: {error}.") from error


def _object(path: Path, line: int, source: str) -> dict[str, Any]:
    try:
        found = json.loads(source)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path}, line {line}, is not a JSON object.", hint="mend this line")
    return found
