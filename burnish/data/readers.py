"""Readers: from a file, a folder or a hub id to a `Table`, or one error with all its faults.

Reads CSV, TSV, JSON, JSONL, Parquet, Excel and HF data sets, and in them chats and Alpaca's
columns. Writes nothing. The format is told from the content first, from the file's suffix second.
Text keeps its characters: CSV cells are never taken for numbers, and whatever a reader does
change (an encoding, a date, an empty number) stands in the table's notes.
"""

import datetime
import decimal
import difflib
import io
import json
import math
import re
import uuid
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from burnish.data.chats import recognise
from burnish.data.tables import Draft, kind_of, name_faults, parse_text
from burnish.errors import DataError
from burnish.records import Table

_SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".arrow"}
_FORMATS = "CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx) or a HF data set"
_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "an executable",
    b"MZ": "an executable",
    b"PK\x03\x04": "a zip archive that is no Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xd0\xcf\x11\xe0": "an old or encrypted Excel or Word file",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file",
}
_ENCODINGS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman", "cp850",
]  # fmt: skip
_WORKBOOK_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,
    ValueError, KeyError, TypeError, AttributeError, SyntaxError,
)  # fmt: skip
"""What zipfile, the XML parser and openpyxl raise on damaged or encrypted workbooks."""

_LISTED_FAULTS = 20


def read(path_or_name: str | Path, *, split: str | None = None) -> Table:
    """The rows of a file, a folder or a data set of the hub.

    Args:
        path_or_name: a file; a folder written by `datasets` (`save_to_disk`); or a hub id such
            as "org/name", where no such path exists.
        split: of a HF data set ("train" if not given), or the name of a list in a JSON object.

    Returns:
        A table with at least one row and one column, every row with every column.

    Raises:
        DataError: the file is missing, of no known format, not decodable, empty or faulty. Its
            faults name row (1 is the first row of data) and, for text, line; 20 are listed.
    """
    name = str(path_or_name)
    path = Path(name).expanduser()
    try:
        if name and path.is_dir():
            draft, encoding = _folder(path, split), None
        elif name and path.is_file():
            draft, encoding = _file(path, split)
        elif _is_hub_id(name, path):
            draft, encoding = _hub(name, split), None
        else:
            raise _missing(name, path)
    except OSError as error:
        raise DataError(
            f"{name} cannot be read: {error.strerror or error}.",
            hint="Check the name and its permissions, then try again.",
        ) from error
    return _table(name, draft, encoding)


# What there is to read


def _is_hub_id(name: str, path: Path) -> bool:
    known = path.suffix.lower() in _SUFFIXES or path.parent.exists()
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is not None and not known


def _missing(name: str, path: Path) -> DataError:
    if not name or path.exists():
        return DataError(
            f"'{name}' is neither a file nor a folder.", hint=f"Name a file: {_FORMATS}."
        )
    if not path.parent.is_dir():
        return DataError(
            f"There is no file {name}: the folder {path.parent} does not exist.",
            hint="Check the path; a data set of the hub is named org/name.",
        )
    names = {entry.name.lower(): entry.name for entry in path.parent.iterdir()}
    close = difflib.get_close_matches(path.name.lower(), names, n=1, cutoff=0.5)
    hint = f"Did you mean {path.parent / names[close[0]]}?" if close else "Check the path."
    return DataError(f"There is no file {name}.", hint=hint)


def _file(path: Path, split: str | None) -> tuple[Draft, str | None]:
    data = path.read_bytes()
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(
            f"{path} is empty.", hint=f"Give a file with a header and rows: {_FORMATS}."
        )
    draft = None
    if data.startswith(b"PAR1"):
        draft = _parquet(path, data)
    elif data.startswith(b"PK\x03\x04") and _is_workbook(data):
        draft = _excel(path, data)
    if draft is None:
        text, encoding, notes = _decode(path, data)
        draft = parse_text(text, path.suffix.lower(), split)
        draft.notes[:0] = notes
        if split is None or draft.format == "json":
            return draft, encoding
    if split is not None:
        raise DataError(
            f"{path} has no splits, so there is no split '{split}' in it.",
            hint="Leave the split out, or name the file of that split.",
        )
    return draft, None


# Characters


