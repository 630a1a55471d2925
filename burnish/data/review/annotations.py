"""Annotation tools: examples as tasks of Prodigy and Label Studio, and their annotations back.

Reads examples, or the text of a tool's export; writes nothing itself. Formats follow the tools'
own documentation: prodi.gy/docs/api-interfaces (choice, text_input) and labelstud.io/guide
(task format, pre-annotations, export). The id of an example goes along and comes back.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from burnish.chat.answers import NO_LABELS, label_text
from burnish.data.examples import Faults, place, shortened
from burnish.errors import DataError
from burnish.records import Action, Example, Review, Task

_LISTED_CHOICES = 12
"""More choices than this are offered in a drop-down list with a search."""

_CHOICES, _TEXT_AREA, _SHOWN = "label", "answer", "text"
"""Names of Label Studio's tags: the choices, the text area, and the text they speak of."""


def prodigy_tasks(
    task: Task, examples: Sequence[Example], labels: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One task an example: a choice among all labels, with the example's own ticked, or a text
    with the answer in the input field "user_input"."""
    labels = labels_of(task, examples, labels)
    tasks: list[dict[str, Any]] = []
    for example in examples:
        made: dict[str, Any] = {"text": shown(example), "original": example.answer}
        if task.kind == "classify":
            made |= {
                "options": [{"id": label, "text": label} for label in labels],
                "accept": list(example.labels) or [NO_LABELS],
                "config": {"choice_style": "multiple" if task.multi_label else "single"},
                "_view_id": "choice",
            }
        else:
            made["user_input"] = example.answer
        tasks.append(made | {"meta": {"id": example.id, "row": place(example)}})
    return tasks


def label_studio_tasks(task: Task, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """One task an example, whose answer is a prediction that annotators correct."""
    tasks = []
    for example in examples:
        data = {_SHOWN: shown(example), "example_id": example.id, "row": place(example)}
        result: dict[str, Any] = {"id": "answer", "to_name": _SHOWN}
        if task.kind == "classify":
            chosen = list(example.labels) or [NO_LABELS]
            result |= {"from_name": _CHOICES, "type": "choices", "value": {"choices": chosen}}
        else:
            value = {"text": [example.answer]}
            result |= {"from_name": _TEXT_AREA, "type": "textarea", "value": value}
        prediction = {"model_version": "burnish-data", "result": [result]}
        tasks.append({"data": data | {"original": example.answer}, "predictions": [prediction]})
    return tasks


def label_studio_config(task: Task, labels: Sequence[str]) -> str:
    """The labelling interface (XML) that fits the tasks of `export`.

    Args:
        labels: what can be chosen, for classify; `labels_of` lists those of some examples.
    """
    text = f'  <Text name="{_SHOWN}" value="${_SHOWN}"/>'
    if task.kind != "classify":
        area = f'  <TextArea name="{_TEXT_AREA}" toName="{_SHOWN}" rows="8" editable="true"'
        return f'<View>\n{text}\n{area} maxSubmissions="1" required="true"/>\n</View>\n'
    style = "multiple" if task.multi_label else "single"
    layout = "select" if len(labels) > _LISTED_CHOICES else "vertical"
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return (
        f'<View>\n{text}\n  <Choices name="{_CHOICES}" toName="{_SHOWN}" choice="{style}" '
        f'layout="{layout}" required="true">\n{choices}\n  </Choices>\n</View>\n'
    )


def labels_of(task: Task, examples: Sequence[Example], further: Sequence[str] = ()) -> list[str]:
    """All labels of some examples and further ones, sorted; a multi-label task can also choose
    that none fits."""
    labels = sorted({label for example in examples for label in example.labels} | {*further})
    return [*labels, NO_LABELS] if task.multi_label and NO_LABELS not in labels else labels


def shown(example: Example) -> str:
    """What an annotator reads: the input, several inputs under their names, or the chat."""
    if example.history:
        return "\n\n".join(f"{turn.role}: {turn.content}" for turn in example.history)
    if len(example.inputs) == 1:
        return next(iter(example.inputs.values()))
    return "\n\n".join(f"{name}:\n{text}" for name, text in example.inputs.items())


@dataclass(frozen=True)
class _Given:
    """One annotation: where it stands in the export, of which example, by whom, what to do."""

    where: str
    id: str
    row: str
    by: str
    action: Action
    answer: str


def import_annotations(text: str) -> list[Review]:
    """What annotators decided, from Prodigy's JSONL (`db-out`) or Label Studio's JSON export.

    An accepted answer that differs from the exported one becomes "answer", an equal one "keep";
    what Prodigy's annotators reject becomes "drop". Tasks that were ignored or skipped are passed
    over, and so are tasks nobody has looked at. Where the same annotator annotated an example
    again, the later annotation counts.

    Returns:
        One review an example, of kind "label-error", sorted by id.

    Raises:
        DataError: the text is neither export, or holds no annotation; with every task that lacks
            its id or an answer, and every example on which annotators disagree.
    """
    given: list[_Given] = []
    wrong: list[str] = []
    tasks = _tasks(text)
    for where, task in tasks:
        read = _label_studio if "data" in task else _prodigy
        try:
            given += read(where, task)
        except ValueError as error:
            wrong.append(f"{where}: {error}")
    wrong += _disagreements(given)
    faults = Faults()
    if wrong:
        count = "1 annotation" if len(wrong) == 1 else f"{len(wrong):,} annotations"
        faults.add(
            f"{count} cannot be used; nothing was taken over.",
            wrong,
            hint="settle these tasks in the annotation tool and export again",
        )
    faults.stop()
    if not given:
        raise DataError(
            f"None of the {len(tasks):,} tasks in this export has an annotation.",
            hint="annotate some, then export them with their annotations",
        )
    reviews = {
        one.id: Review(
            id=one.id, kind="label-error", action=one.action, answer=one.answer, row=one.row
        )
        for one in given
    }
    return [reviews[name] for name in sorted(reviews)]


def _tasks(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The tasks of an export, each with its place; DataError where the text is no export."""
    text = text.removeprefix("\ufeff")
    expected = "expected Prodigy's JSONL (db-out) or Label Studio's JSON"
    values: list[tuple[str, Any]] = []
    try:
        if text.lstrip()[:1] == "[":
            values = [(f"task {n}", value) for n, value in enumerate(json.loads(text), 1)]
        else:
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():
                    values.append((f"line {number}", json.loads(line)))
    except (ValueError, RecursionError) as error:
        line = f" (line {number})" if text.lstrip()[:1] != "[" else ""
        raise DataError(
            f"The annotations are not JSON{line}: {error}.", hint=f"export again; {expected}"
        ) from error
    strange = [where for where, value in values if not isinstance(value, dict)]
    if strange or not values:
        found = f"{strange[0]} is no object" if strange else "the file is empty"
        raise DataError(f"These are no annotations: {found}; {expected}.", hint="export again")
    return values


def _prodigy(where: str, task: dict[str, Any]) -> Iterator[_Given]:
    answer = task.get("answer")
    if answer is None or answer == "ignore":
        return
    meta = task.get("meta")
    name, row = _named(meta if isinstance(meta, dict) else {}, "meta", "id")
    by = str(task.get("_annotator_id") or task.get("_session_id") or "")
    if answer == "reject":
        yield _Given(where, name, row, by, "drop", "")
        return
    if answer != "accept":
        raise ValueError(f'answer "{answer}"; expected "accept", "reject" or "ignore"')
    written: str | None = None
    if "options" in task or "accept" in task:
        config = task.get("config")
        several = isinstance(config, dict) and config.get("choice_style") == "multiple"
        written = _chosen(task.get("accept"), several=several)
    elif isinstance(task.get("user_input"), str):
        written = task["user_input"]
    yield _answered(where, name, row, by, written, task.get("original"))


def _label_studio(where: str, task: dict[str, Any]) -> Iterator[_Given]:
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list):
        raise ValueError("its annotations are no list")
    made = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if not made:
        return
    data = task["data"] if isinstance(task["data"], dict) else {}
    name, row = _named(data, "data", "example_id")
    for annotation in sorted(made, key=lambda one: str(one.get("updated_at", ""))):
        person = annotation.get("completed_by")
        by = str(person.get("id") if isinstance(person, dict) else person)
        yield _answered(where, name, row, by, _result(annotation), data.get("original"))


