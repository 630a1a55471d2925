"""MLflow's model registry as a mirror: a version for each run, aliases for who answers.

What should stand there is made from the workspace each time and compared with what does, so that
the mirror can be repeated. Weights stay where they are: a version names the run's folder, or on a
server a place of the form burnish://TASK/runs/ID, since servers take no paths of other machines.

Reads records and the traffic; writes to the registry that the brief or MLFLOW_TRACKING_URI names.
"""

import json
import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from burnish.errors import BurnishError, ServerError, WorkspaceError
from burnish.pipeline.history.history import history_of, tuned_scores
from burnish.pipeline.history.survey import Surveyed, survey
from burnish.records import Event, History, Mirrored, Progress, Report, Run, RunLine, Task
from burnish.store import Workspace

ENVIRONMENT = "environment"
VARIABLE = "MLFLOW_TRACKING_URI"
PREFIX = "burnish."
ALIASES = ("champion", "challenger")
MOST_LETTERS = 4000
"""Of one tag, as of the trackers' tags."""
_PAGE = 1000


def mirror(workspace: Workspace) -> Mirrored:
    """Bring MLflow's model registry to what the workspace holds.

    Each complete run is a version of the registered model that is called as the task; its tags hold
    verdict, data set, brief and more. The alias champion is the run with the largest share of the
    requests, challenger the one with the next largest, or the first that gets copies.

    Raises:
        WorkspaceError: no registry is configured, or MLflow is not installed.
        ServerError: the registry refuses or does not answer.
    """
    found = survey(workspace)
    uri = _uri(workspace, found.task)
    if find_spec("mlflow") is None:
        raise WorkspaceError(
            "The mirror needs MLflow, which is not installed.", hint="pip install mlflow-skinny"
        )
    from mlflow.exceptions import MlflowException

    try:
        return _mirror(found, history_of(found), uri)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise ServerError(
            f"MLflow at {shown(uri)} refused: {_masked(str(error), uri)}",
            hint="nothing is lost here; the same command goes on",
        ) from error


def mirror_after(workspace: Workspace, task: Task, progress: Progress) -> None:
    """Mirror a change of the traffic where the brief configures it; a fault is told, not raised."""
    if task.history.mlflow is None:
        return
    try:
        done = mirror(workspace)
    except BurnishError as error:
        progress(Event("history", f"the mirror was not told: {error.message}", notice=True))
    else:
        progress(Event("history", f"{done.registry} was told", finished=True))


def shown(uri: str) -> str:
    """A URI without what may be secret in it."""
    parts = urlsplit(uri)
    if not parts.scheme or parts.scheme in ("file", "sqlite"):
        return uri
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _uri(workspace: Workspace, task: Task | None) -> str:
    """Where the registry is: a URI as MLflow takes it."""
    configured = task.history.mlflow if task else None
    if configured in (None, ENVIRONMENT):
        configured = os.environ.get(VARIABLE, "").strip()
        if not configured:
            raise WorkspaceError(
                "No registry is configured to mirror to.",
                hint=f"set history.mlflow in burnish.yaml, or the variable {VARIABLE}",
            )
    if "://" in configured or configured == "databricks":
        return configured
    folder = workspace.folder / configured
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def _masked(message: str, uri: str) -> str:
    return message.replace(uri, shown(uri)).splitlines()[0][:300] if message else "no reason"


def _mirror(found: Surveyed, whole: History, uri: str) -> Mirrored:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    name = found.name
    _make_model(client, name, found.task)
    there = _versions(client, name)
    runs = {run.id: run for run in found.runs}
    versions: dict[str, int] = {}
    made = changed = 0
    for line in whole.runs:
        run = runs[line.id]
        if run.status != "complete":
            continue
        tags = _tags(found, run, line)
        version = there.get((run.id, str(run.hash)))
        if version is None:
            done = client.create_model_version(
                name, _source(found, run, uri), run_id=_tracked(client, found, run),
                tags=tags, description=_described(line), await_creation_for=None,
            )  # fmt: skip
            versions[run.id] = int(done.version)
            made += 1
        else:
            versions[run.id] = int(version.version)
            changed += _retag(client, name, version, tags)
    wanted = _aliases(whole, versions)
    changed += _point(client, name, wanted)
    return Mirrored(
        registry=shown(uri), model=name, versions=versions, made=made, changed=changed,
        aliases=wanted, notes=tuple(_notes(whole, versions)),
    )  # fmt: skip


def _make_model(client: Any, name: str, task: Task | None) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name, description=task.goal if task else "")


