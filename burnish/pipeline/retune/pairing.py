"""Two runs answer the same sealed examples: the new one and the one that serves.

Reads runs, their data sets and bases, and the test splits, which it opens; writes, beside a Retune
record:

parts/<run>-<test>.jsonl   finished batches, while it is unfinished
<test>-answers.jsonl       every example of a test with both answers
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from burnish.errors import EvaluationError
from burnish.pipeline.data import renderer_of
from burnish.pipeline.steps import local_engine
from burnish.records import (
    Answer,
    AnsweredExample,
    BaseChoice,
    Compared,
    Dataset,
    Event,
    Example,
    Opening,
    Progress,
    Report,
    Retune,
    Run,
    Task,
)
from burnish.store import Workspace, open_test
from burnish.store.files import read_lines, sha256_file, write_lines

if TYPE_CHECKING:
    from burnish.chat.render import Renderer

Test = Literal["old", "fresh"]
_SPLITS: dict[Test, Literal["test", "fresh"]] = {"old": "test", "fresh": "fresh"}


@dataclass(frozen=True)
class Side:
    """One of two runs, with what it was made from and the brief as it was tuned by it."""

    task: Task
    run: Run
    dataset: Dataset
    base: BaseChoice

    @classmethod
    def of(cls, brief: Task, run: Run, dataset: Dataset, base: BaseChoice) -> "Side":
        """The side of a run: its own prompt, settings and schema; the brief says how answers are
        decoded."""
        given = {"prompt": run.prompt, "train": run.settings, "json_schema": dataset.json_schema}
        return cls(brief.model_copy(update=given), run, dataset, base)


@dataclass(frozen=True)
class Paired:
    """What came of it: comparisons, openings of the old test split so far, and files → SHA-256."""

    compared: tuple[Compared, ...]
    openings: tuple[Opening, ...]
    files: dict[str, str]


def pair_runs(
    workspace: Workspace, task: Task, record: Retune, new: Side, serving: Side, tell: Progress
) -> Paired:
    """Have both answer the old test split and the fresh one of the new run's data set.

    Prompts and decoding are those of an ordinary evaluation. Answers of the serving run that stand
    in its report are not asked again.

    Raises:
        EvaluationError: a run's prompts render otherwise than when it was tuned.
    """
    from burnish.evaluate.retuned import compare_retuned

    for side in (new, serving):
        _renderer(workspace, side)  # refused before anything is opened
    reason = f"re-tune {record.id}: run {new.run.id} against run {serving.run.id}"
    tests: dict[Test, list[Example]] = {}
    openings: tuple[Opening, ...] = ()
    for test, split in _SPLITS.items():
        if split in new.dataset.splits:
            tests[test], opened = open_test(workspace, new.dataset, reason=reason, split=split)
            openings = openings or opened
    known = _known(workspace, task, serving, tests["old"])
    asked: dict[Test, list[Example]] = dict(tests)
    if known is not None:
        del asked["old"]
    theirs = _answers(workspace, record, serving, asked, tell)
    theirs |= {"old": known} if known is not None else {}
    mine = _answers(workspace, record, new, tests, tell)
    scored = task.model_copy(update={"json_schema": new.dataset.json_schema})
    compared = tuple(
        compare_retuned(
            scored, new.dataset.labels, examples, mine[test], theirs[test],
            test=test, name=serving.run.id, reused=test == "old" and known is not None,
        )
        for test, examples in tests.items()
    )  # fmt: skip
    files = {}
    for test, examples in tests.items():
        path = workspace.path(record, f"{test}-answers.jsonl")
        write_lines(path, _lines(examples, mine[test], theirs[test]))
        files[path.name] = sha256_file(path)
    return Paired(compared, openings, files)


def drop_parts(workspace: Workspace, record: Retune) -> None:
    """Remove what only an unfinished comparison needs."""
    shutil.rmtree(workspace.path(record, "parts"), ignore_errors=True)


def _renderer(workspace: Workspace, side: Side) -> "Renderer":
    from burnish.evaluate.evaluation import refuse_other_prompts

    renderer = renderer_of(side.task, side.base)
    try:
        refuse_other_prompts(workspace, side.dataset, side.run, renderer)
    except EvaluationError as error:
        raise EvaluationError(
            error.message, hint="put the brief back as it was when that run was tuned"
        ) from error
    return renderer


def _answers(
    workspace: Workspace,
    record: Retune,
    side: Side,
    tests: dict[Test, list[Example]],
    tell: Progress,
) -> dict[Test, list[Answer]]:
    """A run's answers; its model is loaded once, and freed."""
    from burnish.evaluate.answering import answer_examples

    if not tests:
        return {}
    renderer, run = _renderer(workspace, side), side.run
    found: dict[Test, list[Answer]] = {}
    tell(Event("retune", f"loading run {run.id}"))
    with local_engine(side.task, side.base, workspace.path(run, run.weights)) as engine:
        for test, examples in tests.items():

            def told(done: int, test: Test = test, n: int = len(examples)) -> None:
                tell(Event("retune", f"run {run.id} answers the {test} test", done, n))

            found[test] = answer_examples(
                side.task, side.dataset.labels, examples, engine=engine, renderer=renderer,
                shots=(), parts=workspace.path(record, f"parts/{run.id}-{test}.jsonl"), tell=told,
            )  # fmt: skip
    return found


def _known(
    workspace: Workspace, task: Task, serving: Side, examples: Sequence[Example]
) -> list[Answer] | None:
    """What the serving run answered to the old test before, decoded as now; None where it did not.

    It stands in the newest report on the run, or in the re-tune that it came from.
    """
    seal, most = serving.dataset.splits["test"].sha256, task.evaluate.max_new_tokens
    sealed = {
        one.hash for one in workspace.records(Dataset) if one.splits["test"].sha256 == seal
    }  # fmt: skip
    reports = [
        (workspace.path(one, "answers.jsonl"), one.files.get("answers.jsonl"), "tuned")
        for one in workspace.records(Report)
        if one.status == "complete"
        and one.parents.get("run") == serving.run.hash
        and one.parents.get("dataset") in sealed
        and one.settings.max_new_tokens == most
    ]
    retunes = [
        (workspace.path(one, "old-answers.jsonl"), one.files.get("old-answers.jsonl"), "new")
        for one in workspace.records(Retune)
        if one.status == "complete"
        and one.run == serving.run.id
        and one.parents.get("dataset") in sealed
        and one.settings.get("max_new_tokens") == most
    ]
    ids = [example.id for example in examples]
    for path, recorded, system in reversed([*retunes, *reports]):
        if (found := _kept(path, recorded, system, ids)) is not None:
            return found
    return None


def _kept(path: Path, recorded: Any, system: str, ids: Sequence[str]) -> list[Answer] | None:
    """The answers in a file, if it is whole and about these examples."""
    if not path.is_file() or sha256_file(path) != recorded:
        return None
    lines = {line.id: line for line in read_lines(path, AnsweredExample)}
    if set(lines) != set(ids) or not all(system in line.answers for line in lines.values()):
        return None
    return [lines[name].answers[system] for name in ids]


def _lines(
    examples: Sequence[Example], new: Sequence[Answer], serving: Sequence[Answer]
) -> list[AnsweredExample]:
    return [
        AnsweredExample(
            id=example.id,
            row=example.row,
            inputs=example.inputs or {"chat": example.text},
            references=example.references,
            answers={"new": mine, "serving": other},
        )
        for example, mine, other in zip(examples, new, serving, strict=True)
    ]
