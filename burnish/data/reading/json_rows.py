"""JSON and JSONL: from the characters of a file to rows.

Reads text that is already decoded, writes nothing. Values keep their types. A list of objects is
read one by one, so that a fault can name its row and line.
"""

import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from burnish.data.reading.draft import Draft, kind_of, place

_SHAPES = "a list of objects, an object with one list of objects, or an object of columns"
_PROBE = 50


def read_json(text: str, suffix: str, split: str | None = None) -> Draft | None:
    """The rows of a JSON or JSONL text, or None for a text that looks like neither.

    Args:
        suffix: of the file's name, in lower case, with its dot.
        split: which list to take from a JSON object that holds several.

    Returns:
        A draft of format "json" or "jsonl", whose faults the caller must look at.
    """
    start = text.lstrip()[:1]
    if _is_jsonl(text, suffix):
        return _jsonl(text)
    if start == "[":
        return _json_list(text)
    return _json_object(text, split) if start == "{" else None


def holds_json(text: str) -> bool:
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
        draft.faults.append((0, f"an object with {held or 'nothing'}; expected {_SHAPES}"))


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
