"""Gluing: tables in, checked and split examples out.

Reads nothing but its arguments and writes nothing: the pipeline stores what comes back. Every row
read either stands in one split or in `dropped` with its reason, never both and never neither.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from burnish.data.advice import advise
from burnish.data.examples import (
    Faults,
    RowsRead,
    answer_key,
    check_columns,
    check_ids,
    content_hash,
    counted_reasons,
    excerpt,
    input_key,
    nearest,
    place,
    read_examples,
    shortened,
)
from burnish.data.schema import infer_schema
from burnish.data.split import in_order, limit_rows, split
from burnish.records import Dropped, Example, SplitName, Table, Task

MIN_EXAMPLES = 50
"""Fewest examples that go on without `allow_small`."""

MIN_EXAMPLES_SMALL = 6
"""Fewest examples that go on with it."""

_MERGED_KINDS = ("summarize", "answer", "generate")


@dataclass(frozen=True)
class Built:
    """A data set before it is stored.

    Attributes:
        splits: split → examples in the order of their content hash.
        dropped: rows that are in no split, by source and row.
        labels: the label set of classify, sorted.
        json_schema: of extract: the brief's own, or what the train answers have in common.
        advice: sentences for the user, worst first.
        rows_read: equals the examples in all splits plus the dropped rows.
    """

    splits: dict[SplitName, list[Example]]
    dropped: list[Dropped]
    labels: tuple[str, ...]
    json_schema: dict[str, Any] | None
    advice: tuple[str, ...]
    rows_read: int


def build(task: Task, tables: dict[str, Table]) -> Built:
    """Builds the data set of a brief that does not contradict itself (`read_brief` sees to that).

    In order: rows become examples; labels not asked for, exact duplicates and rows of the user's
    own splits that recur in a more protected one are dropped; `max_rows` is applied; what is
    missing of validation and test is cut from train; in these two, further answers to the same
    free-text input become further references.

    Args:
        tables: the key "source" alone, or "train" with "validation" and "test" where they exist.

    Raises:
        DataError: the files cannot be used; lists all faults found.
    """
    check_columns(task, tables)
    faults = Faults()
    read = {name: read_examples(task, table, faults) for name, table in tables.items()}
    check_ids(task, [example for rows in read.values() for example in rows.examples], faults)
    dropped = [drop for rows in read.values() for drop in rows.dropped]
    pools = {name: rows.examples for name, rows in read.items()}
    if task.data.labels:
        pools = _keep_labels(task, pools, dropped, faults)
    to_cut = "source" if "source" in pools else "train"
    linked = pools[to_cut]
    pools = {name: _without_duplicates(task, pool, dropped) for name, pool in pools.items()}
    _remove_leaks(pools, dropped)
    main = pools.pop(to_cut)
    if task.data.max_rows:
        main, over = limit_rows(main, task.data.max_rows)
        dropped += (_drop(example, "over max_rows") for example in over)
    cut = [name for name in _HELD_OUT if name not in pools]
    _check_size(task, {to_cut: main, **pools}, tables, dropped, faults)
    _check_answers(task, main, cut, faults)
    faults.stop()
    splits = _splits(task, main, pools, cut, linked)
    if task.kind in _MERGED_KINDS:
        for name in _HELD_OUT:
            splits[name] = _merge_references(splits[name], dropped)
    labels = sorted({label for pool in splits.values() for e in pool for label in e.labels})
    return Built(
        splits=splits,
        dropped=sorted(dropped, key=lambda drop: (drop.source, drop.row)),
        labels=tuple(labels),
        json_schema=_schema_of(task, splits["train"]) if task.kind == "extract" else None,
        advice=advise(task, splits, tuple(labels), notes=_notes(tables, read)),
        rows_read=sum(len(table.rows) for table in tables.values()),
    )


_HELD_OUT: tuple[SplitName, ...] = ("validation", "test")


def _keep_labels(
    task: Task, pools: dict[str, list[Example]], dropped: list[Dropped], faults: Faults
) -> dict[str, list[Example]]:
    wanted = {" ".join(label.split()) for label in task.data.labels}
    known = sorted({label for pool in pools.values() for e in pool for label in e.labels})
    if unknown := sorted(wanted - set(known)):
        faults.add(
            f"data.labels names labels that no row has ({len(unknown)}).",
            (f'"{shortened(label)}"{nearest(label, known)}' for label in unknown),
            hint="write the labels under `data: labels:` as the file does",
        )
        return pools
    kept: dict[str, list[Example]] = {}
    for name, pool in pools.items():
        kept[name] = [example for example in pool if wanted.issuperset(example.labels)]
        dropped += (
            _drop(example, "label not kept", labels=list(example.labels))
            for example in pool
            if not wanted.issuperset(example.labels)
        )
    return kept


def _without_duplicates(
    task: Task, pool: Sequence[Example], dropped: list[Dropped]
) -> list[Example]:
    """One example of each input and answer.

    The first row stays. Where rows differ in case, white space, id or group, the choice among
    them goes by content, not by row, so that the order of rows changes nothing.
    """
    same: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in pool:
        same[input_key(example), answer_key(task, example)].append(example)
    kept = []
    for examples in same.values():
        first, *others = sorted(
            examples, key=lambda e: (content_hash(e), e.id, e.group or "", e.row)
        )
        kept.append(first)
        dropped += (_drop(other, "exact duplicate", kept=place(first)) for other in others)
    return kept


def _remove_leaks(pools: dict[str, list[Example]], dropped: list[Dropped]) -> None:
    """Takes from the user's train what recurs in validation or test, from validation what in test.

    Test examples are never touched.
    """
    for protected, others in (("test", ("validation", "train")), ("validation", ("train",))):
        places: dict[str, str] = {}
        for example in sorted(pools.get(protected, []), key=lambda example: example.row):
            places.setdefault(input_key(example), place(example))
        for name in others:
            pool = pools.get(name, [])
            leaked = [example for example in pool if input_key(example) in places]
            dropped += (
                _drop(example, f"also in {protected}", kept=places[input_key(example)])
                for example in leaked
            )
            if leaked:
                pools[name] = [example for example in pool if input_key(example) not in places]


def _check_size(
    task: Task,
    pools: dict[str, list[Example]],
    tables: dict[str, Table],
    dropped: Sequence[Dropped],
    faults: Faults,
) -> None:
    n = sum(len(pool) for pool in pools.values())
    least = MIN_EXAMPLES_SMALL if task.data.allow_small else MIN_EXAMPLES
    if n < least:
        limit = task.data.max_rows
        found = f" under `max_rows: {limit}`" if limit and limit < least else ""
        hint = "raise `max_rows` under `data:`" if found else "add examples"
        if MIN_EXAMPLES_SMALL <= n < MIN_EXAMPLES:
            hint += ", or go on with few by `allow_small: true` under `data:`"
        elif not task.data.allow_small:
            hint += f" (even with `allow_small: true`, {MIN_EXAMPLES_SMALL} are the least)"
        faults.add(
            f"{n} usable examples were found{found}; at least {least} are needed.", hint=hint
        )
    for name, pool in pools.items():
        if n and not pool:
            why = counted_reasons(drop for drop in dropped if drop.source == tables[name].path)
            faults.add(
                f"Nothing is left of the {name} file {tables[name].path}: every row was dropped "
                f"({why}).",
                hint=f"give a {name} file of its own examples, or leave it out of `data:`",
            )


def _check_answers(
    task: Task, examples: Sequence[Example], cut: Sequence[SplitName], faults: Faults
) -> None:
    """Notes a single answer, and labels too rare to be in every split."""
    if not examples:
        return
    if len({answer_key(task, example) for example in examples}) == 1:
        what = "label" if task.kind == "classify" else "answer"
        faults.add(
            f"All {len(examples):,} examples have the one {what} "
            f'"{shortened(examples[0].answer)}"; {task.kind} needs at least two.',
            hint=f"name another column as `output` under `data:`, or add examples of other {what}s",
        )
        return
    if task.kind != "classify" or task.multi_label or task.data.allow_small or not cut:
        return
    rows: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        rows[example.labels[0]].append(example)
    needed = len(cut) + 1
    rare = {label: found for label, found in rows.items() if len(found) < needed}
    if rare:
        faults.add(
            f"A label with fewer than {needed} examples cannot be in each of "
            f"{', '.join(['train', *cut])}; {len(rare)} of {len(rows)} labels are that rare.",
            (
                f'"{shortened(label)}": {len(found)} '
                f"({', '.join(place(example) for example in _by_row(found))})"
                for label, found in sorted(rare.items(), key=lambda item: (len(item[1]), item[0]))
            ),
            hint="merge these labels into others, keep only the rest with `labels` under `data:`, "
            "or set `allow_small: true` to keep them in train alone",
        )


def _splits(
    task: Task,
    main: Sequence[Example],
    own: dict[str, list[Example]],
    cut: Sequence[SplitName],
    linked: Iterable[Example],
) -> dict[SplitName, list[Example]]:
    """All three splits, of which `own` are the user's and `cut` are made."""
    made = split(task, main, cut=cut, linked=linked)
    return {
        "train": made["train"],
        "validation": made["validation"] if "validation" in made else in_order(own["validation"]),
        "test": made["test"] if "test" in made else in_order(own["test"]),
    }