def _decode(path: Path, data: bytes) -> tuple[str, str, list[str]]:
    """The text of a file, its encoding as Python names it, and notes."""
    marks = {
        b"\xef\xbb\xbf": "utf-8-sig",
        b"\xff\xfe\x00\x00": "utf-32",
        b"\x00\x00\xfe\xff": "utf-32",
        b"\xff\xfe": "utf-16",
        b"\xfe\xff": "utf-16",
    }
    encoding = next((name for mark, name in marks.items() if data.startswith(mark)), "utf-8")
    if not encoding.startswith(("utf-16", "utf-32")):
        _refuse_binary(path, data)
    notes = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or _is_broken_utf8(data):
            raise _undecodable(path, data, error) from error
        guess = _guess(data)
        if guess is None:
            raise _undecodable(path, data, error) from error
        text, encoding = guess
        notes.append(f"The text is not UTF-8; it was read as {encoding}. Check its accents.")
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        first = 1 + text.count("\n", 0, text.index("\0"))
        notes.append(f"NUL characters left out: {text.count(chr(0))}, the first in line {first}.")
        text = text.replace("\0", "")
    return text, encoding, notes


def _refuse_binary(path: Path, data: bytes) -> None:
    found = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    nul = data.count(0)
    if data.startswith(b"MZ") and not nul:
        found = None  # a CSV may well begin with the letters MZ
    hint = f"Give the examples as {_FORMATS}."
    if found and "archive" in found:
        hint = f"Unpack it first. {hint}"
    if found is None and nul:
        try:
            data.decode()
        except UnicodeDecodeError:
            found = "a binary file"
        if 4 * nul > len(data):
            found = "a binary file, or UTF-16 text without a byte order mark"
            hint = f"If it is text: iconv -f UTF-16LE -t UTF-8 '{path}' > utf8{path.suffix}"
    if found:
        raise DataError(f"{path} is {found}; expected {_FORMATS}.", hint=hint)


def _is_broken_utf8(data: bytes) -> bool:
    """More characters that are UTF-8 beyond doubt than bytes that are not."""
    text = data.decode(errors="replace")
    broken = text.count("\ufffd") - data.count("\ufffd".encode())
    return sum(not char.isascii() for char in text) - broken >= max(broken, 1)


def _guess(data: bytes) -> tuple[str, str] | None:
    """Text and encoding, if charset-normalizer sees one reading clearly before all others.

    Only the lines with bytes beyond ASCII are evidence. Windows-1252 wins a tie, as on the web
    (WHATWG Encoding Standard); any other tie is no answer.
    """
    from charset_normalizer import from_bytes

    lines = [line for line in data.split(b"\n") if not line.isascii()]
    sample, size = [], 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > 1 << 16:
            break
    matches = list(from_bytes(b"\n".join(sample), cp_isolation=_ENCODINGS))
    if not matches or matches[0].chaos > 0.1:
        return None
    best = matches[0]
    ties = [
        match
        for match in matches
        if match.chaos <= best.chaos + 0.02 and match.coherence >= best.coherence - 0.1
    ]
    western = any("cp1252" in match.could_be_from_charset for match in ties)
    encoding = "cp1252" if western else best.encoding
    if not western and len({str(match) for match in ties}) > 1:
        return None
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return None


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> DataError:
    line = 1 + data.count(b"\n", 0, error.start)
    fault = f"line {line}: byte 0x{data[error.start]:02x} at offset {error.start}: {error.reason}"
    return DataError(
        f"{path} is not {error.encoding.upper()}, and no other encoding fits it beyond doubt.",
        faults=[fault],
        hint=f"Convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 '{path}' > "
        f"'{path.stem}-utf8{path.suffix}' (put the encoding it was saved in after -f).",
    )


# Parquet, Excel, HF data sets


def _parquet(path: Path, data: bytes) -> Draft:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is a Parquet file that cannot be read: {error}.",
            hint="It may be cut off: copy or download it again.",
        ) from error
    return _arrow("parquet", table)


