"""What is measured of a system beside its scores: how sure it was, and how it wrote."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfidenceBin(_Part):
    """The `n` answers with a probability from `low` to `high`: the mean one, and how many right.

    Attributes:
        confidence, right: mean probability and share of right answers; 0 where `n` is 0.
    """

    low: float
    high: float
    n: int
    confidence: float
    right: float


class Abstention(_Part):
    """The surest answers alone: `n` of them with at least `probability`, and the share right."""

    coverage: float
    n: int
    probability: float
    right: float


class Reliability(_Part):
    """Whether probabilities mean what they say (classify with one label, scored).

    Attributes:
        ece, low, high: expected calibration error with its 95% interval; 0 is best.
        brier: mean squared difference between probability and right (1) or wrong (0).
        bins: ten of equal width.
        abstentions: if only the surest tenth, two tenths, … all were answered.
    """

    n: int
    ece: float
    low: float
    high: float
    brier: float
    bins: tuple[ConfidenceBin, ...]
    abstentions: tuple[Abstention, ...]


class Writing(_Part):
    """How a system writes, counted over its `n` answers.

    Attributes:
        empty: answers without any text.
        refusals: answers that decline, told by their wording (English alone).
        cut: answers that reached the longest length.
        looping: answers of which more than half of the 4-grams of words repeat earlier ones.
        repetition: mean share of such 4-grams.
        words, reference_words: median length of an answer, and of the references.
        tokens: mean length of an answer in the base's tokens; None where no tokenizer is at hand.
    """

    n: int
    empty: int
    refusals: int
    cut: int
    looping: int
    repetition: float
    words: float
    reference_words: float
    tokens: float | None = None
