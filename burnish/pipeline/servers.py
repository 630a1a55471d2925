"""The servers that a brief names beside its base: consent and keys first, then their engines.

Reads the brief and, for keys, the environment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from burnish.errors import BriefError
from burnish.records import CompareSettings, Task

if TYPE_CHECKING:
    from burnish.engines.engine import ChatEngine
    from burnish.engines.server import Server

_COMPARED_SENDS = (
    "The compared model {name} is at {{host}}. Evaluating sends it the inputs of the test "
    "examples, never their answers, and with shots worked examples of training."
)

_JUDGE_SENDS = (
    "The judge is a model at {host}. Judging sends it the inputs of test examples with the "
    "answers of two systems, and with judge.show_reference the reference answers."
)


def refuse_unready(task: Task) -> None:
    """Refuse to begin hours of work that would end at a server without consent or key.

    Raises:
        BriefError: a server that is not this machine has no consent, or a key's variable is unset.
    """
    from burnish.engines.server import on_this_machine, read_server, require_consent

    for place, compared in enumerate(task.compare, start=1):
        server = read_server(compared.model, compared)
        if not on_this_machine(server):
            sends = _COMPARED_SENDS.format(name=compared.name)
            require_consent(server, compared, sends=sends, section=f"compare[{place}]")
        server.key()


def judge_server(task: Task) -> "Server":
    """The server of the brief's judge.

    Raises:
        BriefError: the brief names no judge, gives no consent, or the key's variable is unset.
    """
    from burnish.engines.server import on_this_machine, read_server, require_consent

    settings = task.judge
    if settings.model is None:
        raise BriefError(
            "The brief names no judge.",
            hint='write into burnish.yaml: judge: {model: "openai-compatible:URL:MODEL"}',
        )
    server = read_server(settings.model, settings)
    if not on_this_machine(server):
        require_consent(server, settings, sends=_JUDGE_SENDS, section="judge")
    server.key()
    return server


@contextmanager
def compared_engine(compared: CompareSettings) -> "Iterator[ChatEngine]":
    """The engine of a compared model."""
    from burnish.engines.http import HttpEngine
    from burnish.engines.server import read_server

    with HttpEngine(read_server(compared.model, compared)) as engine:
        yield engine
