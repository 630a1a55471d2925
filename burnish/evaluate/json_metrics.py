"""Metrics of extracted JSON: is it valid, which fields are right, is all of it right.

Reads and writes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import jsonschema
import numpy as np
from referencing import Registry
from referencing.exceptions import Unresolvable

from burnish.errors import EvaluationError
from burnish.evaluate.measured import Measured, of_counts, of_means

Path = tuple[str | int, ...]


def measure_json(
    values: Sequence[Any], expected: Sequence[Sequence[Any]], schema: dict[str, Any] | None
) -> dict[str, Measured]:
    """The "valid_json", "field_f1" and "exact_match" of parsed answers.

    An object is compared as the multiset of its (path, value) pairs: list items have no order, an
    empty list or object is a value, and scalars are compared as text without case or surplus
    white space (3, 3.0 and "3" are equal). `precision` and `recall` of `burnish.evaluate.measured`
    read the statistics of "field_f1" too. exact_match asks for equal JSON, order of keys aside.

    Args:
        values: parsed answers; None for one that is no JSON, which gives no field.
        expected: all accepted values of each example; the best-matching counts.
        schema: JSON Schema that a valid answer must meet.

    Raises:
        EvaluationError: the schema itself is not valid, or refers outside itself.
    """
    pairs = list(zip(values, expected, strict=True))
    counts = np.array([_best_counts(value, several) for value, several in pairs], dtype=np.float64)
    equal = [
        value is not None and any(_leaves(value) == _leaves(right) for right in several)
        for value, several in pairs
    ]
    return {
        "valid_json": of_means("valid_json", _valid(values, schema)),
        "field_f1": of_counts("field_f1", counts),
        "exact_match": of_means("exact_match", [float(same) for same in equal]),
    }


def _best_counts(value: Any, several: Sequence[Any]) -> tuple[int, int, int]:
    """Hits, given and expected fields against the first reference that fits best."""
    given = _fields(value)
    options = []
    for right in several:
        wanted = _fields(right)
        options.append(((given & wanted).total(), given.total(), wanted.total()))
    return max(options, key=lambda count: count[0] / max(count[1] + count[2], 1))


def _fields(value: Any) -> Counter[tuple[Path, str]]:
    """The multiset of (path, text) pairs; every list index in a path is -1. None has no field."""
    if value is None:
        return Counter()
    return Counter(
        (tuple(-1 if isinstance(part, int) else part for part in path), _text(leaf[1]))
        for path, leaf in _leaves(value).items()
    )


def _leaves(value: Any) -> dict[Path, tuple[bool, Any]]:
    """Path → (is it a truth value, scalar or empty container); Python holds 1 and True equal.

    A stack instead of recursion, since a model may write any depth of brackets.
    """
    found: dict[Path, tuple[bool, Any]] = {}
    stack: list[tuple[Path, Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict) and item:
            stack.extend(((*path, key), inner) for key, inner in item.items())
        elif isinstance(item, list) and item:
            stack.extend(((*path, index), inner) for index, inner in enumerate(item))
        else:
            found[path] = (isinstance(item, bool), item)
    return found


def _text(scalar: Any) -> str:
    if isinstance(scalar, str):
        return " ".join(scalar.casefold().split())
    if isinstance(scalar, float) and scalar.is_integer():
        return str(int(scalar))
    return str(scalar).casefold() if scalar is not None else "null"


def _valid(values: Sequence[Any], schema: dict[str, Any] | None) -> list[float]:
    if schema is None:
        return [float(value is not None) for value in values]
    kind = jsonschema.validators.validator_for(schema)
    hint = "mend json_schema in burnish.yaml"
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        message = f"json_schema is not a valid JSON Schema: {error.message}"
        raise EvaluationError(message, hint=hint) from error
    validator = kind(schema, registry=Registry())  # an empty registry fetches nothing
    try:
        return [float(value is not None and validator.is_valid(value)) for value in values]
    except Unresolvable as error:
        message = f"json_schema refers to {error.ref!r}, which does not lie within the schema."
        raise EvaluationError(message, hint=hint) from error
