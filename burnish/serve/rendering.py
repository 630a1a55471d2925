"""Requests as the engine is to see them: the renderer's messages, with no control token in a text.

The engine puts messages into the model's own chat template, which is the renderer's. What a user
writes must not become a control token there, so the renderer's neutral form is what is sent.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from burnish.chat.render import Renderer
from burnish.records import Example, Message
from burnish.serve.refusal import Refusal
from burnish.serve.wire import inputs_of


@dataclass(frozen=True)
class Asked:
    """A rendered request.

    Attributes:
        messages: as the engine gets them.
        prompt: the token ids that its template makes of them, where the gateway needs them.
        truncated: an input was cut to fit.
        request: what is logged, as JSON.
    """

    messages: list[dict[str, str]]
    prompt: list[int]
    truncated: bool
    request: str

    @property
    def prompt_hash(self) -> str:
        """SHA-256 of the messages."""
        return text_hash(json.dumps(self.messages, ensure_ascii=False))


def task_prompt(renderer: Renderer, body: Any) -> Asked:
    """What a task's endpoint was asked, rendered exactly as in training and evaluation.

    Raises:
        Refusal: all inputs are empty (400).
    """
    task = renderer.task
    if task.data.messages is not None:
        turns = tuple(one.turn() for one in body.messages)
        example = Example(id="", source="", row=0, history=turns, answer="", references=("",))
    else:
        inputs = inputs_of(task, body)
        example = Example(id="", source="", row=0, inputs=inputs, answer="", references=("",))
    if not example.text.strip():
        raise Refusal(400, "All inputs are empty.", code="empty_input")
    fitted = renderer.fitted(example, answer_tokens=0)
    return Asked(
        messages=as_sent(renderer, renderer.messages(fitted.example)),
        prompt=fitted.ids,
        truncated=fitted.truncated,
        request=logged(example.inputs or [turn.model_dump() for turn in example.history]),
    )


def as_sent(renderer: Renderer, turns: Sequence[Message]) -> list[dict[str, str]]:
    """Messages in which no text holds a control token."""
    return [{"role": turn.role, "content": renderer.neutral(turn.content)} for turn in turns]


def logged(value: Any) -> str:
    """A value as JSON, as it stands in the request log."""
    return json.dumps(value, ensure_ascii=False)


def text_hash(text: str) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
