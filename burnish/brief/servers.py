"""Finds what cannot be right about the servers that a brief names beside its base.

Reads a Task; asks no server and reads no environment.
"""

from collections.abc import Iterator
from typing import get_args

from burnish.engines.server import read_server
from burnish.errors import BriefError
from burnish.records import SystemName, Task


def server_faults(task: Task) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys involved, and a sentence: what was found, what was expected."""
    taken = set(get_args(SystemName))
    for place, compared in enumerate(task.compare, start=1):
        key = f"compare[{place}]"
        if compared.name in taken:
            yield (
                ("compare",),
                f"`{key}.name` is {compared.name!r}, which another system is called; expected a "
                "name of its own.",
            )
        taken.add(compared.name)
        try:
            read_server(compared.model, compared)
        except BriefError as error:
            yield ("compare",), f"`{key}`: {error.message} To mend it, {error.hint}."
