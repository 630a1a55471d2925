"""The steps, chained: brief → data → base → train → evaluate → verdict.

Each step reads the records before it from the workspace, is skipped when nothing it depends on
has changed, and goes on where a killed one stopped. Rooms are imported when they are needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnish.errors import BriefError
from burnish.pipeline.data import BaseOf, make_data, measure_fit, renderer_of
from burnish.pipeline.harness import harness_of, own_tasks
from burnish.pipeline.measuring import find_measuring, fingerprints, measuring_models
from burnish.pipeline.servers import compared_engine, refuse_unready
from burnish.pipeline.stepping import files_of, relative, skip, step, task_of
from burnish.pipeline.tuning import make_run, preview
from burnish.records import (
    BaseChoice,
    Dataset,
    Event,
    Preflight,
    Progress,
    Report,
    Run,
    Shortlist,
    SystemName,
    Task,
    canonical_hash,
    silent,
)
from burnish.store import Workspace

if TYPE_CHECKING:
    from burnish.brief.propose import Proposal
    from burnish.chat.messages import MessageRenderer
    from burnish.engines.engine import ChatEngine, Engine


def init(files: dict[str, str], workspace: Workspace, overrides: dict[str, Any]) -> "Proposal":
    """Propose a brief from files of examples; nothing is written.

    Args:
        files: {"source": path}, or any of "train", "validation" and "test".
        overrides: brief keys that the user has set (see `burnish.brief.propose.propose`).

    Raises:
        DataError: a file cannot be read, or no input or output can be told.
    """
    from burnish.brief.propose import propose
    from burnish.data.reading.readers import read

    return propose({role: read(path) for role, path in files.items()}, overrides=overrides)


def write_proposal(workspace: Workspace, proposal: "Proposal", *, force: bool = False) -> Path:
    """Write a proposed brief to burnish.yaml, its paths relative to the workspace.

    Raises:
        BriefError: there is one already and `force` is not set.
    """
    from burnish.brief.file import write_brief

    workspace.refuse_no_folder()
    if workspace.brief.exists() and not force:
        raise BriefError(
            f"{workspace.brief} exists already.", hint="edit it, or replace it with --force"
        )
    task = proposal.task
    paths = {role: relative(path, workspace.folder) for role, path in files_of(task).items()}
    data = task.data.model_copy(update=paths)
    reasons = {key: why for key, _, why in proposal.reasons if key != "ignored"}
    write_brief(workspace.brief, task.model_copy(update={"data": data}), comments=reasons)
    return workspace.brief


def run_data(
    workspace: Workspace, *, force: bool = False, progress: Progress | None = None
) -> Dataset:
    """Read, clean, check, de-duplicate and split the examples; seal the test split.

    Raises:
        BriefError, DataError: with every fault of the brief or of the files.
    """
    with workspace.locked():
        task, tell = task_of(workspace), progress or silent
        dataset = make_data(workspace, task, _base_of(workspace, task, tell), force, tell)
        measure_fit(workspace, task, dataset, _base_of(workspace, task, tell), tell)
        return dataset


def run_base(
    workspace: Workspace, *, force: bool = False, progress: Progress | None = None
) -> BaseChoice:
    """Find the base model and put on record exactly which weights it is.

    Raises:
        BaseModelError: it cannot be had, trusted or used.
    """
    with workspace.locked():
        return _base(workspace, task_of(workspace), force, progress or silent)


def shortlist(workspace: Workspace, *, refresh: bool = False, force: bool = False) -> Shortlist:
    """What could do the brief's task, in order, with licence, memory and time of each.

    Answers from the catalogue alone; lengths come from the last data set, where there is one.

    Args:
        refresh: compare the catalogue with the hub first.
        force: measure this machine again.

    Raises:
        BriefError, BaseModelError: the brief, or the workspace's catalogue.toml, has faults.
    """
    from burnish.base.shortlist import make_shortlist

    task = task_of(workspace)
    return make_shortlist(workspace, task, refreshing=refresh, calibrate=force)


def run_train(
    workspace: Workspace, *, force: bool = False, progress: Progress | None = None
) -> Run:
    """Tune the base on the training split; data and base are made first where they are missing.

    Raises:
        TrainingError: nothing can be learned, or the loss stopped being a number.
    """
    with workspace.locked():
        task, tell = task_of(workspace), progress or silent
        dataset = make_data(workspace, task, _base_of(workspace, task, tell), False, tell)
        chosen = _base(workspace, task, False, tell)
        return make_run(workspace, task, dataset, chosen, force, tell)


def run_preflight(workspace: Workspace, *, progress: Progress | None = None) -> Preflight:
    """What training would see, learn and take, before any weight moves; nothing is trained.

    Data and base are made first where they are missing; preflight.html lies where the run will.

    Raises:
        TrainingError: nothing can be learned, or a provider trains the base.
    """
    with workspace.locked():
        task, tell = task_of(workspace), progress or silent
        dataset = make_data(workspace, task, _base_of(workspace, task, tell), False, tell)
        return preview(workspace, task, dataset, _base(workspace, task, False, tell))


def cancel_train(workspace: Workspace) -> str:
    """Cancel the tuning job that an unfinished run has at a provider; its id.

    Raises:
        TrainingError: there is none.
    """
    from burnish.base.provider import cancel_hosted
    from burnish.engines.server import at_server, read_server
    from burnish.errors import TrainingError

    with workspace.locked():
        task = task_of(workspace)
        left = [run for run in workspace.records(Run) if run.status != "complete"]
        if not left or not at_server(task.base):
            raise TrainingError("No unfinished run has a job at a provider.")
        return cancel_hosted(workspace, left[-1], read_server(task.base, task.provider))


def run_evaluate(
    workspace: Workspace, *, force: bool = False, progress: Progress | None = None
) -> Report:
    """Open the test split, compare every system on it and give the verdict.

    Raises:
        EvaluationError: the comparison would not be fair.
    """
    with workspace.locked():
        task, tell = task_of(workspace), progress or silent
        refuse_unready(task)
        _refuse_unmeasurable(workspace, task)
        dataset = make_data(workspace, task, _base_of(workspace, task, tell), False, tell)
        chosen = _base(workspace, task, False, tell)
        tuned = make_run(workspace, task, dataset, chosen, False, tell)
        return evaluate_run(workspace, task, dataset, chosen, tuned, force, tell)


def run(workspace: Workspace, *, force: bool = False, progress: Progress | None = None) -> Report:
    """The whole way from the brief to the verdict; `force` repeats every step."""
    with workspace.locked():
        task, tell = task_of(workspace), progress or silent
        refuse_unready(task)
        _refuse_unmeasurable(workspace, task)
        dataset = make_data(workspace, task, _base_of(workspace, task, tell), force, tell)
        chosen = _base(workspace, task, force, tell)
        measure_fit(workspace, task, dataset, lambda: chosen, tell)
        tuned = make_run(workspace, task, dataset, chosen, force, tell)
        return evaluate_run(workspace, task, dataset, chosen, tuned, force, tell)


def demo(workspace: Workspace, *, force: bool = False, progress: Progress | None = None) -> Report:
    """The whole way on embedded visit notes and the embedded model."""
    from burnish.data.clinic.notes import write_clinic

    if not workspace.brief.exists():
        notes, _ = write_clinic(workspace.folder)
        overrides = {"name": "visit-notes", "goal": "Condense a visit note to the house format."}
        write_proposal(workspace, init({"source": str(notes)}, workspace, overrides | _DEMO))
    return run(workspace, force=force, progress=progress)


_COMPARED = {"name", "model", "shots"}
"""What of a compared model the report depends on; a new price is not worth asking all again."""
_DEMO = {"epochs": 1, "train.learning_rate": 1e-3, "evaluate.max_new_tokens": 96}
"""What makes the demo fit into minutes on two cores."""


def _refuse_unmeasurable(workspace: Workspace, task: Task) -> None:
    """Refuse before hours of work what evaluation could not be measured with."""
    find_measuring(workspace, task)
    harness_of(workspace, task)


def data_of(workspace: Workspace, task: Task, progress: Progress) -> Dataset:
    """The data set of a brief, made where it is missing."""
    return make_data(workspace, task, _base_of(workspace, task, progress), False, progress)


def base_here(workspace: Workspace, task: Task, name: str, progress: Progress) -> BaseChoice:
    """A base of another name than the brief's, as it lies on this machine; nothing is fetched."""
    other = task.model_copy(update={"base": name})
    return _base(workspace, other, False, progress, fetch=False)


