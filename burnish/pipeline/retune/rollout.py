"""A run on its way to all requests, by stages: started, judged and, where it is worse, taken back.

Reads the request log and its feedback; writes, in the database, each decision together with the
traffic that it changes. `burnish watch` calls `advance`. No lock is needed: of two who decide the
same step, the database takes the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from burnish.errors import ServingError, WorkspaceError
from burnish.pipeline.history.mirroring import mirror_after
from burnish.pipeline.serving import deploy, nobody_else
from burnish.pipeline.stepping import database_of, task_of
from burnish.records import (
    Dataset,
    Deployment,
    Exchange,
    Progress,
    RetuneSettings,
    Route,
    Run,
    StageAction,
    StageDecision,
    Task,
    Traffic,
    silent,
)
from burnish.store import Workspace
from burnish.store.rollouts import (
    answered_by,
    disliked,
    keep_decisions,
    newest_rollout,
    read_decisions,
    read_way,
)
from burnish.store.traffic import read_traffic, scaled, state_after

if TYPE_CHECKING:
    from burnish.watch.reading import Reader
    from burnish.watch.rollout import Ruling, Stage

_BEFORE = 5
"""Times `stage_requests` of what the others answered before, where none answers beside it."""
_PATIENCE = timedelta(hours=1)
"""Time that a gateway which answers has to let the new run answer too."""


def start(
    workspace: Workspace,
    run: str | None,
    *,
    stages: Sequence[float] | None = None,
    engine: str | None = None,
    overrule: str = "",
    reason: str = "",
    now: datetime | None = None,
    progress: Progress | None = None,
) -> StageDecision:
    """Give a run the first of its stages; `advance` takes it from there.

    A run that is on its way already begins anew, with the traffic from before it as that to go back
    to.

    Args:
        run, engine, overrule: as for `burnish.pipeline.promote`.
        stages: shares of the requests, rising; None are the brief's. Where the last is not 1, a
            person takes it further.

    Raises:
        ServingError: it may not answer, nobody else answers, or another run is on its way.
    """
    task = task_of(workspace)
    chosen = deploy(workspace, run=run, engine=engine, overrule=overrule, progress=progress)
    shares = tuple(stages or task.retune.stages)
    with database_of(workspace) as database:
        way = read_way(database)
        if way and way[0].deployment != chosen.id:
            raise ServingError(
                f"Run {way[0].run} is on its way to all requests, at {way[-1].to:.0%}.",
                hint="wait until burnish watch has decided, or burnish rollback",
            )
        states = {state.number: state for state in read_traffic(database)}
        before = states[way[0].before] if way else _before(states, chosen)
        newest = states[max(states)]
        state = _state(newest, before, chosen.id, shares[0], reason or f"run {chosen.run}: begins")
        number = newest_rollout(database) + 1
        first = StageDecision(
            rollout=number, step=0, at=_stamp(now), deployment=chosen.id, run=chosen.run,
            against=_largest(workspace, before), share=0.0, to=shares[0], action="start",
            reason=reason or "It was asked for.", traffic=state.number, before=before.number,
            stages=shares,
        )  # fmt: skip
        ended = [_next(way, "stop", "It begins anew.", now, way[-1].to)] if way else []
        keep_decisions(database, [*ended, first], state)
    mirror_after(workspace, task, progress or silent)
    return first


def advance(
    workspace: Workspace, *, now: datetime | None = None, progress: Progress | None = None
) -> StageDecision | None:
    """Judge the run under way by what it has answered, and do what follows; None where none is.

    It may be called at any time, any number of times: what is decided depends on the requests
    alone.
    """
    with database_of(workspace) as database:
        way = read_way(database)
        if not way:
            return None
        decision, state = _decide(workspace, database, way, now)
        last = way[-1]
        if (decision.action, decision.figures, decision.reason) == (
            last.action, last.figures, last.reason,
        ):  # fmt: skip
            return last  # nothing came since
        try:
            keep_decisions(database, [decision], state)
        except WorkspaceError:
            newest = read_decisions(database)[-1]
            if (newest.rollout, newest.step) < (decision.rollout, decision.step):
                raise
            return newest  # somebody else was quicker
    if state is not None:
        mirror_after(workspace, task_of(workspace), progress or silent)
    return decision


def read_stage_decisions(workspace: Workspace) -> list[StageDecision]:
    """What was decided about all runs that went by stages, oldest first."""
    with database_of(workspace) as database:
        return read_decisions(database)


def under_way(workspace: Workspace) -> StageDecision | None:
    """The newest decision on the run that is on its way; None where none is."""
    with database_of(workspace) as database:
        way = read_way(database)
        return way[-1] if way else None


def _decide(
    workspace: Workspace, database: Engine, way: Sequence[StageDecision], now: datetime | None
) -> tuple[StageDecision, Traffic | None]:
    """What is to be done next, and the traffic that it makes."""
    task = task_of(workspace)
    states = {state.number: state for state in read_traffic(database)}
    current, before = states[max(states)], states[way[0].before]
    ours = [states[number] for number in sorted(states) if number >= way[-1].traffic]
    if any(state.routes != ours[0].routes for state in ours):
        reason = (
            f"Somebody else changed the traffic ({current.reason or 'no reason given'}); it stays "
            "as it is."
        )
        return _next(way, "stop", reason, now, _share_of(way[0].deployment, current)), None
    stage = _StageUnderWay(workspace, task, database, way, before, ours, now)
    ruling = stage.ruling()
    share = way[-1].to
    to = {"advance": stage.following, "roll back": 0.0}.get(ruling.action, share)
    decision = _next(way, ruling.action, ruling.reason, now, to).model_copy(
        update={"figures": stage.figures(ruling), "since": stage.since}
    )
    if to == share:
        return decision, None
    said = f"run {way[0].run}, {ruling.action}: {ruling.reason}"
    if ruling.action == "roll back":
        state = state_after(current, before.after, before.routes, before.shadow, said)
    else:
        state = _state(current, before, way[0].deployment, to, said)
    return decision.model_copy(update={"traffic": state.number}), state


class _StageUnderWay:
    """A stage, and all that the rule asks of it.

    Args:
        way: the decisions so far.
        ours: the states of the traffic since it began, alike in their routes.
    """

    def __init__(
        self,
        workspace: Workspace,
        task: Task,
        database: Engine,
        way: Sequence[StageDecision],
        before: Traffic,
        ours: Sequence[Traffic],
        now: datetime | None,
    ) -> None:
        self._workspace, self._task, self._database = workspace, task, database
        self._way, self._before, self._ours, self._now = way, before, ours, _stamp(now)
        self.settings: RetuneSettings = task.retune
        self._opened = max(at for at, one in enumerate(way) if one.action in ("start", "advance"))
        self._applied = next((one.applied_at for one in ours if one.applied_at), None)
        self.since, self._backwards = self._begun()
        self._counted: Stage | None = None

    @property
    def following(self) -> float:
        """The share of the next stage; of the last, its own."""
        stages, share = self._way[0].stages, self._way[-1].to
        return next((one for one in stages if one > share), share)

    def ruling(self) -> "Ruling":
        """What the rule says."""
        from burnish.watch.rollout import Ruling, judge

        if self._applied is None and self._passed_over():
            reason = (
                "A gateway went on answering for an hour and did not let it answer: its engine "
                "does not start. engine.log in its deployment says why."
            )
            return Ruling("roll back", reason, {})
        way, last = self._way, self.following == self._way[-1].to
        ruling = judge(
            self._stage(),
            earlier=[_recorded(one) for one in way if one.action == "advance"],
            stage_requests=self.settings.stage_requests,
            margin=self.settings.stage_margin,
            last=last,
            holds=last and way[0].stages[-1] < 1,
        )
        if self._applied is None and ruling.action == "wait":
            return ruling._replace(reason="No gateway lets it answer yet.")
        if self._backwards:
            said = f"The clock ran back: requests since {self.since} count."
            return ruling._replace(reason=f"{ruling.reason} {said}")
        return ruling

    def figures(self, ruling: "Ruling") -> dict[str, tuple[float, ...]]:
        """What was counted, as it stands on record."""
        if self._counted is None:
            return {}
        return {
            signal: (*counts, ruling.p_values[signal])
            for signal, counts in self._counted.counts.items()
        }

    def _begun(self) -> tuple[str, bool]:
        """When the stage began by the clock of the log, and whether that clock ran back since."""
        looks = [one.at for one in self._way[self._opened :]] + [self._now]
        if self._applied is None:
            return min(looks), False
        if min(looks[1:]) < self._applied:
            return min(looks), True
        return self._applied, False

    def _stage(self) -> "Stage":
        from burnish.watch.rollout import Request, Tally

        share, new = self._way[-1].to, self._way[0].deployment
        others = [route.deployment for route in self._before.routes]
        tally = Tally(share, self.settings.stage_requests)
        readers = {name: self._reader(name) for name in (new, *others)}
        unliked = partial(disliked, self._database)

        def add(exchanges: Iterable[Exchange], bad: set[str]) -> None:
            for one in exchanges:
                if one.status != 200 and one.status < 500:
                    continue  # the caller's own mistake, or nobody waited for it
                failed = _failed(self._task, readers[one.deployment], one)
                mine = one.deployment == new
                tally.add(Request(mine, one.caller, failed, one.id in bad, one.seconds))

        since = self.since.removesuffix("Z")  # the log tells parts of a second
        if share >= 1:
            most = _BEFORE * self.settings.stage_requests
            old = list(answered_by(self._database, others, until=since, newest=most))
            add(old, unliked(others, since=old[0].at) if old else set())
            others = []
        names = [new, *others]
        found = answered_by(self._database, names, since=since)
        add(found, unliked(names, since=since))
        self._counted = tally.stage()
        return self._counted

    def _reader(self, name: str) -> "Reader":
        """Tells whether a text is an answer of the task, by the labels of its run's data set."""
        from burnish.watch.reading import Reader

        place = self._workspace
        deployed = next((one for one in place.records(Deployment) if one.id == name), None)
        run = next((one for one in place.records(Run) if deployed and one.id == deployed.run), None)
        wanted = run.parents["dataset"] if run else None
        dataset = next((one for one in place.records(Dataset) if one.hash == wanted), None)
        if dataset is None or wanted is None:
            return Reader(self._task)
        schema = self._task.json_schema or dataset.json_schema
        return Reader(self._task, dataset.labels, schema)

    def _passed_over(self) -> bool:
        """Whether a gateway answers, and had an hour to take the new run up."""
        opened = datetime.fromisoformat(self._way[self._opened].at)
        since = _stamp(opened + _PATIENCE).removesuffix("Z")
        others = [route.deployment for route in self._before.routes]
        return any(answered_by(self._database, others, since=since, newest=1))


