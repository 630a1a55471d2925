"""The data step: files → checked and split examples, with all that was found beside them.

Reads the brief's files and decisions.jsonl; writes datasets/<id>/.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from burnish.errors import BaseModelError, BriefError
from burnish.pipeline.stepping import files_of, skip, step
from burnish.records import (
    BaseChoice,
    Change,
    Dataset,
    Dropped,
    Event,
    Example,
    Finding,
    Progress,
    Review,
    Run,
    Split,
    SplitName,
    Table,
    Task,
    canonical_hash,
)
from burnish.store import Workspace, read_split
from burnish.store.files import (
    count_lines,
    disk_errors,
    read_lines,
    sha256_file,
    sha256_tree,
    write_bytes,
    write_lines,
    write_text,
)

if TYPE_CHECKING:
    from burnish.chat.render import Renderer
    from burnish.data.build import Built
    from burnish.data.check import Checked

BaseOf = Callable[[], BaseChoice]
"""Finds the base model when it is asked for."""


def make_data(
    workspace: Workspace, task: Task, base_of: BaseOf, force: bool, progress: Progress
) -> Dataset:
    """The data set of a brief, or the one that stands where nothing has changed."""
    from burnish.data.build import build
    from burnish.data.check import check
    from burnish.data.reading.readers import read

    paths = {role: _locate(path, workspace) for role, path in files_of(task).items()}
    reviews = read_reviews(workspace)
    chosen = base_of() if task.checks.label_errors == "base" else None
    if chosen and chosen.source == "provider":
        raise BriefError(
            f"checks.label_errors is base, and the weights of {chosen.name} cannot be had.",
            hint="set label_errors to report, or name a base with weights",
        )
    settings = {"kind", "multi_label", "json_schema", "metric", "data", "checks", "seed"}
    depends = {
        "task": task.model_dump(mode="json", include=settings),
        "files": {role: _file_hash(path) for role, path in paths.items()},
        "reviews": [review.model_dump(mode="json") for review in reviews],
        "base": chosen.hash if chosen else None,
    }
    inputs_hash = canonical_hash(depends)
    if not force and (found := workspace.find_complete(Dataset, inputs_hash)):
        return skip(found, "data", _sizes(found), progress)
    tables: dict[str, Table] = {}
    for role, path in paths.items():
        spelled = files_of(task)[role]
        progress(Event("data", f"reading {spelled}"))
        # Records name a file as the brief does, so that they are the same in every folder.
        tables[role] = replace(read(path), path=spelled)
    progress(Event("data", "cleaning, comparing and splitting"))
    built = build(task, tables, reviews)
    tables.clear()
    losses = None
    if chosen:
        losses = _losses(task, chosen, built.examples[: task.checks.most_rows], progress)
    checked = check(task, built, reviews, losses=losses, progress=progress)
    fields = {"splits": {}, "rows_read": built.rows_read, "dropped": {}}
    with step(workspace, Dataset, inputs_hash, {}, task.seed, fields) as record:
        done = store(workspace, record, built, checked)
    progress(Event("data", _sizes(done), finished=True))
    return done


def store(
    workspace: Workspace,
    record: Dataset,
    built: "Built",
    checked: "Checked",
    *,
    sealed: Mapping[SplitName, tuple[bytes, Split]] | None = None,
) -> Dataset:
    """Write the splits and everything beside them; the record comes last.

    Args:
        sealed: splits whose files are taken over byte for byte, as nobody may read them here.
    """
    splits: dict[SplitName, Split] = {}
    for name, examples in (built.splits | {"train": checked.train}).items():
        file = workspace.path(record, f"{name}.jsonl")
        if sealed and name in sealed:
            data, splits[name] = sealed[name]
            write_bytes(file, data)
            continue
        write_lines(file, examples)
        labels = Counter(label for example in examples for label in example.labels)
        splits[name] = Split(
            file=file.name,
            n=len(examples),
            sha256=sha256_file(file),
            labels=dict(sorted(labels.items())),
        )
    lines: dict[str, Iterable[BaseModel]] = {
        "dropped.jsonl": built.dropped,
        "findings.jsonl": checked.findings,
        "changes.jsonl": built.changes,
    }
    for beside, records in lines.items():
        write_lines(workspace.path(record, beside), records)
    write_text(workspace.path(record, "checks.json"), checked.report.model_dump_json(indent=2))
    if built.mapping:
        text = json.dumps(built.mapping, ensure_ascii=False, indent=2)
        write_bytes(workspace.path(record, "stand-ins.json"), text.encode(), mode=0o600)
    _draw_page(workspace, record)
    return workspace.complete(
        record,
        {
            "splits": splits,
            "dropped": checked.report.dropped,
            "findings": checked.report.findings,
            "cleaned": checked.report.cleaned,
            "weights": checked.weights,
            "labels": built.labels,
            "json_schema": built.json_schema,
            "advice": checked.report.advice,
            "files": {beside: sha256_file(workspace.path(record, beside)) for beside in lines},
        },
    )


def measure_fit(
    workspace: Workspace, task: Task, dataset: Dataset, base_of: BaseOf, progress: Progress
) -> None:
    """Measure the examples in the tokens of the base, and draw data.html again with the outcome.

    Without its base a data set is still one: what keeps it from being had is said, and no more.
    """
    from burnish.data.checks.fit import costly_words, measure, token_fit, too_long
    from burnish.records.data_checks import DataReport

    path = workspace.path(dataset, "checks.json")
    report = DataReport.model_validate_json(path.read_bytes())
    if report.token_fit and report.token_fit.max_length == task.train.max_length:
        return
    try:
        chosen = base_of()
        if chosen.source == "provider":  # whose tokens are not known here
            return
        renderer = renderer_of(task, chosen)
    except BaseModelError as error:
        progress(Event("data", f"token lengths are not known: {error.message}"))
        return
    progress(Event("data", "measuring lengths in tokens"))
    examples = read_split(workspace, dataset, "train")[: task.checks.most_rows]
    speeds = [run.tokens_per_second for run in workspace.records(Run) if run.tokens_per_second]
    lengths = measure(renderer, examples)
    fit = token_fit(
        lengths,
        max_length=task.train.max_length,
        costly=costly_words(renderer, examples),
        tokens_per_second=speeds[-1] if speeds else None,
    )
    long = too_long(examples, lengths, task.train.max_length)
    write_lines(workspace.path(dataset, "too-long.jsonl"), long)
    write_text(path, report.model_copy(update={"token_fit": fit}).model_dump_json(indent=2))
    _draw_page(workspace, dataset)


def renderer_of(task: Task, chosen: BaseChoice) -> "Renderer":
    """The renderer of a task's prompts for a base."""
    from burnish.base.load import load_tokenizer
    from burnish.chat.render import Renderer

    return Renderer(load_tokenizer(Path(chosen.path)), task)


