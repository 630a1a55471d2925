"""Finds what cannot be right about the servers that a brief names beside its base.

Reads a Task; asks no server and reads no environment.
"""

from collections.abc import Iterator
from typing import get_args
from urllib.parse import urlsplit

from burnish.engines.server import at_server, read_server
from burnish.errors import BriefError
from burnish.records import SystemName, Task


def server_faults(task: Task) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys involved, and a sentence: what was found, what was expected."""
    if task.judge.model is not None:
        try:
            read_server(task.judge.model, task.judge)
        except BriefError as error:
            yield (
                ("judge.model", "judge.key_variable"),
                f"`judge.model`: {error.message} To mend it, {error.hint}.",
            )
    known = {*task.evaluate.systems, *(compared.name for compared in task.compare)}
    shown = {"judge.against": (task.judge.against,), "people.systems": task.people.systems}
    for key, names in shown.items():
        for name in names:
            if name is not None and (
                name not in known or (name, key) == ("tuned", "judge.against")
            ):
                others = ", ".join(sorted(known - {"tuned"}))
                yield (key,), f"`{key}` names {name!r}; expected one of {others}."
    if len(set(task.people.systems)) == 1:
        yield ("people.systems",), "`people.systems` names one system; expected two or more."
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
    if task.evaluate.harness and at_server(task.base):
        yield (
            ("evaluate.harness", "base"),
            "`evaluate.harness` names tasks, but `base` is at a server, which gives no "
            "probabilities; expected a base on this machine, or no tasks.",
        )
    if task.history.mlflow and _holds_secrets(task.history.mlflow):
        # The value itself is not shown: a terminal's history is no place for it either.
        yield (
            ("history.mlflow",),
            "`history.mlflow` holds a user or a password; expected none in a brief. Set it to "
            "environment, and put the whole address into the variable MLFLOW_TRACKING_URI.",
        )


def _holds_secrets(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.password is not None or ("@" in parts.netloc and parts.scheme[:4] == "http")
    except ValueError:
        return "@" in uri
