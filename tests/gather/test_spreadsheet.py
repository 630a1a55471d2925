"""The queue as a table: nothing in it runs as a formula, and what is decided comes back."""

import csv
import io
from typing import Any

import pytest

from burnish.gather.spreadsheet import as_table, rights
from burnish.records import Message, Queued


def line(**fields: Any) -> Queued:
    known = {"exchange": "ex-1", "at": "2026-10-01T08:00:00.000Z", "inputs": {"text": "t"},
             "answer": "pin", "why": ("novel",), "score": 0.5}  # fmt: skip
    return Queued.model_validate(known | fields)


def rows(*lines: Queued) -> list[dict[str, str]]:
    text = as_table(lines)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_begins_like_a_formula(sign: str) -> None:
    evil = f"{sign}cmd|' /C calc'!A0"
    made = line(inputs={"text": evil}, answer=evil, corrections=((evil, "c1"),), flags=(evil,),
                shadows=((evil, "d2"),), caller=evil, right=evil)  # fmt: skip
    (row,) = rows(made)
    assert [name for name, cell in row.items() if cell.startswith(sign)] == []
    assert rights([row]) == [("ex-1", evil.strip())]


def test_texts_of_several_lines_and_all_columns_stay_whole() -> None:
    made = line(inputs={"title": 'a "b", c', "text": "one\ntwo"}, probability=0.25)
    (row,) = rows(made)
    assert (row["input title"], row["input text"]) == ('a "b", c', "one\ntwo")
    assert (row["probability"], row["right"]) == ("0.250", "")
    turns = (Message(role="user", content="hello"), Message(role="assistant", content="hi"))
    assert rows(line(inputs={}, history=turns))[0]["chat"] == "user: hello\n\nassistant: hi"


def test_a_cell_is_read_as_it_was_written() -> None:
    cells: list[Any] = [4.0, 4.5, True, None, " keep ", "'tis", "'=1+1", "'-3"]
    read = [right for _, right in rights({"exchange": "x", "right": cell} for cell in cells)]
    assert read == ["4", "4.5", "True", "", "keep", "'tis", "=1+1", "-3"]
