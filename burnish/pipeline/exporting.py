"""A run in another form: its records found, its models loaded for the export room, the record kept.

Reads a run with its data set, base and newest report; writes exports/<id>/.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from burnish.errors import BaseModelError, ExportError
from burnish.pipeline.history.pruning import pruned_sentence
from burnish.pipeline.stepping import skip, step, task_of
from burnish.pipeline.steps import hub_id_of
from burnish.records import (
    BaseChoice,
    Dataset,
    Event,
    Example,
    Export,
    ExportForm,
    Progress,
    Report,
    Run,
    Task,
    canonical_hash,
    silent,
)
from burnish.store import Workspace, read_split
from burnish.store.files import disk_errors

if TYPE_CHECKING:
    from burnish.chat.render import Renderer
    from burnish.engines.local import LocalEngine
    from burnish.export.make import Source

PROMPTS = 32
"""Validation prompts that an export is proved over, where there are as many."""


def run_export(
    workspace: Workspace,
    form: str,
    *,
    run: str | None = None,
    precision: str | None = None,
    prompts: int = PROMPTS,
    output: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Export:
    """Write a run in another form, and prove that it answers as the run does.

    Args:
        form: a key of `burnish.export.forms.FORMS`.
        run: its id, or how it begins; None is the newest complete run.
        precision: how numbers are stored; None is the form's default.
        output: a new or empty folder to copy the files to.

    Raises:
        ExportError: no such form or run, or the files would not answer as the run does.
    """
    from burnish.export.forms import choose_precision

    kind, stored = choose_precision(form, precision)
    if prompts < 1:
        raise ExportError(f"{prompts} prompts prove nothing.", hint="leave --prompts out")
    _refuse_occupied(output)
    with workspace.locked():
        done = _export(workspace, kind, stored, run, prompts, force, progress or silent)
        if output is not None:
            with disk_errors(output):
                shutil.copytree(workspace.path(done, done.folder), output, dirs_exist_ok=True)
        return done


def find_run(workspace: Workspace, name: str | None) -> Run:
    """A complete run with weights of its own, by its id or how it begins; None is the newest.

    Raises:
        ExportError: there is none, or several begin so, or its weights were pruned or a provider's.
    """
    runs = [run for run in workspace.records(Run) if run.status == "complete"]
    exact = [run for run in runs if run.id == name]
    found = exact or [run for run in runs if run.id.startswith(name or "")]
    if not runs:
        raise ExportError("There is no complete run to export.", hint="burnish train")
    if name is not None and len(found) != 1:
        many = "several runs begin so" if found else "no complete run has it"
        names = ", ".join(run.id for run in runs)
        raise ExportError(f"{name!r} names no single run: {many}.", hint=f"--run one of {names}")
    if found[-1].provider is not None:
        raise ExportError(
            f"The weights of run {found[-1].id} lie at {found[-1].provider.host}, which gives none "
            "away.",
            hint="tune a base that runs here; burnish base --list ranks them",
        )
    if told := pruned_sentence(workspace, found[-1]):
        raise ExportError(told, hint="burnish run tunes it again where the brief is as it was")
    return found[-1]


def _refuse_occupied(target: Path | None) -> None:
    if target and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(
            f"{target} is there already and holds something.",
            hint="name a new or empty folder with --output",
        )


def _export(
    workspace: Workspace,
    form: ExportForm,
    precision: str,
    run: str | None,
    prompts: int,
    force: bool,
    tell: Progress,
) -> Export:
    from burnish.export.forms import FORMS, MERGE

    task, chosen = task_of(workspace), find_run(workspace, run)
    dataset, base, report = _parents(workspace, chosen)
    bounds = FORMS[form].precisions[precision]
    parents = {"run": str(chosen.hash), **({"report": str(report.hash)} if report else {})}
    depends = {
        "form": form,
        "precision": precision,
        "prompts": prompts,
        "merge": MERGE,
        "bounds": bounds.model_dump() if bounds else None,
        "evaluate": task.evaluate.max_new_tokens,
        "parents": parents,
    }
    inputs_hash = canonical_hash(depends)
    if not force and (found := workspace.find_complete(Export, inputs_hash)):
        return skip(found, "export", _outcome(found), tell)
    fields: dict[str, Any] = {
        "form": form, "precision": precision, "run": chosen.id, "base": base.name,
        "verdict": report.verdict.decision if report and report.verdict else None,
    }  # fmt: skip
    tell(Event("export", f"loading {base.name}"))
    from burnish.export.make import make_export

    with step(workspace, Export, inputs_hash, parents, chosen.seed, fields) as record:
        source = _source(workspace, task, dataset, base, chosen, report)
        done = make_export(workspace, record, source, prompts=prompts, progress=tell)
    tell(Event("export", _outcome(done), finished=True))
    return done


def _parents(workspace: Workspace, run: Run) -> tuple[Dataset, BaseChoice, Report | None]:
    """The data set and base that a run was made from, and its newest report, if any."""
    datasets = [one for one in workspace.records(Dataset) if one.hash == run.parents["dataset"]]
    bases = [one for one in workspace.records(BaseChoice) if one.hash == run.parents["base"]]
    there = [one for one in bases if Path(one.path).is_dir()]
    if not datasets:
        raise ExportError(
            f"The data set of run {run.id} is no longer in the workspace, so nothing could be "
            "proved.",
            hint="burnish run",
        )
    if not there:
        raise BaseModelError(
            f"The base of run {run.id} is no longer where it was found.",
            hint="burnish base --force",
        )
    reports = [
        report
        for report in workspace.records(Report)
        if report.status == "complete" and report.parents.get("run") == run.hash
    ]
    return datasets[-1], there[-1], reports[-1] if reports else None


def _source(
    workspace: Workspace,
    brief: Task,
    dataset: Dataset,
    base: BaseChoice,
    run: Run,
    report: Report | None,
) -> "Source":
    """The run and its loaders, in float32: a proof is not to hang on this machine's rounding."""
    from burnish.base.load import end_tokens, load_merged, load_tokenizer, load_tuned
    from burnish.chat.render import Renderer
    from burnish.export.make import Source

    given = {"prompt": run.prompt, "train": run.settings, "json_schema": dataset.json_schema}
    task = brief.model_copy(update=given)
    settings = run.settings.model_copy(update={"dtype": "float32"})
    place = Path(base.path)
    tokenizer = load_tokenizer(place)
    weights = workspace.path(run, run.weights)
    card = workspace.path(report, "model-card.md") if report else None
    return Source(
        task=task,
        run=run,
        base=base,
        hub_id=hub_id_of(workspace, base),
        card=card.read_text(encoding="utf-8") if card and card.exists() else None,
        weights=weights,
        renderer=Renderer(tokenizer, task),
        end=end_tokens(place, tokenizer),
        validation=read_split(workspace, dataset, "validation"),
        training=read_split(workspace, dataset, "train"),
        tuned=lambda folder: load_tuned(base, settings, folder),
        merged=lambda: load_merged(base, settings, weights),
        answer=lambda engine, renderer, examples: _answers(
            task, dataset.labels, engine, renderer, examples
        ),
    )