def _result(annotation: dict[str, Any]) -> str:
    """The answer in an annotation's result: its choices or its text."""
    for item in annotation.get("result") or []:
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(value, dict):
            continue
        if "choices" in value:
            return _chosen(value["choices"], several=False)
        if "text" in value and item.get("type") == "textarea":
            lines = value["text"] if isinstance(value["text"], list) else [value["text"]]
            return "\n".join(str(line) for line in lines)
    raise ValueError("an annotation without a choice or a text; skip the task, or answer it")


def _chosen(labels: Any, *, several: bool) -> str:
    """Chosen labels as an answer is written: one a line, sorted."""
    if not isinstance(labels, list) or not all(isinstance(label, str | int) for label in labels):
        raise ValueError("its choices are no list of labels")
    names = tuple(sorted({str(label) for label in labels} - {NO_LABELS}))
    if names or labels or several:
        return label_text(names)
    raise ValueError("accepted without a choice; choose a label, or ignore the task")


def _named(fields: dict[str, Any], holder: str, key: str) -> tuple[str, str]:
    name = fields.get(key)
    if not isinstance(name, str | int) or name == "":
        raise ValueError(
            f'no "{key}" in its {holder}; only tasks that `burnish data export` wrote can come back'
        )
    return str(name), str(fields.get("row", ""))


def _answered(
    where: str, name: str, row: str, by: str, written: str | None, original: Any
) -> _Given:
    """ "answer", or "keep" where nothing else was written than stood there."""
    if written is not None and not written.strip():
        raise ValueError("an empty answer; write one, or skip the task")
    if written is None or written.strip() == str(original).strip():
        return _Given(where, name, row, by, "keep", "")
    return _Given(where, name, row, by, "answer", written.strip())


def _disagreements(given: Sequence[_Given]) -> list[str]:
    """A sentence for each example of which two annotators say different things in the end."""
    final: dict[str, dict[str, _Given]] = defaultdict(dict)
    for one in given:
        final[one.id][one.by] = one
    sentences = []
    for name, by_annotator in final.items():
        first, *others = by_annotator.values()
        other = next((o for o in others if _said(o) != _said(first)), None)
        if other is not None:
            sentences.append(
                f'{other.where}: annotators disagree on "{shortened(name)}": {_said(first)} '
                f"({first.by or 'unknown'}) and {_said(other)} ({other.by or 'unknown'})"
            )
    return sentences


def _said(given: _Given) -> str:
    return f'"{shortened(given.answer)}"' if given.action == "answer" else given.action
