"""The JSON Schema that the answers of an extract task have in common.

Reads values in memory, writes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

_ENUM_VALUES, _ENUM_EXAMPLES = 12, 50


def infer_schema(values: Sequence[Any]) -> dict[str, Any]:
    """A JSON Schema that all values satisfy.

    Types, properties and items, nested; `required` are the keys that every object has; strings
    become an enum where at least 50 of them take at most 12 values, each more than once.
    """
    kinds = {_kind(value) for value in values}
    if "number" in kinds:
        kinds.discard("integer")
    schema: dict[str, Any] = {}
    if kinds:
        schema["type"] = next(iter(kinds)) if len(kinds) == 1 else sorted(kinds)
    objects = [value for value in values if isinstance(value, dict)]
    if objects:
        keys = dict.fromkeys(key for value in objects for key in value)
        schema["properties"] = {
            key: infer_schema([value[key] for value in objects if key in value])
            for key in sorted(keys)
        }
        schema["required"] = sorted(key for key in keys if all(key in value for value in objects))
    if "array" in kinds:
        schema["items"] = infer_schema([i for v in values if isinstance(v, list) for i in v])
    counts = Counter(value for value in values if isinstance(value, str))
    if kinds <= {"string", "null"} and _is_enum(counts):
        schema["enum"] = sorted(counts) + ([None] if "null" in kinds else [])
    return schema


def _kind(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _is_enum(counts: Counter[str]) -> bool:
    return (
        counts.total() >= _ENUM_EXAMPLES
        and len(counts) <= _ENUM_VALUES
        and min(counts.values()) > 1
    )
