"""Where gathering stands: what was decided, what was taken, and what waits to be taken.

Reads what assessing.py reads, and queue.jsonl; writes nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from burnish.pipeline.gather.assessing import Assessed, Ground, assess, picked
from burnish.pipeline.gather.queue_files import read_queue
from burnish.pipeline.gather.queueing import Closed
from burnish.pipeline.stepping import database_of, task_of
from burnish.records import CallerDoubt, Gathered, Progress, Queued
from burnish.store import Workspace

if TYPE_CHECKING:
    from burnish.gather.corrections import Correction

Flagged = tuple[Any, tuple[str, ...]]
"""A correction with its flags."""


@dataclass(frozen=True)
class Situation:
    """One look at a workspace; it stays locked as long as this is used.

    Attributes:
        queue: as it stands, decisions included.
    """

    engine: Engine
    ground: Ground
    assessed: Assessed
    queue: list[Queued]

    @cached_property
    def withdrawn(self) -> list[Gathered]:
        """Examples taken unseen that have a flag now, or whose caller is doubted."""
        flagged = {
            (one.exchange, one.caller)
            for one, flags in zip(self.assessed.corrections, self.assessed.flags, strict=True)
            if flags
        }
        doubted = {doubt.caller for doubt in self.assessed.callers}
        return [
            one
            for one in self.ground.gathered
            if one.by == "feedback"
            and (one.caller in doubted or (one.exchange, one.caller) in flagged)
        ]

    @cached_property
    def kept(self) -> list[Gathered]:
        """Examples that stay."""
        back = {one.exchange for one in self.withdrawn}
        return [one for one in self.ground.gathered if one.exchange not in back]

    @cached_property
    def standing(self) -> Ground:
        """The ground without what is withdrawn."""
        return replace(self.ground, gathered=self.kept)

    @cached_property
    def decided(self) -> list[Queued]:
        """Lines with a decision; "drop" is forgotten when its exchange has left the log."""
        taken = {one.exchange for one in self.kept if one.by == "person"}
        lines = [one for one in self.queue if one.right.strip() and one.exchange not in taken]
        drops = {one.exchange for one in lines if one.right.strip().casefold() == "drop"}
        gone = drops - self._logged(drops)
        return [one for one in lines if one.exchange not in gone]

    @cached_property
    def closed(self) -> Closed:
        """What needs no line any more."""
        taken = {one.exchange for one in self.kept}
        decided = {line.exchange for line in self.decided}
        return Closed(frozenset(taken | decided), tuple(self.decided))

    @cached_property
    def waiting(self) -> list[Flagged]:
        """Corrections that are no examples, were not decided on, and say something new."""
        ground = self.standing
        return [
            (one, flags)
            for one, flags in zip(self.assessed.corrections, self.assessed.flags, strict=True)
            if one.exchange not in self.closed.exchanges
            and one.key not in ground.held_out
            and ground.learned.get(one.key) != one.example.answer
        ]

    @cached_property
    def free(self) -> "list[Correction]":
        """Those without a flag, one for each input: the latest."""
        last: dict[bytes, Correction] = {}
        for one, flags in sorted(self.waiting, key=lambda each: (each[0].at, each[0].exchange)):
            if not flags:
                last[one.key] = one
        return sorted(last.values(), key=lambda one: (one.at, one.exchange))

    def forgotten(self) -> list[Queued]:
        """Lines for what is withdrawn and whose exchange has left the log."""
        logged = self._logged({one.exchange for one in self.withdrawn})
        return [
            _line(one, self.assessed.callers)
            for one in self.withdrawn
            if one.exchange not in logged
        ]

    def _logged(self, names: set[str]) -> set[str]:
        return {one.id for one in picked(self.engine, sorted(names))}


@contextmanager
def situation_of(workspace: Workspace, progress: Progress) -> Iterator[Situation]:
    """Where gathering stands, with the workspace locked for the block.

    Raises:
        DataError: there is no data set yet, or queue.jsonl was broken by hand.
    """
    with workspace.locked(), database_of(workspace) as engine:
        queue = read_queue(workspace)
        ground = Ground.of(workspace, task_of(workspace), engine)
        yield Situation(engine, ground, assess(ground, engine, progress), queue)


def _line(one: Gathered, callers: Sequence[CallerDoubt]) -> Queued:
    from burnish.gather.candidates import WEIGHTS
    from burnish.gather.corrections import caller_sentence

    return Queued(
        exchange=one.exchange,
        at=one.at,
        deployment=one.deployment,
        inputs=one.example.inputs,
        history=one.example.history,
        answer="",
        corrections=((one.example.answer, one.caller),),
        why=("corrected",),
        score=WEIGHTS["corrected"],
        flags=tuple(caller_sentence(each) for each in callers if each.caller == one.caller),
    )
