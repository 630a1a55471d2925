"""The workspace's database: what is appended, such as openings of the test split and votes.

SQLite by default; any SQLAlchemy URL in the variable BURNISH_DATABASE takes its place.
"""

import os
from pathlib import Path

from sqlalchemy import Engine, Integer, String, Text, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class OpeningRow(Base):
    """One opening of a sealed test split."""

    __tablename__ = "test_openings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[str] = mapped_column(String(32))
    dataset_hash: Mapped[str] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(500))


class VoteRow(Base):
    """What one person said about one item of a report; see `burnish.records.Vote`.

    `key` is a hash of report, sheet, example, systems and rater; `systems` is a JSON list.
    """

    __tablename__ = "votes"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    report: Mapped[str] = mapped_column(String(64), index=True)
    sheet: Mapped[str] = mapped_column(String(16))
    example: Mapped[str] = mapped_column(Text)
    systems: Mapped[str] = mapped_column(Text)
    rater: Mapped[str] = mapped_column(String(64))
    value: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(String(32))


def connect(path: Path) -> Engine:
    """The engine, with its tables made; the caller disposes of it.

    Args:
        path: the SQLite file, unless BURNISH_DATABASE names another database.
    """
    engine = create_engine(os.environ.get("BURNISH_DATABASE") or f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    return engine
