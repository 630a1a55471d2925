"""What the checks measured of a data set: balance, size, fit to the model, and all of it together.

Every figure that data.html shows stands in a `DataReport`; the single findings stand beside it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.finding import FindingKind
from burnish.records.steps import SplitName
from burnish.records.task import CheckSettings, TaskKind

SliceBy = Literal["label", "length", "language", "source", "group"]
"""By what examples are told apart when their balance is looked at."""

Resampling = Literal["none", "oversample", "undersample", "weights"]
"""How the labels of the training split are evened out."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slice(_Part):
    """The examples with one label, or of one length, language, source or group.

    Attributes:
        n: split → number of examples.
        share: of the training examples, from 0 to 1.
        after: training examples after resampling; None where nothing was resampled.
        weight: of such an example in the loss; None where labels are not weighted.
    """

    by: SliceBy
    name: str
    n: dict[SplitName, int]
    share: float
    after: int | None = None
    weight: float | None = None


class Balance(_Part):
    """How evenly the training examples are spread; the figures are of the training split.

    Attributes:
        slices: largest first within each `by`; a multi-label example is in several.
        entropy: Shannon's, of the labels, divided by its greatest value: 1 is even, 0 one label.
        ratio: of the most frequent label to the rarest one that train has.
        minority: labels with less than half their even share of the training examples.
        how: what was done about it; `after`, `entropy_after` and `ratio_after` are its outcome,
            with weights counted as examples.
    """

    slices: tuple[Slice, ...]
    entropy: float | None = None
    ratio: float | None = None
    minority: tuple[str, ...] = ()
    how: Resampling = "none"
    entropy_after: float | None = None
    ratio_after: float | None = None


class CurvePoint(_Part):
    """The mean score after learning from `n` examples, with its 95% interval where it is known."""

    fraction: float
    n: int
    score: float
    low: float | None = None
    high: float | None = None


class LearningCurve(_Part):
    """How the score grows with the training examples, and where that leads.

    Attributes:
        method: what was trained, in a sentence.
        points: on the validation split.
        asymptote, scale, exponent: a, b and c of the power law a - b * n ** -c; None where none
            could be fitted.
        doubled: twice the training examples.
        gain: what doubling them would add to the score; with its 95% interval.
        certain: whether the curve rises beyond its noise, so that `gain` means something.
        conclusion: all that in a sentence.
    """

    metric: str
    method: str
    repeats: int
    validation_examples: int
    points: tuple[CurvePoint, ...]
    asymptote: float | None = None
    scale: float | None = None
    exponent: float | None = None
    doubled: int
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    certain: bool
    conclusion: str


class NeededExamples(_Part):
    """Test examples that prove a true difference; None where a million would not."""

    difference: float
    n: int | None


class Power(_Part):
    """What a test split of `n` examples can prove (80% power, two-sided at 95%, paired).

    Attributes:
        difference: the smallest true difference found four times in five; None where no
            difference could be.
        method: the test that the arithmetic is of.
        assumption: what had to be assumed, in a sentence.
        needed: for differences of 0.02, 0.05 and 0.10.
    """

    metric: str
    n: int
    difference: float | None
    method: str
    assumption: str
    needed: tuple[NeededExamples, ...]


class Cut(_Part):
    """A length limit in tokens, and how many examples it would cut."""

    limit: int
    n: int
    share: float


class CostlyWord(_Part):
    """A word that the tokenizer splits finely: its tokens, its characters, how often it occurs."""

    word: str
    tokens: int
    characters: int
    times: int
    unknown: bool = False


class TokenFit(_Part):
    """Lengths in the tokens of the chosen model.

    Attributes:
        n: examples measured.
        prompt, answer, total: percentile ("p50", "p90", "p95", "p99", "max") → tokens.
        cuts: ascending; `max_length` is among them.
        tokens_per_epoch: prompt and answer of every example, each cut at `max_length`.
        seconds_per_epoch: at the speed given; None where none is known.
        costly: words by tokens per character, the costliest first.
    """

    n: int
    max_length: int
    prompt: dict[str, int]
    answer: dict[str, int]
    total: dict[str, int]
    cuts: tuple[Cut, ...]
    tokens_per_epoch: int
    tokens_per_second: float | None = None
    seconds_per_epoch: float | None = None
    costly: tuple[CostlyWord, ...] = ()


class Histogram(_Part):
    """Counts between edges: bar i holds values from `edges[i]` up to, not with, `edges[i + 1]`."""

    name: str
    unit: str
    edges: tuple[int, ...]
    counts: tuple[int, ...]


class DataReport(_Part):
    """Everything that was measured and done, for data.html and the terminal.

    Attributes:
        splits: split → examples, before any resampling.
        dropped: reason → rows.
        cleaned: rule → texts it changed.
        findings: kind → findings.
        personal_data: type → times found.
        advice: sentences, worst first.
    """

    name: str
    goal: str = ""
    task_kind: TaskKind
    checks: CheckSettings = CheckSettings()
    rows_read: int
    splits: dict[SplitName, int]
    dropped: dict[str, int] = {}
    cleaned: dict[str, int] = {}
    findings: dict[FindingKind, int] = {}
    personal_data: dict[str, int] = {}
    balance: Balance | None = None
    learning_curve: LearningCurve | None = None
    power: Power | None = None
    token_fit: TokenFit | None = None
    histograms: tuple[Histogram, ...] = ()
    advice: tuple[str, ...] = ()
