"""Finds where a brief contradicts itself: keys that are each sound but cannot stand together.

Reads a Task; touches no file, so that whether a column exists is for the data room to say.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from os.path import normpath

from burnish.brief.methods import method_faults
from burnish.brief.servers import server_faults
from burnish.engines.server import at_server, read_server
from burnish.errors import BriefError
from burnish.records import METRICS, WRITTEN_KINDS, Task

Contradiction = tuple[tuple[str, ...], str]
"""The keys involved, the one to show first, and a sentence: what was found, what was expected."""

_PLACEHOLDER = re.compile(r"\{([\w][\w .\-/]*)\}")


def contradictions(task: Task | None) -> list[Contradiction]:
    """Every contradiction within a brief; none for None (a brief that could not be read)."""
    if task is None:
        return []
    found: list[Contradiction] = []
    for search in (
        _kind,
        _sources,
        _columns,
        _fractions,
        _prompt,
        _pass_mark,
        _systems,
        _lengths,
        _measures,
    ):
        found += search(task)
    return [*found, *method_faults(task), *server_faults(task)]


def _kind(task: Task) -> Iterator[Contradiction]:
    allowed = METRICS[task.kind]
    if task.metric not in allowed:
        yield (
            ("metric", "kind"),
            f"`metric` is {task.metric}, which does not measure {task.kind}; expected "
            f"{_any_of(allowed)}.",
        )
    if task.multi_label and task.kind != "classify":
        yield (
            ("multi_label", "kind"),
            f"`multi_label` is true, but `kind` is {task.kind}; only classify has several labels.",
        )
    if task.data.labels and task.kind != "classify":
        yield (
            ("data.labels", "kind"),
            f"`data.labels` is set, but `kind` is {task.kind}; only classify has labels.",
        )
    if task.json_schema is None:
        return
    if task.kind != "extract":
        yield (
            ("json_schema", "kind"),
            f"`json_schema` is set, but `kind` is {task.kind}; only extract answers in JSON.",
        )
    if fault := _schema_fault(task):
        yield ("json_schema",), f"`json_schema` is not a JSON Schema: {fault}."


def _schema_fault(task: Task) -> str:
    # Imported here: it takes 50 ms, and few briefs carry a schema.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(task.json_schema)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path)
        return f"at {place}: {error.message}" if place else str(error.message)
    return ""


def _sources(task: Task) -> Iterator[Contradiction]:
    data = task.data
    own = {name: getattr(data, name) for name in ("train", "validation", "test")}
    given = [name for name, value in own.items() if value is not None]
    for name in ("source", *own, "messages", "group", "id", "time"):
        value = getattr(data, name)
        if value is not None and not value.strip():
            yield (f"data.{name}",), f"`data.{name}` is blank; expected a name, or null."
    if not task.base.strip():
        yield ("base",), "`base` is blank; expected a model's name, hub id, folder or GGUF file."
    if at_server(task.base):
        try:
            read_server(task.base, task.provider)
        except BriefError as error:
            yield ("base", "provider.key_variable"), f"{error.message} To mend it, {error.hint}."
    if data.source is not None and given:
        yield (
            ("data.source", *(f"data.{name}" for name in given)),
            f"`data.source` stands beside {_all_of(f'`data.{name}`' for name in given)}; expected "
            "either one source for Burnish to split, or your own files.",
        )
    elif data.source is None and data.train is None:
        also = f", but {_all_of(f'`data.{name}`' for name in given)} is given" if given else ""
        yield (
            ("data.train", "data.source"),
            f"There is neither `data.source` nor `data.train`{also}; expected one file for Burnish "
            "to split, or your own training file.",
        )
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if own[first] and own[second] and normpath(own[first]) == normpath(own[second]):
            yield (
                (f"data.{second}", f"data.{first}"),
                f"`data.{first}` and `data.{second}` are the same file, {own[first]}; expected "
                "two, or the score would be of examples already seen.",
            )


def _columns(task: Task) -> Iterator[Contradiction]:
    data = task.data
    if data.messages is not None:
        for name in ("inputs", "output"):
            if getattr(data, name):
                yield (
                    (f"data.{name}", "data.messages"),
                    f"`data.{name}` stands beside `data.messages`, which holds both prompt and "
                    "answer; expected one or the other.",
                )
        return
    for name, use in (("inputs", "reads"), ("output", "learns to write")):
        columns = getattr(data, name)
        if not columns:
            yield (
                (f"data.{name}", "data.messages"),
                f"`data.{name}` is missing; expected the column the model {use} (or "
                "`data.messages` for chats).",
            )
        for column in sorted({column for column in columns if columns.count(column) > 1}):
            yield (f"data.{name}",), f"`data.{name}` names {column!r} twice; expected once."
        if any(not column for column in columns):
            yield (f"data.{name}",), f"`data.{name}` holds an empty name; expected columns."
    if len(data.output) > 1 and task.kind != "extract":
        yield (
            ("data.output", "kind"),
            f"`data.output` names {len(data.output)} columns, but `kind` is {task.kind}; expected "
            "one (only extract joins several to one JSON).",
        )
    for name, others in (("inputs", data.inputs), ("id", (data.id,)), ("group", (data.group,))):
        for column in sorted(set(others) & set(data.output) - {None}, key=str):
            yield (
                (f"data.{name}", "data.output"),
                f"`data.{name}` names {column!r}, which is the output too; the model would "
                "be shown the answer or split by it.",
            )


def _fractions(task: Task) -> Iterator[Contradiction]:
    names = ("train_fraction", "validation_fraction", "test_fraction")
    total = sum(getattr(task.data, name) for name in names)
    if abs(total - 1) > 1e-6:
        values = ", ".join(f"{name} {getattr(task.data, name):g}" for name in names)
        keys = tuple(f"data.{name}" for name in names)
        yield keys, f"The fractions of `data` sum to {total:g} ({values}); expected 1."


def _prompt(task: Task) -> Iterator[Contradiction]:
    template, inputs = task.prompt.template, task.data.inputs
    keys = ("prompt.template", "data.inputs")
    for column in inputs:
        if column and "{" + column + "}" in task.prompt.system:
            yield (
                ("prompt.system", "data.inputs"),
                f"`prompt.system` holds {{{column}}}, but the instruction is the same for every "
                "example; expected it in `prompt.template`.",
            )
    if not template:
        return
    if task.data.messages is not None:
        yield (
            ("prompt.template", "data.messages"),
            "`prompt.template` is set, but chats (`data.messages`) are rendered turn by turn; "
            "expected no template.",
        )
        return
    if not inputs:
        return
    rest = template
    for column in inputs:
        if "{" + column + "}" not in template:
            yield keys, f"`prompt.template` leaves out the input {{{column}}}; expected every one."
        rest = rest.replace("{" + column + "}", "")
    for name in dict.fromkeys(_PLACEHOLDER.findall(rest)):
        near = difflib.get_close_matches(name, inputs, n=1)
        wanted = f"did you mean {{{near[0]}}}?" if near else f"the inputs are {_all_of(inputs)}."
        yield keys, f"`prompt.template` names {{{name}}}, which is no input; {wanted}"


def _pass_mark(task: Task) -> Iterator[Contradiction]:
    mark, systems = task.pass_mark, task.evaluate.systems
    if mark.at_least < 0:
        yield (
            ("pass_mark.at_least",),
            f"`pass_mark.at_least` is {mark.at_least:g}; expected 0 or more.",
        )
    if mark.over is None and mark.at_least > 1:
        yield (
            ("pass_mark.at_least", "pass_mark.over"),
            f"`pass_mark.at_least` is {mark.at_least:g} with `over: null`, a score that cannot be "
            "reached; expected 0 to 1.",
        )
    if mark.over == "tuned":
        yield (
            ("pass_mark.over",),
            "`pass_mark.over` is tuned, which is what gets measured; expected zero-shot, few-shot "
            "or classic, or null.",
        )
    elif mark.over is not None and mark.over not in systems:
        yield (
            ("pass_mark.over", "evaluate.systems"),
            f"`pass_mark.over` is {mark.over}, which `evaluate.systems` leaves out; expected one "
            f"of {_all_of(name for name in systems if name != 'tuned') or 'null alone'}.",
        )


def _systems(task: Task) -> Iterator[Contradiction]:
    systems = task.evaluate.systems
    if "tuned" not in systems:
        yield (
            ("evaluate.systems",),
            "`evaluate.systems` leaves out tuned; without it there is nothing to judge.",
        )
    for name in sorted({name for name in systems if systems.count(name) > 1}):
        yield ("evaluate.systems",), f"`evaluate.systems` names {name} twice; expected once."
    shown = [name for name in ("few-shot", "few-shot-similar") if name in systems]
    if shown and task.prompt.shots == 0 and not task.evaluate.search:
        yield (
            ("prompt.shots", "evaluate.systems"),
            f"`prompt.shots` is 0, but `evaluate.systems` has {shown[0]}; expected 1 or more.",
        )


def _measures(task: Task) -> Iterator[Contradiction]:
    evaluate = task.evaluate
    for name in ("bertscore", "nli"):
        model = getattr(evaluate, name)
        if model is not None and not model.strip():
            yield (f"evaluate.{name}",), f"`evaluate.{name}` is blank; expected a model, or null."
        elif model is not None and task.kind not in WRITTEN_KINDS:
            yield (
                (f"evaluate.{name}", "kind"),
                f"`evaluate.{name}` is set, but `kind` is {task.kind}; it measures the answers of "
                f"{_any_of(WRITTEN_KINDS)} alone.",
            )
    if evaluate.bertscore_layer is not None and evaluate.bertscore is None:
        yield (
            ("evaluate.bertscore_layer", "evaluate.bertscore"),
            "`evaluate.bertscore_layer` is set, but `evaluate.bertscore` names no model.",
        )


def _lengths(task: Task) -> Iterator[Contradiction]:
    if task.evaluate.max_new_tokens >= task.train.max_length:
        yield (
            ("evaluate.max_new_tokens", "train.max_length"),
            f"`evaluate.max_new_tokens` is {task.evaluate.max_new_tokens}, which leaves no room "
            f"for a prompt in `train.max_length` {task.train.max_length}; expected less.",
        )


def _all_of(names: Iterable[object]) -> str:
    return _joined(names, "and")


def _any_of(names: Iterable[object]) -> str:
    return _joined(names, "or")


def _joined(names: Iterable[object], word: str) -> str:
    items = [str(name) for name in names]
    return f" {word} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
