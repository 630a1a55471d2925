"""How the tuned system did on parts of the test split: SliceScore and Slices."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SliceScore(_Part):
    """The tuned system on the test examples that have something in common.

    Scores are means of the examples' own scores on the primary metric, so that slices of one label
    can be compared; they need not average to the metric itself (macro-F1, BLEU).

    Attributes:
        by: what tells the slices apart: label, length, source, group, time, or an input column.
        name: the label, range of words, file, group, period or value.
        value, low, high: mean score and its 95% interval.
        difference: to the mean of all other examples.
        p_value: of `difference`, by permutation: were examples put into the slice at random.
        p_adjusted: corrected for the number of slices looked at (Holm 1979).
        scores: mean score of each system, the tuned one among them.
    """

    by: str
    name: str
    n: int
    value: float
    low: float
    high: float
    difference: float
    p_value: float
    p_adjusted: float
    scores: dict[str, float]


class Slices(_Part):
    """All slices that are large enough to say something, worst first.

    Attributes:
        metric: whose examples' own scores were averaged.
        smallest: fewest examples of a slice, and of the rest, that are looked at.
        too_small: slices that have fewer.
    """

    metric: str
    smallest: int
    scored: tuple[SliceScore, ...]
    too_small: int

    @property
    def worse(self) -> tuple[SliceScore, ...]:
        """Slices that are worse than the rest by more than chance explains."""
        return tuple(each for each in self.scored if each.difference < 0 and each.p_adjusted < 0.05)
