"""Evaluate a tuned model: opens the sealed test split, writes reports/<id>/.

parts/<system>.jsonl   finished batches, while the evaluation is unfinished
answers.jsonl          every example with every system's answer
usage.jsonl            seconds and tokens of each answer, where a server answered
report.html            the whole story on one page; report.md, report.json and model-card.md too
"""

import shutil
import time
from functools import partial

from burnish.chat.messages import MessageRenderer
from burnish.chat.render import Renderer
from burnish.engines.harness import Harness
from burnish.errors import EvaluationError
from burnish.evaluate.compare import assemble
from burnish.evaluate.compared import MakeChatEngine, ask_compared
from burnish.evaluate.faithfulness import KINDS as FAITHFUL_KINDS
from burnish.evaluate.faithfulness import doubted_spans
from burnish.evaluate.forgetting import measure_forgetting, warned
from burnish.evaluate.model_metrics import MeasuringModels, measure_by_models
from burnish.evaluate.pages import write_pages
from burnish.evaluate.reliability import measure_reliability
from burnish.evaluate.seeds import seed_spread
from burnish.evaluate.slices import score_slices
from burnish.evaluate.systems import MakeEngine, Systems
from burnish.evaluate.usage import sum_up
from burnish.evaluate.verdict import caution
from burnish.evaluate.writing import count_writing
from burnish.records import (
    Answer,
    AnsweredExample,
    BaseChoice,
    Dataset,
    Doubted,
    Event,
    Example,
    Progress,
    Report,
    Run,
    SystemResult,
    Task,
    Tried,
    Usage,
    UsageSummary,
    UsedExample,
)
from burnish.store import Workspace, open_test, read_split
from burnish.store.files import sha256_file, write_lines


def evaluate(
    workspace: Workspace,
    task: Task,
    *,
    dataset: Dataset,
    base: BaseChoice,
    run: Run,
    report: Report,
    engine_of: MakeEngine,
    compared_engine_of: MakeChatEngine,
    renderer: MessageRenderer,
    progress: Progress,
    measuring: MeasuringModels | None = None,
    hub_id: str = "",
    harness: Harness | None = None,
) -> Report:
    """Answer the test split with every system, compare, and complete a started report.

    Args:
        renderer: a `Renderer`, unless every engine takes messages.
        measuring: the models that the brief names to measure answers.
        hub_id: the base on the hub, for the model card; "" where it has no place there.
        harness: tasks that base and tuned model answer too.

    Raises:
        EvaluationError: prompts render otherwise than in training.
        ServerError: a server failed; what was answered is kept for the next time.
    """
    task = task.model_copy(update={"json_schema": dataset.json_schema})
    refuse_other_prompts(workspace, dataset, run, renderer)
    examples, openings = open_test(workspace, dataset, reason=f"report {report.id} of run {run.id}")
    train = read_split(workspace, dataset, "train")
    folder = workspace.path(report)
    systems = Systems(
        task,
        dataset.labels,
        train,
        read_split(workspace, dataset, "validation"),
        engine_of,
        renderer,
        folder / "parts",
    )
    answers: dict[str, list[Answer]] = {}
    descriptions: dict[str, str] = {}
    seconds: dict[str, float] = {}
    usage: dict[str, list[Usage]] = {}
    tried: dict[str, tuple[Tried, ...]] = {}
    for system in task.evaluate.systems:
        began = time.monotonic()

        def tell(doing: str, done: int, total: int, name: str = system) -> None:
            progress(Event("evaluate", f"{name} {doing}", done, total))

        answered = systems.answer(system, examples, tell)
        if answered is None:
            continue
        answers[system], descriptions[system] = answered.answers, answered.description
        tried |= {system: answered.tried}
        usage |= {system: answered.usage} if answered.usage else {}
        seconds[system] = round(time.monotonic() - began, 1)
    compared_models = ask_compared(
        task,
        dataset.labels,
        train,
        examples,
        engine_of=compared_engine_of,
        renderer=renderer,
        parts=folder / "parts",
        tell=lambda name, done: progress(Event("evaluate", f"{name} answers", done, len(examples))),
    )
    for name, model in compared_models.items():
        answers[name], descriptions[name], usage[name] = model
    forgetting = None
    if (task.evaluate.forgetting or harness) and isinstance(renderer, Renderer):
        asked = "general prompts" + (" and the harness's tasks" if harness else "")
        forgetting = measure_forgetting(
            task,
            engine_of,
            renderer,
            lambda name: progress(Event("evaluate", f"{name} answers {asked}")),
            harness,
        )
    by_models, models = measure_by_models(
        measuring or MeasuringModels(),
        answers,
        examples,
        lambda name, done, total: progress(Event("evaluate", name, done, total)),
    )
    progress(Event("evaluate", "comparing"))
    compared = assemble(task, dataset.labels, answers, examples, descriptions, by_models)
    lines = _lines(task, examples, answers, compared.per_example)
    write_lines(folder / "answers.jsonl", lines)
    if usage:
        write_lines(folder / "usage.jsonl", _usage_lines(examples, usage))
    fields = {
        "measuring": models,
        "prompt_hash": run.prompt_hash,
        "n": len(examples),
        "systems": tuple(
            _described(task, each, answers[each.name], examples, tried, renderer)
            for each in compared.systems
        ),
        "differences": compared.differences,
        "verdict": warned(compared.verdict, forgetting),
        "forgetting": forgetting,
        "slices": score_slices(task, examples, compared.per_example),
        "openings": openings,
        "caution": caution(compared.verdict, compared.differences, len(openings)),
        "seconds": seconds,
        "usage": _summaries(task, usage),
        "files": {"answers.jsonl": sha256_file(folder / "answers.jsonl")},
    }
    told = report.model_copy(update=fields)
    fields["seeds"] = seed_spread(workspace, told, run, dataset)
    loss_svg = ""
    if run.provider is None:
        loss_svg = workspace.path(run, "loss.svg").read_text(encoding="utf-8")
    write_pages(
        folder,
        task=task,
        report=report.model_copy(update=fields).with_hash(),
        dataset=dataset,
        run=run,
        base=base,
        answers=lines,
        loss_svg=loss_svg,
        hub_id=hub_id,
    )
    done = workspace.complete(report, fields)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return done


