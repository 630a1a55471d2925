"""What would be tuned again, why, what it should bring and what it takes: nothing is tuned yet.

Reads the traffic, gathered.jsonl, watches, feedback and the data set behind the serving run; writes
the extended data set and a Retune record, as a proposal.
"""

from dataclasses import dataclass

from burnish.errors import RetuneError, ServingError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.stepping import database_of, skip, step
from burnish.pipeline.steps import base_of
from burnish.records import (
    BaseChoice,
    Dataset,
    Deployment,
    Event,
    Example,
    Gain,
    Progress,
    Report,
    Retune,
    Run,
    Task,
    Watch,
    canonical_hash,
)
from burnish.store import Workspace, read_split
from burnish.store.files import write_text

_MOST_ALARMS = 3
_MOST_NAMED = 10
PAGE = "retune.md"


@dataclass(frozen=True)
class Serving:
    """The run that answers now, and what it was made from."""

    run: Run
    dataset: Dataset
    base: BaseChoice


@dataclass(frozen=True)
class Ground:
    """All that a re-tune stands on.

    Attributes:
        task: the brief, with new labels in its listing.
        dataset: the extended one; `new` are its new examples beside the fresh test.
        base: what the new run begins at, if not at the serving run.
        begin: the run that it goes on from.
    """

    task: Task
    serving: Serving
    dataset: Dataset
    new: tuple[Example, ...]
    base: BaseChoice
    begin: Run | None


def serving_of(workspace: Workspace) -> Serving:
    """The run with the largest share of the requests; while one is on its way, that before it.

    Raises:
        ServingError: nobody answers, or what the run was made from is gone.
    """
    from burnish.store.rollouts import read_way
    from burnish.store.traffic import read_traffic

    with database_of(workspace) as database:
        states = {state.number: state for state in read_traffic(database)}
        way = read_way(database)
    if not states:
        raise ServingError(
            "Nobody answers here yet, so there is no run to be better than.", hint="burnish serve"
        )
    state = states[way[0].before if way else max(states)]
    name = max(state.routes, key=lambda route: route.share).deployment
    deployed = next((one for one in workspace.records(Deployment) if one.id == name), None)
    run = next((one for one in workspace.records(Run) if deployed and one.id == deployed.run), None)
    dataset = base = None
    if run is not None:
        made = run.parents
        dataset = next((o for o in workspace.records(Dataset) if o.hash == made["dataset"]), None)
        base = next((o for o in workspace.records(BaseChoice) if o.hash == made.get("base")), None)
    if run is None or dataset is None or base is None:
        raise ServingError(
            f"Deployment {name} answers, but its run, the data set or the base that this was made "
            "from is not in the workspace any more.",
            hint="bring it back, or promote a run that is here",
        )
    return Serving(run, dataset, base)


def ground_of(workspace: Workspace, task: Task, serving: Serving, tell: Progress) -> Ground:
    """Extend the data set and find the base.

    Raises:
        RetuneError: too little was gathered since.
        DataError: nothing of it can be used.
    """
    from burnish.brief.prompts import with_labels
    from burnish.pipeline.gather.gathering import extend_data, read_gathered

    known = {example.id for example in _learned(workspace, serving.dataset)}
    gathered = sum(one.example.id not in known for one in read_gathered(workspace))
    _refuse_few(gathered, task, "")
    dataset = extend_data(workspace, task, serving.dataset, tell)
    new = tuple(one for one in _learned(workspace, dataset) if one.id not in known)
    left = f" of {gathered:,} that were gathered; the others are listed in {_dropped(dataset)}"
    _refuse_few(len(new) + _fresh(dataset), task, left)
    system = with_labels(task.prompt.system, serving.dataset.labels, dataset.labels)
    task = task.model_copy(update={"prompt": task.prompt.model_copy(update={"system": system})})
    base = base_of(workspace, task, tell)
    if base.source == "provider":
        raise RetuneError(
            f"{base.name} is tuned at its provider, which serves it too, so nothing could be "
            "promoted here.",
            hint="burnish run tunes it again there, with the examples in the brief's own files",
        )
    begin = serving.run if task.retune.continue_adapter else None
    return Ground(task, serving, dataset, new, base, begin)


def make_proposal(workspace: Workspace, ground: Ground, tell: Progress) -> Retune:
    """The proposal: as it stands, or new."""
    task, serving = ground.task, ground.serving
    parents = {"serving": str(serving.run.hash), "dataset": str(ground.dataset.hash)}
    why = _why(workspace, ground)
    depends = {
        "metric": task.metric,
        "resamples": task.evaluate.resamples,
        "train": task.train.model_dump(mode="json", exclude={"report_to", "save_steps"}),
        "prompt": task.prompt.model_dump(mode="json"),
        "price": task.needs.price_per_hour,
        "seed": task.seed,
        "begin": ground.begin.hash if ground.begin else None,
        "why": why,
        "parents": parents,
    }
    inputs_hash = canonical_hash(depends)
    if found := workspace.find_complete(Retune, inputs_hash):
        return skip(found, "retune", told_of(found), tell)
    fields = {"task_name": task.name, "metric": task.metric, "serving": serving.run.id, "why": why}
    with step(workspace, Retune, inputs_hash, parents, task.seed, fields) as record:
        gain = _gain(workspace, ground, tell)
        seconds, note = _cost(workspace, ground)
        per_hour = task.needs.price_per_hour
        update = {
            "continues": ground.begin is not None,
            "new_examples": len(ground.new) + _fresh(ground.dataset),
            "fresh": _fresh(ground.dataset),
            "new_labels": new_labels(ground),
            "gain": gain if isinstance(gain, Gain) else None,
            "gain_note": gain if isinstance(gain, str) else "",
            "seconds": seconds,
            "price": round(per_hour * seconds / 3600, 2) if per_hour and seconds else None,
            "cost_note": note,
        }
        write_page(workspace, record.model_copy(update=update))
        done = workspace.complete(record, update)
    tell(Event("retune", told_of(done), finished=True))
    return done


