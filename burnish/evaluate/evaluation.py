"""Evaluate a tuned model: opens the sealed test split, writes reports/<id>/.

parts/<system>.jsonl   finished batches, while the evaluation is unfinished
answers.jsonl          every example with every system's answer
usage.jsonl            seconds and tokens of each answer, where a server answered
report.html            the whole story on one page
"""

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from burnish.chat.messages import MessageRenderer
from burnish.chat.render import Renderer
from burnish.engines.engine import ChatEngine, Engine
from burnish.errors import EvaluationError
from burnish.evaluate.answering import answer_examples, choose_shots
from burnish.evaluate.asking import ask_examples
from burnish.evaluate.classic import answer_classic
from burnish.evaluate.compare import assemble
from burnish.evaluate.compared import MakeChatEngine, ask_compared
from burnish.evaluate.report import render_report
from burnish.evaluate.usage import sum_up
from burnish.evaluate.verdict import caution
from burnish.records import (
    Answer,
    AnsweredExample,
    BaseChoice,
    Dataset,
    Event,
    Example,
    Progress,
    Report,
    Run,
    SystemName,
    Task,
    Usage,
    UsageSummary,
    UsedExample,
)
from burnish.store import Workspace, open_test, read_split
from burnish.store.files import sha256_file, write_lines, write_text

MakeEngine = Callable[[SystemName], AbstractContextManager[Engine | ChatEngine]]
"""Gives the engine of a system; leaving the context frees the model."""


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
) -> Report:
    """Answer the test split with every system, compare, and complete a started report.

    Args:
        renderer: a `Renderer`, unless every engine takes messages.

    Raises:
        EvaluationError: prompts render otherwise than in training.
        ServerError: a server failed; what was answered is kept for the next time.
    """
    task = task.model_copy(update={"json_schema": dataset.json_schema})
    _refuse_other_prompts(workspace, dataset, run, renderer)
    examples, openings = open_test(workspace, dataset, reason=f"report {report.id} of run {run.id}")
    train = read_split(workspace, dataset, "train")
    folder = workspace.path(report)
    answers: dict[str, list[Answer]] = {}
    descriptions: dict[str, str] = {}
    seconds: dict[str, float] = {}
    usage: dict[str, list[Usage]] = {}
    for system in task.evaluate.systems:
        began = time.monotonic()
        answered = _answer(
            task, dataset, system, train, examples, engine_of, renderer,
            lambda done, name=system: progress(  # type: ignore[misc]
                Event("evaluate", f"{name} answers", done, len(examples))
            ),
            folder / "parts" / f"{system}.jsonl",
        )  # fmt: skip
        if answered is None:
            continue
        answers[system], descriptions[system], used = answered
        usage |= {system: used} if used else {}
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
    progress(Event("evaluate", "comparing"))
    compared = assemble(task, dataset.labels, answers, examples, descriptions)
    lines = _lines(examples, answers, compared.per_example)
    write_lines(folder / "answers.jsonl", lines)
    if usage:
        write_lines(folder / "usage.jsonl", _usage_lines(examples, usage))
    fields = {
        "prompt_hash": run.prompt_hash,
        "n": len(examples),
        "systems": compared.systems,
        "differences": compared.differences,
        "verdict": compared.verdict,
        "openings": openings,
        "caution": caution(compared.verdict, compared.differences, len(openings)),
        "seconds": seconds,
        "usage": _summaries(task, usage),
        "files": {"answers.jsonl": sha256_file(folder / "answers.jsonl")},
    }
    loss_svg = ""
    if run.provider is None:
        loss_svg = workspace.path(run, "loss.svg").read_text(encoding="utf-8")
    page = render_report(
        task=task,
        report=report.model_copy(update=fields).with_hash(),
        dataset=dataset,
        run=run,
        base=base,
        answers=lines,
        loss_svg=loss_svg,
    )
    write_text(folder / "report.html", page)
    done = workspace.complete(report, fields)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return done


def _refuse_other_prompts(
    workspace: Workspace, dataset: Dataset, run: Run, renderer: MessageRenderer
) -> None:
    rendered = renderer.prompt_hash(read_split(workspace, dataset, "validation"))
    if rendered != run.prompt_hash:
        raise EvaluationError(
            f"Prompts now render otherwise than when run {run.id} was trained "
            f"(hash {rendered[:12]}, then {run.prompt_hash[:12]}).",
            hint="burnish train --force trains with the prompts of today",
        )


def _answer(
    task: Task,
    dataset: Dataset,
    system: SystemName,
    train: list[Example],
    examples: list[Example],
    engine_of: MakeEngine,
    renderer: MessageRenderer,
    tell: Callable[[int], None],
    parts: Path,
) -> tuple[list[Answer], str, list[Usage]] | None:
    """One system's answers, what it is, and what its answers took where a server gave them.

    None where a kind has no such system.
    """
    if system == "classic":
        classic = answer_classic(task, dataset.labels, train, examples, task.seed)
        return None if classic is None else (*classic, [])
    shots = choose_shots(task, train) if system == "few-shot" else []
    usage: list[Usage] = []
    with engine_of(system) as engine:
        if isinstance(engine, ChatEngine):
            answers, usage = ask_examples(
                task,
                dataset.labels,
                examples,
                engine=engine,
                renderer=renderer,
                shots=shots,
                parts=parts,
                tell=tell,
            )
        else:
            answers = answer_examples(
                task,
                dataset.labels,
                examples,
                engine=engine,
                renderer=cast(Renderer, renderer),  # as `evaluate` asks for
                shots=shots,
                parts=parts,
                tell=tell,
            )
    descriptions = {
        "zero-shot": "The base model with the instruction alone.",
        "few-shot": f"The base model with the instruction and {len(shots)} worked examples.",
        "tuned": "The base model with the trained adapter.",
    }
    if usage:
        descriptions["tuned"] = "The model that the provider tuned from the base."
    scored = " A server gives no probabilities, so there is no perplexity." if usage else ""
    return answers, descriptions[system] + scored, usage


def _lines(
    examples: list[Example], answers: dict[str, list[Answer]], scores: dict[str, list[float]]
) -> list[AnsweredExample]:
    return [
        AnsweredExample(
            id=example.id,
            row=example.row,
            inputs=example.inputs or {"chat": _chat_text(example)},
            references=example.references,
            answers={
                name: given[index].model_copy(update={"score": scores[name][index]})
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