def _failed(task: Task, reader: "Reader", exchange: Exchange) -> bool:
    """An error, an empty answer, or one that is none of the task; unknown where it was masked."""
    from burnish.watch.reading import EMPTY, FIT, REFUSAL

    if exchange.status >= 500:
        return True
    if exchange.answer is None:
        return False  # the log keeps a share of the texts alone
    if not exchange.answer.strip():
        return True
    if exchange.changed or exchange.endpoint != task.name:
        return False
    return reader.form(exchange.answer) not in (FIT, REFUSAL, EMPTY)


def _next(
    way: Sequence[StageDecision],
    action: StageAction,
    reason: str,
    now: datetime | None,
    to: float,
) -> StageDecision:
    """The decision that follows on a way."""
    last = way[-1]
    return last.model_copy(
        update={
            "step": last.step + 1, "at": _stamp(now), "share": last.to, "to": to,
            "action": action, "reason": reason, "figures": {}, "since": "",
        }
    )  # fmt: skip


def _state(newest: Traffic, before: Traffic, name: str, share: float, reason: str) -> Traffic:
    """The traffic of a stage; a rollback goes back to the traffic before the first of them."""
    others = [one for one in before.routes if one.deployment != name]
    routes = [Route(deployment=name, share=share)]
    if share < 1:
        routes += scaled(others, 1 - share)
    shadow = [one for one in before.shadow if one != name] if share < 1 else []
    return state_after(newest, before.number, routes, shadow, f"roll-out of {reason}")


