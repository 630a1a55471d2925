"""Readers: every format arrives as the same table, and every fault names its place."""

import datetime
import json
import math
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from burnish.data.reading.readers import read
from burnish.errors import DataError
from burnish.records import Table


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("BURNISH_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BURNISH_DATA names no folder of real data sets")
    return Path(folder)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(folder: Path, name: str, content: str | bytes) -> Table:
    return read(write(folder, name, content))


def refusal(folder: Path, name: str, content: str | bytes) -> DataError:
    path = write(folder, name, content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.hint
    return caught.value


# CSV and TSV


def test_csv_cells_stay_text(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", "id,text,x\n007,NA,1.50\n,null,true\n")
    assert found.rows == [
        {"id": "007", "text": "NA", "x": "1.50"},
        {"id": "", "text": "null", "x": "true"},
    ]
    assert (found.format, found.encoding, found.columns) == ("csv", "utf-8", ("id", "text", "x"))
    assert (found.numbers, found.notes) == ([1, 2], ())


@pytest.mark.parametrize(("mark", "format_name"), [(",", "csv"), ("\t", "tsv"), (";", "csv")])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ""])
def test_delimiter_comes_from_content(
    tmp_path: Path, mark: str, format_name: str, suffix: str
) -> None:
    others = ",;\t".replace(mark, "")
    lines = ["text", "label"], [f'"a{others}b"', "x"], ["c, d" if mark != "," else "c", "y"]
    found = table(tmp_path, f"a{suffix}", "\n".join(mark.join(line) for line in lines))
    assert found.format == format_name
    assert found.columns == ("text", "label")
    assert found.rows[0]["text"] == f"a{others}b"


