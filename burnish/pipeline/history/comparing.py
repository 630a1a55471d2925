"""Two runs beside each other: the settings, the data and the scores in which they differ.

Reads records and what stands of earlier comparisons. With `paired` it opens the test split, as
`burnish evaluate --against` does, and writes against-<run>.json beside a report.
"""

from pydantic import ValidationError

from burnish.errors import BurnishError, EvaluationError
from burnish.pipeline.against import pair_runs
from burnish.pipeline.history.history import find_run, history_of, settings_of, tuned_scores
from burnish.pipeline.history.survey import Surveyed, survey
from burnish.pipeline.review import diff_data
from burnish.records import (
    Against,
    Compared,
    DataChange,
    Dataset,
    Difference,
    Differing,
    Report,
    Run,
    RunComparison,
    ScorePair,
)
from burnish.store import Workspace

Pair = tuple[Report, Report]


def compare_runs(
    workspace: Workspace, one: str, other: str, *, paired: bool = False
) -> RunComparison:
    """What differs between two runs; differences are `one` minus `other`.

    Where both were evaluated on the same test examples, their differences are those that stand
    beside their reports, or in the record of a re-tune.

    Args:
        one, other: ids, or how they begin.
        paired: open the test split, once more and on record, where nobody has compared them yet.

    Raises:
        WorkspaceError: no run, or more than one, is called so.
        EvaluationError: `paired`, and they were not evaluated on the same test examples.
    """
    found = survey(workspace)
    runs = find_run(found, one), find_run(found, other)
    if runs[0].id == runs[1].id:
        raise EvaluationError(
            f"{one!r} and {other!r} are the same run, {runs[0].id}.", hint="name two runs"
        )
    reports, same = _reports(found, *runs)
    standing: list[Difference] = []
    if same and reports is not None:
        standing = _standing(found, runs, reports)
    if paired and not standing:
        standing = _pair(found, runs, reports if same else None)
    whole = history_of(found)
    lines = {line.id: line for line in whole.runs}
    told = {line.id: line for line in whole.reports}
    newest = reports or (_newest(found, runs[0]), _newest(found, runs[1]))
    scores = [*_scores(newest, standing), *_fresh(found, runs)]
    return RunComparison(
        one=lines[runs[0].id],
        other=lines[runs[1].id],
        settings=tuple(_differing(found, *runs)),
        data=_data(found, *runs),
        reports=(
            told[newest[0].id] if newest[0] else None,
            told[newest[1].id] if newest[1] else None,
        ),
        metric=next((each.metric for each in newest if each), ""),
        scores=tuple(scores),
        same_test=same,
        reason=_reason(runs, newest, scores, same),
        faults=found.faults,
    )


def _differing(found: Surveyed, one: Run, other: Run) -> list[Differing]:
    settings = settings_of(found, one), settings_of(found, other)
    return [
        Differing(key=key, one=settings[0].get(key), other=settings[1].get(key))
        for key in dict.fromkeys([*settings[0], *settings[1]])
        if settings[0].get(key) != settings[1].get(key)
    ]


def _data(found: Surveyed, one: Run, other: Run) -> DataChange | None:
    """What differs between the data sets of two runs; None where there is but one."""
    hashes = one.parents.get("dataset"), other.parents.get("dataset")
    if hashes[0] == hashes[1]:
        return None
    known = {each.hash: each for each in found.datasets}
    sets = known.get(hashes[0]), known.get(hashes[1])
    if sets[0] is None or sets[1] is None:
        gone = one.id if sets[0] is None else other.id
        return DataChange(
            one=sets[0].id if sets[0] else "", other=sets[1].id if sets[1] else "",
            told=f"the data set of run {gone} is not in the workspace any more",
        )  # fmt: skip
    sizes = [{str(name): split.n for name, split in each.splits.items()} for each in sets if each]
    change = DataChange(one=sets[0].id, other=sets[1].id, before=sizes[0], after=sizes[1])
    try:
        diff = diff_data(found.workspace, sets[0].id, sets[1].id)
    except BurnishError as error:
        return change.model_copy(update={"told": error.message})
    counts = {str(name): n for name, n in diff.counts.items()}
    return change.model_copy(update={"unchanged": diff.unchanged, "counts": counts})


def _reports(found: Surveyed, one: Run, other: Run) -> tuple[Pair | None, bool]:
    """The newest reports on the same test examples and metric, and whether there are any."""
    seals = {each.hash: _seal(each) for each in found.datasets}
    mine, theirs = (
        [each for each in reversed(found.reports) if _is_on(each, run)] for run in (one, other)
    )
    for first in mine:
        for second in theirs:
            tests = [seals.get(each.parents.get("dataset")) for each in (first, second)]
            if tests[0] and tests[0] == tests[1] and first.metric == second.metric:
                return (first, second), True
    if mine and theirs:
        return (mine[0], theirs[0]), False
    return None, False


