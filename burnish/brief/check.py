"""Checks the values of a brief: each key against its field, then the brief against itself.

Reads a mapping as YAML or flags gave it; returns the Task or every fault as a plain sentence.
"""

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from burnish.brief.contradictions import contradictions
from burnish.records import METRICS, CompareSettings, Task

_LISTS: dict[str, type[BaseModel]] = {"compare": CompareSettings}
"""Sections that are lists → what an entry holds."""


def check(values: Any, *, lines: Mapping[str, int] | None = None) -> tuple[Task | None, list[str]]:
    """The Task that the values describe, or all that is wrong with them.

    Args:
        values: a mapping shaped like burnish.yaml.
        lines: key path ("data.train") → line in the file; faults then begin with their line.

    Returns:
        (task, []) for a sound brief; (None, faults) otherwise. What follows only from another
        fault is not listed.
    """
    faults = _odd_numbers(values)
    task: Task | None = None
    try:
        task = Task.model_validate(values)
    except ValidationError as error:
        faults |= {
            key: text
            for key, text in _field_faults(error.errors(include_url=False)).items()
            if key not in faults
        }
    wrong = set(faults) | {_meant(key) for key in faults}
    sentences = list(faults.items())
    for keys, sentence in contradictions(task or _repaired(values, wrong)):
        if not any(_touches(key, bad) for key in keys for bad in wrong):
            sentences.append((keys[0], sentence))
    if not sentences:
        return task, []
    return None, _placed(sentences, lines or {})


def check_given(values: dict[str, Any]) -> list[str]:
    """What is wrong with some values of a brief, each for itself; what is missing does not count.

    Args:
        values: a mapping shaped like burnish.yaml, not complete.
    """
    faults = _odd_numbers(values)
    try:
        Task.model_validate(values)
    except ValidationError as error:
        details = [each for each in error.errors(include_url=False) if each["type"] != "missing"]
        faults = _field_faults(details) | faults
    return list(faults.values())


def known_keys() -> tuple[str, ...]:
    """Every key path of a brief, sections too, in the order of the fields."""
    return tuple(_keys(Task))


def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The known key most like `name`: of the same section first, then of the whole brief."""
    section, _, leaf = name.rpartition(".")
    for key in known:
        if key.rpartition(".")[2] == leaf.lower():
            return key
    beside = [key for key in known if key.rpartition(".")[0] == section]
    leaves = {key.rpartition(".")[2]: key for key in [*known[::-1], *beside]}
    for pool in ([key.rpartition(".")[2] for key in beside], list(leaves)):
        if close := difflib.get_close_matches(leaf, pool, n=1, cutoff=0.6):
            return leaves[close[0]]
    return None


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")


def _annotation(key: str) -> Any:
    """The type of a known key's field, None for an unknown key."""
    found: Any = Task
    for name in key.split("."):
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return None
        field = found.model_fields.get(name)
        found = field.annotation if field else None
    return found


def _odd_numbers(values: Any) -> dict[str, str]:
    """Numbers that pydantic would take: yes and no as 1 and 0, and the infinite ones."""
    faults = {}
    for key, value in _leaves(values):
        kinds = {_annotation(key), *get_args(_annotation(key))}
        if isinstance(value, float) and not math.isfinite(value):
            faults[key] = f"`{key}` is {value}; expected a finite number."
        elif isinstance(value, bool) and kinds & {int, float}:
            faults[key] = f"`{key}` is {_shown(value)}; expected a number."
    return faults


