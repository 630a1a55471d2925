"""States of the traffic in the database: appended, never changed, so that each can come back."""

import json
from collections.abc import Sequence

from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from burnish.errors import WorkspaceError
from burnish.records import Route, Traffic
from burnish.store.database import TrafficRow
from burnish.store.workspace import now

_SAME = 1e-9


def read_traffic(engine: Engine) -> list[Traffic]:
    """All states, oldest first."""
    with Session(engine) as session:
        rows = session.scalars(select(TrafficRow).order_by(TrafficRow.number)).all()
        return [_traffic(row) for row in rows]


def current_traffic(engine: Engine) -> Traffic | None:
    """The newest state; None where nothing was ever promoted."""
    with Session(engine) as session:
        row = session.scalars(select(TrafficRow).order_by(TrafficRow.number.desc())).first()
        return None if row is None else _traffic(row)


def newest_number(engine: Engine) -> int:
    """The number of the newest state; 0 where there is none."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(TrafficRow.number))).scalar() or 0


def change_traffic(
    engine: Engine, routes: Sequence[Route], *, shadow: Sequence[str] = (), reason: str
) -> Traffic:
    """Append a state that follows the newest one."""
    newest = current_traffic(engine)
    return _append(engine, newest, newest.number if newest else None, routes, shadow, reason)


def roll_back(engine: Engine, *, reason: str) -> Traffic:
    """Append the state that the newest one took over from; again, and it is the one before that.

    Raises:
        WorkspaceError: there is none.
    """
    newest, back = state_before(engine)
    return _append(engine, newest, back.after, back.routes, back.shadow, reason)


def state_before(engine: Engine) -> tuple[Traffic, Traffic]:
    """The newest state, and the one that a roll-back would bring back.

    Raises:
        WorkspaceError: there is none.
    """
    states = {state.number: state for state in read_traffic(engine)}
    newest = states[max(states)] if states else None
    back = states.get(newest.after or 0) if newest else None
    if newest is None or back is None:
        raise WorkspaceError(
            "There is nothing to roll back to: no other deployment answered before this one.",
            hint="burnish promote RUN changes who answers",
        )
    return newest, back


def mark_applied(engine: Engine, number: int) -> None:
    """Put on record when a state first held."""
    with Session(engine) as session, session.begin():
        session.execute(
            update(TrafficRow)
            .where(TrafficRow.number == number, TrafficRow.applied_at.is_(None))
            .values(applied_at=now())
        )


def scaled(routes: Sequence[Route], total: float) -> list[Route]:
    """The routes with shares that add up to `total`, in the proportions they have."""
    whole = sum(route.share for route in routes)
    return [
        route.model_copy(update={"share": share})
        for route in routes
        if (share := route.share / whole * total) > _SAME
    ]


def state_after(
    newest: Traffic | None,
    after: int | None,
    routes: Sequence[Route],
    shadow: Sequence[str],
    reason: str,
) -> Traffic:
    """The state that comes next; nothing is written.

    Args:
        after: number of the state that a rollback goes back to.
    """
    return Traffic(
        number=(newest.number if newest else 0) + 1,
        after=after,
        at=now(),
        routes=tuple(routes),
        shadow=tuple(shadow),
        reason=reason,
    )


def row_of(state: Traffic) -> TrafficRow:
    """The row of a new state; no other can have its number."""
    return TrafficRow(
        number=state.number, after=state.after, at=state.at,
        routes=json.dumps([route.model_dump() for route in state.routes]),
        shadow=json.dumps(state.shadow), reason=state.reason, applied_at=None,
    )  # fmt: skip


def changed_meanwhile() -> WorkspaceError:
    """What is raised where two change the traffic at once: the second changed nothing."""
    return WorkspaceError(
        "Someone else changed the traffic at the same moment, so nothing was changed here.",
        hint="look at it with burnish traffic, and repeat the command if it is still wanted",
    )


def _append(
    engine: Engine,
    newest: Traffic | None,
    after: int | None,
    routes: Sequence[Route],
    shadow: Sequence[str],
    reason: str,
) -> Traffic:
    state = state_after(newest, after, routes, shadow, reason)
    try:
        with Session(engine) as session, session.begin():
            session.add(row_of(state))
    except IntegrityError as error:
        raise changed_meanwhile() from error
    return state


def _traffic(row: TrafficRow) -> Traffic:
    return Traffic(
        number=row.number,
        after=row.after,
        at=row.at,
        routes=tuple(Route.model_validate(route) for route in json.loads(row.routes)),
        shadow=tuple(json.loads(row.shadow)),
        reason=row.reason,
        applied_at=row.applied_at,
    )
