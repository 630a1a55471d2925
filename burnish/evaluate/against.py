"""One tuned model against another, on the same sealed test examples.

Nothing is answered anew: the answers of both stand in their reports. Choosing between runs by their
test answers is a look at the test split like any other, so it is opened and the opening recorded.

Reads two reports and the test split; writes an opening.
"""

from burnish.errors import EvaluationError
from burnish.evaluate.compare import differences_of
from burnish.evaluate.metrics import measure
from burnish.evaluate.verdict import METRIC_NAMES
from burnish.records import Against, Answer, AnsweredExample, Dataset, Difference, Report, Run, Task
from burnish.store import Workspace, open_test
from burnish.store.files import read_lines, sha256_file


def compare_runs(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    own: tuple[Run, Report],
    other: tuple[Run, Report],
) -> Against:
    """The tuned model of `own` minus that of `other`, paired over the test examples.

    Every metric has its interval and its p-value; with one comparison there is nothing to correct
    for.

    Raises:
        EvaluationError: a report's answers are not those that were recorded, or are not about the
            same test examples.
    """
    task = task.model_copy(update={"json_schema": dataset.json_schema})
    reason = f"run {own[0].id} against run {other[0].id}"
    examples, openings = open_test(workspace, dataset, reason=reason)
    ids = [example.id for example in examples]
    answers = [_tuned(workspace, report, ids) for _, report in (own, other)]
    first, second = (measure(task, dataset.labels, given, examples) for given in answers)
    metrics = sorted(first.keys() & second.keys(), key=lambda name: (name != task.metric, name))
    differences = tuple(
        difference
        for name in metrics
        for difference in differences_of(task, first[name], {other[0].id: second[name]})
    )
    return Against(
        run=own[0].id,
        other=other[0].id,
        reports=(own[1].id, other[1].id),
        metric=task.metric,
        n=len(examples),
        values={name: (first[name].score, second[name].score) for name in metrics},
        differences=differences,
        reason=_reason(own[0].id, differences[0]),
        openings=len(openings),
    )


def _tuned(workspace: Workspace, report: Report, ids: list[str]) -> list[Answer]:
    path = workspace.path(report, "answers.jsonl")
    if not path.is_file() or sha256_file(path) != report.files.get("answers.jsonl"):
        raise EvaluationError(
            f"{path} does not hold the answers that report {report.id} was made from.",
            hint="burnish evaluate --force makes them anew",
        )
    lines = {line.id: line for line in read_lines(path, AnsweredExample)}
    if set(lines) != set(ids):
        raise EvaluationError(
            f"Report {report.id} is about other test examples than those of this data set.",
            hint="compare runs that were evaluated on the same test split",
        )
    return [lines[each].answers["tuned"] for each in ids]


def _reason(run: str, difference: Difference) -> str:
    name = METRIC_NAMES[difference.metric]
    gap = f"{abs(difference.value):.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if difference.low <= 0 <= difference.high:
        return (
            f"On {difference.n:,} examples run {run} and run {difference.other} cannot be told "
            f"apart: their difference in {name} is {gap}, p = {difference.p_value:.3f}."
        )
    word = "better" if difference.value > 0 else "worse"
    return (
        f"Run {run} is {word} than run {difference.other} by {gap} in {name} on "
        f"{difference.n:,} examples, p = {difference.p_value:.3f}."
    )