def read_reviews(workspace: Workspace) -> list[Review]:
    """What people decided so far."""
    return read_lines(workspace.decisions, Review) if workspace.decisions.exists() else []


def _draw_page(workspace: Workspace, dataset: Dataset) -> None:
    """Draw data.html from what lies beside it."""
    from burnish.data.review.page import MOST_CHANGES, MOST_DROPPED, data_page
    from burnish.records.data_checks import DataReport

    def beside(name: str) -> Path:
        return workspace.path(dataset, name)

    findings = read_lines(beside("findings.jsonl"), Finding)
    if beside("too-long.jsonl").exists():
        findings += read_lines(beside("too-long.jsonl"), Finding)
    page = data_page(
        DataReport.model_validate_json(beside("checks.json").read_bytes()),
        findings,
        read_lines(beside("dropped.jsonl"), Dropped, most=MOST_DROPPED),
        read_lines(beside("changes.jsonl"), Change, most=MOST_CHANGES),
        change_count=count_lines(beside("changes.jsonl")),
    )
    write_text(beside("data.html"), page)


def _losses(
    task: Task, chosen: BaseChoice, examples: Sequence[Example], progress: Progress
) -> dict[str, float]:
    """Example id → nats per answer token under the untuned base."""
    from burnish.base.load import end_tokens, load_model, load_tokenizer
    from burnish.engines.local import LocalEngine

    renderer = renderer_of(task, chosen)
    end = end_tokens(Path(chosen.path), load_tokenizer(Path(chosen.path)))
    engine = LocalEngine(load_model(chosen, task.train), end)
    found = {}
    for at, example in enumerate(examples):
        progress(Event("data", "asking the base about every answer", at, len(examples)))
        answer = renderer.answer_ids(example.answer)
        prompt = renderer.prompt(example, answer_tokens=len(answer)).ids
        found[example.id] = engine.losses([prompt], [answer])[0] / len(answer)
    return found


def _locate(path: str, workspace: Workspace) -> str:
    """A path of the brief as this process sees it; a hub id stays as it is."""
    local = workspace.folder / path
    looks_like_hub = path.count("/") == 1 and "." not in path and not local.exists()
    return path if looks_like_hub else str(local)


def _file_hash(path: str) -> Any:
    local = Path(path)
    with disk_errors(local):
        if local.is_dir():
            return sha256_tree(local)
        if local.is_file():
            return sha256_file(local)
    return path


def _sizes(dataset: Dataset) -> str:
    sizes = [f"{dataset.splits[name].n:,} {name}" for name in ("train", "validation", "test")]
    return ", ".join(sizes) + f"; {sum(dataset.dropped.values()):,} rows left out"