def _arrow(format_name: str, table: Any) -> Draft:
    """A pyarrow table; label numbers of the HF kind (ClassLabel) become label names."""
    draft = Draft(format_name, columns=list(table.column_names))
    draft.faults += [(0, fault) for fault in name_faults(draft.columns)]
    for number, row in enumerate(table.to_pylist(), 1):
        draft.add(number, None, row)
    metadata = (table.schema.metadata or {}).get(b"huggingface", b"{}")
    features = (json.loads(metadata).get("info") or {}).get("features") or {}
    for column, feature in features.items():
        names = feature.get("names") if isinstance(feature, dict) else None
        if column not in draft.columns or not isinstance(names, list):
            continue
        for row in draft.rows:
            index = row[column]
            known = isinstance(index, int) and 0 <= index < len(names)
            row[column] = names[index] if known else None
        draft.notes.append(f"Numbers in '{column}' read as the {len(names)} labels they stand for.")
    return draft


def _is_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def _excel(path: Path, data: bytes) -> Draft:
    import openpyxl

    draft = Draft("excel")
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            cells = list(sheet.iter_rows())
            if any(cell.value is not None for row in cells for cell in row):
                _sheet(draft, cells, _formulas(data, sheet.title))
                others = ", ".join(f"'{name}'" for name in book.sheetnames if name != sheet.title)
                if others:
                    note = f"The rows are those of sheet '{sheet.title}'; left out: {others}."
                    draft.notes.append(note)
                break
    except _WORKBOOK_ERRORS as error:
        raise DataError(
            f"{path} is an Excel workbook that cannot be read: {error}.",
            hint="Open it in a spreadsheet program and save it again as .xlsx, or as CSV.",
        ) from error
    return draft


def _formulas(data: bytes, title: str) -> set[tuple[int, int]]:
    """Row and column of each formula; one whose value was never stored reads as an empty cell."""
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        if not any(re.search(rb"<f[ >/]", archive.read(name)) for name in sheets):
            return set()
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True)[title]
    sheet.reset_dimensions()
    return {
        (cell.row, cell.column)
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }


def _sheet(draft: Draft, cells: list[tuple[Any, ...]], formulas: set[tuple[int, int]]) -> None:
    """The first row with a cell is the header; a row's number counts from there, as in Excel."""
    header = next(i for i, row in enumerate(cells) if any(cell.value is not None for cell in row))
    body = cells[header + 1 :]
    used = [
        max((i for i, cell in enumerate(row, 1) if cell.value is not None), default=0)
        for row in cells[header:]
    ]
    names = [cell.value for cell in cells[header]] + [None] * max(used)
    draft.columns = [_cell_text(name) for name in names[: max(used)]]
    draft.faults += [(0, fault) for fault in name_faults(draft.columns)]
    blank, errors = 0, list[str]()
    for number, (row, width) in enumerate(zip(body, used[1:], strict=True), 1):
        values: dict[str, Any] = dict.fromkeys(draft.columns)
        for name, cell in zip(draft.columns, row, strict=False):
            where = f"row {number}, column '{name}'"
            if cell.data_type == "e":
                errors.append(f"{where}: {cell.value}")
            elif cell.value is not None:
                values[name] = _cell(cell.value)
            elif formulas and (getattr(cell, "row", 0), getattr(cell, "column", 0)) in formulas:
                fault = f"{where}: a formula without a stored value; save the file in Excel first"
                draft.faults.append((number, fault))
        if width:
            draft.add(number, None, values)
        else:
            blank += 1
    if blank:
        draft.notes.append(f"Blank rows left out: {blank}.")
    if errors:
        draft.notes.append(f"Excel errors taken as missing: {len(errors)} ({errors[0]}).")


