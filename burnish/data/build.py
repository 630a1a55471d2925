"""Gluing: tables in, checked and split examples out.

Reads nothing but its arguments and writes nothing that outlives it: the pipeline stores what comes
back. Every row read either stands in one split or in `dropped` with its reason, never both and
never neither.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from burnish.data.advice import advise
from burnish.data.dedupe import Pools, deduplicate
from burnish.data.examples import (
    Faults,
    RowsRead,
    check_columns,
    check_ids,
    counted_reasons,
    nearest,
    place,
    read_examples,
    shortened,
)
from burnish.data.ledger import Ledger
from burnish.data.prepare import Preparation
from burnish.data.rows import Pool, Row, row_of
from burnish.data.schema import infer_schema
from burnish.data.split import in_order, limit_rows, split
from burnish.data.spool import Spool
from burnish.records import (
    Change,
    CleaningRule,
    Dropped,
    Example,
    Finding,
    Review,
    SplitName,
    Table,
    Task,
)

MIN_EXAMPLES = 50
"""Fewest examples that go on without `allow_small`."""

MIN_EXAMPLES_SMALL = 6
"""Fewest examples that go on with it."""

_MERGED_KINDS = ("summarize", "answer", "generate")
_HELD_OUT: tuple[SplitName, ...] = ("validation", "test")


@dataclass(frozen=True)
class Built:
    """A data set before it is stored.

    Attributes:
        splits: split → examples in the order of their content hash.
        examples: all of them in that order, whatever their split and before references were
            merged: what the checks look at.
        dropped: rows that are in no split, by source and row.
        findings: duplicates, leaks and conflicts.
        changes: every text that cleaning or masking changed.
        cleaned: cleaning rule → texts it changed.
        mapping: example id → stand-in → personal data it stands for, where the brief keeps it.
        labels: the label set of classify, sorted.
        json_schema: of extract: the brief's own, or what the train answers have in common.
        advice: sentences for the user, worst first.
        rows_read: equals the examples in all splits plus the dropped rows.
    """

    splits: dict[SplitName, Sequence[Example]]
    examples: Sequence[Example]
    dropped: list[Dropped]
    findings: list[Finding]
    changes: Sequence[Change]
    cleaned: dict[CleaningRule, int]
    mapping: dict[str, dict[str, str]]
    labels: tuple[str, ...]
    json_schema: dict[str, Any] | None
    advice: tuple[str, ...]
    rows_read: int


def build(task: Task, tables: dict[str, Table], reviews: Sequence[Review] = ()) -> Built:
    """Builds the data set of a brief that does not contradict itself (`read_brief` sees to that).

    In order: rows become examples, cleaned and with what people decided about them; labels not
    asked for, duplicates and rows of the user's own splits that recur in a more protected one are
    dropped; `max_rows` is applied; what is missing of validation and test is cut from train; in
    these two, further answers to the same free-text input become further references.

    Args:
        tables: the key "source" alone, or "train" with "validation" and "test" where they exist.
        reviews: decisions of people about single examples.

    Raises:
        DataError: the files cannot be used; lists all faults found.
    """
    check_columns(task, tables)
    faults = Faults()
    prepare = Preparation(task, tables.values(), reviews)
    spool: Spool[Example] = Spool(Example)
    pools, read = _read(task, tables, prepare, spool, faults)
    check_ids(task, [row for pool in pools.values() for row in pool], faults)
    ledger = Ledger(spool, reviews)
    ledger.dropped += [drop for rows in read.values() for drop in rows.dropped]
    if task.data.labels:
        pools = _keep_labels(task, pools, ledger, faults)
    to_cut = "source" if "source" in pools else "train"
    linked = pools[to_cut]
    deduplicated = deduplicate(task, pools, spool, ledger)
    pools = deduplicated.pools
    main = pools.pop(to_cut)
    if task.data.max_rows:
        main, over = limit_rows(main, task.data.max_rows)
        for row in over:
            ledger.drop(row, "over max_rows")
    cut = [name for name in _HELD_OUT if name not in pools]
    _check_size(task, {to_cut: main, **pools}, tables, ledger.dropped, faults)
    _check_answers(task, main, spool, cut, faults)
    faults.stop()
    placed, loose = split(task, main, cut=cut, linked=linked, ties=deduplicated.ties)
    placed |= {name: in_order(pools[name]) for name in _HELD_OUT if name in pools}
    splits: dict[SplitName, Sequence[Example]] = {}
    for name in ("train", "validation", "test"):
        splits[name] = Pool(spool, (row.at for row in placed[name]))
        if name in _HELD_OUT and task.kind in _MERGED_KINDS:
            splits[name] = _merge_references(placed[name], spool, ledger)
    labels = sorted({label for pool in placed.values() for row in pool for label in row.labels})
    notes = [*_notes(tables, read, reviews, prepare), *_torn(loose)]
    return Built(
        splits=splits,
        examples=Pool(spool, (row.at for row in in_order(r for p in placed.values() for r in p))),
        dropped=sorted(ledger.dropped, key=lambda drop: (drop.source, drop.row)),
        findings=ledger.findings,
        changes=prepare.changes,
        cleaned=dict(sorted(prepare.cleaned.items())),
        mapping=prepare.mapping,
        labels=tuple(labels),
        json_schema=_schema_of(task, splits["train"]) if task.kind == "extract" else None,
        advice=advise(task, placed, tuple(labels), notes=notes),
        rows_read=sum(len(table.rows) for table in tables.values()),
    )


def _read(
    task: Task,
    tables: dict[str, Table],
    prepare: Preparation,
    spool: Spool[Example],
    faults: Faults,
) -> tuple[Pools, dict[str, RowsRead]]:
    """Rows of every file, prepared and spooled, and what became of the others."""
    pools: Pools = {}
    read = {}
    for name, table in tables.items():
        pool: list[Row] = []

        def take(example: Example, pool: list[Row] = pool) -> str | None:
            prepared = prepare(example)
            if isinstance(prepared, str):
                return prepared
            pool.append(row_of(task, prepared, spool.append(prepared)))
            return None

        read[name] = read_examples(task, table, faults, take)
        pools[name] = pool
    return pools, read


def _keep_labels(task: Task, pools: Pools, ledger: Ledger, faults: Faults) -> Pools:
    wanted = {" ".join(label.split()) for label in task.data.labels}
    known = sorted({label for pool in pools.values() for row in pool for label in row.labels})
    if unknown := sorted(wanted - set(known)):
        faults.add(
            f"data.labels names labels that no row has ({len(unknown)}).",
            (f'"{shortened(label)}"{nearest(label, known)}' for label in unknown),
            hint="write the labels under `data: labels:` as the file does",
        )
        return pools
    for pool in pools.values():
        for row in pool:
            if not wanted.issuperset(row.labels):
                ledger.drop(row, "label not kept", labels=list(row.labels))
    return {
        name: [row for row in pool if wanted.issuperset(row.labels)] for name, pool in pools.items()
    }


def _check_size(
    task: Task,
    pools: Pools,
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
    task: Task,
    pool: Sequence[Row],
    spool: Sequence[Example],
    cut: Sequence[SplitName],
    faults: Faults,
) -> None:
    """Notes a single answer, and labels too rare to be in every split."""
    if not pool:
        return
    if len({row.answer for row in pool}) == 1:
        what = "label" if task.kind == "classify" else "answer"
        faults.add(
            f"All {len(pool):,} examples have the one {what} "
            f'"{shortened(spool[pool[0].at].answer)}"; {task.kind} needs at least two.',
            hint=f"name another column as `output` under `data:`, or add examples of other {what}s",
        )
        return
    if task.kind != "classify" or task.multi_label or task.data.allow_small or not cut:
        return
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in pool:
        rows[row.labels[0]].append(row)
    needed = len(cut) + 1
    rare = {label: found for label, found in rows.items() if len(found) < needed}
    if rare:
        faults.add(
            f"A label with fewer than {needed} examples cannot be in each of "
            f"{', '.join(['train', *cut])}; {len(rare)} of {len(rows)} labels are that rare.",
            (
                f'"{shortened(label)}": {len(found)} '
                f"({', '.join(place(row) for row in sorted(found, key=lambda row: row.row))})"
                for label, found in sorted(rare.items(), key=lambda item: (len(item[1]), item[0]))
            ),
            hint="merge these labels into others, keep only the rest with `labels` under `data:`, "
            "or set `allow_small: true` to keep them in train alone",
        )


def _merge_references(
    rows: Sequence[Row], spool: Sequence[Example], ledger: Ledger
) -> list[Example]:
    """One example of each input, whose references are all answers to it, in the given order."""
    same: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        same[row.input].append(row)
    merged = []
    for first, *others in same.values():
        example = spool[first.at]
        answers = [text for row in (first, *others) for text in spool[row.at].references]
        merged.append(example.model_copy(update={"references": tuple(dict.fromkeys(answers))}))
        for other in others:
            ledger.drop(other, "merged as a further reference", kept=first)
    return merged


def _torn(loose: Sequence[tuple[Row, Row]]) -> list[str]:
    """What to say of near-duplicates that had to be torn apart."""
    if not loose:
        return []
    one, other = loose[0]
    return [
        f"{len(loose):,} pairs of near-duplicates stand in different splits, as together they "
        "would be more than a twentieth of all examples; the nearest: "
        f"{place(one)} and {place(other)}. "
        "Test scores may be too good: name a `group` under `data:`, or raise checks.similarity."
    ]


def _notes(
    tables: dict[str, Table],
    read: dict[str, RowsRead],
    reviews: Sequence[Review],
    prepare: Preparation,
) -> list[str]:
    """What the readers noted, and what was changed in rows that stayed."""
    notes = [f"{table.path}: {note}" for table in tables.values() for note in table.notes]
    if lost := sorted({review.row for review in reviews if review.id not in prepare.reviewed}):
        notes.append(
            f"Decisions on examples that the files no longer hold: {len(lost)} ({lost[0]})."
        )
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
