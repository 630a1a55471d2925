"""How much of a score is luck of the seed: the same task tuned and evaluated with several seeds.

Reads the records of a workspace; writes nothing.
"""

import statistics

from burnish.records import Dataset, Report, Run, SeedSpread
from burnish.store import Workspace


def seed_spread(
    workspace: Workspace, report: Report, run: Run, dataset: Dataset
) -> SeedSpread | None:
    """The tuned scores of all runs that differ from `run` in their seed alone, its own included.

    Of several reports on the same seed the newest counts. None where there is one seed only.

    Args:
        report: with its systems; it need not be complete.
    """
    runs = {each.hash: each for each in workspace.records(Run) if each.status == "complete"}
    datasets = {each.hash: each for each in workspace.records(Dataset)}
    scores: dict[int, float] = {}
    tests: set[str] = set()
    for other in [*workspace.records(Report), report]:
        tuned = next((system for system in other.systems if system.name == "tuned"), None)
        made = run if other.id == report.id else runs.get(other.parents.get("run"))
        data = dataset if other.id == report.id else datasets.get(other.parents.get("dataset"))
        if tuned is None or made is None or data is None or not _alike(made, run):
            continue
        if other.metric == report.metric and other.task_name == report.task_name:
            scores[made.seed] = tuned.scores[report.metric].value
            tests.add(data.splits["test"].sha256)
    if len(scores) < 2:
        return None
    values = list(scores.values())
    return SeedSpread(
        seeds=tuple(sorted(scores)),
        metric=report.metric,
        mean=statistics.mean(values),
        deviation=statistics.stdev(values),
        low=min(values),
        high=max(values),
        same_test=len(tests) == 1,
    )


def _alike(one: Run, other: Run) -> bool:
    return (one.settings, one.prompt, one.base) == (other.settings, other.prompt, other.base)
