"""The brief on disk: burnish.yaml, read with all its faults at once, and written to be edited.

Reads and writes burnish.yaml; writes burnish.schema.json beside it, which editors use to complete
and check keys.
"""

import json
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from burnish.brief.check import check, known_keys
from burnish.errors import BriefError
from burnish.records import Task
from burnish.store.files import write_text

SCHEMA_FILE = "burnish.schema.json"

_SECTIONS = {
    "schema_version": "The brief of this task. Edit it, then type: burnish run",
    "pass_mark": "Good enough to ship: a share over another system, or a score (over: null).",
    "base": "The model that gets tuned.",
    "needs": "What a base must meet; burnish base --list ranks by it.",
    "data": "Where the examples come from. Paths are relative to this file.",
    "prompt": "What the model is told; {column} stands for an input column.",
    "provider": "What may be sent to the provider of the base.",
    "train": "How the base is tuned.",
    "evaluate": "How the systems are compared on the sealed test split.",
    "people": "What people are asked about the answers: burnish evaluate --human",
    "judge": "A model that compares answers: burnish evaluate --judge",
    "serve": "Who answers for burnish serve, and what it keeps.",
    "watch": "What burnish watch compares, and how often it may be wrong.",
    "retune": "When burnish retune tunes again, and how far it goes by itself.",
    "compare": "Further models behind a URL, to compare with.",
}
_ALWAYS = {
    "name", "kind", "goal", "metric", "pass_mark", "pass_mark.at_least", "pass_mark.over", "base",
    "seed", "data", "data.group", "data.id", "data.max_rows", "prompt", "prompt.system",
    "prompt.shots", "train", "train.epochs", "train.learning_rate", "train.batch_size",
    "train.max_length", "evaluate", "evaluate.max_new_tokens",
}  # fmt: skip
_COLUMNS = {"data.inputs", "data.output", "prompt.template"}
_SPLITTING = {
    "data.source", "data.train_fraction", "data.validation_fraction", "data.test_fraction",
}  # fmt: skip


def read_brief(path: Path) -> Task:
    """Read and check a brief.

    Raises:
        BriefError: with every fault of the file (and the line it stands on).
    """
    values, lines, faults = _parse(path, _text(path))
    if not isinstance(values, dict):
        found = "empty" if values is None else f"a {_plain_type(values)}"
        raise BriefError(
            f"{path} is {found}; expected keys and values, as in `kind: classify`.",
            hint="burnish init FILE writes a brief from a file of examples",
        )
    try:
        task, wrong = check(values, lines=lines)
    except RecursionError:
        _refuse(path, "an anchor (&) holds itself")
    faults += wrong
    if task is None or faults:
        many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise BriefError(
            f"{path} has {many}.", faults=faults, hint=f"mend {path} and repeat the command"
        )
    return task


def write_brief(path: Path, task: Task, *, comments: dict[str, str] | None = None) -> None:
    """Write a brief that `read_brief` reads back as an equal Task, and its schema beside it.

    Keys stand in the order of the fields: those a user will want to edit, those that differ from
    their default, and those with a comment.

    Args:
        comments: key path ("data.group") → a comment to stand above it.

    Raises:
        ValueError: a comment names no key of a brief.
        WorkspaceError: the file cannot be written.
    """
    comments = comments or {}
    if strangers := sorted(set(comments) - set(known_keys())):
        raise ValueError(f"comments on unknown keys: {', '.join(strangers)}")
    lines = [f"# yaml-language-server: $schema={SCHEMA_FILE}"]
    values = task.model_dump(mode="json")
    defaults = _defaults(task)
    shown = _shown_keys(task, values, defaults, comments)
    for name, value in values.items():
        if name not in shown:
            continue
        lines += _comment(name, comments, "")
        if not isinstance(value, dict) or name == "json_schema":
            lines += _entry(name, value, "")
            continue
        lines.append(f"{name}:")
        for leaf, item in value.items():
            if f"{name}.{leaf}" in shown:
                lines += _comment(f"{name}.{leaf}", comments, "  ")
                lines += _entry(leaf, item, "  ")
    write_text(path, "\n".join(lines) + "\n")
    write_text(path.parent / SCHEMA_FILE, json.dumps(brief_schema(), indent=2) + "\n")


