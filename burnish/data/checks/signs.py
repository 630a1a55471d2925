"""A sign that an answer is wrong, and what several signs say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from burnish.records import Example


@dataclass(frozen=True)
class Sign:
    """One reason to doubt an answer.

    Attributes:
        score: from 0 to 1, how strongly it speaks against the answer by itself.
        reason: what was seen, as a clause.
        other: the example it was compared with, where there is one.
    """

    score: float
    reason: str
    other: Example | None = None


def together(signs: Sequence[Sign]) -> float:
    """The score of several signs: they add up as independent ones would (noisy or)."""
    return 1 - math.prod(1 - sign.score for sign in signs)
