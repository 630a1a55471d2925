"""The ledger of a build: every row that was dropped and everything that was found, with reasons.

Reads texts from the spool; writes nothing.
"""

from collections.abc import Sequence

from burnish.data.examples import excerpt, place
from burnish.data.rows import Row
from burnish.records import Dropped, Example, Finding, FindingKind, Review


class Ledger:
    """Dropped rows and findings so far.

    Args:
        spool: the texts of all rows.
        reviews: what people decided; a finding that was answered by "keep" is not made again.
    """

    def __init__(self, spool: Sequence[Example], reviews: Sequence[Review] = ()) -> None:
        self._spool = spool
        self._kept = {(review.id, review.kind) for review in reviews if review.action == "keep"}
        self.dropped: list[Dropped] = []
        self.findings: list[Finding] = []

    def kept(self, row: Row, kind: FindingKind) -> bool:
        """Whether a person decided that this row stays as it is."""
        return (row.id, kind) in self._kept

    def drop(self, row: Row, reason: str, *, kept: Row | None = None, **details: object) -> None:
        """Put a row that leaves on record; `kept` is the one that stays in its place."""
        self.dropped.append(
            Dropped(
                source=row.source,
                row=row.row,
                reason=reason,
                text=excerpt(self._spool[row.at]),
                kept=place(kept) if kept else None,
                details=details,
            )
        )

    def find(
        self, kind: FindingKind, rows: Sequence[Row], score: float, reason: str, *, suggest: str
    ) -> None:
        """Put a finding on record, unless a person has answered it."""
        if self.kept(rows[0], kind):
            return
        self.findings.append(
            Finding(
                kind=kind,
                rows=tuple(place(row) for row in rows),
                ids=tuple(row.id for row in rows),
                text=excerpt(self._spool[rows[0].at]),
                score=round(min(1.0, score), 4),
                reason=reason,
                suggestion=suggest,
            )
        )