def _newest(found: Surveyed, run: Run) -> Report | None:
    return next((each for each in reversed(found.reports) if _is_on(each, run)), None)


def _is_on(report: Report, run: Run) -> bool:
    return report.status == "complete" and report.parents.get("run") == run.hash


def _seal(dataset: Dataset) -> str:
    return dataset.splits["test"].sha256 if "test" in dataset.splits else ""


def _standing(found: Surveyed, runs: tuple[Run, Run], reports: Pair) -> list[Difference]:
    """The paired differences that somebody has made before; [] where nobody has."""
    one, other = runs
    for report, second, sign in ((reports[0], other, 1.0), (reports[1], one, -1.0)):
        path = found.workspace.path(report, f"against-{second.id}.json")
        try:
            against = Against.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        if set(against.reports) == {each.id for each in reports}:
            return [_turned(each, other.id, sign) for each in against.differences]
    return [
        _turned(each.difference, other.id, sign)
        for each, sign in _retuned(found, runs)
        if each.test == "old"
    ]


def _retuned(found: Surveyed, runs: tuple[Run, Run]) -> list[tuple[Compared, float]]:
    """What the newest re-tune that compared two runs found; -1 where its new run is the other."""
    pair = (runs[0].id, runs[1].id)
    for retune in reversed(found.retunes):
        if retune.compared and (retune.run, retune.serving) in (pair, pair[::-1]):
            sign = 1.0 if retune.run == pair[0] else -1.0
            return [(each, sign) for each in retune.compared]
    return []


def _fresh(found: Surveyed, runs: tuple[Run, Run]) -> list[ScorePair]:
    """Their scores on a fresh test split, where a re-tune has compared them on one."""
    return [
        ScorePair(
            metric=each.difference.metric,
            test="fresh",
            one=each.new if sign > 0 else each.serving,
            other=each.serving if sign > 0 else each.new,
            difference=_turned(each.difference, runs[1].id, sign),
        )
        for each, sign in _retuned(found, runs)
        if each.test == "fresh"
    ]


def _turned(difference: Difference, other: str, sign: float) -> Difference:
    """The difference as the first run minus the other."""
    if sign > 0:
        return difference.model_copy(update={"other": other})
    value, low, high = -difference.value, -difference.high, -difference.low
    return difference.model_copy(update={"other": other, "value": value, "low": low, "high": high})


def _pair(found: Surveyed, runs: tuple[Run, Run], reports: Pair | None) -> list[Difference]:
    if reports is None:
        raise EvaluationError(
            f"Runs {runs[0].id} and {runs[1].id} were not evaluated on the same test examples.",
            hint="set the brief to what it was for one of them and type burnish evaluate",
        )
    made = pair_runs(found.workspace, (runs[0], reports[0]), (runs[1], reports[1]))
    return list(made.differences)


def _scores(
    reports: tuple[Report | None, Report | None], standing: list[Difference]
) -> list[ScorePair]:
    """The tuned scores of both, the primary metric first."""
    one, other = (tuned_scores(each) if each else {} for each in reports)
    primary = next((each.metric for each in reports if each), "")
    paired = {each.metric: each for each in standing}
    names = sorted(one.keys() | other.keys(), key=lambda name: (name != primary, name))
    return [
        ScorePair(
            metric=name, one=one.get(name), other=other.get(name), difference=paired.get(name)
        )
        for name in names
    ]


def _reason(
    runs: tuple[Run, Run],
    reports: tuple[Report | None, Report | None],
    scores: list[ScorePair],
    same: bool,
) -> str:
    """What the scores say, in a sentence."""
    missing = [run.id for run, report in zip(runs, reports, strict=True) if report is None]
    if missing:
        return f"Not evaluated yet: {' and '.join(missing)}."
    if not same:
        return (
            "They were evaluated on different test examples, so their scores stand beside each "
            "other and cannot be subtracted."
        )
    difference = scores[0].difference if scores else None
    if difference is None:
        return (
            "Both were evaluated on the same test examples, and nobody has paired them yet: their "
            "intervals may overlap although one is better."
        )
    gap = f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if difference.low <= 0 <= difference.high:
        return (
            f"On {difference.n:,} examples they cannot be told apart in {difference.metric}: the "
            f"paired difference is {gap}."
        )
    better = runs[0] if difference.value > 0 else runs[1]
    return (
        f"Run {better.id} is better in {difference.metric}: the paired difference over "
        f"{difference.n:,} examples is {gap}, p = {difference.p_value:.3f}."
    )
