"""Settling: what a person wrote under `right` of a line of the queue, and whether it is an answer.

    accept          the one correction that a caller gave
    keep            the answer that was given
    drop            no example
    answer: TEXT    this answer; the prefix may be left out
    new: TEXT       this answer, although the data set has no such label or value; a label that one
                    line says to be new is known to all others
    action: drop    where a label is called accept, keep or drop

Reads lines; writes nothing.
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jsonschema

from burnish.chat.answers import NO_LABELS, Target, parse, target_of
from burnish.records import Queued, Task

EXPECTED = '"accept", "keep", "drop", or the right answer itself'
_WORDS = ("accept", "keep", "drop")
_SHOWN = 80


@dataclass(frozen=True)
class Settled:
    """What became of a line.

    Attributes:
        target: the answer to learn; None where the line is dropped.
        caller: whose correction was accepted, else "".
    """

    target: Target | None
    caller: str = ""


@dataclass(frozen=True)
class Answers:
    """What counts as an answer of a task.

    Attributes:
        labels: the label set (classify).
        json_schema: of the answers (extract); `fixed` where the brief has it, and not the examples.
    """

    task: Task
    labels: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None

    def target(self, answer: str, *, new: bool = False) -> Target:
        """An answer as it is learned.

        Args:
            new: labels, and values that the examples' schema does not foresee, are meant.

        Raises:
            ValueError: it is none, in a sentence.
        """
        task = self.task
        if task.kind == "classify" and task.multi_label and answer.strip() == NO_LABELS:
            answer = ""
        target = target_of(task, {"answer": answer})
        if task.kind == "classify" and not new:
            self._refuse_unknown(target)
        if task.kind == "extract" and self.json_schema and not (new and task.json_schema is None):
            self._refuse_other_json(target)
        return target

    def served(self, answer: str) -> Target:
        """The answer that was given, as it is learned."""
        value = parse(self.task, answer)
        if value is None:
            raise ValueError("the answer that was given is no JSON")
        if self.task.kind == "extract":
            value = json.dumps(value, ensure_ascii=False)
        elif self.task.kind == "classify" and self.task.multi_label:
            value = "\n".join(value)
        return self.target(value)

    def _refuse_unknown(self, target: Target) -> None:
        for label in target.labels:
            if label in self.labels:
                continue
            by_case = {known.casefold(): known for known in self.labels}
            near = difflib.get_close_matches(label.casefold(), by_case, n=1, cutoff=0.6)
            meant = f'; did you mean "{by_case[near[0]]}"?' if near else "."
            raise ValueError(
                f'"{_short(label)}" is no label of the data set{meant} Where it is a new one, '
                f'write "new: {_short(label)}"'
            )

    def _refuse_other_json(self, target: Target) -> None:
        schema = self.json_schema or {}
        validator = jsonschema.validators.validator_for(schema)(schema)
        for error in validator.iter_errors(json.loads(target.text)):
            more = "" if self.task.json_schema else '; where it is meant, write "new: " before it'
            raise ValueError(f"{error.json_path}: {error.message}"[:300] + more)


def settle(answers: Answers, line: Queued) -> Settled:
    """What a line's `right` says.

    Raises:
        ValueError: it says nothing that can be done, in a sentence.
    """
    written = line.right.strip()
    word, _, rest = written.partition(":")
    word, rest = word.strip().casefold(), rest.strip()
    if word == "action" and rest.casefold() in _WORDS:
        return _act(answers, line, rest.casefold())
    if word in ("answer", "new") and rest:
        return Settled(answers.target(rest, new=word == "new"))
    if written.casefold() in _WORDS:
        if written.casefold() in {label.casefold() for label in answers.labels}:
            raise ValueError(
                f'"{written}" is a label too; write "answer: {written}" for the label, or "action: '
                f'{written.casefold()}"'
            )
        return _act(answers, line, written.casefold())
    return Settled(answers.target(written))


def with_new_labels(answers: Answers, rights: Iterable[str]) -> Answers:
    """The same, with the labels that any `right` says to be new."""
    labels = set(answers.labels)
    for right in rights:
        word, _, rest = right.strip().partition(":")
        if answers.task.kind == "classify" and word.strip().casefold() == "new" and rest.strip():
            labels |= set(answers.target(rest.strip(), new=True).labels)
    return replace(answers, labels=tuple(sorted(labels)))


def _act(answers: Answers, line: Queued, word: str) -> Settled:
    if word == "drop":
        return Settled(None)
    if word == "keep":
        return Settled(answers.served(line.answer))
    said = dict(line.corrections)
    if len(said) != 1:
        found = "no caller corrected it" if not said else f"callers gave {len(said)} answers"
        raise ValueError(f'"accept", but {found}; write the right answer')
    ((answer, caller),) = said.items()
    return Settled(answers.target(answer), caller)


def check_settled(answers: Answers, lines: Sequence[tuple[str, Queued]]) -> list[str]:
    """A sentence for each line, given with its place, that says nothing which can be done, or
    something else than another line about the same exchange."""
    faults: list[str] = []
    first: dict[str, tuple[str, str]] = {}
    for where, line in lines:
        try:
            settle(answers, line)
        except ValueError as error:
            faults.append(f"{where}: {error}")
        place, said = first.setdefault(line.exchange, (where, line.right.strip()))
        if said != line.right.strip():
            faults.append(
                f'{where}: "{_short(line.right)}", but {place} says "{_short(said)}" of the same '
                "exchange; expected one decision"
            )
    return faults


Form = Literal["queue", "table", "annotations"]
"""What a file that comes back is: the queue itself, a spreadsheet, or an annotation tool's."""


def form_of(text: str) -> Form:
    """What the text of a file looks like."""
    first = text.removeprefix("\ufeff").lstrip()[:1]
    if first not in ("{", "["):
        return "table"
    line = text.removeprefix("\ufeff").lstrip().partition("\n")[0]
    return "queue" if first == "{" and '"exchange"' in line and '"why"' in line else "annotations"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}…"
