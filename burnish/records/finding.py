"""What a check found in the examples, and what a person decided about it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FindingKind = Literal[
    "exact-duplicate", "near-duplicate", "same-meaning", "conflict", "leak",
    "personal-data", "label-error", "answer-error", "imbalance", "length",
]  # fmt: skip
"""What a finding is about; `findings.jsonl` holds them in this order, ranked within each kind."""

Action = Literal["keep", "drop", "answer", "mask"]
"""What can be done about a row: leave it, leave it out, give it another answer, mask it."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Line):
    """One line of findings.jsonl: something about some rows that a person should know.

    Attributes:
        kind: what it is about.
        rows: places such as "notes.csv row 12". The first is the row that `suggestion` speaks of;
            further ones are its evidence: the row it repeats, the row it contradicts.
        ids: the ids of the same examples, in the same order.
        text: the beginning of the first row's input; personal data in it are masked where this
            is a finding of personal data.
        score: from 0 to 1, how certain the finding is; findings of a kind are ranked by it.
        reason: what was seen, in a sentence.
        suggestion: what to do, in the words of `decision`; empty where only a person can tell.
        decision: a person's, empty until then: "accept" (do as suggested), "keep", "drop", "mask",
            or "answer: " and the right answer.
    """

    kind: FindingKind
    rows: tuple[str, ...]
    ids: tuple[str, ...]
    text: str
    score: float = Field(ge=0, le=1)
    reason: str
    suggestion: str = ""
    decision: str = ""


class Review(_Line):
    """One line of decisions.jsonl: what a person decided about an example, applied at every build.

    Attributes:
        id: of the example.
        kind: of the finding it was decided on.
        action: what is done.
        answer: the right answer, for "answer" alone.
        row: where the example stood, for people.
    """

    id: str
    kind: FindingKind
    action: Action
    answer: str = ""
    row: str = ""


class Change(_Line):
    """One line of changes.jsonl: a text that cleaning or masking changed, with what it was.

    Attributes:
        source, row: where the example stands.
        field: an input column, "answer", or "turn N" of a chat.
        rules: names of the rules that changed it, in the order they ran.
        before, after: the whole text; `before` is empty where it held personal data.
    """

    source: str
    row: int
    field: str
    rules: tuple[str, ...]
    before: str
    after: str
