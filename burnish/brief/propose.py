"""A file of examples → a proposed brief, with the reason for every choice and what is doubtful.

Reads Tables in memory; writes nothing. What the user has set is never changed, and the rest is
inferred to agree with it.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from burnish.brief.advice import advice_for, pass_mark_for
from burnish.brief.check import check
from burnish.brief.columns import Column, columns_of
from burnish.brief.given import given_settings, nested, require_columns, require_labels
from burnish.brief.measure import Measured, answer_length, example_length, measure
from burnish.brief.prompts import MOST_LABELS, goal_of, instruction_of, template_of
from burnish.brief.roles import (
    Candidate,
    group_column,
    id_column,
    input_columns,
    is_input_name,
    output_candidates,
    side_inputs,
)
from burnish.errors import BriefError, DataError
from burnish.records import METRICS, Table, Task

_DOUBT = 1.0
"""Two candidates whose scores lie closer than this are put to the user."""
_PLAUSIBLE = 0.75
"""Candidates below this score are not worth a question."""


@dataclass(frozen=True)
class Question:
    """Something doubtful: an override's `key`, and `choices` of values that it may take."""

    key: str
    prompt: str
    choices: tuple[str, ...]
    default: str


@dataclass(frozen=True)
class Proposal:
    """A brief and how it came about.

    Attributes:
        reasons: (key, value, why) of everything inferred, left out or ignored.
        advice: sentences on whether tuning is worth it at all, the weightiest first; then what
            the readers noted of the files.
    """

    task: Task
    reasons: list[tuple[str, str, str]]
    questions: list[Question]
    advice: list[str]


