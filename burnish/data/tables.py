"""Text formats: from the characters of a CSV, TSV, JSON or JSONL file to rows.

Reads text that is already decoded, writes nothing. Faults and notes are gathered in a `Draft`,
so that whoever called can report all faults of a file at once.

CSV is read as RFC 4180 says, and strictly: a quote that never closes is a fault, not a long cell.
Its cells stay text. JSON keeps its types.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon"}
_JSON_SHAPES = "a list of objects, an object with one list of objects, or an object of columns"
_NO_COLUMNS = "neither JSON nor a header of columns separated by commas, tabs or semicolons"
_PROBE = 50


@dataclass
class Draft:
    """A table in the making.

    Attributes:
        lines: the line of the file each row begins on, where the format has lines.
        faults: (row number, sentence); 0 for what concerns the whole file.
    """

    format: str
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def place(self, index: int) -> str:
        """Where the row with this index stands, as the user counts."""
        return place(self.numbers[index], self.lines[index] if self.lines else None)

    def add(self, number: int, line: int | None, value: Any) -> None:
        """Take a JSON value as the next row; anything but an object is a fault."""
        if not isinstance(value, dict):
            found = f"{kind_of(value)}, not an object"
            self.faults.append((number, f"{place(number, line)}: {found}"))
            return
        self.rows.append(value)
        self.numbers.append(number)
        if line is not None:
            self.lines.append(line)


def parse_text(text: str, suffix: str, split: str | None = None) -> Draft:
    """The rows of a text file; its format is told from its content, then from its suffix.

    Args:
        suffix: of the file's name, in lower case, with its dot.
        split: which list to take from a JSON object that holds several.

    Returns:
        A draft of format "csv", "tsv", "json" or "jsonl", whose faults the caller must look at.
    """
    start = text.lstrip()[:1]
    if suffix in (".csv", ".tsv", ".txt") and not _holds_json(text):
        return _delimited(text, suffix)
    if _is_jsonl(text, suffix):
        return _jsonl(text)
    if start == "[":
        return _json_list(text)
    if start == "{":
        return _json_object(text, split)
    return _delimited(text, suffix)


def place(number: int, line: int | None) -> str:
    """ "row 3 (line 5)", or "row 3" where lines mean nothing."""
    return f"row {number}" + (f" (line {line})" if line is not None else "")


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


# CSV and TSV


def _delimited(text: str, suffix: str) -> Draft:
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


def name_faults(columns: list[str]) -> list[str]:
    """A sentence for each column name that is empty or stands twice."""
    places: dict[str, list[int]] = {}
    for position, name in enumerate(columns, 1):
        places.setdefault(name, []).append(position)
    faults = [f"header: column {position} has no name" for position in places.pop("", [])]
    for name, positions in places.items():
        if len(positions) > 1:
            listed = ", ".join(map(str, positions))
            faults.append(f"header: columns {listed} are all named '{name}'")
    return faults


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


# JSON and JSONL


def _holds_json(text: str) -> bool:
    """Beyond doubt: the whole text, or its first line, is a JSON list or object."""
    first = text.lstrip().partition("\n")[0]
    return first[:1] in ("[", "{") and (_loads(first)[1] is None or _loads(text)[1] is None)


def _is_jsonl(text: str, suffix: str) -> bool:
    """One JSON value a line? A JSON file over many lines has none on its first line."""
    lines = [line.strip() for line in islice(io.StringIO(text), 2 * _PROBE)]
    lines = [line for line in lines if line][:_PROBE]
    if not lines:
        return False
    named = suffix in (".jsonl", ".ndjson")
    if lines[0][0] in "[{" and _loads(lines[0])[1] is None:
        return len(lines) > 1 or (named and lines[0][0] == "{")
    if lines[0][0] in "[{" and _loads(text)[1] is None:
        return False
    whole = sum(line[0] == "{" and line[-1] == "}" for line in lines)
    return 2 * whole >= len(lines) or (named and any(line[0] == "{" for line in lines))


def _jsonl(text: str) -> Draft:
    draft = Draft("jsonl")
    blank = 0
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            blank += 1
            continue
        value, error = _loads(line)
        if error:
            draft.faults.append((number, f"{place(number, number)}: {error}"))
        else:
            draft.add(number, number, value)
    if blank:
        draft.notes.append(f"Blank lines left out: {blank}.")
    return _finish_json(draft, text)


def _json_list(text: str) -> Draft:
    """A list of objects, read one by one so that a fault can name its row and line."""
    draft = Draft("json")
    position, line, number = text.index("[") + 1, 1 + text.count("\n", 0, text.index("[")), 0
    closed = False
    while not closed:
        start = _skip_space(text, position)
        if text[start : start + 1] == "]" and number == 0:
            position, closed = start + 1, True
            break
        number += 1
        line += text.count("\n", position, start)
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            draft.faults.append((number, f"{place(number, line)}: {_explain(error, text)}"))
            return draft
        draft.add(number, line, value)
        position = _skip_space(text, end)
        line += text.count("\n", start, position)
        mark = text[position : position + 1]
        if mark not in (",", "]") or not mark:
            found = f"'{mark}'" if mark else "the end of the file"
            fault = f"{place(number, line)}: {found} where a comma or ] should follow the object"
            draft.faults.append((number, fault))
            return draft
        position, closed = position + 1, mark == "]"
    if text[position:].strip():
        line += text.count("\n", position, _skip_space(text, position))
        draft.faults.append((number, f"line {line}: more text follows the end of the list"))
    return _finish_json(draft, text)


def _json_object(text: str, split: str | None) -> Draft:
    draft = Draft("json")
    value, error = _loads(text)
    if error:
        draft.faults.append((0, error))
        return draft
    if split is not None:
        if not isinstance(value.get(split), list):
            held = ", ".join(f"'{key}'" for key in value)
            draft.faults.append((0, f"no list '{split}' in it; it holds {held}"))
            return draft
        value = {split: value[split]}
    articles = value.get("data")
    if isinstance(articles, list) and any(
        isinstance(article, dict) and "paragraphs" in article for article in articles
    ):
        _squad(draft, articles)
    else:
        _nested_rows(draft, value)
    return _finish_json(draft, text)


def _nested_rows(draft: Draft, value: dict[str, Any]) -> None:
    if any(_are_turns(value.get(key)) for key in ("messages", "conversations")):
        draft.add(1, None, value)
        return
    lists = [key for key, item in value.items() if _has_objects(item)]
    columns = bool(value) and all(isinstance(item, list) for item in value.values())
    if len(lists) == 1 and (len(value) == 1 or not columns):
        for number, item in enumerate(value[lists[0]], 1):
            draft.add(number, None, item)
        left_out = ", ".join(f"'{key}'" for key in value if key != lists[0])
        rest = f"; left out: {left_out}" if left_out else ""
        draft.notes.append(f"The rows are the list under '{lists[0]}'{rest}.")
    elif len(lists) > 1:
        held = ", ".join(f"'{key}' ({len(value[key])})" for key in lists)
        draft.faults.append((0, f"several lists of objects: {held}; name one as the split"))
    elif columns:
        _columns(draft, value)
    else:
        held = ", ".join(f"'{key}': {kind_of(item)}" for key, item in islice(value.items(), 5))
        draft.faults.append((0, f"an object with {held or 'nothing'}; expected {_JSON_SHAPES}"))


def _columns(draft: Draft, value: dict[str, list[Any]]) -> None:
    lengths = {key: len(item) for key, item in value.items()}
    if len(set(lengths.values())) > 1:
        held = ", ".join(f"'{key}' {count}" for key, count in lengths.items())
        draft.faults.append((0, f"columns of unequal length: {held}"))
        return
    draft.columns = list(value)
    for number, cells in enumerate(zip(*value.values(), strict=True), 1):
        draft.add(number, None, dict(zip(value, cells, strict=True)))


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _are_turns(value: Any) -> bool:
    """A chat's turns, so that the object around them is one row and not a list of rows."""
    return _has_objects(value) and all(
        isinstance(item, dict) and ("role" in item or "from" in item) for item in value
    )


