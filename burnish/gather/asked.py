"""Exchanges as the brief reads them: the inputs of a logged request, or why it has none.

Reads exchanges; writes nothing. A brief may have had other columns when a request was logged:
what does not fit the brief of today is left out, with the reason.
"""

import json
from typing import Any

from burnish.records import Example, Exchange, Message, Task

SOURCE = "request log"
"""The source of an example that was an exchange."""

_PREFIX = "exchange:"
_OPENAI = ("chat", "completion")
_ROLES = ("system", "user", "assistant")

NOT_ANSWERED = "not answered"
NO_TEXTS = "texts not kept (serve.log_share)"
NO_INPUTS = "all inputs are empty"


def example_id(exchange: str) -> str:
    """The id of the example that an exchange becomes."""
    return _PREFIX + exchange


def exchange_id(example: str) -> str:
    """The exchange that an example was; "" for one that was none."""
    return example.removeprefix(_PREFIX) if example.startswith(_PREFIX) else ""


def asked(task: Task, exchange: Exchange) -> Example | str:
    """What was asked and answered, as an example without labels, or why it cannot be one."""
    if exchange.status != 200:
        return NOT_ANSWERED
    if exchange.request is None or exchange.answer is None:
        return NO_TEXTS
    try:
        value = json.loads(exchange.request)
    except ValueError:
        return "a request that is no JSON"
    found = _turns(value) if task.data.messages else _inputs(task, exchange.endpoint, value)
    if isinstance(found, str):
        return found
    inputs, history = found
    read = [*inputs.values(), *(turn.content for turn in history if turn.role != "system")]
    if not any(text.strip() for text in read):
        return NO_INPUTS
    return Example.model_construct(
        id=example_id(exchange.id), source=SOURCE, row=0, inputs=inputs, history=history,
        answer=exchange.answer, references=(exchange.answer,), labels=(), group=None,
        time=exchange.at[:10],
    )  # fmt: skip


_Read = tuple[dict[str, str], tuple[Message, ...]]


def _inputs(task: Task, endpoint: str, value: Any) -> _Read | str:
    if endpoint in _OPENAI:
        return f"asked at the {endpoint} endpoint, not by the brief's columns"
    if not isinstance(value, dict):
        return "a chat, where the brief has columns"
    lacking = [name for name in task.data.inputs if not isinstance(value.get(name), str)]
    if lacking:
        named = ", ".join(f'"{name}"' for name in lacking)
        return f"without the brief's column{'s' * (len(lacking) > 1)} {named}"
    return {name: value[name] for name in task.data.inputs}, ()


def _turns(value: Any) -> _Read | str:
    if not isinstance(value, list):
        return "columns, where the brief has chats"
    turns = []
    for turn in value:
        said = turn if isinstance(turn, dict) else {}
        role, content = said.get("role"), said.get("content")
        if role not in _ROLES or not isinstance(content, str):
            return "a chat with turns of another kind"
        turns.append(Message.model_construct(role=role, content=content))
    return {}, tuple(turns)