def write_page(workspace: Workspace, retune: Retune) -> None:
    """Write what a re-tune came to, for people."""
    from burnish.evaluate.retune_page import render_retune

    write_text(workspace.path(retune, PAGE), render_retune(retune))


def told_of(retune: Retune) -> str:
    """A re-tune in a few words."""
    if retune.decision:
        return f"{retune.decision}: run {retune.run} against run {retune.serving}"
    return f"{retune.new_examples:,} new examples, {retune.fresh:,} of them for a fresh test"


def new_labels(ground: Ground) -> tuple[str, ...]:
    """Labels that the serving run does not know."""
    known = set(ground.serving.dataset.labels)
    return tuple(label for label in ground.dataset.labels if label not in known)


def _learned(workspace: Workspace, dataset: Dataset) -> list[Example]:
    """What is learned from or chosen with, without the repeats of oversampling."""
    from burnish.pipeline.retune.extending import without_repeats

    train = without_repeats(read_split(workspace, dataset, "train"))
    return [*train, *read_split(workspace, dataset, "validation")]


def _refuse_few(n: int, task: Task, left: str) -> None:
    least = task.retune.least_examples
    if n < least:
        said = f"{n:,} new examples can be used{left}" if left else f"{n:,} examples were gathered"
        raise RetuneError(
            f"{said} since the data set of the serving run was made, and {least:,} are needed to "
            "tune again.",
            hint="burnish gather queues exchanges worth a label; retune.least_examples in the "
            "brief says how many are needed",
        )


def _why(workspace: Workspace, ground: Ground) -> tuple[str, ...]:
    """Alarms and feedback since the serving run was made, new examples and new labels."""
    run = ground.serving.run
    fresh = _fresh(ground.dataset)
    said = [
        f"{len(ground.new) + fresh:,} new examples since the data set of run {run.id}, of which "
        f"{fresh:,}, the latest, are for a fresh test."
    ]
    if labels := new_labels(ground):
        more = f" and {len(labels) - _MOST_NAMED:,} more" if len(labels) > _MOST_NAMED else ""
        said.append(f"Labels it cannot know: {', '.join(labels[:_MOST_NAMED])}{more}.")
    made = run.finished_at or run.started_at
    alarms = [one for one in workspace.records(Watch) if one.status == "complete" and one.alarm]
    alarms = [one for one in sorted(alarms, key=lambda one: one.until) if one.until >= made]
    for one in alarms[-_MOST_ALARMS:][::-1]:
        moved = " ".join(one.explanation.sentences[:2]) if one.explanation else ""
        said.append(f"Alarm on {one.since[:10]} to {one.until[:10]}. {moved}".strip())
    said += _feedback(workspace, run)
    return tuple(said)


def _feedback(workspace: Workspace, run: Run) -> list[str]:
    """How many of the answers got negative feedback, or another answer."""
    from burnish.store.rollouts import disliked

    names = [one.id for one in workspace.records(Deployment) if one.run == run.id]
    with database_of(workspace) as database:
        bad = len(disliked(database, names))
    return [f"Negative feedback, or a correction, on {bad:,} of its answers."] if bad else []


def _gain(workspace: Workspace, ground: Ground, tell: Progress) -> Gain | str:
    from burnish.evaluate.gain import expected_gain

    task = ground.task.model_copy(update={"json_schema": ground.dataset.json_schema})
    return expected_gain(
        task,
        ground.dataset.labels,
        read_split(workspace, ground.serving.dataset, "train"),
        ground.new,
        tell=lambda done, total: tell(
            Event("retune", "measuring what the new examples teach", done, total)
        ),
    )


def _cost(workspace: Workspace, ground: Ground) -> tuple[float, str]:
    """Seconds of training and of evaluation, and how they were come by.

    Raises:
        TrainingError: nothing can be learned.
    """
    from burnish.pipeline.preflight import cost_of, facts_of
    from burnish.train.splits import render_splits

    task, dataset = ground.task, ground.dataset
    renderer = renderer_of(task, ground.base)
    splits = render_splits(workspace, dataset, renderer, max_length=task.train.max_length)
    cost = cost_of(workspace, task, ground.base, facts_of(splits))
    asked = dataset.splits["test"].n + 2 * _fresh(dataset)
    known = [
        one.seconds["tuned"] / one.n
        for one in workspace.records(Report)
        if one.parents.get("run") == ground.serving.run.hash and one.n and "tuned" in one.seconds
    ]
    training, evaluation = cost.seconds or 0.0, asked * known[-1] if known else 0.0
    said = [
        f"Training on {cost.device}: {_minutes(training)}, as burnish train --dry-run estimates it"
        if cost.seconds
        else "How long training takes is not known for a base of this family",
        f"{asked:,} test answers: {_minutes(evaluation)}, at the pace of the last report"
        if known
        else f"how long {asked:,} test answers take is not known",
    ]
    said.append("the report on a better run comes on top")
    return round(training + evaluation, 1), f"{'; '.join(said)}."


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _fresh(dataset: Dataset) -> int:
    return dataset.splits["fresh"].n if "fresh" in dataset.splits else 0


def _dropped(dataset: Dataset) -> str:
    return f"datasets/{dataset.id}/dropped.jsonl"
