"""The workspace's database: what is appended, such as openings of the test split and votes.

SQLite by default; any SQLAlchemy URL in the variable BURNISH_DATABASE takes its place.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Engine, Float, Integer, String, Text, create_engine, event
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


class KeyRow(Base):
    """An API key; see `burnish.records.Key`. Of its secret only the SHA-256 is here."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[str] = mapped_column(String(32))
    revoked_at: Mapped[str | None] = mapped_column(String(32))


class SaltRow(Base):
    """The one random value with which callers are hashed in this workspace."""

    __tablename__ = "caller_salt"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class TrafficRow(Base):
    """A state of the traffic; see `burnish.records.Traffic`. `routes` and `shadow` are JSON."""

    __tablename__ = "traffic"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    after: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[str] = mapped_column(String(32))
    routes: Mapped[str] = mapped_column(Text)
    shadow: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[str | None] = mapped_column(String(32))


class StageRow(Base):
    """A decision on a run's way to all requests; see `burnish.records.StageDecision`.

    `body` is the whole of it, as JSON.
    """

    __tablename__ = "stage_decisions"

    rollout: Mapped[int] = mapped_column(Integer, primary_key=True)
    step: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[str] = mapped_column(String(32))
    run: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)


class ExchangeRow(Base):
    """One logged request and answer; see `burnish.records.Exchange`."""

    __tablename__ = "exchanges"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[str] = mapped_column(String(32), index=True)
    deployment: Mapped[str] = mapped_column(String(64))
    run: Mapped[str] = mapped_column(String(64))
    endpoint: Mapped[str] = mapped_column(String(100))
    shadow: Mapped[bool] = mapped_column(Boolean)
    caller: Mapped[str] = mapped_column(String(32))
    prompt_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    seconds: Mapped[float] = mapped_column(Float)
    first_seconds: Mapped[float | None] = mapped_column(Float)
    prompt_tokens: Mapped[int | None] = mapped_column(Integer)
    answer_tokens: Mapped[int | None] = mapped_column(Integer)
    probability: Mapped[float | None] = mapped_column(Float)
    request: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
    changed: Mapped[bool] = mapped_column(Boolean)


class FeedbackRow(Base):
    """What a caller said of an exchange; see `burnish.records.Feedback`. `answer` is JSON."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    exchange: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[str] = mapped_column(String(32))
    caller: Mapped[str] = mapped_column(String(32))
    thumb: Mapped[str | None] = mapped_column(String(4))
    score: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)


def connect(path: Path) -> Engine:
    """The engine, with its tables made; the caller disposes of it.

    SQLite keeps a write-ahead log, so that a gateway writes while other commands read, and what
    is committed outlives a crash of the process and of the machine.

    Args:
        path: the SQLite file, unless BURNISH_DATABASE names another database.
    """
    engine = create_engine(os.environ.get("BURNISH_DATABASE") or f"sqlite:///{path}")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    Base.metadata.create_all(engine)
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
