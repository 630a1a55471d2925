"""From exchanges of the log, examples and test answers to rows that can be compared.

Reads records; writes nothing. What cannot be compared is counted, with the reason.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jsonschema

from burnish.chat.answers import parse, refuses
from burnish.records import Answer, Example, Exchange, Task
from burnish.watch.samples import Seen

FIT, EMPTY, REFUSAL = "fit", "empty", "refusal"
"""Forms of an answer that any kind of task may get."""


@dataclass(frozen=True)
class Reader:
    """Reads what a task's requests and answers say.

    Attributes:
        labels: the label set (classify).
        json_schema: of the answers (extract).
        any_endpoint: chats are compared too; else the requests of the task's own endpoint alone.
    """

    task: Task
    labels: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    any_endpoint: bool = False

    def example(self, example: Example) -> Seen:
        """An example of the tuning: its inputs alone."""
        return Seen(example.id, example.text)

    def answer(self, name: str, answer: Answer) -> Seen:
        """What the tuned model wrote to a test example, whose input stays sealed."""
        return Seen(name, "", answer.text, self.form(answer.text), answer.probability)

    def exchanges(self, exchanges: Iterable[Exchange]) -> "Read":
        """Requests of the log, with their answers where there are any."""
        read = Read()
        for one in exchanges:
            text = self._text(one)
            if isinstance(text, _Reason):
                read.left_out[text] += 1
                continue
            answer = one.answer if one.status < 400 else None
            form = "" if answer is None else self.form(answer)
            read.seen.append(Seen(one.id, text, answer, form, one.probability, one.at))
            read.runs.append(one.run)
        return read

    def form(self, text: str) -> str:
        """What an answer is: fit, empty, a refusal, no label, no JSON, or JSON off the schema."""
        if not text.strip():
            return EMPTY
        value = parse(self.task, text)
        if self.task.kind == "classify":
            said = value if self.task.multi_label else [value]
            known = not self.labels or all(one in self.labels for one in said)
            return FIT if known else "no label of the set"
        if self.task.kind == "extract":
            if value is None:
                return "no JSON"
            return FIT if self._validator.is_valid(value) else "JSON off the schema"
        return REFUSAL if refuses(text) else FIT

    @cached_property
    def _validator(self) -> Any:
        schema = self.json_schema or {}
        return jsonschema.validators.validator_for(schema)(schema)

    def _text(self, exchange: Exchange) -> "str | _Reason":
        if exchange.request is None:
            return _Reason("have no text in the log")
        value = json.loads(exchange.request)
        if exchange.endpoint != self.task.name and not self.any_endpoint:
            return _Reason("came as chats or completions, and the examples are no such texts")
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "\n".join(turn["content"] for turn in value if turn.get("role") != "system")
        columns = self.task.data.inputs
        if columns and set(value) != set(columns):
            return _Reason("have other inputs than the brief names now")
        return "\n".join(str(value[name]) for name in (columns or value))


@dataclass
class Read:
    """Rows, the run that answered each, and how many were left out, by reason."""

    seen: list[Seen] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def answered(self, run: str) -> list[Seen]:
        """The rows with an answer of that run."""
        return [
            one
            for one, who in zip(self.seen, self.runs, strict=True)
            if who == run and one.answer is not None
        ]


class _Reason(str):
    """Why a request is left out, as the end of "N requests …"."""