def brief_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a brief, derived from Task."""
    schema = Task.model_json_schema()
    columns = schema["$defs"]["DataSettings"]["properties"]
    for name in ("inputs", "output"):
        described = columns[name].pop("description")
        items = {key: columns[name].pop(key) for key in ("type", "items")}
        columns[name] |= {"description": described, "anyOf": [{"type": "string"}, items]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        folder = "" if path.parent == Path() else f" --workspace {shlex.quote(str(path.parent))}"
        raise BriefError(
            f"There is no brief at {path}.",
            hint=f"burnish init FILE{folder}, where FILE holds your examples",
        ) from None
    except UnicodeDecodeError as error:
        raise BriefError(
            f"{path} is not UTF-8 text (byte {error.start + 1}).", hint="save it as UTF-8"
        ) from None
    except OSError as error:
        raise BriefError(
            f"{path} cannot be read: {error.strerror or error}.",
            hint="name a burnish.yaml, or make one with burnish init FILE",
        ) from error


def _parse(path: Path, text: str) -> tuple[Any, dict[str, int], list[str]]:
    """The values, the line of each key path, and the keys that stand twice."""
    loader = yaml.SafeLoader(text) if _printable(path, text) else _refuse(path, "")
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}, []
        lines: dict[str, int] = {}
        twice = list(_walk(node, "", lines, set()))
        return loader.construct_document(node), lines, twice
    except yaml.MarkedYAMLError as error:
        _refuse(path, _plain_problem(text, error))
    except (ValueError, TypeError) as error:
        _refuse(path, f"a value cannot be read: {error}")
    except RecursionError:
        _refuse(path, "it is nested too deeply")
    finally:
        loader.dispose()


def _printable(path: Path, text: str) -> bool:
    try:
        yaml.reader.Reader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _refuse(path, f"line {line}: a control character (code {ord(text[error.position])})")
    return True


def _refuse(path: Path, fault: str) -> NoReturn:
    raise BriefError(
        f"{path} is not YAML; expected keys and values, indented with spaces.",
        faults=[f"{fault}."],
        hint=f"mend {path} and repeat the command",
    ) from None


def _plain_problem(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return str(error.problem)
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    source = text.split("\n")
    line = source[mark.line] if mark.line < len(source) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in str(error.problem):
        return f"{place}: a tab; YAML is indented with spaces"
    context = f" ({error.context})" if error.context else ""
    shown = f", in {line.strip()[:60]!r}" if line.strip() else ""
    return f"{place}: {error.problem}{context}{shown}"


def _walk(node: yaml.Node, prefix: str, lines: dict[str, int], met: set[int]) -> Iterator[str]:
    """Note the line of every key; yield a fault for each that stands twice in its section."""
    if not isinstance(node, yaml.MappingNode) or id(node) in met:
        return
    met.add(id(node))
    seen: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in seen:
            yield f"line {line}: `{name}` stands twice, first on line {seen[name]}."
        seen.setdefault(name, line)
        lines.setdefault(name, line)
        yield from _walk(value, f"{name}.", lines, met)


def _plain_type(value: Any) -> str:
    return "list" if isinstance(value, list) else "single value"


def _defaults(task: Task) -> dict[str, Any]:
    """A brief of the same kind in which every other key has its default."""
    bare = Task(name=task.name, kind=task.kind, metric=task.metric, data=type(task.data)())
    return bare.model_dump(mode="json")


def _shown_keys(
    task: Task, values: dict[str, Any], defaults: dict[str, Any], comments: dict[str, str]
) -> set[str]:
    shown = _ALWAYS | set(comments) | {key.partition(".")[0] for key in comments}
    shown |= _SPLITTING if task.data.source is not None else {"data.train"}
    shown |= {"data.messages"} if task.data.messages is not None else _COLUMNS
    for name, value in values.items():
        if value != defaults[name]:
            shown.add(name)
        if isinstance(value, dict) and isinstance(defaults[name], dict):
            shown |= {f"{name}.{leaf}" for leaf in value if value[leaf] != defaults[name].get(leaf)}
    return shown


def _comment(key: str, comments: dict[str, str], indent: str) -> list[str]:
    text = comments.get(key, _SECTIONS.get(key, ""))
    blank = [""] if key in _SECTIONS else []
    wrapped = textwrap.wrap(" ".join(text.split()), 96 - len(indent), break_on_hyphens=False)
    return blank + [f"{indent}# {line}" for line in wrapped]


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as literal blocks, short lists in one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # YAML reads \r, NEL and the Unicode separators as line ends, and blank lines after a block
    # as part of it: only quotes keep such texts as they are.
    ends = any(mark in text for mark in "\r\x85\u2028\u2029")
    if ends or text.endswith("\n\n") or (text and not text.strip()):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    flow = not any(isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flow)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)


def _entry(name: str, value: Any, indent: str) -> list[str]:
    if name == "output" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = yaml.dump(
        {name: value},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=96,
        default_flow_style=False,
    )
    return [indent + line if line else "" for line in text.removesuffix("\n").split("\n")]
