"""CSV and TSV: from the characters of a file to rows.

Reads text that is already decoded, writes nothing. It is read as RFC 4180 says, and strictly: a
quote that never closes is a fault, not a long cell. Cells stay text.
"""

import csv
import io
from collections.abc import Iterator
from itertools import islice

from burnish.data.reading.draft import Draft, name_faults, place

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon"}
_NO_COLUMNS = "neither JSON nor a header of columns separated by commas, tabs or semicolons"
_PROBE = 50


def read_delimited(text: str, suffix: str) -> Draft:
    """The rows of a CSV or TSV text, whose delimiter is told from its first rows.

    Args:
        suffix: of the file's name, in lower case, with its dot.

    Returns:
        A draft of format "csv" or "tsv", whose faults the caller must look at.
    """
    text, delimiter, skipped = _declared_delimiter(text)
    delimiter = delimiter or _sniff(text, suffix)
    draft = _parse_delimited(text, delimiter, skipped, csv.QUOTE_MINIMAL)
    if delimiter == "\t" and draft.faults:
        literal = _parse_delimited(text, delimiter, skipped, csv.QUOTE_NONE)
        if not literal.faults:
            literal.notes.append("Quotes are read as ordinary characters; nothing is quoted here.")
            draft = literal
    if len(draft.columns) == 1 and suffix not in (".csv", ".tsv", ".txt", ""):
        draft.faults.insert(0, (0, _NO_COLUMNS))
    expected = {"\t": ".tsv", ",": ".csv", ";": ".csv"}[delimiter]
    if suffix != expected and len(draft.columns) > 1:
        draft.notes.append(f"Read as text separated by {_DELIMITERS[delimiter]}s.")
    elif delimiter == ";":
        draft.notes.append("The cells are separated by semicolons.")
    return draft


def _declared_delimiter(text: str) -> tuple[str, str | None, int]:
    """Excel's first line "sep=;", taken off: the rest, the delimiter, and the lines taken."""
    first, _, rest = text.partition("\n")
    mark = first.rstrip("\r")
    if len(mark) == 5 and mark.lower().startswith("sep=") and mark[4] in _DELIMITERS:
        return rest, mark[4], 1
    return text, None, 0


def _sniff(text: str, suffix: str) -> str:
    """The delimiter with which most of the first rows are as wide as the header."""

    def fit(delimiter: str) -> tuple[float, int, bool]:
        records = islice(_records(text, delimiter, csv.QUOTE_MINIMAL), _PROBE)
        widths = [len(cells) for _, cells in records if isinstance(cells, list) and cells]
        if not widths or widths[0] == 1:
            return 0.0, 0, delimiter == ","
        even = sum(width == widths[0] for width in widths) / len(widths)
        usual = delimiter == ("\t" if suffix == ".tsv" else ",")
        return even, widths[0], usual

    return max(_DELIMITERS, key=fit)


def _parse_delimited(text: str, delimiter: str, skipped: int, quoting: int) -> Draft:
    draft = Draft("tsv" if delimiter == "\t" else "csv")
    records = (item for item in _records(text, delimiter, quoting))
    header = next((item for item in records if item[1] != []), None)
    if header is None:
        return draft
    if isinstance(header[1], str):
        draft.faults.append((0, f"header (line {header[0] + skipped}): {header[1]}"))
        return draft
    _take_header(draft, header[1])
    blank = breaks = 0
    for number, (line, cells) in enumerate(records, 1):
        where = place(number, line + skipped)
        if isinstance(cells, str):
            draft.faults.append((number, f"{where}: {cells}"))
        elif not cells:
            blank += 1
        elif len(cells) != len(draft.columns):
            draft.faults.append((number, f"{where}: {_ragged(cells, draft.columns)}"))
        else:
            breaks += sum("\r\n" in cell for cell in cells)
            values = (cell.replace("\r\n", "\n") for cell in cells)
            draft.add(number, line + skipped, dict(zip(draft.columns, values, strict=True)))
    if blank:
        draft.notes.append(f"Blank lines left out: {blank}.")
    if breaks:
        draft.notes.append(f"Line breaks inside cells written as \\n, not \\r\\n: {breaks} cells.")
    return draft


def _take_header(draft: Draft, names: list[str]) -> None:
    draft.columns = [name.strip() for name in names]
    changed = sum(name != column for name, column in zip(names, draft.columns, strict=True))
    if changed:
        draft.notes.append(f"Spaces around column names left out: {changed} columns.")
    draft.faults += [(0, fault) for fault in name_faults(draft.columns)]


def _ragged(cells: list[str], columns: list[str]) -> str:
    counts = f"{len(cells)} cells where the header has {len(columns)}"
    if len(cells) < len(columns):
        missing = ", ".join(f"'{name}'" for name in columns[len(cells) :])
        return f"{counts}; nothing for {missing}"
    extra = ", ".join(f"'{cell[:30]}'" for cell in cells[len(columns) :][:3])
    return f"{counts}; after '{columns[-1]}' come {extra}"


def _records(text: str, delimiter: str, quoting: int) -> Iterator[tuple[int, list[str] | str]]:
    """(line it begins on, its cells) of each record; a sentence in place of cells it cannot read.

    The csv module's limit on a cell is its own, process-wide: it is only ever raised.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    source = io.StringIO(text, newline="")
    reader = csv.reader(
        source,
        delimiter=delimiter,
        strict=True,
        quoting=quoting,  # type: ignore[arg-type]
        quotechar='"' if quoting != csv.QUOTE_NONE else None,
    )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                yield line, "a quote is opened and never closed"
            else:
                at = f" (line {reader.line_num})" if reader.line_num != line else ""
                yield line, f'text follows a closing quote{at}; inside a cell, write " as ""'
        else:
            yield line, cells