def _leaves(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _field_faults(errors: list[ErrorDetails]) -> dict[str, str]:
    """Key → sentence; the alternatives of a union are joined into one."""
    known = known_keys()
    grouped: dict[str, list[ErrorDetails]] = {}
    for detail in errors:
        grouped.setdefault(_path(detail, known), []).append(detail)
    return {key: _sentence(key, details, known) for key, details in grouped.items()}


def _path(detail: ErrorDetails, known: tuple[str, ...]) -> str:
    """The key path of a fault, without pydantic's names for the members of a union.

    In a list of sections the entry is counted from 1: `compare[2].model`.
    """
    match detail["loc"]:
        case (str(section), int(place), str(leaf), *_) if section in _LISTS:
            return f"{section}[{place + 1}].{leaf}"
        case _:
            pass
    location = [str(part) for part in detail["loc"] if part != "[key]"]
    whole = ".".join(location)
    if detail["type"] in ("extra_forbidden", "invalid_key"):
        return whole
    while location and ".".join(location) not in known:
        location.pop()
    key = ".".join(location)
    last = detail["loc"][-1] if detail["loc"] else ""
    return f"{key}[{last + 1}]" if isinstance(last, int) else key


def _sentence(key: str, details: list[ErrorDetails], known: tuple[str, ...]) -> str:
    detail = details[0]
    if detail["type"] == "extra_forbidden":
        near = nearest(key, known)
        return f"`{key}` is unknown" + (f"; did you mean `{near}`?" if near else ".")
    expected = " or ".join(dict.fromkeys(_expected(each) for each in details))
    if detail["type"] == "missing":
        return f"`{key}` is missing; expected {_wanted(key)}."
    if not key:
        return f"The brief is {_shown(detail['input'])}; expected keys and values."
    found = detail["input"]
    sentence = f"`{key}` is {_shown(found)}; expected {expected}."
    if detail["type"] == "literal_error" and isinstance(found, str):
        close = difflib.get_close_matches(found.lower(), _choices(_annotation(key)), n=1)
        sentence += f" Did you mean {close[0]}?" if close else ""
    if "text" in expected and not isinstance(found, dict | list | str) and found is not None:
        sentence += " Put it in quotes."
        if isinstance(found, bool):
            sentence += " (YAML reads yes, no, on and off as true and false.)"
    return sentence


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    bounds = {
        "greater_than": ("more than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if detail["type"] in bounds:
        words, name = bounds[detail["type"]]
        return f"{words} {context[name]}"
    if detail["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if detail["type"] == "too_short":
        return "one entry at least"
    if detail["type"] == "string_pattern_mismatch":
        return "letters, digits, - and _ only, without spaces"
    kinds = {
        "string": "text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "tuple": "a list",
        "dict": "keys and values",
        "model": "a section of keys and values",
        "invalid": "a key that is text (put it in quotes)",
    }
    return kinds.get(detail["type"].split("_")[0], detail["msg"].lower())


def _wanted(key: str) -> str:
    """What a missing key should hold, from its field's description or its choices."""
    if key == "metric":
        return "; ".join(f"for {kind}: {', '.join(names)}" for kind, names in METRICS.items())
    if choices := _choices(_annotation(key)):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    section, _, leaf = key.partition("].")
    model = _LISTS[section.partition("[")[0]] if leaf else Task
    field = model.model_fields.get(leaf or key)
    described = field.description if field else None
    return (described or "a section of keys and values").rstrip(".").lower()


def _choices(annotation: Any) -> list[str]:
    """The texts a Literal allows (of a union's Literal too)."""
    found: list[str] = []
    for part in get_args(annotation):
        found += [part] if isinstance(part, str) else _choices(part)
    return found


def _shown(value: Any) -> str:
    """A value as the user may have typed it, shortened."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section of keys and values"
    if isinstance(value, list | tuple):
        return "a list"
    if not isinstance(value, str):
        return str(value)
    return repr(value if len(value) <= 60 else value[:59] + "…")


def _meant(key: str) -> str:
    """The key an unknown one was probably meant to be; other keys stand for themselves."""
    key = key.split("[")[0]
    known = known_keys()
    return key if key in known else nearest(key, known) or key


def _touches(key: str, other: str) -> bool:
    other = other.split("[")[0]
    return key == other or key.startswith(other + ".") or other.startswith(key + ".")


def _repaired(values: Any, wrong: set[str]) -> Task | None:
    """The brief without its faulty keys, so that the rest can be checked against itself."""
    if not isinstance(values, dict):
        return None
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if str(name) in wrong or not isinstance(name, str):
            continue
        kept[name] = value
        if isinstance(value, dict) and name != "json_schema":
            kept[name] = {
                leaf: item
                for leaf, item in value.items()
                if not any(bad.split("[")[0] == f"{name}.{leaf}" for bad in wrong)
            }
    kind = kept.get("kind", "generate")
    fill: dict[str, Any] = {"name": "unnamed", "kind": kind, "data": {}}
    fill["metric"] = METRICS.get(kind, ("chrf",))[0] if isinstance(kind, str) else "chrf"  # type: ignore[call-overload]
    try:
        return Task.model_validate(fill | kept)
    except ValidationError:
        return None


def _placed(sentences: list[tuple[str, str]], lines: Mapping[str, int]) -> list[str]:
    """The sentences in file order, each beginning with its line where one is known."""

    def line(key: str) -> int:
        key = key.split("[")[0]
        while key and key not in lines:
            key = key.rpartition(".")[0]
        return lines.get(key, 0)

    placed = sorted(((line(key), sentence) for key, sentence in sentences), key=lambda it: it[0])
    return [f"line {number}: {sentence}" if number else sentence for number, sentence in placed]
