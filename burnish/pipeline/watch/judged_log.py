"""Answers of the request log graded by the brief's judge: a random sample, as feedback of its own.

Reads the request log; asks the judge, whose replies are kept in watches/judge.jsonl; writes its
grades into the database as feedback.
"""

import uuid

from burnish.errors import ServingError
from burnish.pipeline.servers import judge_server
from burnish.pipeline.stepping import database_of, task_of
from burnish.pipeline.watch.sides import JUDGED, References, passage
from burnish.records import Event, Feedback, Progress, silent
from burnish.store import Workspace
from burnish.store.exchanges import append_exchanges, first_exchange, pick_exchanges, read_feedback
from burnish.store.workspace import now


def judge_log(
    workspace: Workspace, most: int, *, since: str = "", progress: Progress | None = None
) -> int:
    """Have the judge grade answers since a time, 1 to 5, chosen by the hash of their ids.

    Its grades are compared with those of the run's first graded window.

    Args:
        most: answers to grade; those that have a grade already are not asked about again.

    Returns:
        How many were graded.

    Raises:
        BriefError: the brief names no judge, or gives no consent to send it the answers.
        ServingError: the log holds no answers.
        ServerError: the judge does not answer; its replies so far are kept.
    """
    from burnish.engines.http import HttpEngine
    from burnish.evaluate.judge import Judge, Single, grade_answers

    tell = progress or silent
    task = task_of(workspace)
    server = judge_server(task)
    with database_of(workspace) as database:
        passed = passage(database, since, "9", most)
        if first_exchange(database, since) is None:
            raise ServingError("The request log holds no answers to judge.", hint="burnish serve")
        graded = {one.exchange for one in read_feedback(database) if one.caller == JUDGED}
        reader = References(workspace, task).reader(passed.run)
        read = reader.exchanges(pick_exchanges(database, passed.chosen))
        asked = [
            Single(id=one.id, input=one.text, answer=one.answer, reference=None)
            for one in read.seen
            if one.answer is not None and one.id not in graded
        ]
        with HttpEngine(server) as engine:
            judge = Judge(
                engine=engine,
                asked=f"{server.url}:{server.model}",
                instruction=task.prompt.system or task.goal,
                criteria=task.people.criteria,
                cache=workspace.judged_log,
                tries=task.judge.tries,
            )
            found = grade_answers(
                judge, asked,
                tell=lambda done: tell(Event("watch", "asking the judge", done, len(asked))),
            )  # fmt: skip
        said = [
            Feedback(id=f"fb-{uuid.uuid4().hex}", exchange=one.id, at=now(), caller=JUDGED,
                     score=one.grade)
            for one in found.grades
            if one.grade is not None
        ]  # fmt: skip
        append_exchanges(database, (), said)
    return len(said)
