"""The history of a workspace: every record with what it was made from, and who answered when.

Reads records, the traffic and the sizes of weights; writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from burnish.errors import WorkspaceError
from burnish.pipeline.history.standing import challengers_of, periods_of
from burnish.pipeline.history.survey import Surveyed, survey
from burnish.records import (
    Answering,
    Dataset,
    DatasetLine,
    Deployment,
    DeploymentLine,
    Export,
    ExportLine,
    History,
    Period,
    Record,
    Report,
    ReportLine,
    ReportScores,
    Retune,
    RetuneLine,
    Run,
    RunHistory,
    RunLine,
    Score,
    Watch,
    WatchLine,
    WeightsState,
)
from burnish.store import Workspace
from burnish.store.files import sha256_file

AnyRecord = TypeVar("AnyRecord", bound=Record)

_FIGURES = (
    "base", "train_examples", "validation_examples", "tokens_per_epoch", "trained_tokens",
    "parameters_trained", "steps", "best_epoch", "validation_loss", "seconds",
    "tokens_per_second", "peak_memory_gib", "resumed", "device", "dtype", "packages", "git",
)  # fmt: skip


def read_history(workspace: Workspace) -> History:
    """All of a workspace with its lineage; what is damaged or gone is told, and never in the way.

    Raises:
        WorkspaceError: there is no workspace in the folder.
    """
    return history_of(survey(workspace))


def history_of(found: Surveyed) -> History:
    """The history of what was surveyed."""
    periods = periods_of(found.states or [], found.run_of)
    present = periods[-1] if periods else None
    return History(
        task_name=found.name,
        champion=present.champion if present else "",
        challengers=tuple(challengers_of(present)) if present else (),
        datasets=tuple(_dataset(found, one) for one in found.datasets),
        runs=tuple(_run(found, one, present) for one in found.runs),
        reports=tuple(_report(found, one) for one in found.reports),
        exports=tuple(_export(found, one) for one in found.exports),
        deployments=tuple(_deployment(one, present) for one in found.deployments),
        periods=tuple(periods),
        watches=tuple(_watch(one) for one in found.watches),
        retunes=tuple(_retune(one) for one in found.retunes),
        stages=tuple(found.stages),
        faults=(*found.faults, *_gone(found, periods)),
    )


def read_run_history(workspace: Workspace, name: str) -> RunHistory:
    """One run in full: its settings, data set, scores, and where it is deployed.

    Args:
        name: its id, or how it begins.

    Raises:
        WorkspaceError: no run, or more than one, is called so.
    """
    found = survey(workspace)
    run = find_run(found, name)
    whole = history_of(found)
    line = next(one for one in whole.runs if one.id == run.id)
    reports = [one for one in found.reports if one.parents.get("run") == run.hash]
    return RunHistory(
        run=line,
        settings=settings_of(found, run),
        figures={name: run.model_dump(mode="json")[name] for name in _FIGURES},
        whole=_is_whole(workspace, run) if line.weights == "there" else None,
        scores=tuple(scores_of(one) for one in reports if one.status == "complete"),
        history=_about(whole, line),
    )


def find_run(found: Surveyed, name: str) -> Run:
    """The run with an id, or the only one whose id begins so.

    Raises:
        WorkspaceError: none or several are.
    """
    exact = [run for run in found.runs if run.id == name]
    runs = exact or [run for run in found.runs if run.id.startswith(name)]
    if len(runs) != 1:
        what = "No run has" if not runs else f"{len(runs)} runs have"
        held = ", ".join(run.id for run in found.runs[-10:]) or "none"
        raise WorkspaceError(f"{what} an id that begins with {name!r}.", hint=f"runs here: {held}")
    return runs[0]


def settings_of(found: Surveyed, run: Run) -> dict[str, object]:
    """Every setting that a run depends on, by the key that it has in the brief."""
    base = _made(found.bases, run.parents.get("base"))
    given: dict[str, object] = {"base": run.base}
    if base is not None:
        given |= {"base.revision": base.revision, "base.weights": base.weights_sha256}
    given |= {f"prompt.{key}": value for key, value in run.prompt.model_dump(mode="json").items()}
    given |= {f"train.{key}": value for key, value in run.settings.model_dump(mode="json").items()}
    return given | {"seed": run.seed}


def scores_of(report: Report) -> ReportScores:
    """The scores of a report, the primary metric first."""
    return ReportScores(
        report=report.id,
        metric=report.metric,
        n=report.n,
        systems={
            system.name: dict(
                sorted(system.scores.items(), key=lambda item: item[0] != report.metric)
            )
            for system in report.systems
        },
        differences=report.differences,
    )


def tuned_scores(report: Report) -> Mapping[str, Score]:
    """Metric → score of the tuned model; empty where it was not evaluated."""
    return next((one.scores for one in report.systems if one.name == "tuned"), {})


def weights_files(workspace: Workspace, record: Run | Export) -> dict[str, int]:
    """Path below the record's folder → bytes, of all that takes room there and can be done without.

    Records, figures, pictures and notes are none of them.
    """
    folders = {
        Run: ("adapter", "model", "adapter.new", "model.new", "best", "best.new", "checkpoints"),
        Export: ("adapter", "model", "recipe", ".making", ".proof"),
    }[type(record)]
    root = workspace.path(record)
    return {
        path.relative_to(root).as_posix(): path.lstat().st_size
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() or path.is_symlink()
    }


def weights_state(workspace: Workspace, record: Run | Export) -> WeightsState:
    """Whether what a record stands for is still there; its bytes are not looked at."""
    if isinstance(record, Run) and record.provider is not None:
        return "at a provider"
    if workspace.pruned(record) is not None:
        return "pruned"
    if record.status != "complete":
        return "unfinished"
    folder = record.weights if isinstance(record, Run) else record.folder
    names = [name for name in record.files if name.startswith(f"{folder}/")]
    there = names and all(workspace.path(record, name).is_file() for name in names)
    return "there" if there else "missing"


def _is_whole(workspace: Workspace, run: Run) -> bool:
    names = [name for name in run.files if name.startswith(f"{run.weights}/")]
    return all(sha256_file(workspace.path(run, name)) == run.files[name] for name in names)


def _dataset(found: Surveyed, one: Dataset) -> DatasetLine:
    older = _made(found.datasets, one.parents.get("dataset"))
    return DatasetLine(
        id=one.id, at=one.started_at, status=one.status, error=one.error,
        splits={str(name): split.n for name, split in one.splits.items()},
        extends=older.id if older else "",
    )  # fmt: skip


def _run(found: Surveyed, one: Run, present: Period | None) -> RunLine:
    dataset = _made(found.datasets, one.parents.get("dataset"))
    others = {run.hash: run.id for run in found.runs if run.hash}
    share, shadow = _standing(present, "run", one.id)
    role = None
    if present and one.id == present.champion:
        role = "champion"
    elif share or shadow:
        role = "challenger"
    return RunLine.model_validate(
        {
            "id": one.id, "at": one.started_at, "status": one.status, "error": one.error,
            "dataset": dataset.id if dataset else "",
            "continues": next((others[h] for h in one.parents.values() if h in others), ""),
            "base": one.base, "method": one.settings.method, "seed": one.seed,
            "best_loss": min(one.validation_loss, default=None), "seconds": one.seconds,
            "weights": weights_state(found.workspace, one),
            "bytes": sum(weights_files(found.workspace, one).values()),
            "pruned": found.workspace.pruned(one),
            "role": role, "share": share, "shadow": shadow,
        }
    )  # fmt: skip


def _report(found: Surveyed, one: Report) -> ReportLine:
    run = _made(found.runs, one.parents.get("run"))
    dataset = _made(found.datasets, one.parents.get("dataset"))
    return ReportLine(
        id=one.id, at=one.started_at, status=one.status, error=one.error,
        run=run.id if run else "", dataset=dataset.id if dataset else "",
        decision=one.verdict.decision if one.verdict else None,
        reason=one.verdict.reason if one.verdict else "",
        score=tuned_scores(one).get(one.metric),
        openings=len(one.openings),
    )  # fmt: skip


def _export(found: Surveyed, one: Export) -> ExportLine:
    return ExportLine(
        id=one.id, at=one.started_at, status=one.status, error=one.error, run=one.run,
        form=one.form, precision=one.precision,
        bytes=sum(weights_files(found.workspace, one).values()),
        weights=weights_state(found.workspace, one), pruned=found.workspace.pruned(one),
    )  # fmt: skip


def _deployment(one: Deployment, present: Period | None) -> DeploymentLine:
    share, shadow = _standing(present, "deployment", one.id)
    return DeploymentLine(
        id=one.id, at=one.started_at, status=one.status, error=one.error, run=one.run,
        report=one.report, retune=one.retune, engine=one.engine, decision=one.decision,
        overruled=one.overruled, share=share, shadow=shadow,
    )  # fmt: skip


def _watch(one: Watch) -> WatchLine:
    return WatchLine(
        id=one.id, status=one.status, error=one.error, since=one.since, until=one.until,
        run=one.run, requests=one.requests, alarm=one.alarm, p_value=one.p_value,
        threshold=one.threshold,
        sentences=one.explanation.sentences if one.explanation else (),
    )  # fmt: skip


def _retune(one: Retune) -> RetuneLine:
    return RetuneLine(
        id=one.id, at=one.started_at, status=one.status, error=one.error, why=one.why,
        serving=one.serving, run=one.run, new_examples=one.new_examples, compared=one.compared,
        decision=one.decision, reason=one.reason, promoted=one.promoted,
    )  # fmt: skip


def _standing(present: Period | None, what: str, name: str) -> tuple[float, bool]:
    """The share of the requests that a run or a deployment has now, and whether it gets copies."""
    if present is None:
        return 0.0, False

    def meant(one: Answering) -> bool:
        return name == (one.run if what == "run" else one.deployment)

    share = sum(one.share for one in present.answering if meant(one))
    return share, any(meant(one) for one in present.shadows)


def _made(records: Sequence[AnyRecord], wanted: str | None) -> AnyRecord | None:
    """The newest record with a hash."""
    return next((one for one in reversed(records) if wanted and one.hash == wanted), None)


def _gone(found: Surveyed, periods: Sequence[Period]) -> Iterator[str]:
    """What records name and the workspace does not hold any more."""
    for run in found.runs:
        if _made(found.datasets, run.parents.get("dataset")) is None:
            yield f"The data set of run {run.id} is not in the workspace any more."
        if run.status == "complete" and weights_state(found.workspace, run) == "missing":
            yield f"The weights of run {run.id} are gone, and no pruning took them."
    for report in found.reports:
        if _made(found.runs, report.parents.get("run")) is None:
            yield f"The run of report {report.id} is not in the workspace any more."
    runs = {run.id for run in found.runs}
    for export in found.exports:
        if export.run not in runs:
            yield f"The run of export {export.id} is not in the workspace any more."
        if export.status == "complete" and weights_state(found.workspace, export) == "missing":
            yield f"The files of export {export.id} are gone, and no pruning took them."
    for deployment in found.deployments:
        if deployment.run not in runs:
            yield f"The run of deployment {deployment.id} is not in the workspace any more."
    known = {one.id for one in found.deployments}
    named = {one.deployment for each in periods for one in (*each.answering, *each.shadows)}
    for name in sorted(named - known):
        yield f"Deployment {name} has answered, and its record is not in the workspace any more."


def _about(whole: History, run: RunLine) -> History:
    """The part of a history that is about one run."""
    mine = {one.id for one in whole.deployments if one.run == run.id}

    def answered(period: Period) -> bool:
        return any(one.deployment in mine for one in (*period.answering, *period.shadows))

    return whole.model_copy(
        update={
            "datasets": tuple(one for one in whole.datasets if one.id == run.dataset),
            "runs": (run,),
            "reports": tuple(one for one in whole.reports if one.run == run.id),
            "exports": tuple(one for one in whole.exports if one.run == run.id),
            "deployments": tuple(one for one in whole.deployments if one.run == run.id),
            "periods": tuple(filter(answered, whole.periods)),
            "watches": tuple(one for one in whole.watches if one.run == run.id),
            "retunes": tuple(one for one in whole.retunes if run.id in (one.run, one.serving)),
            "stages": tuple(one for one in whole.stages if run.id in (one.run, one.against)),
            "faults": tuple(fault for fault in whole.faults if run.id in fault),
        }
    )
