"""The texts of an example, one by one, and the same example with other texts in their places.

Reads and makes examples, writes nothing. Text that is JSON is taken apart into its strings and
numbers and stays JSON; labels, ids, groups and the keys of JSON are never touched.
"""

import json
from collections.abc import Callable
from typing import Any

from burnish.records import Example

Rewrite = Callable[[str, str, str], str]
"""(field, cue, text) → text. The field is an input column, "answer", "reference N" or "turn N";
the cue says in words what the text is, where a JSON key or a column's name does, or is empty."""

_LONGEST_CUED = 80
"""A column's name says what its cell is only where the cell is as short as a value."""

_DEEPEST = 100


def rewritten(example: Example, rewrite: Rewrite) -> Example:
    """The example with every text that may hold personal data passed through `rewrite`."""
    inputs = {
        name: _text(name, _words(name) if len(text) <= _LONGEST_CUED else "", text, rewrite)
        for name, text in example.inputs.items()
    }
    history = tuple(
        turn.model_copy(update={"content": _text(f"turn {i}", "", turn.content, rewrite)})
        for i, turn in enumerate(example.history, 1)
    )
    changed: dict[str, Any] = {"inputs": inputs, "history": history}
    if not example.labels:
        answer = _text("answer", "", example.answer, rewrite)
        changed["answer"] = answer
        changed["references"] = tuple(
            answer if text == example.answer else _text(f"reference {i}", "", text, rewrite)
            for i, text in enumerate(example.references, 1)
        )
    return example.model_copy(update=changed)


def _text(field: str, cue: str, text: str, rewrite: Rewrite) -> str:
    if text[:1] not in ("{", "["):
        return rewrite(field, cue, text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return rewrite(field, cue, text)
    changed = _value(field, cue, value, rewrite, _DEEPEST)
    return text if changed == value else json.dumps(changed, ensure_ascii=False)


def _value(field: str, cue: str, value: Any, rewrite: Rewrite, depth: int) -> Any:
    if isinstance(value, dict) and depth:
        return {
            key: _value(field, _words(key), item, rewrite, depth - 1) for key, item in value.items()
        }
    if isinstance(value, list) and depth:
        return [_value(field, cue, item, rewrite, depth - 1) for item in value]
    if isinstance(value, str):
        return rewrite(field, cue, value)
    if isinstance(value, int) and not isinstance(value, bool):
        text = rewrite(field, cue, str(value))
        return value if text == str(value) else int(text) if text.isdecimal() else text
    return value


def _words(key: str) -> str:
    """ "patient_name" as the cue "patient name"."""
    return " ".join(key.replace("_", " ").replace("-", " ").split())
