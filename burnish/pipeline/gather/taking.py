"""Taking: what people and callers said was right becomes examples.

Reads what situation.py reads, and the file of a person; writes gathered.jsonl, then the queue
without what was taken. Where it is killed between the two, the same command takes the same
decisions again, and finds that they are examples already.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine

from burnish.errors import DataError
from burnish.pipeline.gather.assessing import Ground, picked
from burnish.pipeline.gather.queue_files import Given, given_in, read_queue, write_queue
from burnish.pipeline.gather.queueing import as_example
from burnish.pipeline.gather.situation import situation_of
from burnish.pipeline.stepping import database_of, task_of
from burnish.records import Event, Example, Exchange, Gathered, Progress, Queued, Taken, silent
from burnish.store import Workspace
from burnish.store.files import write_lines
from burnish.store.workspace import now

if TYPE_CHECKING:
    from burnish.chat.answers import Target
    from burnish.gather.corrections import Correction
    from burnish.gather.settling import Answers

_SOURCE = "gathered.jsonl"
_Placed = list[tuple[str, Queued]]
"""Lines, each with the place of its decision."""


def take_corrections(workspace: Workspace, *, progress: Progress | None = None) -> Taken:
    """Make examples of the corrections that nothing speaks against, and of labels of your own.

    A correction with a flag stays in the queue, for a person to settle. What was taken unseen from
    a caller who is doubted now is taken back.

    Raises:
        DataError: there is no data set yet.
    """
    tell = progress or silent
    with situation_of(workspace, tell) as here:
        deployments = _deployments(here.engine, here.free)
        new = [_from_caller(one, deployments[one.exchange]) for one in here.free]
        everything = _numbered([*here.kept, *new])
        if new or here.withdrawn:
            write_lines(workspace.gathered, everything)
        taken = {one.exchange for one in new}
        open_ = [one for one in here.queue if not one.right.strip() and one.exchange not in taken]
        write_queue(workspace, here.decided, [*open_, *here.forgotten()])
        done = Taken(
            task_name=here.ground.task.name,
            taken=len(new),
            flagged=sum(bool(flags) for _, flags in here.waiting),
            withdrawn=len(here.withdrawn),
            new_labels=_new_labels(here.ground, everything),
            callers=tuple(here.assessed.callers),
            habits=tuple(here.assessed.habits),
            gathered=len(everything),
        )
    tell(Event("gather", f"{done.taken:,} corrections taken", finished=True))
    return done


def take_gathered(workspace: Workspace, file: Path, *, progress: Progress | None = None) -> Taken:
    """Make examples of what a person decided about lines of the queue.

    Args:
        file: queue.jsonl or a copy with `right` filled in, queue.csv or another spreadsheet with
            its columns, or what Label Studio or Prodigy exports of the tasks that were written.

    Raises:
        DataError: with every decision that cannot be used; nothing is changed then.
    """
    from burnish.gather.settling import with_new_labels

    tell = progress or silent
    with workspace.locked(), database_of(workspace) as engine:
        ground = Ground.of(workspace, task_of(workspace), engine)
        queue = {line.exchange: line for line in read_queue(workspace)}
        given = given_in(file)
        answers = with_new_labels(ground.answers, (one.right for one in given))
        lines = _checked(file, given, queue, ground, answers, engine)
        counts, after = _settled(ground, answers, lines)
        everything = _numbered(after.values())
        if everything != ground.gathered:
            write_lines(workspace.gathered, everything)
        queue |= {line.exchange: line for _, line in lines}
        rest = [line for line in queue.values() if line.exchange not in after]
        decided = [line for line in rest if line.right.strip()]
        write_queue(workspace, decided, [line for line in rest if not line.right.strip()])
        done = Taken(
            task_name=ground.task.name,
            taken=counts["new"],
            changed=counts["changed"],
            unchanged=counts["unchanged"],
            dropped=counts["dropped"],
            undecided=sum(not one.right for one in given),
            new_labels=_new_labels(ground, everything),
            gathered=len(everything),
        )
    tell(Event("gather", f"{done.taken + done.changed:,} examples taken", finished=True))
    return done


def _checked(
    file: Path,
    given: Sequence[Given],
    queue: Mapping[str, Queued],
    ground: Ground,
    answers: "Answers",
    engine: Engine,
) -> _Placed:
    """The lines that were decided on; DataError with every fault of any of them."""
    from burnish.gather.settling import check_settled

    decided = [one for one in given if one.right]
    lines, faults = _lines_of(decided, queue, ground, engine)
    faults += check_settled(answers, lines)
    if faults:
        count = "1 decision" if len(faults) == 1 else f"{len(faults):,} decisions"
        raise DataError(
            f"{count} in {file} cannot be used; nothing was changed.",
            faults=faults,
            hint="mend these lines and repeat the command",
        )
    if not lines:
        raise DataError(
            f"Nothing is decided in {file}: none of its {len(given):,} lines says what is right.",
            hint='write accept, keep, drop or the right answer under "right"',
        )
    return lines


def _lines_of(
    decided: Sequence[Given], queue: Mapping[str, Queued], ground: Ground, engine: Engine
) -> tuple[_Placed, list[str]]:
    """The line of each decision: of the queue, else of the log, else as the file has it."""
    elsewhere = sorted({one.exchange for one in decided} - set(queue))
    logged = {one.id: one for one in picked(engine, elsewhere)}
    lines: _Placed = []
    faults = []
    for one in decided:
        line = queue.get(one.exchange) or _logged_line(ground, logged.get(one.exchange), one.line)
        if line is None:
            faults.append(
                f"{one.where}: {one.exchange} stands neither in the queue nor in the request log"
            )
        elif fault := _other_columns(ground, line):
            faults.append(f"{one.where}: {fault}")
        else:
            lines.append((one.where, line.model_copy(update={"right": one.right})))
    return lines, faults


def _logged_line(
    ground: Ground, exchange: Exchange | None, written: Queued | None
) -> Queued | None:
    """A line for an exchange that is not in the queue, with the corrections that were shown."""
    from burnish.gather.asked import asked

    if exchange is None:
        return written
    example = asked(ground.task, exchange)
    if isinstance(example, str):
        return written
    return Queued(
        exchange=exchange.id, at=exchange.at, deployment=exchange.deployment,
        caller=exchange.caller, inputs=example.inputs, history=example.history,
        answer=example.answer, corrections=written.corrections if written else (), why=(), score=0,
    )  # fmt: skip


def _other_columns(ground: Ground, line: Queued) -> str:
    """What is wrong with a line that was queued when the brief had other columns, or ""."""
    data = ground.task.data
    if data.messages:
        return "" if line.history else "it is no chat, and the brief has chats now"
    lacking = [name for name in data.inputs if name not in line.inputs]
    return f'it lacks "{lacking[0]}", which is a column of the brief now' if lacking else ""


def _settled(
    ground: Ground, answers: "Answers", lines: _Placed
) -> tuple[Counter[str], dict[str, Gathered]]:
    """How many lines became what, and all examples by exchange."""
    from burnish.gather.settling import settle

    after = {one.exchange: one for one in ground.gathered}
    counts: Counter[str] = Counter()
    for line in {line.exchange: line for _, line in lines}.values():
        settled = settle(answers, line)
        before = after.get(line.exchange)
        if settled.target is None:
            counts["dropped"] += 1
            after.pop(line.exchange, None)
            continue
        example = _example(ground, line, settled.target)
        if before and before.by == "person" and before.example.answer == example.answer:
            counts["unchanged"] += 1
            continue
        counts["changed" if before else "new"] += 1
        after[line.exchange] = Gathered(
            example=example, exchange=line.exchange, at=line.at, deployment=line.deployment,
            caller=settled.caller, by="person", taken_at=now(),
        )  # fmt: skip
    return counts, after


def _example(ground: Ground, line: Queued, target: "Target") -> Example:
    """A line with its right answer; of the inputs those that the brief has."""
    inputs = {name: line.inputs[name] for name in ground.task.data.inputs}
    fields = {
        "inputs": inputs, "answer": target.text, "references": target.references,
        "labels": target.labels,
    }  # fmt: skip
    return as_example(line).model_copy(update=fields)


def _from_caller(one: "Correction", deployment: str) -> Gathered:
    by: Literal["person", "feedback"] = "person" if one.own else "feedback"
    return Gathered(
        example=one.example, exchange=one.exchange, at=one.at, deployment=deployment,
        caller=one.caller, by=by, taken_at=now(),
    )  # fmt: skip


def _deployments(engine: Engine, corrections: "Iterable[Correction]") -> dict[str, str]:
    names = [one.exchange for one in corrections]
    return {one.id: one.deployment for one in picked(engine, names)}


def _numbered(gathered: Iterable[Gathered]) -> list[Gathered]:
    """Examples with a row each, which says in what order they were taken."""
    numbered: list[Gathered] = []
    last = 0
    for one in gathered:
        row = one.example.row if one.example.row > last else last + 1
        placed = one.example.model_copy(update={"source": _SOURCE, "row": row})
        numbered.append(one.model_copy(update={"example": placed}))
        last = row
    return numbered


def _new_labels(ground: Ground, gathered: Iterable[Gathered]) -> tuple[str, ...]:
    known = set(ground.dataset.labels)
    return tuple(sorted({x for one in gathered for x in one.example.labels if x not in known}))
