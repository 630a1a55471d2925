"""Single values of a brief changed in place: comments, order and all else of the file stay.

Reads and writes burnish.yaml.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from burnish.brief.file import read_brief
from burnish.errors import BriefError
from burnish.store.files import write_text


def set_values(path: Path, values: Mapping[str, float | int]) -> None:
    """Set numbers in a brief.

    Args:
        values: key path of two parts ("train.epochs") → value.

    Raises:
        BriefError: the file is no sound brief, or a section is not written as lines of its own;
            the faults are then the lines to put in.
    """
    read_brief(path)
    text = path.read_text(encoding="utf-8-sig")
    for key, value in values.items():
        section, _, name = key.partition(".")
        text = _set(path, text, section, name, f"{_plain(value)}", values)
    write_text(path, text)
    read_brief(path)


def _set(
    path: Path, text: str, section: str, name: str, value: str, values: Mapping[str, float | int]
) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    at = _entry(root, section)
    if at is None:
        return f"{text.rstrip(chr(10))}\n\n{section}:\n  {name}: {value}\n"
    inner = at[1]
    if not isinstance(inner, yaml.MappingNode) or inner.flow_style or not inner.value:
        raise BriefError(
            f"{path}: {section} is not written as lines of its own, so it is left as it is.",
            faults=[f"{key}: {_plain(number)}" for key, number in values.items()],
            hint=f"put these into {path} by hand",
        )
    if found := _entry(inner, name):
        start, end = found[1].start_mark.index, found[1].end_mark.index
        return text[:start] + value + text[end:]
    first = inner.value[0][0].start_mark
    indent = " " * first.column
    return f"{text[: first.index]}{name}: {value}\n{indent}{text[first.index :]}"


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == name:
                return key, value
    return None


def _plain(value: float | int) -> str:
    """As YAML writes it: small numbers with a point, which YAML 1.1 needs to see a number."""
    return yaml.safe_dump(value).split("\n")[0]
