"""Tuning again: a proposal and, where it is wanted, a new run, its verdict and its first requests.

Reads what `burnish gather` brought, and the run that serves; writes retunes/<id>/, and what data,
training and evaluation write. Every part is taken up again where a kill left it.

record.json                     proposed, or carried out with a decision
retune.md                       the same for people
old-answers.jsonl, fresh-…      both runs' answers to each test split
"""

from burnish.errors import BurnishError, RetuneError
from burnish.pipeline.retune.pairing import Side, drop_parts, pair_runs
from burnish.pipeline.retune.proposal import (
    Ground,
    ground_of,
    make_proposal,
    serving_of,
    told_of,
    write_page,
)
from burnish.pipeline.stepping import skip, step, task_of
from burnish.pipeline.steps import evaluate_run
from burnish.pipeline.tuning import inputs_of, make_run
from burnish.records import Event, Progress, Retune, Run, Task, canonical_hash, silent
from burnish.store import Workspace


def run_retune(
    workspace: Workspace, *, go: bool = False, progress: Progress | None = None
) -> Retune:
    """Propose to tune again; with `go`, or where `retune.auto` says so, do it and judge it.

    A run that is better is promoted only where `retune.auto` is canary or full, by stages that
    `burnish watch` goes on with; one that is not better never is.

    Raises:
        RetuneError: too little was gathered since; or a run is on its way to all requests.
        ServingError: nobody answers, so there is nothing to be better than.
    """
    tell = progress or silent
    with workspace.locked():
        task = task_of(workspace)
        ground = ground_of(workspace, task, serving_of(workspace), tell)
        proposal = make_proposal(workspace, ground, tell)
        if not go and task.retune.auto == "propose":
            return proposal
        done = _carry_out(workspace, ground, proposal, tell)
    if done.decision == "ship" and task.retune.auto != "propose" and not done.promoted:
        return _promote(workspace, task, done, tell)  # exports hold the workspace for themselves
    return done


def _carry_out(workspace: Workspace, ground: Ground, proposal: Retune, tell: Progress) -> Retune:
    """Tune, compare and decide; what stands is not repeated."""
    task, serving, dataset = ground.task, ground.serving, ground.dataset
    tuned_from = inputs_of(task, dataset, ground.base, ground.begin)[1]
    parents = {"serving": str(serving.run.hash), "dataset": str(dataset.hash)}
    settings = {
        "max_new_tokens": task.evaluate.max_new_tokens,
        "resamples": task.evaluate.resamples,
        "most_loss": task.retune.most_loss,
    }
    depends = {
        "metric": task.metric,
        "settings": settings,
        "seed": task.seed,
        "run": tuned_from,
        "parents": parents,
    }
    inputs_hash = canonical_hash(depends)
    if found := workspace.find_complete(Retune, inputs_hash):
        return skip(found, "retune", told_of(found), tell)
    _refuse_under_way(workspace)
    from burnish.evaluate.retuned import rule

    proposed = proposal.model_dump(include=_PROPOSED)
    fields = {"task_name": task.name, "settings": settings} | proposed
    with step(workspace, Retune, inputs_hash, parents, task.seed, fields) as record:
        run = make_run(workspace, task, dataset, ground.base, False, tell, begin=ground.begin)
        new = Side.of(task, run, dataset, ground.base)
        old = Side.of(task, serving.run, serving.dataset, serving.base)
        paired = pair_runs(workspace, task, record, new, old, tell)
        tests = {one.test: one for one in paired.compared}
        ruling = rule(tests["old"], tests.get("fresh"), task.retune.most_loss)
        update = {
            "parents": parents | {"run": str(run.hash)},
            "run": run.id,
            "compared": paired.compared,
            "decision": ruling.decision,
            "reason": ruling.reason,
            "needed": ruling.needed,
            "openings": len(paired.openings),
            "files": paired.files,
        }
        write_page(workspace, record.model_copy(update=update))
        if ruling.decision == "ship":
            _report(workspace, ground, run, tell)
        done = workspace.complete(record, update)
        drop_parts(workspace, done)
    tell(Event("retune", told_of(done), finished=True))
    return done


_PROPOSED = {
    "metric", "why", "serving", "continues", "new_examples", "fresh", "new_labels", "gain",
    "gain_note", "seconds", "price", "cost_note",
}  # fmt: skip
"""What a proposal says, and what came of it too."""


def _report(workspace: Workspace, ground: Ground, run: Run, tell: Progress) -> None:
    """The ordinary report on a run that will serve, against base and baselines.

    The decision does not hang on it, so what keeps it from being made is said, and no more.
    """
    try:
        evaluate_run(workspace, ground.task, ground.dataset, ground.base, run, False, tell)
    except BurnishError as error:
        said = f"no report was made, and none is needed to promote the run: {error.message}"
        tell(Event("retune", said, notice=True))


def _refuse_under_way(workspace: Workspace) -> None:
    from burnish.pipeline.retune.rollout import under_way

    if (way := under_way(workspace)) is not None:
        raise RetuneError(
            f"Run {way.run} is on its way to all requests, at {way.to:.0%}: what it would have to "
            "be compared with may change.",
            hint="wait until burnish watch has decided, or burnish rollback",
        )


def _promote(workspace: Workspace, task: Task, retune: Retune, tell: Progress) -> Retune:
    """Give the new run its first requests; one that went by stages before does not again."""
    from burnish.pipeline.retune.rollout import read_stage_decisions, start

    first = next((one for one in read_stage_decisions(workspace) if one.run == retune.run), None)
    if first is None:
        stages = task.retune.stages
        first = start(
            workspace,
            retune.run,
            stages=stages if task.retune.auto == "full" else stages[:1],
            reason=f"re-tune {retune.id}: {retune.decision}",
            progress=tell,
        )
    further = "and on to all of them" if first.stages[-1] >= 1 else "and a person takes it further"
    said = (
        f"On {first.at} it was given {first.to:.0%} of the requests; burnish watch takes it back "
        f"where it is worse, {further}."
    )
    done = retune.model_copy(update={"promoted": said})
    workspace.write(done)
    write_page(workspace, done)
    tell(Event("retune", said, finished=True))
    return done
