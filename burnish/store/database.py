"""The workspace's database: what is appended rather than made, such as openings of the test split.

SQLite by default; any SQLAlchemy URL in the variable BURNISH_DATABASE takes its place.
"""

import os
from pathlib import Path

from sqlalchemy import Engine, Integer, String, create_engine
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


def connect(path: Path) -> Engine:
    """The engine, with its tables made; the caller disposes of it.

    Args:
        path: the SQLite file, unless BURNISH_DATABASE names another database.
    """
    engine = create_engine(os.environ.get("BURNISH_DATABASE") or f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    return engine
