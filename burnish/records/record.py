"""What every record has: identity, lineage, environment, and a hash that repeats.

`hash` covers all that a second, undisturbed run would make again: not times, durations, the
machine or package versions (a record's `volatile` fields).
"""

import hashlib
import json
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

Status = Literal["started", "complete", "failed"]


class Git(BaseModel):
    """The commit of the folder the command ran in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str
    dirty: bool


def canonical_hash(value: Any) -> str:
    """SHA-256 (hex) of a JSON-like value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Record(BaseModel):
    """Base of Dataset, BaseChoice, Run and Report.

    Attributes:
        inputs_hash: hash of all that the step depends on; equal means "no need to repeat".
        parents: role → hash of the record it was made from.
        files: name → SHA-256 of each file beside the record that a repeated run makes again.
        error: why the step failed, where `status` is "failed".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    volatile: ClassVar[frozenset[str]] = frozenset(
        {"id", "status", "started_at", "finished_at", "packages", "git", "hash", "error"}
    )

    schema_version: Literal[1] = 1
    id: str
    status: Status
    inputs_hash: str
    parents: dict[str, str]
    seed: int
    started_at: str
    finished_at: str | None = None
    packages: dict[str, str]
    git: Git | None = None
    files: dict[str, str] = {}
    hash: str | None = None
    error: str | None = None

    def content_hash(self) -> str:
        """SHA-256 over everything but the volatile fields."""
        return canonical_hash(self.model_dump(mode="json", exclude=set(self.volatile)))

    def with_hash(self) -> Self:
        """The same record with `hash` filled in."""
        return self.model_copy(update={"hash": self.content_hash()})
