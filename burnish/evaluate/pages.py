"""What is written for readers of a report: a page, Markdown, JSON, and the model's card.

report.html     the whole story on one page
report.md       the same in short, for a repository, an issue or a mail
report.json     all the records that it rests on, in one file
model-card.md   for the hub: as README.md beside the weights it describes the model there

Reads records; writes these files beside the report. They are drawn from records that have hashes of
their own, so none of them enters a hash, and the run's folder stays as training left it. The first
three are written again when people's results or a judge's arrive (judge.json, people.json).
"""

import json
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from burnish.evaluate.card import render_card
from burnish.evaluate.judged import nameless
from burnish.evaluate.markdown import render_markdown
from burnish.evaluate.report import render_report
from burnish.records import (
    AnsweredExample,
    BaseChoice,
    Dataset,
    JudgeReport,
    PeopleReport,
    Report,
    Run,
    Task,
)
from burnish.store.files import read_lines, write_text


def write_pages(
    folder: Path,
    *,
    task: Task,
    report: Report,
    dataset: Dataset,
    run: Run,
    base: BaseChoice,
    answers: list[AnsweredExample],
    loss_svg: str,
    hub_id: str,
) -> None:
    """Write all four.

    Args:
        report: as for `render_report`.
        hub_id: the base on the hub, "" where it has no place there.

    Raises:
        EvaluationError: as `render_report`.
    """
    page = render_report(
        task=task, report=report, dataset=dataset, run=run, base=base, answers=answers,
        loss_svg=loss_svg,
    )  # fmt: skip
    write_text(folder / "report.html", page)
    markdown = render_markdown(task=task, report=report, dataset=dataset, run=run, base=base)
    write_text(folder / "report.md", markdown)
    records = render_json(task=task, report=report, dataset=dataset, run=run, base=base)
    write_text(folder / "report.json", records)
    card = render_card(task=task, report=report, dataset=dataset, run=run, base=base, hub_id=hub_id)
    write_text(folder / "model-card.md", card)


def add_judgements(folder: Path, loss_svg: str) -> bool:
    """Write page, Markdown and JSON again, with what people and a judge have said since.

    All else stays as it was: it is read from report.json and answers.jsonl. Each file is replaced
    at once or not at all. Names of raters stay in people.json.

    Args:
        folder: of the report; judge.json and people.json are taken up where they are.
        loss_svg: as for `render_report`.

    Returns:
        Whether there were pages to write again.
    """
    if not (folder / "report.json").is_file():
        return False
    held = json.loads((folder / "report.json").read_text("utf-8"))
    parts: Parts = {
        "task": Task.model_validate(held["task"]),
        "report": Report.model_validate(held["report"]),
        "dataset": Dataset.model_validate(held["dataset"]),
        "run": Run.model_validate(held["run"]),
        "base": BaseChoice.model_validate(held["base"] | {"path": ""}),
        "judge": _read(folder / "judge.json", JudgeReport),
        "people": _read(folder / "people.json", PeopleReport),
    }
    if people := parts["people"]:
        parts["people"] = nameless(people)
    answers = read_lines(folder / "answers.jsonl", AnsweredExample)
    page = render_report(**parts, answers=answers, loss_svg=loss_svg)
    write_text(folder / "report.html", page)
    write_text(folder / "report.md", render_markdown(**parts))
    write_text(folder / "report.json", render_json(**parts))
    return True


def render_json(
    *,
    task: Task,
    report: Report,
    dataset: Dataset,
    run: Run,
    base: BaseChoice,
    judge: JudgeReport | None = None,
    people: PeopleReport | None = None,
) -> str:
    """All records as one JSON object, without paths of this machine."""
    parts: dict[str, Any] = {
        "task": task.model_dump(mode="json"),
        "report": report.model_dump(mode="json"),
        "dataset": dataset.model_dump(mode="json"),
        "run": run.model_dump(mode="json"),
        "base": base.model_dump(mode="json", exclude={"path"}),
    }
    said = {"judge": judge, "people": people}
    parts |= {name: each.model_dump(mode="json") for name, each in said.items() if each}
    return json.dumps(parts, indent=2, ensure_ascii=False) + "\n"


_Said = TypeVar("_Said", JudgeReport, PeopleReport)


class Parts(TypedDict):
    """All records that page, Markdown and JSON are drawn from."""

    task: Task
    report: Report
    dataset: Dataset
    run: Run
    base: BaseChoice
    judge: JudgeReport | None
    people: PeopleReport | None


def _read(path: Path, kind: type[_Said]) -> _Said | None:
    return kind.model_validate_json(path.read_text("utf-8")) if path.is_file() else None