def _squad(draft: Draft, articles: list[Any]) -> None:
    """SQuAD's nesting (Rajpurkar et al., 2016), one row a question."""
    number, left_out = 0, set[str]()
    for title, context, question in _questions(articles):
        number += 1
        answers = question.get("answers", []) if isinstance(question, dict) else None
        if not isinstance(answers, list) or not all(
            isinstance(answer, dict) and "text" in answer for answer in answers
        ):
            draft.faults.append((number, f"row {number}: no list of answers with a text each"))
            continue
        left_out |= (question.keys() - {"question", "answers", "id"}) | {
            key for answer in answers for key in answer.keys() - {"text"}
        }
        row = {"title": title, "context": context, "question": question.get("question")}
        row |= {"answers": [answer["text"] for answer in answers], "id": question.get("id")}
        draft.add(number, None, row)
    rest = f"; left out: {', '.join(sorted(left_out))}" if left_out else ""
    draft.notes.append(f"SQuAD's nesting was flattened to one row a question{rest}.")


def _questions(articles: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(title, context, question); None in place of what is not nested as SQuAD nests it."""

    def inside(value: Any, key: str) -> list[Any]:
        held = value.get(key) if isinstance(value, dict) else None
        return held if isinstance(held, list) else [None]

    for article in articles:
        title = article.get("title") if isinstance(article, dict) else None
        for paragraph in inside(article, "paragraphs"):
            context = paragraph.get("context") if isinstance(paragraph, dict) else None
            for question in inside(paragraph, "qas"):
                yield title, context, question


def _finish_json(draft: Draft, text: str) -> Draft:
    for key in dict.fromkeys(key for row in draft.rows for key in row):
        if key not in draft.columns:
            draft.columns.append(key)
    if "" in draft.columns:
        draft.faults.append((0, "a key of the objects is empty; every column needs a name"))
    if "\\ud" in text or "\\uD" in text:
        for index, row in enumerate(draft.rows):
            for key, value in row.items():
                if not _encodable(value):
                    fault = f"'{key}' holds half a surrogate pair (\\ud800 to \\udfff)"
                    draft.faults.append((draft.numbers[index], f"{draft.place(index)}: {fault}"))
    return draft


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key '{twice}' twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys)


def _loads(text: str) -> tuple[Any, str | None]:
    """The value of a JSON text, or why there is none."""
    text = text.rstrip()
    try:
        return _DECODER.decode(text), None
    except (ValueError, RecursionError) as error:
        return None, _explain(error, text)


def _explain(error: Exception, text: str) -> str:
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if "\n" in text else ""
        return f"broken JSON at {line}column {error.colno}: {error.msg}"
    if isinstance(error, RecursionError):
        return "JSON nested too deeply to read"
    return f"broken JSON: {error}"


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t", "\r", "\n"):
        position += 1
    return position
