"""Exchanges and feedback in the database: appended in batches, read for a span of time."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Engine, delete, func, insert, select
from sqlalchemy.orm import Session

from burnish.records import Exchange, Feedback
from burnish.store.database import ExchangeRow, FeedbackRow

_AT_ONCE = 1000


def append_exchanges(
    engine: Engine, exchanges: Sequence[Exchange], feedback: Sequence[Feedback] = ()
) -> None:
    """Write all of them in one transaction, exchanges first."""
    with engine.begin() as connection:
        if exchanges:
            connection.execute(insert(ExchangeRow), [one.model_dump() for one in exchanges])
        if feedback:
            connection.execute(insert(FeedbackRow), [_feedback_row(one) for one in feedback])


def has_exchange(engine: Engine, name: str) -> bool:
    """Whether an exchange of that id is logged."""
    with Session(engine) as session:
        return session.get(ExchangeRow, name) is not None


def read_exchanges(engine: Engine, *, since: str = "", until: str = "9") -> Iterator[Exchange]:
    """The exchanges of a span of time, oldest first, a thousand rows in memory at once.

    Args:
        since, until: ISO 8601 in UTC, or a beginning of it; from the first, up to the second.
    """
    with Session(engine) as session:
        query = (
            select(ExchangeRow)
            .where(ExchangeRow.at >= since, ExchangeRow.at < until)
            .order_by(ExchangeRow.at, ExchangeRow.id)
            .execution_options(yield_per=_AT_ONCE)
        )
        for row in session.scalars(query):
            yield Exchange.model_validate({name: getattr(row, name) for name in _FIELDS})


class Passed(NamedTuple):
    """What counts of one exchange without its texts."""

    id: str
    at: str
    run: str
    status: int
    seconds: float
    readable: bool


def pass_exchanges(engine: Engine, since: str, until: str) -> Iterator[Passed]:
    """The exchanges of a span of time that callers saw, without texts, in no order.

    A few thousand are in memory at once.

    Args:
        since, until: as for `read_exchanges`.
    """
    columns = (
        ExchangeRow.id, ExchangeRow.at, ExchangeRow.run, ExchangeRow.status, ExchangeRow.seconds,
        ExchangeRow.request.is_not(None),
    )  # fmt: skip
    query = select(*columns).where(*_seen(since, until))
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=10 * _AT_ONCE).execute(query):
            yield Passed(row[0], row[1], row[2], row[3], row[4], bool(row[5]))


def pick_exchanges(engine: Engine, names: Sequence[str]) -> list[Exchange]:
    """Exchanges by id, oldest first; those that are gone are left out."""
    found: list[Exchange] = []
    with Session(engine) as session:
        for start in range(0, len(names), _AT_ONCE):
            query = select(ExchangeRow).where(ExchangeRow.id.in_(names[start : start + _AT_ONCE]))
            found += [
                Exchange.model_validate({name: getattr(row, name) for name in _FIELDS})
                for row in session.scalars(query)
            ]
    return sorted(found, key=lambda one: (one.at, one.id))


def count_exchanges(engine: Engine, since: str, until: str) -> int:
    """How many exchanges callers saw in a span of time."""
    with engine.connect() as connection:
        query = select(func.count()).select_from(ExchangeRow).where(*_seen(since, until))
        return connection.execute(query).scalar() or 0


def first_exchange(engine: Engine, since: str = "") -> str | None:
    """When the first exchange was that callers saw, from a time on; None where there is none."""
    with engine.connect() as connection:
        query = select(func.min(ExchangeRow.at)).where(*_seen(since, "9"))
        return connection.execute(query).scalar()


def _seen(since: str, until: str) -> tuple[ColumnElement[bool], ...]:
    return ExchangeRow.at >= since, ExchangeRow.at < until, ExchangeRow.shadow.is_(False)


def read_feedback(engine: Engine) -> list[Feedback]:
    """All feedback, oldest first."""
    with Session(engine) as session:
        rows = session.scalars(select(FeedbackRow).order_by(FeedbackRow.at, FeedbackRow.id)).all()
        return [
            Feedback(
                id=row.id,
                exchange=row.exchange,
                at=row.at,
                caller=row.caller,
                thumb=row.thumb,
                score=row.score,
                answer=None if row.answer is None else json.loads(row.answer),
                comment=row.comment,
            )
            for row in rows
        ]


def remove_before(engine: Engine, at: str) -> int:
    """Remove exchanges older than a time, with their feedback; the number of exchanges."""
    old = select(ExchangeRow.id).where(ExchangeRow.at < at)
    with engine.begin() as connection:
        connection.execute(delete(FeedbackRow).where(FeedbackRow.exchange.in_(old)))
        return connection.execute(delete(ExchangeRow).where(ExchangeRow.at < at)).rowcount


_FIELDS = tuple(Exchange.model_fields)


def _feedback_row(one: Feedback) -> dict[str, object]:
    answer = None if one.answer is None else json.dumps(one.answer, ensure_ascii=False)
    return one.model_dump() | {"answer": answer}
