"""Votes of people in the database: one of each rater on each item, the newest counts."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from burnish.records import Vote, canonical_hash
from burnish.store.database import VoteRow, connect
from burnish.store.workspace import Workspace


def save_votes(workspace: Workspace, votes: Iterable[Vote]) -> None:
    """Add votes, all or none; a rater's earlier vote on the same item is replaced."""
    engine = connect(workspace.database)
    try:
        with Session(engine) as session, session.begin():
            for vote in votes:
                session.merge(
                    VoteRow(
                        key=_key(vote),
                        report=vote.report,
                        sheet=vote.sheet,
                        example=vote.example,
                        systems=json.dumps(vote.systems),
                        rater=vote.rater,
                        value=vote.value,
                        at=vote.at,
                    )
                )
    finally:
        engine.dispose()


def read_votes(workspace: Workspace, report: str) -> Sequence[Vote]:
    """All votes on a report, named by its hash, in the order of time."""
    engine = connect(workspace.database)
    try:
        with Session(engine) as session:
            query = select(VoteRow).where(VoteRow.report == report)
            rows = list(session.scalars(query.order_by(VoteRow.at, VoteRow.key)))
    finally:
        engine.dispose()
    return [
        Vote.model_validate(
            {
                "report": row.report,
                "sheet": row.sheet,
                "example": row.example,
                "systems": json.loads(row.systems),
                "rater": row.rater,
                "value": row.value,
                "at": row.at,
            }
        )
        for row in rows
    ]


def _key(vote: Vote) -> str:
    return canonical_hash([vote.report, vote.sheet, vote.example, vote.systems, vote.rater])