@dataclass
class _Draft:
    """A proposal under way: `values` are the brief's, by key path."""

    given: dict[str, Any]
    tables: dict[str, Table]
    columns: dict[str, Column]
    values: dict[str, Any]
    reasons: list[tuple[str, str, str]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    multi_label: bool = False

    def choose(self, key: str, value: Any, why: str) -> None:
        """Take the user's value for a key, or the inferred one with its reason."""
        if key in self.given:
            self.values[key] = self.given[key]
            return
        self.values[key] = value
        if why:
            self.reasons.append((key, _shown(value), why))


def propose(tables: dict[str, Table], *, overrides: dict[str, Any]) -> Proposal:
    """Infer a brief from examples.

    Args:
        tables: {"source": table}, or "train" with "validation" and "test" where given. Lengths,
            labels and columns are read off the source or the training file alone.
        overrides: key → value, always obeyed; keys are those of the brief, with their section
            ("train.epochs") or without ("epochs"). None means not given; "" for `group` or `id`
            means none. `inputs` and `output` take a name, a comma-separated text or a list.

    Raises:
        DataError: no output or no inputs can be found, or a named column does not exist.
        BriefError: an override is unknown, or contradicts another.
    """
    table = _main_table(tables)
    draft = _Draft(given_settings(overrides, table), tables, columns_of(table), _paths(tables))
    require_columns(draft.given, tables, hint=_flags(draft))
    _choose_shape(draft)
    if draft.values.get("data.messages") is None:
        _choose_inputs(draft)
    _choose_rows(draft)
    require_columns(draft.values, tables, hint=_flags(draft))
    _note_ignored(draft)
    kind = draft.values["kind"]
    multi_label = bool(draft.given.get("multi_label", draft.multi_label))
    draft.values["multi_label"] = multi_label
    measured = measure(table, kind, _inputs(draft), _output(draft), multi_label=multi_label,
                       messages=draft.values.get("data.messages"),
                       labels=tuple(draft.given.get("data.labels", ())))  # fmt: skip
    if kind == "classify" and _output(draft):
        column = draft.columns[_output(draft)[0]]
        require_labels(draft.given, measured.labels, column.atoms or column.counts)
    _choose_prompt(draft, measured)
    _choose_mark(draft)
    _choose_lengths(draft, measured)
    task = _task(draft)
    notes = [f"{each.path}: {note}" for each in tables.values() for note in each.notes]
    advice = [*advice_for(task, measured, tables), *notes]
    return Proposal(task, draft.reasons, draft.questions, advice)


def _main_table(tables: dict[str, Table]) -> Table:
    table = tables.get("source") or tables.get("train")
    if table is None:
        raise BriefError(
            f"Examples to learn from are missing; found only {', '.join(tables) or 'nothing'}.",
            hint="burnish init FILE, or --train FILE beside --validation and --test",
        )
    if not table.rows:
        raise DataError(f"{table.path} has no rows; expected examples.")
    return table


def _paths(tables: dict[str, Table]) -> dict[str, Any]:
    return {f"data.{name}": table.path for name, table in tables.items()}


def _choose_shape(draft: _Draft) -> None:
    """Kind and output, or the column of messages."""
    chats = [name for name, column in draft.columns.items() if column.form == "messages"]
    asked = draft.given.get("data.messages")
    if asked or (chats and not {"data.inputs", "data.output"} & set(draft.given)):
        name = asked or chats[0]
        draft.choose("data.messages", name, f"`{name}` holds the turns of a chat")
        draft.choose("kind", "generate", "the model writes the assistant's last turn of each chat")
        return
    if len(draft.columns) < 2:
        raise DataError(
            f"{_main_table(draft.tables).path} has one column, {', '.join(draft.columns)!r}; "
            "expected an input and an output.",
            hint="add the column of answers, or separate the columns by commas, tabs or semicolons",
        )
    fitting = _fitting(draft)
    if not fitting or (fitting[0].score < 1.0 and not {"kind", "data.output"} & set(draft.given)):
        raise DataError(
            "No column looks like the answer a model should learn to write.",
            faults=[f"{name}: {column.describe()}" for name, column in draft.columns.items()],
            hint=_flags(draft),
        )
    best = fitting[0]
    draft.multi_label = best.multi_label
    draft.choose("kind", best.kind, best.why)
    draft.choose("data.output", list(best.columns), best.why)
    _ask_shape(draft, best, fitting[1:])


def _fitting(draft: _Draft) -> list[Candidate]:
    """The candidates that agree with what the user set, the likeliest first."""
    kind, output = draft.given.get("kind"), draft.given.get("data.output")
    inputs = draft.given.get("data.inputs", [])
    found = [c for c in output_candidates(draft.columns) if not set(c.columns) & set(inputs)]
    if output is not None:
        several = len(output) > 1
        found = [c for c in found if set(c.columns) <= set(output)]
        found = [c for c in found if c.kind == "extract" or not several]
        found = [
            Candidate(tuple(output), c.kind, c.score, c.why, c.multi_label) for c in found
        ] or [
            Candidate(tuple(output), "extract" if several else "generate", 0.0, "as you named it")
        ]
    if kind is not None:
        same = [c for c in found if c.kind == kind]
        why = f"the likeliest column to {kind}"
        found = same or [Candidate(c.columns, kind, c.score, why, c.multi_label) for c in found]
    return found


def _ask_shape(draft: _Draft, best: Candidate, others: list[Candidate]) -> None:
    close = [each for each in others if each.score > max(best.score - _DOUBT, _PLAUSIBLE)]
    outputs = dict.fromkeys(", ".join(c.columns) for c in [best, *close])
    if "data.output" not in draft.given and len(outputs) > 1:
        draft.questions.append(
            Question("output", "Which column should the model learn to write?", tuple(outputs),
                     ", ".join(best.columns))
        )  # fmt: skip
    kinds = dict.fromkeys(c.kind for c in [best, *close] if c.columns == best.columns)
    if "kind" not in draft.given and len(kinds) > 1:
        prompt = f"What is {', '.join(best.columns)}?"
        draft.questions.append(Question("kind", prompt, tuple(kinds), best.kind))


def _choose_inputs(draft: _Draft) -> None:
    output = _output(draft)
    names = input_columns(draft.columns, output)
    if not names and "data.inputs" not in draft.given:
        raise DataError(
            f"No column looks like an input to write {', '.join(output)} from.",
            faults=[f"{name}: {column.describe()}" for name, column in draft.columns.items()],
            hint=_flags(draft),
        )
    whys = [f"`{name}`: {draft.columns[name].describe()}" for name in names]
    draft.choose("data.inputs", names, "; ".join(whys))
    beside = side_inputs(draft.columns, (*names, *output))
    unsure = [name for name in names if not is_input_name(name)] if len(names) > 1 else []
    if "data.inputs" in draft.given or not (beside or unsure):
        return
    more = [", ".join(n for n in draft.columns if n in names or n == extra) for extra in beside]
    fewer = [", ".join(n for n in names if n != left) for left in unsure]
    choices = dict.fromkeys([", ".join(names), *more, *fewer])
    prompt = "Which columns should the model read?"
    draft.questions.append(Question("inputs", prompt, tuple(choices), ", ".join(names)))


def _choose_rows(draft: _Draft) -> None:
    """Id and group."""
    inputs, output = _inputs(draft), _output(draft)
    main = _main_table(draft.tables)
    others = [columns_of(table) for table in draft.tables.values() if table is not main]
    columns = {n: c for n, c in draft.columns.items() if all(n in other for other in others)}
    name, why = id_column([columns, *others], (*inputs, *output))
    draft.choose("data.id", name, why)
    taken = {draft.values["data.id"], *output}
    group, why = group_column({n: c for n, c in columns.items() if n not in taken}, inputs)
    draft.choose("data.group", group, why)


def _note_ignored(draft: _Draft) -> None:
    used = {*_inputs(draft), *_output(draft)}
    used |= {str(draft.values.get(f"data.{key}")) for key in ("messages", "id", "group", "time")}
    for name, column in draft.columns.items():
        if name not in used:
            draft.reasons.append(("ignored", name, f"not used: {column.describe()}"))


def _choose_prompt(draft: _Draft, measured: Measured) -> None:
    kind, inputs, output = draft.values["kind"], _inputs(draft), _output(draft)
    multi_label = draft.values["multi_label"]
    if multi_label:
        draft.choose("multi_label", True, "rows carry several labels")
    draft.choose("name", _name(draft, kind), "")
    draft.choose("metric", METRICS.get(kind, ("",))[0], f"the usual measure to {kind}")
    draft.choose("goal", goal_of(kind, inputs, output, labels=measured.labels,
                                 multi_label=multi_label, columns=draft.columns), "")  # fmt: skip
    why = ""
    if len(measured.labels) > MOST_LABELS:
        why = f"its {len(measured.labels)} labels are too many to be listed"
    elif kind == "answer" and not measured.copied:
        why = "most answers do not stand word for word in an input, so none is asked to be copied"
    system = instruction_of(kind, inputs, output, labels=measured.labels, multi_label=multi_label,
                            columns=draft.columns, copied=measured.copied)  # fmt: skip
    draft.choose("prompt.system", system, why)
    if inputs:
        draft.choose("prompt.template", template_of(inputs), "")


def _choose_mark(draft: _Draft) -> None:
    over, at_least, why = pass_mark_for(draft.values["kind"], draft.given.get("evaluate.systems"))
    if "pass_mark.over" in draft.given and "pass_mark.at_least" not in draft.given:
        at_least = 0.0
    draft.choose("pass_mark.over", over, why)
    draft.choose("pass_mark.at_least", at_least, "a share above it" if over else "")


def _choose_lengths(draft: _Draft, measured: Measured) -> None:
    new, why = answer_length(measured)
    draft.choose("evaluate.max_new_tokens", new, why)
    system = str(draft.values["prompt.system"])
    room, why = example_length(measured, system, int(draft.values["evaluate.max_new_tokens"]))
    draft.choose("train.max_length", room, why)


def _task(draft: _Draft) -> Task:
    """The Task of the draft's values, checked like a brief that was read."""
    task, faults = check(nested({**draft.values, **draft.given}))
    if task is None:
        raise BriefError(
            "These settings cannot stand together.",
            faults=faults,
            hint="repeat the command with one of them changed or left out",
        )
    return task


def _inputs(draft: _Draft) -> tuple[str, ...]:
    return tuple(draft.values.get("data.inputs", ()))


def _output(draft: _Draft) -> tuple[str, ...]:
    return tuple(draft.values.get("data.output", ()))


def _flags(draft: _Draft) -> str:
    names = [name for name, column in draft.columns.items() if column.distinct > 1]
    if len(names) < 2:
        return "give the answers a column of their own, filled and not the same in every row"
    text = max(names, key=lambda name: draft.columns[name].median, default="COLUMN")
    other = next((name for name in reversed(names) if name != text), "COLUMN")
    flags = f"--inputs {shlex.quote(text)} --output {shlex.quote(other)}"
    return f"name the columns, e.g. {flags}; found {', '.join(draft.columns)}"


def _name(draft: _Draft, kind: str) -> str:
    """A short name from the file's, or from its folder's where the file's says nothing."""
    path = PurePath(_main_table(draft.tables).path)
    for part in (path.stem, *(parent.name for parent in path.parents[:2])):
        slug = re.sub(r"[\W_]+", "-", part.lower()).strip("-")
        slug = re.sub(r"-?(training|train)?-?(dataset|set)?$", "", slug)
        if slug and slug not in ("data", "raw", "source", "examples", "test"):
            return slug
    return f"{kind}-task"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