class _Unscored:
    """An engine whose answers alone are wanted: scoring references would take as long again."""

    def __init__(self, engine: "LocalEngine") -> None:
        self.write, self.choose = engine.write, engine.choose

    def losses(self, prompts: Sequence[list[int]], references: Sequence[list[int]]) -> list[float]:
        """Not measured; the answers that carry them are dropped but for their texts."""
        return [0.0] * len(prompts)


def _answers(
    task: Task,
    labels: tuple[str, ...],
    engine: "LocalEngine",
    renderer: "Renderer",
    examples: Sequence[Example],
) -> list[str]:
    """Greedy answers as evaluation asks for them."""
    from burnish.evaluate.answering import answer_examples

    with TemporaryDirectory() as folder:
        answers = answer_examples(
            task,
            labels,
            examples,
            engine=_Unscored(engine),
            renderer=renderer,
            shots=(),
            parts=Path(folder) / "parts.jsonl",
            tell=lambda _: None,
        )
    return [answer.text for answer in answers]


def _outcome(export: Export) -> str:
    """What came out, in a few words."""
    size = f"{export.form} {export.precision}, {export.size / 1e6:,.0f} MB"
    if export.parity is None:
        return f"{size}, not proved"
    return f"{size}, {export.parity.equal_answers} of {export.parity.n} answers equal"
