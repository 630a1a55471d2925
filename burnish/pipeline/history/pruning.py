"""Pruning by policy: weights that nothing needs any more go, records and figures stay.

A record is marked as pruned first, with what goes and why, and its files are removed then; so a
pruning that is cut off leaves nothing that looks whole, and the next one finishes it.

Reads records, the traffic and the brief's section `history`; writes pruned.json, and removes
weights, checkpoints and exported files below runs/, exports/ and searches/<id>/runs/.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from burnish.errors import WorkspaceError
from burnish.pipeline.history.history import weights_files
from burnish.pipeline.history.standing import needed_to_roll_back, periods_of
from burnish.pipeline.history.survey import Surveyed, survey
from burnish.records import (
    Deployment,
    Export,
    HistorySettings,
    Period,
    Pruned,
    Pruning,
    Record,
    Run,
    Weighed,
)
from burnish.store import Workspace
from burnish.store.files import disk_errors
from burnish.store.workspace import now

_CUT_OFF = "left by a pruning that was cut off"
_KNOWN_BY = (
    "Folders that burnish deploy wrote for Docker and Compose read an export where it lies: make "
    "sure that none of them reads one of these."
)


@dataclass(frozen=True)
class _Piece:
    """What may go, and the workspace it belongs to: a search has one of its own."""

    place: Workspace
    record: Run | Export
    weighed: Weighed


def prune(workspace: Workspace, *, yes: bool = False) -> Pruning:
    """Remove the weights that no rule keeps, or tell what would be removed.

    Args:
        yes: do it; else nothing is touched.

    Raises:
        WorkspaceError: it cannot be told who answers, or another command is working here.
    """
    if not yes:
        going, staying = _plan(survey(workspace))
        return _outcome(going, staying, done=False)
    with workspace.locked():
        found = survey(workspace)
        going, staying = _plan(found)
        new = [one for one in going if one.weighed.why != _CUT_OFF]
        for one in new:
            pruned = Pruned(at=now(), why=one.weighed.why, files=one.weighed.files)
            one.place.mark_pruned(one.record, pruned)
        used = _answering(survey(workspace))
        for one in [one for one in new if one.weighed.run in used]:
            one.place.mark_pruned(one.record, None)  # promoted since
            going.remove(one)
            staying.append(one.weighed.model_copy(update={"why": "answers now"}))
        for one in going:
            _remove(one.place, one.record)
        return _outcome(going, staying, done=True)


def pruned_sentence(workspace: Workspace, record: Run | Export) -> str | None:
    """That the weights of a record were pruned, when and why; None where they were not."""
    pruned = workspace.pruned(record)
    if pruned is None:
        return None
    kind = type(record).__name__.lower()
    on = f" on {pruned.at[:10]}" if pruned.at else ""
    return f"The weights of {kind} {record.id} were pruned{on} ({pruned.why}); its figures stay."


def refuse_pruned_deployments(workspace: Workspace, names: Iterable[str]) -> None:
    """Raise WorkspaceError where a deployment's run was pruned.

    Args:
        names: ids of deployments that are to answer.
    """
    wanted = set(names)
    runs = {run.id: run for run in workspace.records(Run)}
    for deployment in workspace.records(Deployment):
        run = runs.get(deployment.run)
        told = pruned_sentence(workspace, run) if run and deployment.id in wanted else None
        if told:
            raise WorkspaceError(told, hint="burnish promote RUN lets another run answer")


def _plan(found: Surveyed) -> tuple[list[_Piece], list[Weighed]]:
    """What goes, and what stays with the reason."""
    if found.states is None or any(fault.startswith("deployments/") for fault in found.faults):
        raise WorkspaceError(
            "It cannot be told who answers, so nothing is pruned.",
            hint="bring the database or the record back: " + " ".join(found.faults),
        )
    if found.task is None:
        raise WorkspaceError(
            "The brief cannot be read, so it is not known what is to be kept.",
            hint=found.faults[0],
        )
    settings = found.task.history
    reasons = _reasons(found, settings)
    going: list[_Piece] = []
    staying: list[Weighed] = []
    for piece in _pieces(found, settings):
        weighed = piece.weighed
        if not weighed.files:
            continue
        if piece.place.pruned(piece.record):
            going.append(_with(piece, _CUT_OFF))
        elif weighed.kind == "trial":
            going.append(piece)
        elif why := _why_it_stays(piece.record, reasons, settings):
            staying.append(weighed.model_copy(update={"why": why}))
        else:
            going.append(piece)
    return going, staying


def _why_it_stays(
    record: Run | Export, reasons: dict[str, str], settings: HistorySettings
) -> str | None:
    if record.status == "started":
        return "started, and goes on where it stopped"
    if record.status == "failed" and _is_after(record.finished_at, settings.keep_days):
        return "stopped, and goes on where it did"
    return reasons.get(record.id if isinstance(record, Run) else record.run)


def _reasons(found: Surveyed, settings: HistorySettings) -> dict[str, str]:
    """Run → why its weights stay, the strongest reason of all that hold."""
    periods = periods_of(found.states or [], found.run_of)
    back = needed_to_roll_back(found.states or [], periods, settings.keep_champions)
    with_weights = [
        run
        for run in found.runs
        if run.status == "complete" and not run.provider and not found.workspace.pruned(run)
    ]
    rules: list[tuple[str, Iterable[str]]] = [
        ("answers now", _answering(found)),
        ("burnish rollback may bring it back", (found.run_of(name) for name in back)),
        ("a started step needs it", _needed_by_started(found)),
        (
            f"one of the newest {settings.keep_runs}",
            (run.id for run in with_weights[-settings.keep_runs :]),
        ),
        (f"answered within {settings.keep_days} days", _answered(periods, settings.keep_days)),
        ("tuned with the brief's settings", _of_the_brief(found, with_weights)),
    ]
    if not found.states:
        who = (one.run for one in found.deployments)
        rules.append(("deployed, and no traffic is known (is BURNISH_DATABASE set?)", who))
    known = {run.id for run in found.runs}
    rules.append(("its run is not in the workspace", {one.run for one in found.exports} - known))
    reasons: dict[str, str] = {}
    for why, runs in rules:
        for run in runs:
            reasons.setdefault(run, why)
    return reasons


def _answering(found: Surveyed) -> set[str]:
    """Runs with a share of the requests, or with copies of them."""
    if not found.states:
        return set()
    state = found.states[-1]
    names = [*(route.deployment for route in state.routes), *state.shadow]
    return {found.run_of(name) for name in names}


def _is_after(at: str | None, days: float) -> bool:
    """Whether a time is within so many days; one that is still to come is now."""
    since = datetime.now(UTC) - timedelta(days=days)
    return at is None or datetime.fromisoformat(at) >= since


def _answered(periods: list[Period], days: float) -> Iterator[str]:
    """Runs that answered within so many days."""
    for period in periods:
        if _is_after(period.until, days):
            yield from (one.run for one in (*period.answering, *period.shadows))


def _needed_by_started(found: Surveyed) -> Iterator[str]:
    """Runs that an unfinished step was begun from."""
    hashes = {run.hash: run.id for run in found.runs if run.hash}
    records: list[Record] = [
        *found.runs, *found.reports, *found.exports, *found.deployments, *found.retunes,
    ]  # fmt: skip
    for record in records:
        if record.status == "started":
            yield from (hashes[each] for each in record.parents.values() if each in hashes)
            yield from (getattr(record, name, "") for name in ("run", "serving"))


def _of_the_brief(found: Surveyed, runs: list[Run]) -> Iterator[str]:
    """The newest run with the settings of the brief: `burnish evaluate` would miss it."""
    task = found.task
    same = [
        run.id
        for run in runs
        if task and (run.settings, run.prompt, run.base) == (task.train, task.prompt, task.base)
    ]
    yield from same[-1:]


def _pieces(found: Surveyed, settings: HistorySettings) -> Iterator[_Piece]:
    """All that takes room, with the reason to go if none keeps it."""
    periods = periods_of(found.states or [], found.run_of)
    last: dict[str, str] = {}
    for period in periods:
        for one in (*period.answering, *period.shadows):
            last[one.run] = period.until or ""
    older = f"older than the newest {settings.keep_runs}"

    def why(run: str) -> str:
        ended = f"last answered on {last[run][:10]}" if last.get(run) else "never answered"
        return f"{older}, {ended}"

    for run in found.runs:
        reason = why(run.id) if run.status == "complete" else f"{run.status}, {older}"
        yield _piece(found.workspace, run, run.id, reason)
    for export in found.exports:
        yield _piece(found.workspace, export, export.run, f"its run is {why(export.run)}")
    for folder in sorted(found.workspace.search("").glob("*")):
        place = Workspace(folder)
        for run in place.survey(Run)[0]:
            if run.status == "complete":
                reason = f"a trial of search {folder.name}, whose settings and losses stay"
                yield _piece(place, run, run.id, reason, trial=True)


def _piece(
    place: Workspace, record: Run | Export, run: str, why: str, *, trial: bool = False
) -> _Piece:
    kind = "export" if isinstance(record, Export) else "trial" if trial else "run"
    weighed = Weighed.model_validate(
        {
            "kind": kind, "id": record.id, "run": run, "at": record.started_at,
            "files": weights_files(place, record), "why": why,
        }
    )  # fmt: skip
    return _Piece(place, record, weighed)


def _with(piece: _Piece, why: str) -> _Piece:
    return replace(piece, weighed=piece.weighed.model_copy(update={"why": why}))


def _remove(place: Workspace, record: Run | Export) -> None:
    """Remove the folders that hold what goes."""
    root = place.path(record)
    names = {Path(name).parts[0] for name in weights_files(place, record)}
    for name in sorted(names):
        with disk_errors(root / name):
            shutil.rmtree(root / name)


def _outcome(going: list[_Piece], staying: list[Weighed], *, done: bool) -> Pruning:
    weighed = tuple(one.weighed for one in going)
    merged = any(isinstance(one.record, Export) for one in going)
    return Pruning(
        done=done,
        going=weighed,
        staying=tuple(staying),
        freed=sum(one.bytes for one in weighed),
        notes=(_KNOWN_BY,) if merged and not done else (),
    )
