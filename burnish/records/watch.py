"""Watching: what windows of the request log showed, and what moved where one raised an alarm."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.record import Record
from burnish.records.retune import StageDecision

Family = Literal["input", "output", "performance", "operations"]
"""What a signal is about: what was asked, what was answered, how good and how smooth it was."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Signal(_Part):
    """One comparison of a window with its reference.

    Attributes:
        name: "input length", "topic", "labels" …
        test: the statistic, as the field names it.
        value: of the statistic, 0 where both agree wholly.
        p_value: of this signal alone, by permutation where its family is.
        p_adjusted: corrected over all signals of its family (Westfall and Young's min-p).
        before, after: what it is in the reference and in the window, in words.
        psi: population stability index of the same values; None where there are no bins.
        n: values in the window.
    """

    name: str
    family: Family
    test: str
    value: float
    p_value: float
    p_adjusted: float
    before: str
    after: str
    psi: float | None = None
    n: int


class MovedShare(_Part):
    """A word, label, language or slice whose share moved.

    Attributes:
        before, after: shares of reference and window, from 0 to 1.
        score: z of the log-odds for a word (Monroe et al. 2008), of the difference for a share.
    """

    name: str
    before: float
    after: float
    score: float


class ShownRequest(_Part):
    """A request of the window as it stands in the log, masked.

    Attributes:
        exchange: its id.
        text, answer: the first part of each.
        score: how typical it is of what moved, or how far from all the reference holds.
    """

    exchange: str
    text: str
    answer: str
    score: float


class Explanation(_Part):
    """What moved.

    Attributes:
        words: those that became commoner or rarer, most certain first.
        labels: shares of the answers (classify).
        slices: parts of the requests by language, length and label, most moved first.
        typical: requests most like the change and least like the reference as a whole.
        unusual: requests farthest from anything in the reference.
        sentences: the same in words.
    """

    words: tuple[MovedShare, ...] = ()
    labels: tuple[MovedShare, ...] = ()
    slices: tuple[MovedShare, ...] = ()
    typical: tuple[ShownRequest, ...] = ()
    unusual: tuple[ShownRequest, ...] = ()
    sentences: tuple[str, ...] = ()


class Watch(Record):
    """One window of the request log, judged once.

    Attributes:
        since, until: of the window, ISO 8601 in UTC; the second does not belong to it.
        windows: how many windows it holds: 1, or several that were judged again together.
        run: that answered most of it.
        reference: what it was compared with, in words.
        requests: logged in it, shadows aside; `texts` of them were read.
        late: rows of earlier windows that were logged after those were judged.
        p_value: corrected over signals and families; below `threshold` it is an alarm.
        threshold: from `watch.false_alarms`, for a window of this length.
        notes: what else a person should know of it: gaps, other inputs, a clock that ran back.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {"late"}

    task_name: str
    since: str
    until: str
    windows: int = 1
    run: str = ""
    reference: str = ""
    requests: int = 0
    texts: int = 0
    late: int = 0
    p_value: float = 1.0
    threshold: float = 0.0
    alarm: bool = False
    signals: tuple[Signal, ...] = ()
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()


class Gauge(_Part):
    """How smoothly a window's requests went, kept for later windows to be compared with.

    Attributes:
        failed: answers with a status of 500 and above, of `n` by the run that answered most.
        seconds: of a random sample of its answers.
        good, bad: requests that callers rated, by thumb, score (4 and 5 are good) or correction.
        grades: of the judge, 1 to 5.
    """

    n: int = 0
    failed: int = 0
    seconds: tuple[float, ...] = ()
    good: int = 0
    bad: int = 0
    grades: tuple[int, ...] = ()


class OpenWindow(_Part):
    """The window that is not finished yet; nothing in it is an alarm.

    Attributes:
        requests: so far.
        until: when it ends at the earliest.
        changes: what streaming detectors noticed, in sentences.
    """

    since: str
    until: str
    requests: int
    changes: tuple[str, ...] = ()


class WatchOutcome(_Part):
    """What one call of `burnish watch` did.

    Attributes:
        judged: windows that were finished since the last call, oldest first.
        before: windows that had been judged until then.
        open: the window under way; None where the log is empty.
        notes: what a person should know beside that.
        canary: what was decided about a run on its way to all requests.
    """

    judged: tuple[Watch, ...] = ()
    before: int = 0
    open: OpenWindow | None = None
    notes: tuple[str, ...] = ()
    canary: StageDecision | None = None

    @property
    def alarm(self) -> bool:
        """Whether one of the judged windows is an alarm."""
        return any(one.alarm for one in self.judged)
