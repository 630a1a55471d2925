"""A classic baseline for extraction: fields filled by rules that the schema and the data give.

A value is taken for a field where it stands in the input as whole words and is one of the schema's
allowed values, or was the field's value in a training answer; of several, the longest. Fields whose
schema asks for a number take the first number of the input that no other field took. A field that
every training answer has, and for which no rule finds a value, is copied from the training example
with the most similar input.

Reads examples; writes nothing.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from burnish.evaluate.similar import nearest, text_of
from burnish.records import Example

Path = tuple[str, ...]
Leaves = dict[Path, Any]
"""Path → scalar."""

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_WORD = re.compile(r"[^\W_]+")
_SHORTEST = 2
"""Letters of a training value that may be looked for; shorter ones stand everywhere."""
_OFTEN = 0.5
"""Of the training inputs that hold a value, the share whose answer has it: below, it is ignored."""


def fill_fields(
    schema: dict[str, Any] | None, train: Sequence[Example], asked: Sequence[Example]
) -> list[str]:
    """The JSON text for each of `asked`; "{}" where no rule finds anything.

    Args:
        train: of which one at least has a text; their answers are JSON.
    """
    rows = [dict(_leaves(json.loads(example.answer))) for example in train]
    rules = _learn(schema or {}, [_spaced(text_of(example)) for example in train], rows)
    like = [rows[place] for (place,) in nearest(train, asked, 1)]
    return [
        json.dumps(_filled(rules, text_of(example), similar), ensure_ascii=False)
        for example, similar in zip(asked, like, strict=True)
    ]


@dataclass(frozen=True)
class _Rules:
    """Field → its values by their words; fields that are numbers; fields that are never absent."""

    values: dict[Path, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    numeric: list[Path] = field(default_factory=list)
    always: list[Path] = field(default_factory=list)


def _learn(schema: Mapping[str, Any], inputs: Sequence[str], rows: Sequence[Leaves]) -> _Rules:
    rules = _Rules()
    for path, subschema in _fields_of(schema):
        for allowed in subschema.get("enum", ()):
            rules.values[path][_key(allowed)] = allowed
        if subschema.get("type") in ("number", "integer"):
            rules.numeric.append(path)
    wanted: dict[str, Leaves] = defaultdict(dict)
    for row in rows:
        for path, leaf in row.items():
            if isinstance(leaf, str) and len(leaf) >= _SHORTEST:
                wanted[_key(leaf)].setdefault(path, leaf)
    for path, key, leaf in _reliable(wanted, inputs, rows):
        rules.values[path].setdefault(key, leaf)
    counts = Counter(path for row in rows for path in row)
    rules.always.extend(path for path, times in counts.items() if times == len(rows))
    return rules


def _reliable(
    wanted: Mapping[str, Leaves], inputs: Sequence[str], rows: Sequence[Leaves]
) -> Iterator[tuple[Path, str, Any]]:
    """The values that, where they stand in a training input, are mostly in its answer too."""
    places: dict[str, list[int]] = defaultdict(list)
    longest = max((key.count(" ") for key in wanted), default=2) + 1
    for row, text in enumerate(inputs):
        words = text.split()
        runs = {
            f" {' '.join(words[start:stop])} "
            for start in range(len(words))
            for stop in range(start + 1, min(start + longest, len(words)) + 1)
        }
        for run in runs & wanted.keys():
            places[run].append(row)
    for key, options in wanted.items():
        for path, leaf in options.items():
            at = places[key]
            right = sum(_key(rows[row].get(path)) == key for row in at)
            if at and right / len(at) >= _OFTEN:
                yield path, key, leaf


def _filled(rules: _Rules, text: str, similar: Leaves) -> dict[str, Any]:
    spaced = _spaced(text)
    found: Leaves = {}
    for path, values in rules.values.items():
        held = [key for key in values if key in spaced]
        if held:
            found[path] = values[max(held, key=len)]
    numbers = [json.loads(number) for number in _numbers(text)]
    for path in rules.numeric:
        if path not in found and numbers:
            found[path] = numbers.pop(0)
    for path in rules.always:
        found.setdefault(path, similar[path])
    return _nested(found)


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        digits = match.group().lstrip("-")
        if digits == "0" or not digits.startswith("0") or digits.startswith("0."):
            yield match.group()


def _spaced(text: str) -> str:
    """Lower-cased words with one space around each, so that whole words can be looked for."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _key(value: Any) -> str:
    return _spaced(value if isinstance(value, str) else json.dumps(value))


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar under its path; lists are left out, since no rule writes one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif path and not isinstance(value, list):
        yield path, value


def _fields_of(schema: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    for name, inner in (schema.get("properties") or {}).items():
        if isinstance(inner, dict):
            if "properties" in inner:
                yield from _fields_of(inner, (*path, name))
            else:
                yield (*path, name), inner


def _nested(found: Mapping[Path, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, value in found.items():
        place = result
        for name in path[:-1]:
            inner = place.setdefault(name, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place[path[-1]] = value
    return result
