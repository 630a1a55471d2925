"""Templates of manifests, in which nothing foreign can leave its place.

What a template puts out is quoted unless it says otherwise: {{ task_name }} becomes a YAML string
in double quotes whatever it holds. Without quotes stand numbers, and what passes one of the filters
plain (letters, digits and . _ : / @ = - alone, else an error), shell, prose, or own, which is
for Burnish's own texts.
"""

import re
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment

from burnish.pages.templates import templates

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@=-]*", re.ASCII)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~$&])")


class Plain(str):
    """Text that stands in a manifest as it is."""

    __slots__ = ()


def render(template: str, **values: Any) -> str:
    """A template of this package's templates/, filled in.

    Raises:
        ValueError: a value that must be plain is not: a bug, since names are checked before.
    """
    found = _environment(template.endswith("compose.yaml.jinja"))
    return found.get_template(f"templates/{template}").render(values)


@cache
def _environment(compose: bool) -> Environment:
    found = templates("burnish.deploy", escape=False)
    found.finalize = _compose if compose else _finalize
    found.filters |= {
        "plain": plain, "shell": shell, "prose": prose, "own": Plain, "flow": flow,
    }  # fmt: skip
    return found


def quoted(text: str) -> str:
    """A string in double quotes that YAML (1.2, section 5.7) and JSON read alike.

    What cannot be printed is escaped; beyond 16 bits, where the two differ, it becomes �.
    """
    return f'"{"".join(_escaped(letter) for letter in text)}"'


def plain(text: str) -> Plain:
    """A value of harmless letters."""
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is not plain")
    return Plain(text)


def flow(words: Sequence[str]) -> Plain:
    """A list in brackets, each word quoted."""
    return Plain(f"[{', '.join(quoted(word) for word in words)}]")


def shell(text: str) -> Plain:
    """A word of a command of a POSIX shell."""
    return Plain(shlex.quote(text))


def prose(text: str) -> Plain:
    """A phrase in Markdown or in a comment, on one line."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return Plain(_MARKDOWN.sub(r"\\\1", line))


def _finalize(value: Any) -> str:
    match value:
        case Plain():
            return value
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise TypeError(f"{value!r} cannot stand in a manifest")


def _compose(value: Any) -> str:
    """Compose replaces $NAME in every string; $$ is a $."""
    return _finalize(value).replace("$", "$$")


def _escaped(letter: str) -> str:
    code = ord(letter)
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return "\\ufffd" if 0xD800 <= code < 0xE000 or code > 0xFFFF else f"\\u{code:04x}"
