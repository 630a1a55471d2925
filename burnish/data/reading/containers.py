"""Containers: from a Parquet file, an Excel workbook or a HF data set to rows.

Reads the files, and the hub when a data set is named; writes nothing but the hub's own cache.
"""

import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from burnish.data.reading.draft import Draft, name_faults
from burnish.errors import DataError

SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".arrow"}
"""What the names of files of examples end with."""
FORMATS = "CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx) or a HF data set"
"""What can be read, in words."""
_WORKBOOK_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,
    ValueError, KeyError, TypeError, AttributeError, SyntaxError,
)  # fmt: skip
"""What zipfile, the XML parser and openpyxl raise on damaged or encrypted workbooks."""
_HUB_SECONDS = 5.0
"""How long the hub may take to answer at all; its client would try again for half a minute."""


def read_parquet(path: Path, data: bytes) -> Draft:
    """The rows of a Parquet file; DataError where it is damaged."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is a Parquet file that cannot be read: {_first_line(error)}.",
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


def is_workbook(data: bytes) -> bool:
    """Whether a zip archive is an Excel workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_excel(path: Path, data: bytes) -> Draft:
    """The rows of the first sheet of a workbook that has any; DataError where it is damaged."""
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
            f"{path} is an Excel workbook that cannot be read: {_first_line(error)}.",
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


def read_folder(path: Path, split: str | None) -> Draft:
    """The rows of a data set, or of one of its splits, that `datasets` saved to a folder."""
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
        files = sorted(e.name for e in path.iterdir() if e.suffix.lower() in SUFFIXES)
        found = f"it holds {', '.join(files[:5])}" if files else "it holds no file of examples"
        raise DataError(
            f"{path} is a folder, and no data set saved by datasets' save_to_disk: {found}.",
            hint=f"Name a file: {path / files[0]}" if files else f"Name a file: {FORMATS}.",
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


def read_hub(name: str, split: str | None) -> Draft:
    """The rows of one split of a data set of the hub; "train" if None."""
    if not (_hub_answers(name) or _may_be_cached(name)):
        raise _unreachable(name)
    import datasets

    try:
        dataset = datasets.load_dataset(name, split=split or "train")
    except ConnectionError as error:
        raise _unreachable(name) from error
    except Exception as error:  # the hub's clients raise errors of many unrelated trees
        raise DataError(
            f"There is no file {name}, and a data set of that name cannot be had from the hub: "
            f"{_first_line(error)}.",
            hint=f"Look at https://huggingface.co/datasets/{name} for its name and splits.",
        ) from error
    return _hf_dataset(dataset)


def _hub_answers(name: str) -> bool:
    """Whether the hub says anything about a data set, be it that there is none."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(name, timeout=_HUB_SECONDS)
    except HfHubHTTPError:
        return True
    except Exception:  # refused, timed out, offline: many kinds, and all mean the same here
        return False
    return True


def _may_be_cached(name: str) -> bool:
    """Whether a data set of that owner was loaded before (`datasets` names folders so)."""
    from datasets import config

    return any(Path(config.HF_DATASETS_CACHE).expanduser().glob(f"{name.partition('/')[0]}___*"))


def _unreachable(name: str) -> DataError:
    return DataError(
        f"There is no file {name}, and the hub cannot be reached to look for a data set of that "
        "name.",
        hint="Check the path or the network, or download the data set and name its file.",
    )


def _hf_dataset(dataset: Any) -> Draft:
    table = dataset.with_format("arrow")[:]
    return _arrow(
        "hf-dataset", table.replace_schema_metadata(dataset.features.arrow_schema.metadata)
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