def base_of(workspace: Workspace, task: Task, progress: Progress) -> BaseChoice:
    """The base of a brief, found where it is missing."""
    return _base(workspace, task, False, progress)


def ready(workspace: Workspace, task: Task, progress: Progress) -> tuple[Dataset, BaseChoice]:
    """The data set and the base of a brief, made where they are missing."""
    dataset = make_data(workspace, task, _base_of(workspace, task, progress), False, progress)
    return dataset, _base(workspace, task, False, progress)


def _base_of(workspace: Workspace, task: Task, progress: Progress) -> BaseOf:
    return lambda: _base(workspace, task, False, progress)


def _base(
    workspace: Workspace, task: Task, force: bool, progress: Progress, *, fetch: bool = True
) -> BaseChoice:
    from burnish.base.resolve import local_fingerprint
    from burnish.engines.server import at_server, read_server, require_consent

    if at_server(task.base):
        require_consent(read_server(task.base, task.provider), task.provider)
    depends = {
        "base": task.base,
        "files": local_fingerprint(task.base),
        "use": task.use,
        "allow_licence": task.allow_licence,
    }
    if not fetch:  # what the hub has now may be another revision
        depends["fetch"] = False
    inputs_hash = canonical_hash(depends)
    found = None if force else workspace.find_complete(BaseChoice, inputs_hash)
    if found and (found.source == "provider" or Path(found.path).is_dir()):
        return skip(found, "base", _size(found), progress)
    progress(Event("base", f"looking for {task.base}"))
    fields: dict[str, Any] = {
        "name": task.base, "source": "folder", "path": "", "weights_sha256": "",
        "template_sha256": "", "architecture": "", "parameters": 0, "context_length": 0,
        "vocabulary": 0, "licence": "unknown",
    }  # fmt: skip
    with step(workspace, BaseChoice, inputs_hash, {}, task.seed, fields) as record:
        if at_server(task.base):
            from burnish.base.provider import choose_hosted

            done = choose_hosted(workspace, record, read_server(task.base, task.provider))
        else:
            from burnish.base.load import choose

            done = choose(
                workspace, record, use=task.use, allow_licence=task.allow_licence, fetch=fetch
            )
    for warning in _warnings(done):
        progress(Event("base", warning))
    progress(Event("base", _size(done), finished=True))
    return done