def _merge_references(examples: Sequence[Example], dropped: list[Dropped]) -> list[Example]:
    """One example of each input, whose references are all answers to it, in the given order."""
    same: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        same[input_key(example)].append(example)
    merged = []
    for first, *others in same.values():
        answers = [*first.references, *(text for other in others for text in other.references)]
        merged.append(first.model_copy(update={"references": tuple(dict.fromkeys(answers))}))
        dropped += (
            _drop(other, "merged as a further reference", kept=place(first)) for other in others
        )
    return merged


def _notes(tables: dict[str, Table], read: dict[str, RowsRead]) -> list[str]:
    """What the readers noted, and what was changed in rows that stayed."""
    notes = [f"{table.path}: {note}" for table in tables.values() for note in table.notes]
    cut = [f"{name} row {row}" for name, rows in read.items() for row in rows.cut_chats]
    if not cut:
        return notes
    return [
        *notes,
        f"Turns after the last assistant turn were cut, as no answer follows them; chats: "
        f"{len(cut)}: {', '.join(cut[:10])}{', …' if len(cut) > 10 else ''}.",
    ]


def _schema_of(task: Task, train: Sequence[Example]) -> dict[str, Any]:
    return task.json_schema or infer_schema([json.loads(example.answer) for example in train])


def _by_row(examples: Iterable[Example]) -> list[Example]:
    return sorted(examples, key=lambda example: example.row)


def _drop(example: Example, reason: str, *, kept: str | None = None, **details: Any) -> Dropped:
    return Dropped(
        source=example.source,
        row=example.row,
        reason=reason,
        text=excerpt(example),
        kept=kept,
        details=details,
    )
