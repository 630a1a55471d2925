"""Feedback and the answers of shadow deployments, streamed for those who learn from them.

Reads the request log's database; writes nothing.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from burnish.records import Feedback
from burnish.store.database import ExchangeRow, FeedbackRow

_AT_ONCE = 1000
_LONGEST_ANSWER = 10_000
_FIELDS = tuple(Feedback.model_fields)


class ShadowAnswer(NamedTuple):
    """What a shadow deployment answered to a copy of an exchange."""

    exchange: str
    deployment: str
    answer: str


def each_feedback(engine: Engine) -> Iterator[Feedback]:
    """All feedback, oldest first, a thousand rows in memory at once."""
    query = select(FeedbackRow).order_by(FeedbackRow.at, FeedbackRow.id)
    with Session(engine) as session:
        for row in session.scalars(query.execution_options(yield_per=_AT_ONCE)):
            yield Feedback.model_validate(
                {name: getattr(row, name) for name in _FIELDS}
                | {"answer": None if row.answer is None else json.loads(row.answer)}
            )


def newest_shadows(engine: Engine, most: int, *, since: str = "") -> list[ShadowAnswer]:
    """The newest answers of shadow deployments, newest first; very long ones are left out."""
    query = (
        select(ExchangeRow.id, ExchangeRow.deployment, ExchangeRow.answer)
        .where(
            ExchangeRow.shadow, ExchangeRow.status == 200, ExchangeRow.at >= since,
            func.length(ExchangeRow.answer) <= _LONGEST_ANSWER,
        )
        .order_by(ExchangeRow.at.desc(), ExchangeRow.id)
        .limit(most)
    )  # fmt: skip
    with engine.connect() as connection:
        return [
            ShadowAnswer(name.partition(":")[0], deployment, str(text))
            for name, deployment, text in connection.execute(query)
        ]