def _warnings(chosen: BaseChoice) -> Iterator[str]:
    """What a user should know of a base before training it."""
    if chosen.template != "its own":
        yield f"no chat template: {chosen.template} stands in; an instruction-tuned base has one"
    if chosen.licence_overruled:
        yield f"its licence ({chosen.licence}) forbids this use; allow_licence stands in the brief"
    verdict = chosen.verdict
    if verdict and verdict.use == "commercial" and verdict.allowed == "unknown":
        yield "its licence is not known; read it before commercial use"


def evaluate_run(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    chosen: BaseChoice,
    tuned: Run,
    force: bool,
    progress: Progress,
) -> Report:
    """The report on a run: as it stands, taken up again, or new."""
    parents = {"dataset": str(dataset.hash), "base": str(chosen.hash), "run": str(tuned.hash)}
    depends = {
        "evaluate": task.evaluate.model_dump(mode="json"),
        "metric": task.metric,
        "pass_mark": task.pass_mark.model_dump(mode="json"),
        "shots": task.prompt.shots,
        "compare": [one.model_dump(mode="json", include=_COMPARED) for one in task.compare],
        "parents": parents,
    }
    if files := fingerprints(task):
        depends["measuring"] = files
    if own := own_tasks(workspace, task):
        depends["harness_tasks"] = own
    inputs_hash = canonical_hash(depends)
    if not force and (found := workspace.find_complete(Report, inputs_hash)):
        return skip(found, "evaluate", _decision(found), progress)
    measuring = find_measuring(workspace, task)
    harness = harness_of(workspace, task)
    told = "loading the base" if tuned.provider is None else f"asking {tuned.provider.host}"
    progress(Event("evaluate", told))
    from burnish.evaluate.evaluation import evaluate as compare

    fields = {
        "task_name": task.name, "task_kind": task.kind, "metric": task.metric,
        "pass_mark": task.pass_mark, "settings": task.evaluate,
    }  # fmt: skip

    with step(workspace, Report, inputs_hash, parents, task.seed, fields) as record:
        done = compare(
            workspace,
            task,
            dataset=dataset,
            base=chosen,
            run=tuned,
            report=record,
            engine_of=lambda system: _engine(workspace, task, chosen, tuned, system),
            compared_engine_of=compared_engine,
            renderer=_renderer(task, chosen),
            progress=progress,
            measuring=measuring_models(task, measuring),
            hub_id=hub_id_of(workspace, chosen),
            harness=harness,
        )
    for fault in _tell_trackers(workspace, tuned, done):
        progress(Event("evaluate", fault, notice=True))
    progress(Event("evaluate", _decision(done), finished=True))
    return done