def _cell(value: Any) -> Any:
    """A cell's value; Excel stores whole numbers as floats and \\r as _x000D_."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace("_x000D_", "\r").replace("\r\n", "\n")
    return value


def _cell_text(value: Any) -> str:
    return "" if value is None else str(_cell(value)).strip()


def _folder(path: Path, split: str | None) -> Draft:
    if (path / "dataset_dict.json").is_file():
        name = split or "train"
        if not (path / name / "state.json").is_file():
            held = sorted(entry.parent.name for entry in path.glob("*/state.json"))
            raise DataError(
                f"{path} has no split '{name}'; it has {', '.join(held) or 'none'}.",
                hint="Name one of its splits.",
            )
        path = path / name
    elif not (path / "state.json").is_file():
        files = sorted(e.name for e in path.iterdir() if e.suffix.lower() in _SUFFIXES)
        found = f"it holds {', '.join(files[:5])}" if files else "it holds no file of examples"
        raise DataError(
            f"{path} is a folder, and no data set saved by datasets' save_to_disk: {found}.",
            hint=f"Name a file: {path / files[0]}" if files else f"Name a file: {_FORMATS}.",
        )
    elif split is not None:
        raise DataError(
            f"{path} is a single data set, so there is no split '{split}' in it.",
            hint="Leave the split out.",
        )
    import datasets

    try:
        return _hf_dataset(datasets.load_from_disk(str(path)))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            f"{path} is a data set that cannot be read: {_first_line(error)}.",
            hint="Save it again with save_to_disk.",
        ) from error


def _hub(name: str, split: str | None) -> Draft:
    import datasets

    try:
        dataset = datasets.load_dataset(name, split=split or "train")
    except ConnectionError as error:
        raise DataError(
            f"There is no file {name}, and the hub cannot be reached to look for a data set "
            "of that name.",
            hint="Check the path or the network, or download the data set and name its file.",
        ) from error
    except Exception as error:  # the hub's clients raise errors of many unrelated trees
        raise DataError(
            f"The data set {name} cannot be had from the hub: {_first_line(error)}",
            hint=f"Look at https://huggingface.co/datasets/{name} for its name and splits.",
        ) from error
    return _hf_dataset(dataset)


def _hf_dataset(dataset: Any) -> Draft:
    table = dataset.with_format("arrow")[:]
    return _arrow(
        "hf-dataset", table.replace_schema_metadata(dataset.features.arrow_schema.metadata)
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


# The table


def _table(name: str, draft: Draft, encoding: str | None) -> Table:
    """The finished table, or one DataError with every fault that was found on the way."""
    if not draft.faults or draft.rows:
        recognise(draft)
    changes: Counter[str] = Counter()
    rows = []
    for index, row in enumerate(draft.rows):
        cells = dict.fromkeys(draft.columns)
        for column, value in row.items():
            try:
                cells[column] = _plain(value, changes)
            except TypeError as error:
                fault = f"{draft.place(index)}: '{column}' holds {error}, which is no text"
                draft.faults.append((draft.numbers[index], fault))
        rows.append(cells)
    if draft.faults:
        raise _faulty(name, draft.faults)
    if not rows or not draft.columns:
        held = f"columns ({', '.join(draft.columns)}) but no rows" if draft.columns else "no cells"
        raise DataError(f"{name} has {held}.", hint="Add at least one row of data.")
    notes = [*draft.notes, *(f"{change}: {count} cells." for change, count in changes.items())]
    notes += _mixtures(draft)
    columns = tuple(draft.columns)
    return Table(name, draft.format, encoding, columns, rows, draft.numbers, tuple(notes))


def _plain(value: Any, changes: Counter[str]) -> Any:
    """The value as text, number, bool, None, list or dict; TypeError for anything else."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        changes["NaN taken as missing"] += math.isnan(value)
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [_plain(item, changes) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, changes) for key, item in value.items()}
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        changes["Dates and times written in ISO 8601"] += 1
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta | uuid.UUID):
        changes[f"{type(value).__name__} values written as text"] += 1
        return str(value)
    raise TypeError(type(value).__name__)


def _mixtures(draft: Draft) -> list[str]:
    """A note for each column that lacks cells, or holds values of more than one kind."""
    notes = []
    for column in draft.columns:
        absent = sum(column not in row for row in draft.rows)
        if absent:
            notes.append(f"Rows without '{column}', taken as missing: {absent}.")
        kinds = Counter(kind_of(row[column]) for row in draft.rows if row.get(column) is not None)
        if len(kinds) > 1:
            listed = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common())
            notes.append(f"'{column}' mixes kinds of values: {listed}.")
    return notes


def _faulty(name: str, faults: list[tuple[int, str]]) -> DataError:
    sentences = [sentence for _, sentence in sorted(faults, key=lambda fault: fault[0])]
    listed = sentences[:_LISTED_FAULTS]
    if len(sentences) > len(listed):
        listed.append(f"and {len(sentences) - len(listed)} more")
    count = "a fault" if len(sentences) == 1 else f"{len(sentences)} faults"
    return DataError(
        f"{name} cannot be used as it is: {count}.",
        faults=listed,
        hint="Mend these places and run the same command again; rows count from 1 after the "
        "header.",
    )
