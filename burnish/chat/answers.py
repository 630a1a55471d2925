"""Answers: from a cell of the user's table to the text a model learns, and from its text back.

What the model writes and what the user gets are two forms of one value. Both directions live
here, so that training, evaluation and serving cannot disagree.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from burnish.records import Task

NO_LABELS = "none"
"""What the model writes for an example of a multi-label task that carries no label."""

_REFUSES = re.compile(
    r"^\W*(?:(?:i'?m|i am|we'?re)\s+(?:very\s+|so\s+|really\s+)?(?:sorry|afraid|unable|not able)\b"
    r"|sorry\b|apologies\b|i apologi[sz]e\b|unfortunately,?\s+i\b|as an ai\b"
    r"|i\s+(?:really\s+)?(?:cannot|can'?t|can not|won'?t|am unable|do not have|don'?t have|"
    r"must decline)\s+(?:to\s+)?(?:help|assist|answer|provide|do|comply|fulfil|complete|access|"
    r"enough|the\s+(?:ability|information)|write|summari[sz]e|give|extract|classify|generate)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Target:
    """An answer as learned (`text`), all accepted answers (first the learned), and its labels."""

    text: str
    references: tuple[str, ...]
    labels: tuple[str, ...] = ()


def target_of(task: Task, cells: dict[str, Any]) -> Target:
    """The target of one row.

    Args:
        cells: output column → value, in the order of `task.data.output`.

    Raises:
        ValueError: with a sentence for the user, when the cells hold no usable answer.
    """
    value = cells if len(cells) > 1 else next(iter(cells.values()))
    if task.kind == "extract":
        return _json_target(value)
    if task.kind == "classify":
        labels = _labels(value, several=task.multi_label)
        text = label_text(labels) if task.multi_label else labels[0]
        return Target(text, (text,), labels)
    texts = tuple(dict.fromkeys(text for text in map(str.strip, _texts(value)) if text))
    if not texts:
        raise ValueError("the answer is empty")
    return Target(texts[0], texts)


def label_text(labels: tuple[str, ...]) -> str:
    """The text of a set of labels: one a line, or `NO_LABELS`."""
    return "\n".join(labels) if labels else NO_LABELS


def parse(task: Task, text: str) -> Any:
    """What a written answer says: a label, a sorted list of labels, JSON, or the stripped text.

    Returns None for JSON that does not parse. JSON is looked for in the whole answer first, then
    from its first brace to its last, since untuned models like to wrap it in prose.
    """
    stripped = text.strip()
    if task.kind == "extract":
        return _loads(stripped)
    if task.kind == "classify" and task.multi_label:
        lines = [line.strip() for line in stripped.splitlines()]
        return sorted({line for line in lines if line and line != NO_LABELS})
    return stripped


def refuses(text: str) -> bool:
    """Whether an answer begins as a refusal does."""
    return bool(_REFUSES.match(text.strip().replace("’", "'")))


def _json_target(value: Any) -> Target:
    if isinstance(value, str):
        parsed = _loads(value.strip(), strict=True)
        if parsed is None:
            raise ValueError("the answer is not JSON")
        value = parsed
    else:
        value = (
            {key: _nested(item) for key, item in value.items()}
            if isinstance(value, dict)
            else value
        )
    if value is None or value in ({}, []):
        raise ValueError("the answer is empty")
    text = json.dumps(value, ensure_ascii=False)
    return Target(text, (text,))


def _nested(value: Any) -> Any:
    """A cell that holds JSON text (as CSV columns do) as the value it stands for."""
    if isinstance(value, str) and value[:1] in "{[" and value[:1]:
        parsed = _loads(value, strict=True)
        return value if parsed is None else parsed
    return value


def _labels(value: Any, *, several: bool) -> tuple[str, ...]:
    if not several:
        if isinstance(value, list) and len(value) == 1:
            (value,) = value
        label = "" if value is None or value == [] else " ".join(str(value).split())
        if not label:
            raise ValueError("the label is empty")
        return (label,)
    names = (" ".join(str(item).split()) for item in _listed(value))
    return tuple(sorted({name for name in names if name}))


def _listed(value: Any) -> list[Any]:
    """The labels in a cell: a list, JSON of a list, or text with a separator."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    parsed = _loads(value, strict=True) if value.startswith("[") else None
    if isinstance(parsed, list):
        return parsed
    separator = next((mark for mark in "|;\n," if mark in value), None)
    return value.split(separator) if separator else [value]


def _texts(value: Any) -> list[str]:
    """The accepted texts in a cell: text, a list of texts, or SQuAD's lists of answers."""
    if value is None:
        return []
    if isinstance(value, dict):
        return _texts(value.get("text"))
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]


def _loads(text: str, *, strict: bool = False) -> Any:
    candidates = [text] if strict else [text, text[text.find("{") : text.rfind("}") + 1]]
    for candidate in candidates:
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | list):
            return value
    return None