def _tell_trackers(workspace: Workspace, tuned: Run, report: Report) -> list[str]:
    """Attach the verdict to the tracker's runs; a sentence for each that could not be told."""
    if report.verdict is None or not workspace.path(tuned, "trackers.json").exists():
        return []
    from burnish.train.tracking import attach_verdict

    told: dict[str, str | float] = {
        "report": report.id, "verdict": report.verdict.decision, "reason": report.verdict.reason,
    }  # fmt: skip
    for system in report.systems:
        told |= {f"{system.name}/{name}": score.value for name, score in system.scores.items()}
    return attach_verdict(workspace.path(tuned), told)


def hub_id_of(workspace: Workspace, chosen: BaseChoice) -> str:
    """Where the base stands on the hub, as the model card names it; "" for a folder or a file."""
    from burnish.base.catalogue import Catalogue

    if known := Catalogue(workspace.catalogue).get(chosen.name):
        return known.hub or ""
    return chosen.name if chosen.source in ("hub", "hub-cache") else ""


def _renderer(task: Task, chosen: BaseChoice) -> "MessageRenderer":
    """What renders the prompts of a base: as token ids, or as messages for a provider."""
    if chosen.source == "provider":
        from burnish.chat.messages import MessageRenderer

        return MessageRenderer(task)
    return renderer_of(task, chosen)


@contextmanager
def _engine(
    workspace: Workspace, task: Task, chosen: BaseChoice, tuned: Run, system: SystemName
) -> "Iterator[Engine | ChatEngine]":
    """The engine of a system; a local model is freed with it."""
    if tuned.provider is not None:
        from burnish.engines.http import HttpEngine
        from burnish.engines.server import read_server

        server = read_server(task.base, task.provider)
        with HttpEngine(
            replace(server, model=tuned.provider.model) if system == "tuned" else server
        ) as engine:
            yield engine
        return
    weights = workspace.path(tuned, tuned.weights) if system == "tuned" else None
    with local_engine(task, chosen, weights) as local:
        yield local


@contextmanager
def local_engine(task: Task, chosen: BaseChoice, weights: Path | None = None) -> "Iterator[Engine]":
    """A base in this process, freed with the context.

    Args:
        weights: of a run that tuned it; None is the base as it is.
    """
    from burnish.base.load import end_tokens, load_model, load_tokenizer, load_tuned
    from burnish.engines.local import LocalEngine
    from burnish.engines.memory import release_memory

    end = end_tokens(Path(chosen.path), load_tokenizer(Path(chosen.path)))
    release_memory()
    if weights is not None:
        yield LocalEngine(load_tuned(chosen, task.train, weights), end, own=True)
    else:
        yield LocalEngine(load_model(chosen, task.train), end, own=True)


def _size(chosen: BaseChoice) -> str:
    if chosen.source == "provider":
        return f"{chosen.name}, {chosen.licence}"
    return f"{chosen.name}, {chosen.parameters / 1e6:.0f}M parameters, {chosen.licence}"


def _decision(report: Report) -> str:
    return report.verdict.decision if report.verdict else "no verdict"
