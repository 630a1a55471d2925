"""The data set of a re-tune: the old one, and what was gathered since.

Reads datasets/<id>/ and gathered.jsonl; writes another datasets/<id>/. The old test split goes
along byte for byte, so that its openings go on counting; the latest gathered examples are a second
test split, `fresh`, sealed too.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from burnish.errors import DataError, SealError
from burnish.pipeline.data import read_reviews, store
from burnish.pipeline.stepping import skip, step
from burnish.records import (
    Dataset,
    Event,
    Example,
    Gathered,
    Progress,
    Split,
    SplitName,
    Task,
    canonical_hash,
)
from burnish.store import Workspace, outline, read_split
from burnish.store.files import disk_errors, read_lines
from burnish.store.seal import sealed_inputs

if TYPE_CHECKING:
    from burnish.data.build import Built
    from burnish.data.extend import Extended

_MOST_NAMED = 10


def read_gathered(workspace: Workspace) -> list[Gathered]:
    """The examples that came out of serving so far, in the order in which they were taken."""
    return read_lines(workspace.gathered, Gathered) if workspace.gathered.exists() else []


def extend_data(workspace: Workspace, task: Task, dataset: Dataset, progress: Progress) -> Dataset:
    """A data set with what was gathered since `dataset`, or the one that stands for it already.

    Examples that were in the fresh test of `dataset` are new again: nobody learned from them. An
    example that was learned from and has been withdrawn since leaves.

    Raises:
        DataError: nothing new was gathered, or nothing of it can be used.
    """
    from burnish.data.check import check

    reviews = [one for one in read_reviews(workspace) if one.id.startswith("exchange:")]
    gathered = sorted(read_gathered(workspace), key=lambda one: (one.at, one.exchange))
    settings = {"kind", "multi_label", "json_schema", "metric", "checks", "seed"}
    depends = {
        "extends": dataset.hash,
        "task": task.model_dump(mode="json", include=settings),
        "fresh_fraction": task.retune.fresh_fraction,
        "gathered": [one.model_dump(mode="json", exclude={"taken_at"}) for one in gathered],
        "reviews": [review.model_dump(mode="json") for review in reviews],
    }
    inputs_hash = canonical_hash(depends)
    if found := workspace.find_complete(Dataset, inputs_hash):
        return skip(found, "data", _sizes(found), progress)
    progress(Event("data", "placing what was gathered beside the data set"))
    old, withdrawn = _old(workspace, dataset, gathered)
    extended = _extended(task, old, gathered, reviews)
    built = _built(workspace, task, dataset, extended, withdrawn)
    checked = check(task, built, reviews, progress=progress)
    parents = {"dataset": str(dataset.hash)}
    fields = {"splits": {}, "rows_read": built.rows_read, "dropped": {}}
    with step(workspace, Dataset, inputs_hash, parents, task.seed, fields) as record:
        sealed: dict[SplitName, tuple[bytes, Split]] = {"test": _sealed(workspace, dataset)}
        done = store(workspace, record, built, checked, sealed=sealed)
    progress(Event("data", _sizes(done), finished=True))
    return done


def _old(
    workspace: Workspace, dataset: Dataset, gathered: Sequence[Gathered]
) -> tuple[dict[SplitName, Sequence[Example]], list[Example]]:
    """The old splits, of the test its inputs alone, and examples withdrawn since."""
    held = {one.example.id for one in gathered}
    old: dict[SplitName, Sequence[Example]] = {"test": sealed_inputs(workspace, dataset, "test")}
    withdrawn: list[Example] = []
    names: tuple[Literal["train"], Literal["validation"]] = ("train", "validation")
    for name in names:
        examples = without_repeats(read_split(workspace, dataset, name))
        withdrawn += [example for example in examples if is_withdrawn(example, held)]
        old[name] = [example for example in examples if not is_withdrawn(example, held)]
    return old, withdrawn


def without_repeats(examples: Sequence[Example]) -> list[Example]:
    """Examples without the repeats, "ID#2" and so on, that oversampling made of others."""
    ids = {example.id for example in examples}

    def is_repeat(name: str) -> bool:
        original, _, number = name.rpartition("#")
        return number.isdigit() and original in ids

    return [example for example in examples if not is_repeat(example.id)]


def is_withdrawn(example: Example, gathered: set[str]) -> bool:
    """Whether an example came out of serving and is not among the gathered ones any more."""
    return example.id.startswith("exchange:") and example.id not in gathered


def _extended(
    task: Task,
    old: dict[SplitName, Sequence[Example]],
    gathered: Sequence[Gathered],
    reviews: Sequence[Any],
) -> "Extended":
    from burnish.data.extend import extend

    held = {example.id for name in ("train", "validation") for example in old[name]}
    new = [one for one in gathered if one.example.id not in held]
    if not new:
        raise DataError(
            "Nothing was gathered that the data set does not have already.", hint="burnish gather"
        )
    people = [one.example.id for one in new if one.by == "person"]
    extended = extend(task, old, [one.example for one in new], by_people=people, reviews=reviews)
    if not any(extended.added.values()):
        why = "; ".join(sorted({drop.reason for drop in extended.dropped}))
        raise DataError(
            f"None of the {len(new):,} gathered examples can be used: {why}.",
            hint="gather others with burnish gather",
        )
    return extended


def _built(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    extended: "Extended",
    withdrawn: Sequence[Example],
) -> "Built":
    """What was extended, in the form in which every data set is checked and stored."""
    from burnish.data.advice import advise
    from burnish.data.build import Built
    from burnish.data.examples import content_hash, excerpt
    from burnish.data.extend import comparable
    from burnish.data.rows import row_of
    from burnish.data.schema import infer_schema
    from burnish.records import Dropped

    classify = task.kind == "classify"
    # Labels are counted, of other kinds the lengths of inputs: never both a text and its answer.
    unread = outline if classify else sealed_inputs
    test = unread(workspace, dataset, "test")
    splits: dict[SplitName, Sequence[Example]] = {**extended.splits, "test": test}
    looked = sorted(
        [*splits["train"], *splits["validation"]], key=lambda e: (content_hash(e), e.id)
    )
    labels = {label for pool in extended.splits.values() for e in pool for label in e.labels}
    dropped = [
        *extended.dropped,
        *(
            Dropped(source=e.source, row=e.row, reason="withdrawn since", text=excerpt(e))
            for e in withdrawn
        ),
    ]
    everything = tuple(sorted({*dataset.labels, *labels}))
    rows = {
        name: [row_of(task, comparable(task, e), at) for at, e in enumerate(pool)]
        for name, pool in splits.items()
    }
    schema = None
    if task.kind == "extract":
        schema = task.json_schema or infer_schema([json.loads(e.answer) for e in splits["train"]])
    prepared = extended.prepared
    return Built(
        splits=splits,
        examples=looked,
        dropped=dropped,
        findings=[],
        changes=prepared.changes,
        cleaned=dict(sorted(prepared.cleaned.items())),
        mapping=prepared.mapping,
        labels=everything,
        json_schema=schema,
        advice=advise(task, rows, everything, notes=_notes(dataset, extended, everything)),
        rows_read=sum(len(pool) for pool in splits.values()) + len(dropped),
    )


def _notes(dataset: Dataset, extended: "Extended", labels: Sequence[str]) -> list[str]:
    added = ", ".join(f"{n:,} to {name}" for name, n in extended.added.items())
    notes = [f"Gathered examples were added to data set {dataset.id}: {added}."]
    if new := [label for label in labels if label not in dataset.labels]:
        more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
        notes.append(f"New labels: {', '.join(new[:_MOST_NAMED])}{more}.")
    return notes


def _sealed(workspace: Workspace, dataset: Dataset) -> tuple[bytes, Split]:
    """The bytes of the old test split, which are those that were recorded."""
    import hashlib

    split = dataset.splits["test"]
    path = workspace.path(dataset, split.file)
    with disk_errors(path):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != split.sha256:
        raise SealError(
            f"{path} is not the file that was recorded: it was changed since.",
            hint="burnish data --force makes the data set again; scores before and after differ",
        )
    return data, split


def _sizes(dataset: Dataset) -> str:
    sizes = [f"{split.n:,} {name}" for name, split in dataset.splits.items()]
    return f"{', '.join(sizes)}; {sum(dataset.dropped.values()):,} examples left out"
