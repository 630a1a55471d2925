"""What is written for readers of a report: a page, Markdown, JSON, and the model's card.

report.html     the whole story on one page
report.md       the same in short, for a repository, an issue or a mail
report.json     all the records that it rests on, in one file
model-card.md   for the hub: as README.md beside the weights it describes the model there

Reads records; writes these files beside the report. They are drawn from records that have hashes of
their own, so none of them enters a hash, and the run's folder stays as training left it.
"""

import json
from pathlib import Path
from typing import Any

from burnish.evaluate.card import render_card
from burnish.evaluate.markdown import render_markdown
from burnish.evaluate.report import render_report
from burnish.records import AnsweredExample, BaseChoice, Dataset, Report, Run, Task
from burnish.store.files import write_text


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


def render_json(*, task: Task, report: Report, dataset: Dataset, run: Run, base: BaseChoice) -> str:
    """All records as one JSON object, without paths of this machine."""
    parts: dict[str, Any] = {
        "task": task.model_dump(mode="json"),
        "report": report.model_dump(mode="json"),
        "dataset": dataset.model_dump(mode="json"),
        "run": run.model_dump(mode="json"),
        "base": base.model_dump(mode="json", exclude={"path"}),
    }
    return json.dumps(parts, indent=2, ensure_ascii=False) + "\n"
