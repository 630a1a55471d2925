"""What people and a judging model said about answers, and what follows from it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.records.steps import Decision, UsageSummary
from burnish.records.task import Sheet

Side = Literal["a", "b", "tie"]
"""Which of two answers is better."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Part):
    """A figure with its 95% interval over `n` units."""

    value: float
    low: float
    high: float
    n: int


class Vote(_Part):
    """What one person said about one item of a sheet.

    Attributes:
        report: hash of the report whose answers were shown.
        example: id of the test example.
        systems: the system graded, or the two compared, in alphabetical order.
        value: the better system or "tie"; of a rubric "1" to "5".
        at: time in UTC, ISO 8601.
    """

    report: str
    sheet: Sheet
    example: str
    systems: tuple[str, ...]
    rater: str
    value: str
    at: str


class PairVerdict(_Part):
    """A judge's verdict on one pair of answers, asked in both orders.

    Attributes:
        forward, backward: with answer a shown first, and with b first; None where the judge
            gave nothing that could be read, however often it was asked.
    """

    id: str
    forward: Side | None
    backward: Side | None

    @property
    def verdict(self) -> Side | None:
        """Both orders together: what they agree on, else a tie; None where one is missing."""
        if self.forward is None or self.backward is None:
            return None
        return self.forward if self.forward == self.backward else "tie"


class Graded(_Part):
    """A judge's grade for one answer; None where it gave none that could be read."""

    id: str
    grade: int | None = Field(ge=1, le=5)


class Biases(_Part):
    """How a judge leans, beyond what is better.

    Attributes:
        first: share of its decisions for the answer shown first; 0.5 is even.
        order_kappa: Cohen's kappa between its verdicts in the two orders; 0 is chance.
        longer: share of its decisions for the longer answer.
        longer_than_people: `longer` minus the same share of people's decisions, on the same pairs.
        found: a sentence for each bias that is there beyond doubt.
    """

    first: Estimate | None
    order_kappa: Estimate | None
    longer: Estimate | None
    longer_than_people: Estimate | None
    found: tuple[str, ...]


class Calibration(_Part):
    """How a judge agrees with people.

    Attributes:
        agreement: share of pairs on which it says what most people say; None without votes.
        kappa: Cohen's kappa of the same; of grades, weighted quadratically.
        human_alpha: Krippendorff's alpha among the people themselves.
    """

    agreement: Estimate | None
    kappa: Estimate | None
    human_alpha: Estimate | None


class JudgeReport(_Part):
    """What a judging model found, whether it can be trusted, and what it cost.

    Attributes:
        report: hash of the report whose answers were judged.
        systems: the tuned system and the one it is compared with.
        preferred: share of pairs in which the tuned answer is preferred, ties counted half.
        grades: system → mean grade, 1 to 5.
        unread: answers of the judge that were no verdict, after all tries.
        withheld: why there is no decision, in sentences; empty where there is one.
        decision: of the judge alone, on whether the tuned system is the better one.
    """

    report: str
    model: str
    systems: tuple[str, str]
    preferred: Estimate | None = None
    grades: dict[str, Estimate] = {}
    pairs: Calibration | None = None
    rubric: Calibration | None = None
    biases: Biases | None = None
    usage: UsageSummary | None = None
    unread: int = 0
    withheld: tuple[str, ...] = ()
    decision: Decision | None = None


class WinRate(_Part):
    """How often people preferred one system's answer to another's, ties counted half."""

    system: str
    other: str
    wins: int
    ties: int
    losses: int
    rate: Estimate


class PeopleReport(_Part):
    """What people said about the answers of a report.

    Attributes:
        raters: rater → votes.
        strengths: system → Bradley–Terry log-strength, with a mean of 0; with two systems or more.
        grades: system → mean grade, 1 to 5.
        choice_alpha: Krippendorff's alpha of the choices (nominal).
        grade_alpha: of the grades (ordinal); `grade_alpha_interval` takes steps as equal.
    """

    report: str
    raters: dict[str, int]
    win_rates: tuple[WinRate, ...] = ()
    strengths: dict[str, Estimate] = {}
    grades: dict[str, Estimate] = {}
    choice_alpha: Estimate | None = None
    grade_alpha: Estimate | None = None
    grade_alpha_interval: Estimate | None = None
