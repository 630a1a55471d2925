"""Readers: from a file, a folder or a hub id to a `Table`, or one error with all its faults.

Reads CSV, TSV, JSON, JSONL, Parquet, Excel and HF data sets, and in them chats and Alpaca's
columns. Writes nothing. The format is told from the content first, from the file's suffix second.
Text keeps its characters: CSV cells are never taken for numbers, and whatever a reader does
change (an encoding, a date, an empty number) stands in the table's notes.
"""

import datetime
import decimal
import difflib
import math
import re
import shlex
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from burnish.data.reading.chats import recognise
from burnish.data.reading.containers import (
    FORMATS,
    SUFFIXES,
    is_workbook,
    read_excel,
    read_folder,
    read_hub,
    read_parquet,
)
from burnish.data.reading.delimited import read_delimited
from burnish.data.reading.draft import Draft, kind_of
from burnish.data.reading.json_rows import holds_json, read_json
from burnish.errors import DataError
from burnish.records import Table

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

_LISTED_FAULTS = 20
_SIGNS = "‘’‚“”„«»‹›–—…·•¡¿€£¥§°±×÷²³¹½¼¾µªº©®™\xa0、。「」，：；！？（）"
MOSTLY = 0.9
"""Share of the characters beyond ASCII that are letters or usual signs in a text read rightly."""


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
            draft, encoding = read_folder(path, split), None
        elif name and path.is_file():
            draft, encoding = _file(path, split)
        elif _is_hub_id(name, path):
            draft, encoding = read_hub(name, split), None
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
    known = path.suffix.lower() in SUFFIXES or path.parent.exists()
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is not None and not known


def _missing(name: str, path: Path) -> DataError:
    if not name or path.exists():
        return DataError(
            f"'{name}' is neither a file nor a folder.", hint=f"Name a file: {FORMATS}."
        )
    if not path.parent.is_dir():
        return DataError(
            f"There is no file {name}: the folder {path.parent} does not exist.",
            hint="Check the path; a data set of the hub is named org/name.",
        )
    names = {entry.name.lower(): entry.name for entry in path.parent.iterdir()}
    close = difflib.get_close_matches(path.name.lower(), names, n=1, cutoff=0.5)
    hint = f"Did you mean {path.parent / names[close[0]]}?" if close else "Check the path"
    if not close:
        files = sorted(e for e in names.values() if Path(e).suffix.lower() in SUFFIXES)
        held = f"; {path.parent} holds {', '.join(files[:5])}{', …' * (len(files) > 5)}"
        hint += f"{held}." if files else "; a data set of the hub is named org/name."
    return DataError(f"There is no file {name}.", hint=hint)


def _file(path: Path, split: str | None) -> tuple[Draft, str | None]:
    data = path.read_bytes()
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{path} is empty.", hint=f"Give a file with a header and rows: {FORMATS}.")
    draft = None
    if data.startswith(b"PAR1"):
        draft = read_parquet(path, data)
    elif data.startswith(b"PK\x03\x04") and is_workbook(data):
        draft = read_excel(path, data)
    if draft is None:
        text, encoding, notes = _decode(path, data)
        draft = _parse(text, path.suffix.lower(), split)
        draft.notes[:0] = notes
        if split is None or draft.format == "json":
            return draft, encoding
    if split is not None:
        raise DataError(
            f"{path} has no splits, so there is no split '{split}' in it.",
            hint="Leave the split out, or name the file of that split.",
        )
    return draft, None


def _parse(text: str, suffix: str, split: str | None) -> Draft:
    """The rows of a text; its format is told from its content, then from its suffix."""
    if suffix in (".csv", ".tsv", ".txt") and not holds_json(text):
        return read_delimited(text, suffix)
    return read_json(text, suffix, split) or read_delimited(text, suffix)


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
    hint = f"Give the examples as {FORMATS}."
    if found and "archive" in found:
        hint = f"Unpack it first. {hint}"
    if found is None and nul:
        try:
            data.decode()
        except UnicodeDecodeError:
            found = "a binary file"
        if 4 * nul > len(data):
            found = "a binary file, or UTF-16 text without a byte order mark"
            order = "BE" if data[::2].count(0) > data[1::2].count(0) else "LE"
            hint = f"If it is text: {_iconv(path, f'UTF-16{order}')}"
    if found:
        raise DataError(f"{path} is {found}; expected {FORMATS}.", hint=hint)


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
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    beyond = [char for char in text if not char.isascii()]
    written = sum(char.isalpha() or char in _SIGNS for char in beyond)
    return (text, encoding) if written >= MOSTLY * len(beyond) else None


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> DataError:
    line = 1 + data.count(b"\n", 0, error.start)
    fault = f"line {line}: byte 0x{data[error.start]:02x} at offset {error.start}: {error.reason}"
    return DataError(
        f"{path} is not {error.encoding.upper()}, and no other encoding fits it beyond doubt.",
        faults=[fault],
        hint=f"Convert it, for example: {_iconv(path, 'WINDOWS-1252')} (put the encoding it was "
        "saved in after -f).",
    )


def _iconv(path: Path, encoding: str) -> str:
    new = path.with_name(f"{path.stem}-utf8{path.suffix}")
    return f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(new))}"


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
        raise _faulty(name, draft)
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
        kinds: dict[str, list[int]] = {}
        for number, row in zip(draft.numbers, draft.rows, strict=True):
            if (value := row.get(column)) is not None:
                kinds.setdefault(kind_of(value), []).append(number)
        if len(kinds) > 1:
            ranked = sorted(kinds.items(), key=lambda item: -len(item[1]))
            listed = [f"{ranked[0][0]} ({len(ranked[0][1])})"]
            listed += [f"{kind} ({_some(numbers)})" for kind, numbers in ranked[1:]]
            notes.append(f"'{column}' mixes kinds of values: {', '.join(listed)}.")
    return notes


def _some(numbers: list[int]) -> str:
    """ "1: row 4", or the first rows of many."""
    rows = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
    return f"{len(numbers)}: {'row' if len(numbers) == 1 else 'rows'} {rows}"


def _faulty(name: str, draft: Draft) -> DataError:
    sentences = [sentence for _, sentence in sorted(draft.faults, key=lambda fault: fault[0])]
    listed = sentences[:_LISTED_FAULTS]
    if len(sentences) > len(listed):
        listed.append(f"and {len(sentences) - len(listed):,} more")
    count = "1 fault was" if len(sentences) == 1 else f"{len(sentences):,} faults were"
    places = "this place" if len(sentences) == 1 else "these places"
    header = draft.format in ("csv", "tsv", "excel")
    counting = "; rows count from 1 after the header" if header else ""
    return DataError(
        f"{name} cannot be used as it is: {count} found.",
        faults=listed,
        hint=f"Mend {places} and run the same command again{counting}.",
    )