def _before(states: Mapping[int, Traffic], chosen: Deployment) -> Traffic:
    """The newest state in which the others answered without it."""
    state = states.get(max(states, default=0))
    if state is not None and [one.deployment for one in state.routes] == [chosen.id]:
        raise ServingError(
            f"Run {chosen.run} answers all requests already.",
            hint="burnish traffic shows since when",
        )
    while state is not None and any(one.deployment == chosen.id for one in state.routes):
        state = states.get(state.after or 0)
    if state is None:
        raise nobody_else(chosen)
    return state


def _largest(workspace: Workspace, state: Traffic) -> str:
    """The run with the largest share."""
    name = max(state.routes, key=lambda route: route.share).deployment
    return next((one.run for one in workspace.records(Deployment) if one.id == name), "")


def _share_of(name: str, state: Traffic) -> float:
    return sum(route.share for route in state.routes if route.deployment == name)


def _recorded(decision: StageDecision) -> "Stage":
    """An earlier stage as its decision has it."""
    from burnish.watch.rollout import Counts, Stage

    figures = {
        signal: Counts(*(int(value) for value in values[:-1]))
        for signal, values in decision.figures.items()
    }
    return Stage(share=decision.share, counts=figures)


def _stamp(now: datetime | None) -> str:
    """A time, or the present, as records have it."""
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