def _versions(client: Any, name: str) -> dict[tuple[str, str], Any]:
    """(id, hash) of a run → its version. The same run in a copy of the workspace is the same."""
    found: dict[tuple[str, str], Any] = {}
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=_PAGE, page_token=token)
        for version in page:
            key = version.tags.get(f"{PREFIX}run", ""), version.tags.get(f"{PREFIX}hash", "")
            if key[0] and (key not in found or int(version.version) < int(found[key].version)):
                found[key] = version
        token = page.token
        if not token:
            return found


def _tags(found: Surveyed, run: Run, line: RunLine) -> dict[str, str]:
    """What a version says of its run, as it was tuned and evaluated; every value is text."""
    report = _newest_report(found, run)
    verdict = report.verdict if report else None
    score = tuned_scores(report).get(report.metric) if report else None
    brief: dict[str, Any] = {
        "name": found.name, "base": run.base, "seed": run.seed,
        "train": run.settings.model_dump(mode="json"),
        "prompt": run.prompt.model_dump(mode="json"),
    }  # fmt: skip
    if report:
        brief |= {"kind": report.task_kind, "metric": report.metric}
        brief["pass_mark"] = report.pass_mark.model_dump(mode="json")
        brief["evaluate"] = report.settings.model_dump(mode="json")
    told = {
        "run": run.id,
        "hash": str(run.hash),
        "dataset": line.dataset,
        "base": run.base,
        "method": run.settings.method,
        "made": run.started_at,
        "best_loss": "" if line.best_loss is None else f"{line.best_loss:.6g}",
        "report": report.id if report else "",
        "verdict": verdict.decision if verdict else "none",
        "reason": verdict.reason if verdict else "",
        "score": f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}], n = {score.n}"
        if score
        else "",
        "weights": line.weights,
        "role": line.role or "none",
        "share": f"{line.share:g}",
        **{f"brief.{key}": _text(value) for key, value in brief.items()},
    }
    return {f"{PREFIX}{key}": _cut(value) for key, value in told.items() if value}


def _newest_report(found: Surveyed, run: Run) -> Report | None:
    reports = [
        one
        for one in found.reports
        if one.status == "complete" and one.parents.get("run") == run.hash
    ]
    return reports[-1] if reports else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def _described(line: RunLine) -> str:
    return f"Run {line.id} of Burnish: {line.method} on {line.base}, data set {line.dataset}."


def _source(found: Surveyed, run: Run, uri: str) -> str:
    if run.provider is None and urlsplit(uri).scheme not in ("http", "https", "databricks"):
        return found.workspace.path(run, run.weights).resolve().as_uri()
    return f"burnish://{found.name}/runs/{run.id}"


def _tracked(client: Any, found: Surveyed, run: Run) -> str | None:
    """The id under which MLflow's tracking, at the same place, knows the training of the run."""
    from mlflow.exceptions import MlflowException

    path = found.workspace.path(run, "trackers.json")
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["mlflow"]["id"]
        return str(client.get_run(name).info.run_id)
    except (OSError, ValueError, KeyError, TypeError, MlflowException):
        return None


def _retag(client: Any, name: str, version: Any, tags: dict[str, str]) -> int:
    """Set the tags that are not so yet; 1 where there were any."""
    wrong = {key: value for key, value in tags.items() if version.tags.get(key) != value}
    for key, value in wrong.items():
        client.set_model_version_tag(name, version.version, key, value)
    return int(bool(wrong))


def _aliases(whole: History, versions: dict[str, int]) -> dict[str, int]:
    first = whole.challengers[:1]
    wanted = zip(ALIASES, [whole.champion, first[0] if first else ""], strict=True)
    return {alias: versions[run] for alias, run in wanted if run in versions}


def _point(client: Any, name: str, wanted: dict[str, int]) -> int:
    """Set, move or remove the aliases; how many were not so."""
    there = {alias: int(v) for alias, v in client.get_registered_model(name).aliases.items()}
    changed = 0
    for alias in ALIASES:
        if there.get(alias) == wanted.get(alias):
            continue
        changed += 1
        if alias in wanted:
            client.set_registered_model_alias(name, alias, str(wanted[alias]))
        else:
            client.delete_registered_model_alias(name, alias)
    return changed


def _notes(whole: History, versions: dict[str, int]) -> list[str]:
    notes = []
    if whole.champion and whole.champion not in versions:
        notes.append(f"The champion, run {whole.champion}, has no record here, so no version.")
    if len(whole.challengers) > 1:
        notes.append(
            f"Of {len(whole.challengers)} challengers the first has the alias; burnish.role marks "
            "all of them."
        )
    return notes
