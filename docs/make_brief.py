"""Write docs/brief.md: every key of burnish.yaml with what it means, its values and its default.

Reads the pydantic fields of the brief and their JSON Schema; run by `make docs`.
"""

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from burnish.brief.file import brief_schema
from burnish.records import METRICS, Task

PAGE = Path(__file__).with_name("brief.md")

HEAD = """\
# The brief: burnish.yaml

<!-- Written by docs/make_brief.py; type `make docs` to write it again. -->

The brief says what the model should do, on which data, and what counts as good enough.
`burnish init FILE` proposes one from a file of examples; it is yours to edit. Keys that are left
out take their default. Unknown keys are refused, with the nearest known one; so are keys that
contradict each other. All faults of a brief are told at once, before any work.

The least that a brief holds:

```yaml
name: tickets
kind: classify
metric: macro_f1
data:
  source: tickets.csv
  inputs: text
  output: label
```

On the command line, `burnish init FILE --set KEY=VALUE` sets any key, with its section
(`--set train.r=8`) or without it where the name is the only one of its kind (`--set r=8`).
"""


def page() -> str:
    """The whole page, as Markdown."""
    schema = brief_schema()
    sections = {
        name: field.annotation
        for name, field in Task.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    parts = [HEAD, "## At the top\n", _table(Task, schema["properties"], skip=set(sections))]
    lists = {
        name: model
        for name, field in Task.model_fields.items()
        for model in get_args(field.annotation)
        if isinstance(model, type) and issubclass(model, BaseModel)
    }
    for name, model in (sections | lists).items():
        properties = schema["$defs"][model.__name__]["properties"]
        parts += [f"## {name}\n", f"{_sentence(model)}\n", _table(model, properties, skip=set())]
    parts += ["## Metrics of each kind\n", _metrics()]
    return "\n".join(parts)


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _table(model: type[BaseModel], properties: dict[str, Any], *, skip: set[str]) -> str:
    lines = ["| key | meaning | values | default |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if name not in skip:
            meaning = field.description or "Version of the brief's form."
            cells = (f"`{name}`", meaning, _values(properties[name]), _default(field))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _values(schema: dict[str, Any]) -> str:
    """What a key may hold, in words, from its JSON Schema."""
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return "entries"
    kind = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "`true`, `false`",
        "null": "`null`",
        "object": "mapping",
        "array": "list",
    }[schema["type"]]
    if kind == "list":
        return f"list of {_values(schema['items'])}"
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    limits = [f"{word} {schema[key]:g}" for key, word in bounds.items() if key in schema]
    return " ".join([kind, " and ".join(limits)]).strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _metrics() -> str:
    lines = ["| kind | `metric` (the first is what `burnish init` proposes) |", "|---|---|"]
    for kind, names in METRICS.items():
        lines.append(f"| `{kind}` | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE}")