def refuse_other_prompts(
    workspace: Workspace, dataset: Dataset, run: Run, renderer: MessageRenderer
) -> None:
    """Raise EvaluationError where prompts render otherwise than when the run was trained."""
    rendered = renderer.prompt_hash(read_split(workspace, dataset, "validation"))
    if rendered != run.prompt_hash:
        raise EvaluationError(
            f"Prompts now render otherwise than when run {run.id} was trained "
            f"(hash {rendered[:12]}, then {run.prompt_hash[:12]}).",
            hint="burnish train --force trains with the prompts of today",
        )


def _described(
    task: Task,
    system: SystemResult,
    answers: list[Answer],
    examples: list[Example],
    tried: dict[str, tuple[Tried, ...]],
    renderer: MessageRenderer,
) -> SystemResult:
    """The system with what was measured beside its scores."""
    reliability = None
    if task.kind == "classify" and not task.multi_label:
        reliability = measure_reliability(
            answers, examples, resamples=task.evaluate.resamples, seed=task.seed
        )
    count = partial(_tokens, renderer) if isinstance(renderer, Renderer) else None
    update = {
        "tried": tried.get(system.name, ()),
        "reliability": reliability,
        "writing": count_writing(answers, examples, count),
    }
    return system.model_copy(update=update)


def _tokens(renderer: Renderer, text: str) -> int:
    return len(renderer.answer_ids(text)) - 1  # without the end token


def _lines(
    task: Task,
    examples: list[Example],
    answers: dict[str, list[Answer]],
    scores: dict[str, list[float]],
) -> list[AnsweredExample]:
    doubts: dict[str, list[tuple[Doubted, ...]]] = {
        name: doubted_spans([answer.text for answer in given], examples)
        if task.kind in FAITHFUL_KINDS
        else [()] * len(examples)
        for name, given in answers.items()
    }
    return [
        AnsweredExample(
            id=example.id,
            row=example.row,
            inputs=example.inputs or {"chat": _chat_text(example)},
            references=example.references,
            answers={
                name: given[index].model_copy(
                    update={"score": scores[name][index], "doubts": doubts[name][index]}
                )
                for name, given in answers.items()
            },
        )
        for index, example in enumerate(examples)
    ]


def _summaries(task: Task, usage: dict[str, list[Usage]]) -> dict[str, UsageSummary]:
    priced = {compared.name: compared for compared in task.compare}
    return {
        name: sum_up(
            used,
            prompt_price=priced[name].prompt_price if name in priced else None,
            answer_price=priced[name].answer_price if name in priced else None,
        )
        for name, used in usage.items()
    }


def _usage_lines(examples: list[Example], usage: dict[str, list[Usage]]) -> list[UsedExample]:
    return [
        UsedExample(id=example.id, usage={name: used[index] for name, used in usage.items()})
        for index, example in enumerate(examples)
    ]


def _chat_text(example: Example) -> str:
    return "\n".join(f"{turn.role}: {turn.content}" for turn in example.history)
