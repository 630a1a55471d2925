"""Runs on their way to all requests, in the database: what they answered, and what was decided.

A decision and the traffic that it changes are written in one transaction, so that a killed process
leaves neither without the other. Rows are appended, never changed; of two who decide the same
step, the second writes nothing.
"""

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from burnish.records import Exchange, StageDecision, Traffic
from burnish.store.database import ExchangeRow, FeedbackRow, StageRow
from burnish.store.traffic import changed_meanwhile, row_of

_AT_ONCE = 1000
_FIELDS = tuple(name for name in Exchange.model_fields if name != "request")


def read_decisions(engine: Engine) -> list[StageDecision]:
    """All decisions on all rollouts, oldest first."""
    with Session(engine) as session:
        query = select(StageRow.body).order_by(StageRow.rollout, StageRow.step)
        return [StageDecision.model_validate_json(body) for body in session.scalars(query)]


def read_way(engine: Engine) -> list[StageDecision]:
    """The decisions on the rollout under way, oldest first; none where none is."""
    with Session(engine) as session:
        newest = select(StageRow.rollout).order_by(StageRow.rollout.desc()).limit(1)
        query = select(StageRow.body).where(StageRow.rollout == newest.scalar_subquery())
        bodies = session.scalars(query.order_by(StageRow.step)).all()
    way = [StageDecision.model_validate_json(body) for body in bodies]
    return [] if not way or way[-1].ends else way


def newest_rollout(engine: Engine) -> int:
    """The number of the newest rollout; 0 where there was none."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(StageRow.rollout))).scalar() or 0


def keep_decisions(
    engine: Engine, decisions: Sequence[StageDecision], state: Traffic | None = None
) -> None:
    """Write decisions, and the state of the traffic that they make, or nothing at all.

    Raises:
        WorkspaceError: somebody else decided, or changed the traffic, at the same moment.
    """
    rows = [
        StageRow(
            rollout=one.rollout, step=one.step, at=one.at, run=one.run, action=one.action,
            body=one.model_dump_json(),
        )
        for one in decisions
    ]  # fmt: skip
    try:
        with Session(engine) as session, session.begin():
            session.add_all(rows)
            if state is not None:
                session.add(row_of(state))
    except IntegrityError as error:
        raise changed_meanwhile() from error


def answered_by(
    engine: Engine,
    deployments: Sequence[str],
    *,
    since: str = "",
    until: str = "9",
    newest: int | None = None,
) -> Iterator[Exchange]:
    """What callers got from some deployments in a span of time, oldest first, without requests.

    Args:
        since, until: as for `burnish.store.exchanges.read_exchanges`.
        newest: so many at most, the newest of them.
    """
    columns = [getattr(ExchangeRow, name) for name in _FIELDS]
    query = select(*columns).where(
        ExchangeRow.deployment.in_(deployments), ExchangeRow.shadow.is_(False),
        ExchangeRow.at >= since, ExchangeRow.at < until,
    )  # fmt: skip
    if newest is not None:
        last = query.order_by(ExchangeRow.at.desc(), ExchangeRow.id.desc()).limit(newest)
        query = select(last.subquery())
    query = query.order_by("at", "id").execution_options(yield_per=_AT_ONCE)
    with engine.connect() as connection:
        for row in connection.execute(query):
            yield Exchange.model_construct(**row._mapping)


def disliked(engine: Engine, deployments: Sequence[str], *, since: str = "") -> set[str]:
    """Exchanges that got a thumb down, a score of 1 or 2, or another answer than they gave."""
    query = (
        select(
            ExchangeRow.id, ExchangeRow.answer, FeedbackRow.thumb, FeedbackRow.score,
            FeedbackRow.answer,
        )
        .join(FeedbackRow, FeedbackRow.exchange == ExchangeRow.id)
        .where(ExchangeRow.deployment.in_(deployments), ExchangeRow.at >= since)
    )  # fmt: skip
    with engine.connect() as connection:
        return {
            name
            for name, given, thumb, score, right in connection.execute(query)
            if thumb == "down" or (score is not None and score <= 2) or _corrects(right, given)
        }


def _corrects(right: str | None, given: str | None) -> bool:
    """Whether the right answer (JSON) is another one than the text that was given."""
    if right is None:
        return False
    value = json.loads(right)
    text = (given or "").strip()
    if isinstance(value, str):
        return value.strip() != text
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "\n".join(sorted(value))  # labels, one a line
        return value != "\n".join(sorted(filter(None, map(str.strip, text.splitlines()))))
    try:
        return bool(json.loads(text) != value)
    except ValueError:
        return True
