"""Two runs of a workspace, such as the brief's and another one, on the same sealed test split.

Reads runs and their reports; writes against-<run>.json beside the report of the first.
"""

from burnish.errors import EvaluationError
from burnish.pipeline.stepping import task_of
from burnish.pipeline.steps import run_evaluate
from burnish.records import Against, Dataset, Progress, Report, Run
from burnish.store import Workspace
from burnish.store.files import write_text


def run_against(workspace: Workspace, other: str, *, progress: Progress | None = None) -> Against:
    """Evaluate the brief's run where that is not done, and compare it with another run.

    Args:
        other: id of a run that was evaluated on the same data set, or how it begins.

    Raises:
        EvaluationError: no such run, or it was not evaluated on this test split.
    """
    chosen = _run(workspace, other)
    report = run_evaluate(workspace, progress=progress)
    with workspace.locked():
        own = next(run for run in workspace.records(Run) if run.hash == report.parents["run"])
        if own.id == chosen.id:
            raise EvaluationError(
                f"Run {own.id} is the brief's own, so there is nothing to compare it with.",
                hint=_others(workspace, own.id),
            )
        data = report.parents["dataset"]
        before = [
            each
            for each in workspace.records(Report)
            if each.status == "complete" and each.parents.get("run") == chosen.hash
        ]
        same = [each for each in before if each.parents.get("dataset") == data]
        if not same:
            told = "on another data set" if before else "on no test split"
            raise EvaluationError(
                f"Run {chosen.id} was evaluated {told}.",
                hint="set the brief to what it was for that run and type burnish evaluate",
            )
        return _pair(workspace, (own, report), (chosen, same[-1]))


def pair_runs(workspace: Workspace, one: tuple[Run, Report], other: tuple[Run, Report]) -> Against:
    """The first run minus the other, by the answers in their reports; the test split is opened.

    Raises:
        EvaluationError: the reports are not about the same test examples.
    """
    with workspace.locked():
        return _pair(workspace, one, other)


def _pair(workspace: Workspace, one: tuple[Run, Report], other: tuple[Run, Report]) -> Against:
    from burnish.evaluate.against import compare_runs

    report = one[1]
    data = report.parents["dataset"]
    dataset = next(each for each in workspace.records(Dataset) if each.hash == data)
    asked = {"metric": report.metric, "kind": report.task_kind, "evaluate": report.settings}
    task = task_of(workspace).model_copy(update=asked)
    found = compare_runs(workspace, task, dataset, one, other)
    path = workspace.path(report, f"against-{other[0].id}.json")
    write_text(path, found.model_dump_json(indent=2) + "\n")
    return found


def _run(workspace: Workspace, name: str) -> Run:
    runs = [run for run in workspace.records(Run) if run.status == "complete"]
    exact = [run for run in runs if run.id == name]
    found = exact or [run for run in runs if run.id.startswith(name)]
    if len(found) != 1:
        many = "several runs begin so" if found else "no complete run has it"
        raise EvaluationError(f"{name!r} names no single run: {many}.", hint=_others(workspace, ""))
    return found[0]


def _others(workspace: Workspace, own: str) -> str:
    names = [r.id for r in workspace.records(Run) if r.status == "complete" and r.id != own]
    if not names:
        return "there is no other run yet: change the brief and type burnish run"
    return f"name one of {', '.join(names)}"
