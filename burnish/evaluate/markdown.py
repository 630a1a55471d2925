"""The report in Markdown: verdict, scores, differences, slices, data and training.

Reads the records of all steps; returns the text and writes nothing. Tables are GitHub's. Whatever
comes from data or the brief is made harmless: it can neither break a table nor bring in HTML.
"""

import re

from jinja2 import Environment

from burnish.evaluate.judged import judge_figures, people_figures
from burnish.evaluate.report import FILTERS, LOWER_IS_BETTER, all_metrics
from burnish.pages.templates import templates
from burnish.records import BaseChoice, Dataset, JudgeReport, PeopleReport, Report, Run, Task

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
MOST_SLICES = 10


def render_markdown(
    *,
    task: Task,
    report: Report,
    dataset: Dataset,
    run: Run,
    base: BaseChoice,
    judge: JudgeReport | None = None,
    people: PeopleReport | None = None,
) -> str:
    """The whole text; the same records give the same bytes.

    Args:
        report: with a verdict.
        judge, people: as for `render_report`.
    """
    return (
        environment()
        .get_template("report.md.jinja")
        .render(
            task=task,
            report=report,
            dataset=dataset,
            run=run,
            base=base,
            verdict=report.verdict,
            metrics=all_metrics(report),
            lower_is_better=LOWER_IS_BETTER,
            most_slices=MOST_SLICES,
            judge=judge,
            people=people,
            judge_figures=judge_figures(judge) if judge else [],
            people_figures=people_figures(people) if people else [],
        )
    )


def environment() -> Environment:
    """Templates of Markdown, with the numbers of the page and `plain` for foreign text."""
    made = templates("burnish.evaluate", escape=False)
    made.filters |= FILTERS
    made.filters["plain"] = plain
    return made


def plain(text: object) -> str:
    """Any text on one line, with every mark of Markdown and HTML escaped."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))
