"""Around a finished report: people's votes collected and summed up, and a judge asked.

Reads reports/<id>/ and the votes in the database; writes votes, judge.json and people.json
beside the report, and its pages anew. The test split is not opened: all that is shown stands in the
report already.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from burnish.errors import EvaluationError
from burnish.pipeline.servers import judge_server
from burnish.pipeline.stepping import task_of
from burnish.records import (
    AnsweredExample,
    Event,
    JudgeReport,
    PeopleReport,
    Progress,
    Report,
    Run,
    Task,
    Vote,
    silent,
)
from burnish.store import Workspace
from burnish.store.files import read_lines, write_text
from burnish.store.votes import read_votes, save_votes
from burnish.store.workspace import now

if TYPE_CHECKING:
    from burnish.evaluate.sheet import Sheets
    from burnish.evaluate.voting import VotingServer


def run_judge(workspace: Workspace, *, progress: Progress | None = None) -> JudgeReport:
    """Have the brief's judge compare and grade the answers of the newest report.

    Its replies are kept in judge.jsonl beside the report, so that none is asked for twice; what
    comes of them is written to judge.json.

    Raises:
        BriefError: the brief names no judge, or gives no consent to send it the answers.
        EvaluationError: there is no report, or it has not the systems to compare.
        ServerError: the judge does not answer; the same command goes on where it stopped.
    """
    from burnish.engines.http import HttpEngine
    from burnish.evaluate.judge import Judge
    from burnish.evaluate.judging import judge_report
    from burnish.evaluate.sheet import strongest

    tell = progress or silent
    with workspace.locked():
        task = task_of(workspace)
        server = judge_server(task)
        report, lines = _newest(workspace)
        other = task.judge.against or strongest(report)
        if other not in {system.name for system in report.systems}:
            raise EvaluationError(
                f"Report {report.id} has no answers of {other}.",
                hint="burnish evaluate makes a report of the brief as it is",
            )
        with HttpEngine(server) as engine:
            found = judge_report(
                Judge(
                    engine=engine,
                    asked=f"{server.url}:{server.model}",
                    instruction=task.prompt.system or task.goal,
                    criteria=task.people.criteria,
                    cache=workspace.path(report, "judge.jsonl"),
                    tries=task.judge.tries,
                ),
                task.judge,
                report=str(report.hash),
                other=other,
                lines=lines,
                votes=read_votes(workspace, str(report.hash)),
                resamples=task.evaluate.resamples,
                seed=task.seed,
                tell=lambda what, done, total: tell(Event("judge", what, done, total)),
            )
        write_text(workspace.path(report, "judge.json"), found.model_dump_json(indent=2) + "\n")
        _renew_pages(workspace, report)
        return found


def write_human_sheet(workspace: Workspace, file: Path, *, rater: str) -> int:
    """Write a blind sheet of the newest report for one rater; the number of its items.

    Raises:
        DataError: the file's name ends neither in .csv nor in .jsonl.
    """
    from burnish.evaluate.sheet_file import write_sheet

    return write_sheet(file, _sheets(workspace)[1], rater)


def import_human_sheet(workspace: Workspace, file: Path) -> tuple[int, int]:
    """Take over the votes of a sheet; how many there are, and how many items have none.

    Raises:
        DataError: with every vote that cannot be taken over; then none is.
    """
    from burnish.evaluate.sheet_file import read_sheet

    votes, empty = read_sheet(file, _sheets(workspace)[1], now())
    save_votes(workspace, votes)
    return len(votes), empty


@contextmanager
def human_page(workspace: Workspace, *, port: int = 0) -> "Iterator[VotingServer]":
    """The voting page of the newest report; `serve` it, or leave it.

    Raises:
        EvaluationError: there is no report, or the port is taken.
    """
    from burnish.evaluate.voting import VotingServer

    task, sheets = _sheets(workspace)
    one_at_a_time = threading.Lock()  # SQLite takes one writer

    def save(vote: Vote) -> None:
        with one_at_a_time:
            save_votes(workspace, [vote])

    with VotingServer(
        sheets,
        title=task.goal or task.name,
        criteria=task.people.criteria,
        read=lambda: read_votes(workspace, sheets.report),
        save=save,
        now=now,
        port=port,
    ) as server:
        yield server


def human_results(workspace: Workspace) -> PeopleReport:
    """What people's votes on the newest report come to; written to people.json beside it."""
    from burnish.evaluate.people import sum_up_votes

    task = task_of(workspace)
    report, _ = _newest(workspace)
    found = sum_up_votes(
        str(report.hash),
        read_votes(workspace, str(report.hash)),
        resamples=task.evaluate.resamples,
        seed=task.seed,
    )
    write_text(workspace.path(report, "people.json"), found.model_dump_json(indent=2) + "\n")
    _renew_pages(workspace, report)
    return found


def _renew_pages(workspace: Workspace, report: Report) -> None:
    """Page, Markdown and JSON of a report, with what has been said about its answers."""
    from burnish.evaluate.pages import add_judgements

    runs = (run for run in workspace.records(Run) if run.hash == report.parents.get("run"))
    pictures = [workspace.path(run, "loss.svg") for run in runs if run.provider is None]
    loss_svg = pictures[0].read_text("utf-8") if pictures and pictures[0].is_file() else ""
    add_judgements(workspace.path(report), loss_svg)


def _sheets(workspace: Workspace) -> "tuple[Task, Sheets]":
    from burnish.evaluate.sheet import Sheets

    task = task_of(workspace)
    report, lines = _newest(workspace)
    return task, Sheets(task, report, lines)


def _newest(workspace: Workspace) -> tuple[Report, list[AnsweredExample]]:
    found = [report for report in workspace.records(Report) if report.status == "complete"]
    if not found:
        raise EvaluationError(
            f"{workspace.folder} holds no finished report yet.", hint="burnish evaluate"
        )
    return found[-1], read_lines(workspace.path(found[-1], "answers.jsonl"), AnsweredExample)
