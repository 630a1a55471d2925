"""Gathering: from the request log to a queue for people, and from their answers to examples.

Reads the brief, the data set behind what answers now and the database; writes queue.jsonl,
queue.csv and gathered.jsonl. What a person decided is never lost: the queue is written again with
all decisions in it, and every file is replaced at once.
"""

from collections import Counter

from burnish.pipeline.gather.queue_files import export_queue, write_queue
from burnish.pipeline.gather.queueing import find
from burnish.pipeline.gather.situation import situation_of
from burnish.pipeline.gather.taking import take_corrections, take_gathered
from burnish.pipeline.retune.extending import extend_data, read_gathered
from burnish.records import Event, Gathering, Progress, silent
from burnish.store import Workspace
from burnish.store.files import write_lines

__all__ = [
    "export_queue",
    "extend_data",
    "read_gathered",
    "run_gather",
    "take_corrections",
    "take_gathered",
]

MOST = 200
"""Lines of the queue, unless said otherwise."""


def run_gather(
    workspace: Workspace,
    *,
    most: int = MOST,
    since: str | None = None,
    progress: Progress | None = None,
) -> Gathering:
    """Write the queue: the exchanges most worth a label, and room for the right answer.

    Examples that were taken unseen from a caller who is doubted now leave gathered.jsonl.

    Args:
        most: lines without a decision; those with one stay and do not count.
        since: ISO 8601 in UTC, or a beginning of it; exchanges before it are not looked at.

    Raises:
        DataError: there is no data set yet, or queue.jsonl was broken by hand.
    """
    tell = progress or silent
    with situation_of(workspace, tell) as here:
        found = find(
            here.standing, here.assessed, here.closed, here.engine,
            most=most, since=since or "", progress=tell,
        )  # fmt: skip
        lines = [*found.lines, *here.forgotten()]
        files = write_queue(workspace, here.decided, lines)
        if here.withdrawn:
            write_lines(workspace.gathered, here.kept)
        done = Gathering(
            task_name=here.ground.task.name,
            since=since or "",
            exchanges=found.exchanges,
            left_out=found.left_out,
            worth=found.worth,
            queued=len(lines),
            why=dict(Counter(why for line in lines for why in line.why).most_common()),
            decided=len(here.decided),
            corrections=sum(not one.own for one, _ in here.waiting),
            doubted=sum(bool(flags) for _, flags in here.waiting),
            free=sum(not one.own for one in here.free),
            labelled=sum(one.own for one in here.free),
            no_answers=here.assessed.no_answers,
            callers=tuple(here.assessed.callers),
            habits=tuple(here.assessed.habits),
            withdrawn=len(here.withdrawn),
            gathered=len(here.kept),
            notes=(*found.notes, *here.assessed.notes),
            files=tuple(str(path) for path in files),
        )
    tell(Event("gather", f"{done.queued:,} exchanges in the queue", finished=True))
    return done