def test_excels_separator_line(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", "sep=;\r\na;b\r\n1,5;2\r\n")
    assert found.rows == [{"a": "1,5", "b": "2"}]
    assert "row 1 (line 3)" in refusal(tmp_path, "a.csv", "sep=;\na;b\n1\n").faults[0]


def test_quoted_line_breaks_and_row_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", 'a,b\r\n"one\r\ntwo\nthree","say ""hi"""\r\n\r\nx,y\r\n')
    assert found.rows[0] == {"a": "one\ntwo\nthree", "b": 'say "hi"'}
    assert found.numbers == [1, 3]
    assert any("1 cells" in note and "\\r\\n" in note for note in found.notes)
    assert any("Blank lines left out: 1" in note for note in found.notes)


def test_ragged_rows_are_all_listed_with_row_and_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", 'a,b,c\n1,2,3\n"x\ny",2\n1,2,3,4,5\n6,7,8\n')
    assert len(error.faults) == 2
    assert error.faults[0].startswith("row 2 (line 3): 2 cells where the header has 3")
    assert "'c'" in error.faults[0]
    assert error.faults[1].startswith("row 3 (line 5): 5 cells where the header has 3")
    assert "'4', '5'" in error.faults[1]


def test_listing_of_faults_ends_at_twenty(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", "a,b\n1,2\n" + "1,2,3\n" * 25)
    assert len(error.faults) == 21
    assert error.faults[-1] == "and 5 more"
    assert "25 faults" in error.message


def test_header_and_row_faults_come_together(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", ",text,text\n1,a,b\n2,c\n")
    assert "column 1 has no name" in error.faults[0]
    assert "columns 2, 3 are all named 'text'" in error.faults[1]
    assert error.faults[2].startswith("row 2 (line 3)")


def test_unclosed_and_misplaced_quotes(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", 'a,b\n"x" y,1\nok,2\n"never,3\nz,4\n')
    assert error.faults[0].startswith("row 1 (line 2): text follows a closing quote")
    assert error.faults[1] == "row 3 (line 4): a quote is opened and never closed"


def test_tsv_without_quoting(tmp_path: Path) -> None:
    found = table(tmp_path, "a.tsv", 'a\tb\n"hello\t1\nsay "x" now\t2\n')
    assert [row["a"] for row in found.rows] == ['"hello', 'say "x" now']
    assert any("ordinary characters" in note for note in found.notes)


@pytest.mark.parametrize("size", [100_000, 200_000, 10_000_000])
def test_long_cells(tmp_path: Path, size: int) -> None:
    found = table(tmp_path, "a.csv", "a,b\n" + "x" * size + ",1\n")
    assert len(found.rows[0]["a"]) == size


def test_one_column(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "text\nhello\nworld\n").columns == ("text",)
    assert "neither JSON nor" in refusal(tmp_path, "a.md", "# Title\n\nSome prose.\n").faults[0]


# Characters


def test_byte_order_marks(tmp_path: Path) -> None:
    text = "text,label\ncafé ☕,ü\n"
    for encoding, name in [("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32")]:
        found = table(tmp_path, "a.csv", text.encode(encoding))
        assert (found.columns, found.encoding) == (("text", "label"), name)
        assert found.rows == [{"text": "café ☕", "label": "ü"}]


def test_other_encodings_are_guessed_with_a_note(tmp_path: Path) -> None:
    for text, encoding in [
        ("text,label\nThe café is “nice”,good\n" + "plain,bad\n" * 3000, "cp1252"),
        ("text,label\nПривет! Я хочу вернуть деньги за заказ,возврат\n", "cp1251"),
    ]:
        found = table(tmp_path, "a.csv", text.encode(encoding))
        assert found.encoding == encoding
        assert found.rows[0]["text"] == text.splitlines()[1].split(",")[0]
        assert any(encoding in note for note in found.notes)


def test_broken_utf8_is_not_guessed(tmp_path: Path) -> None:
    data = "text,label\nüber,a\nschön,b\n".encode() + b"bro\xffken,c\n"
    error = refusal(tmp_path, "a.csv", data)
    assert error.faults[0].startswith(f"line 4: byte 0xff at offset {data.index(0xFF)}")
    assert "iconv" in error.hint


def test_stray_bytes_in_ascii_are_no_old_encoding(tmp_path: Path) -> None:
    lines = [f'{{"text": "knee pain {at}", "label": "a"}}\n'.encode() for at in range(60)]
    lines[20] = lines[20].replace(b"pain", b"p\xff\xfe\x80in")
    error = refusal(tmp_path, "a.jsonl", b"".join(lines))
    assert error.faults == ("line 21: byte 0xff at offset 786: invalid start byte",)


def test_mixed_kinds_are_noted_with_their_rows(tmp_path: Path) -> None:
    values: list[Any] = ["text"] * 20
    values[3], values[4], values[9] = 12, True, {"a": {"b": [1]}}
    found = table(tmp_path, "a.jsonl", "".join(json.dumps({"x": v}) + "\n" for v in values))
    (note,) = found.notes
    assert note == (
        "'x' mixes kinds of values: text (17), a number (1: row 4), true or false (1: row 5), "
        "an object (1: row 10)."
    )


def test_cut_utf16_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", "a,b\n1,2\n".encode("utf-16") + b"x")
    assert "UTF-16" in error.message


def test_nul_characters_are_left_out_and_counted(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", "a,b\n1,2\nx\0y,\0\n")
    assert found.rows[1] == {"a": "xy", "b": ""}
    assert "NUL characters left out: 2, the first in line 3." in found.notes


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        ("a.jsonl", b"\x7fELF\2\1\1\0\0", "executable"),
        ("a.exe", b"MZ\x90\0\3\0\0\0", "executable"),
        ("a.csv.gz", b"\x1f\x8b\x08\0abc", "gzip"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or encrypted"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("a.parquet", b"PAR1 and then it was cut", "Parquet"),
        ("a.bin", random.Random(0).randbytes(4000), "binary"),
    ],
)
def test_binary_files_are_named(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    assert found in refusal(tmp_path, name, content).message


def test_zip_that_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("train.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match="zip archive that is no Excel"):
        read(tmp_path / "a.xlsx")


def test_csv_that_begins_with_mz(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "MZ,b\n1,2\n").columns == ("MZ", "b")


@pytest.mark.parametrize("content", ["", "\ufeff", " \n\r\n"])
def test_empty_files(tmp_path: Path, content: str) -> None:
    assert "is empty" in refusal(tmp_path, "a.csv", content).message


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label\n"), ("a.json", "[]")])
def test_no_rows(tmp_path: Path, name: str, content: str) -> None:
    error = refusal(tmp_path, name, content)
    assert "no rows" in error.message or "no cells" in error.message


# JSON and JSONL


def test_jsonl_keeps_types_and_fills_missing_keys(tmp_path: Path) -> None:
    found = table(tmp_path, "a.jsonl", '{"a": 1, "b": "x"}\n\n{"a": "1", "c": [1.5, NaN]}\n')
    assert found.rows == [{"a": 1, "b": "x", "c": None}, {"a": "1", "b": None, "c": [1.5, None]}]
    assert (found.format, found.columns, found.numbers) == ("jsonl", ("a", "b", "c"), [1, 3])
    joined = " ".join(found.notes)
    for part in ["'a' mixes", "NaN taken as missing: 1", "Rows without 'b'", "Blank lines"]:
        assert part in joined


def test_content_decides_before_the_suffix(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    lines = "\n".join(map(json.dumps, rows))
    assert table(tmp_path, "a.json", lines).format == "jsonl"
    assert table(tmp_path, "b.csv.txt", json.dumps(rows)).format == "json"
    assert table(tmp_path, "c.jsonl", json.dumps(rows, indent=2)).format == "json"
    assert table(tmp_path, "b.csv", json.dumps(rows, indent=1)).format == "json"
    assert table(tmp_path, "c.csv", lines).format == "jsonl"
    assert table(tmp_path, "c.txt", "{x},[y]\n{1},[2]\n").rows == [{"{x}": "{1}", "[y]": "[2]"}]
    assert table(tmp_path, "d.json", "a,b\n1,2\n").format == "csv"
    assert table(tmp_path, "e.jsonl", '{"a": 1}').rows == [{"a": 1}]


def test_broken_lines_and_rows_that_are_no_objects(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.jsonl", '{"a": 1}\n{"a" 2}\n[1]\n{"a": 1, "a": 2}\n"x"\n{"a":\n')
    assert error.faults[0].startswith("row 2 (line 2): broken JSON at column 6")
    assert error.faults[1] == "row 3 (line 3): a list, not an object"
    assert "row 4 (line 4)" in error.faults[2]
    assert "'a' twice" in error.faults[2]
    assert error.faults[3] == "row 5 (line 5): text, not an object"
    assert error.faults[4].startswith("row 6 (line 6): broken JSON at column 6")


def test_first_line_broken(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.jsonl", '{"a": 1\n{"a": 2}\n{"a": 3}\n')
    assert len(error.faults) == 1
    assert error.faults[0].startswith("row 1 (line 1)")


@pytest.mark.parametrize(
    "value",
    [
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        {"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "version": "1"},
        {"a": [1, 2], "b": ["x", "y"]},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_shapes_of_json(tmp_path: Path, value: Any, indent: int | None) -> None:
    found = table(tmp_path, "a.json", json.dumps(value, indent=indent))
    assert found.format == "json"
    assert found.rows == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_faults_of_json(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.json", '[\n {"a": 1},\n 5,\n {"a" 2}\n]')
    assert error.faults[0] == "row 2 (line 3): a number, not an object"
    assert error.faults[1].startswith("row 3 (line 4): broken JSON at line 4, column 7")
    for content, part in [
        ('[{"a": 1}', "end of the file"),
        ('[{"a": 1}] x', "more text follows"),
        ('{"a": 1, "b": "x"}', "expected a list of objects"),
        ('{"a": [1, 2], "b": [1]}', "unequal length: 'a' 2, 'b' 1"),
        ("[" * 200_000, "nested too deeply"),
        ('[{"a": "\\ud800"}]', "surrogate"),
        ('[{"": 1}]', "key of the objects is empty"),
    ]:
        assert part in refusal(tmp_path, "a.json", content).faults[0]


def test_several_lists_need_a_split(tmp_path: Path) -> None:
    value = {"train": [{"a": 1}], "test": [{"a": 2}, {"a": 3}]}
    error = refusal(tmp_path, "a.json", json.dumps(value))
    assert "'train' (1), 'test' (2)" in error.faults[0]
    assert len(read(tmp_path / "a.json", split="test").rows) == 2
    with pytest.raises(DataError, match="no splits"):
        read(write(tmp_path, "a.csv", "a,b\n1,2\n"), split="test")


def test_squad(tmp_path: Path) -> None:
    asked = {"id": "q1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 3}]}
    bad = {"id": "q2", "question": "When?", "answers": ["1990"]}
    value = {"data": [{"title": "T", "paragraphs": [{"context": "C", "qas": [asked]}]}]}
    found = table(tmp_path, "a.json", json.dumps(value))
    row = {"title": "T", "context": "C", "question": "Who?", "answers": ["Ann"], "id": "q1"}
    assert found.rows == [row]
    assert "answer_start" in found.notes[0]
    value["data"][0]["paragraphs"][0]["qas"].append(bad)  # type: ignore[index]
    assert "row 2" in refusal(tmp_path, "a.json", json.dumps(value)).faults[0]


# Chats


CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]
SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Hi"},
    {"from": "gpt", "value": "Hello"},
]


def test_chats_become_messages(tmp_path: Path) -> None:
    for name, row, expected in [
        ("a.jsonl", {"messages": CHAT, "topic": "x"}, "openai-chat"),
        ("b.jsonl", {"conversations": SHAREGPT, "topic": "x"}, "sharegpt"),
    ]:
        for content in [json.dumps(row), json.dumps(row) + "\n" + json.dumps(row)]:
            found = table(tmp_path, name, content)
            assert found.format == expected
            assert found.columns == ("messages", "topic")
            assert found.rows[0] == {"messages": CHAT, "topic": "x"}
    assert table(tmp_path, "c.json", json.dumps([{"conversations": SHAREGPT}])).rows == [
        {"messages": CHAT}
    ]


def test_faults_of_chats_come_with_those_of_the_file(tmp_path: Path) -> None:
    rows = [
        {"messages": CHAT},
        {"messages": [{"role": "tool", "content": "x"}, {"role": "user", "content": None}]},
        {"messages": "Hi"},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    ]
    lines = [*map(json.dumps, rows), "{broken}"]
    error = refusal(tmp_path, "a.jsonl", "\n".join(lines))
    assert [fault.split(":")[0] for fault in error.faults] == [
        "row 2 (line 2)", "row 2 (line 2)", "row 3 (line 3)", "row 4 (line 4)", "row 5 (line 5)",
    ]  # fmt: skip
    assert "message 1: role 'tool'" in error.faults[0]
    assert "message 2: its content is null" in error.faults[1]


def test_parts_and_further_keys_of_messages(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    row = {"messages": [{"role": "user", "content": parts, "name": "Ann"}]}
    found = table(tmp_path, "a.jsonl", json.dumps(row))
    assert found.rows[0]["messages"] == [{"role": "user", "content": "one\ntwo"}]
    assert any("'name'" in note for note in found.notes)


def test_alpaca_keeps_its_columns(tmp_path: Path) -> None:
    row = {"instruction": "Add", "input": "1 2", "output": "3"}
    found = table(tmp_path, "a.json", json.dumps([row]))
    assert (found.format, found.rows) == ("alpaca", [row])


# Parquet, Excel, HF data sets


def test_parquet_keeps_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    columns = {"t": ["a", None], "n": [1, None], "x": [1.0, math.nan], "d": [when, None]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert found.rows == [
        {"t": "a", "n": 1, "x": 1.0, "d": "2026-01-02T03:04:05"},
        {"t": None, "n": None, "x": None, "d": None},
    ]
    assert (found.format, found.encoding) == ("parquet", None)
    assert any("ISO 8601" in note for note in found.notes)
    pq.write_table(pa.table({"image": [b"\0\1"], "t": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="row 1: 'image' holds bytes"):
        read(tmp_path / "b.parquet")


def test_excel(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["text", "label", "n", "when", 2026])
    sheet.append(["one\ntwo", "007", 1e20, datetime.date(2026, 1, 2), 1.5])
    sheet.append([])
    sheet.append(["b", None, 4, None, "#N/A"])
    sheet["E4"].data_type = "e"
    book.create_sheet("Other").append(["x"])
    book.save(tmp_path / "a.xlsx")
    found = read(tmp_path / "a.xlsx")
    assert found.columns == ("text", "label", "n", "when", "2026")
    first = ["one\ntwo", "007", 10**20, "2026-01-02T00:00:00", 1.5]
    assert [list(row.values()) for row in found.rows] == [first, ["b", None, 4, None, None]]
    assert type(found.rows[0]["n"]) is int
    assert found.numbers == [1, 3]
    joined = " ".join(found.notes)
    for part in ["'Other'", "Blank rows left out: 1", "Excel errors taken as missing: 1 (row 3"]:
        assert part in joined


def test_excel_faults(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["a", None, "a"])
    book.active.append(["x", "extra", "=1+1"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.xlsx")
    assert [fault[:8] for fault in caught.value.faults] == ["header: ", "header: ", "row 1, c"]


def test_damaged_workbook(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.save(tmp_path / "a.xlsx")
    data = bytearray((tmp_path / "a.xlsx").read_bytes())
    start = data.index(b"xl/workbook.xml") + len(b"xl/workbook.xml")
    data[start : start + 40] = b"\xff" * 40
    assert "cannot be read" in refusal(tmp_path, "a.xlsx", bytes(data)).message


def test_saved_hf_data_sets(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features)
    rows.select([2, 0]).save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(
        str(tmp_path / "dict")
    )
    found = read(tmp_path / "one")
    assert found.format == "hf-dataset"
    assert found.rows == [{"text": "c", "label": None}, {"text": "a", "label": "yes"}]
    assert any("labels they stand for" in note for note in found.notes)
    assert len(read(tmp_path / "dict").rows) == 3
    assert read(tmp_path / "dict", split="test").rows == [{"text": "b", "label": "no"}]
    with pytest.raises(DataError, match="no split 'dev'; it has test, train"):
        read(tmp_path / "dict", split="dev")
    with pytest.raises(DataError, match="no split 'train'"):
        read(tmp_path / "one", split="train")


def test_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets
    import huggingface_hub

    asked: list[tuple[str, str]] = []

    def answer(name: str, *, split: str) -> Any:
        asked.append((name, split))
        if name == "org/none":
            raise ConnectionError("Couldn't reach the Hub")
        if name == "org/bad":
            raise ValueError("Unknown split\nand a long trace")
        return datasets.Dataset.from_dict({"text": ["a"]})

    def ask(_: Any, name: str, *, timeout: float) -> None:
        assert timeout <= 5
        if name.startswith("far/"):
            raise TimeoutError

    monkeypatch.setattr(datasets, "load_dataset", answer)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", ask)
    assert read("org/name", split="test").rows == [{"text": "a"}]
    with pytest.raises(DataError, match="hub cannot be reached"):
        read("org/none")
    with pytest.raises(DataError, match=r"from the hub: Unknown split\.\n"):
        read("org/bad")
    with pytest.raises(DataError, match="hub cannot be reached"):
        read("far/away")
    assert asked == [("org/name", "test"), ("org/none", "train"), ("org/bad", "train")]
    (tmp_path / "far___away").mkdir()
    assert read("far/away").rows == [{"text": "a"}]


# Paths


def test_missing_file_suggests_the_closest_name(tmp_path: Path) -> None:
    write(tmp_path, "training.csv", "a,b\n1,2\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "Trainig.csv")
    assert str(tmp_path / "training.csv") in caught.value.hint
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataError, match="neither"):
        read("")


def test_folder_that_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file of examples"):
        read(tmp_path)
    write(tmp_path, "train.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"it holds train\.csv"):
        read(tmp_path)


def test_import_brings_no_heavy_library() -> None:
    code = (
        "import sys, burnish.data.reading.readers; "
        "print({'pandas', 'pyarrow', 'datasets', 'openpyxl'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Real data


def test_real_csv(real_data: Path) -> None:
    folder = real_data / "summarisation-mts-dialog"
    for name, stem, count in [("Training", "train", 1201), ("Validation", "validation", 100)]:
        found = read(folder / "raw" / f"MTS-Dialog-{name}Set.csv")
        same = read(folder / f"{stem}.jsonl")
        assert len(found.rows) == count
        assert not any("\r" in cell for row in found.rows for cell in row.values())
        expected = [{k: v.replace("\r\n", "\n") for k, v in row.items()} for row in same.rows]
        assert found.rows == expected


def test_real_json(real_data: Path) -> None:
    found = read(real_data / "qa-xquad-en" / "raw" / "xquad.en.json")
    assert (len(found.rows), found.format) == (1190, "json")
    assert found.columns == ("title", "context", "question", "answers", "id")
    for path in sorted(real_data.glob("*/*.jsonl")):
        lines = path.read_bytes().count(b"\n")
        assert len(read(path).rows) == lines, path
