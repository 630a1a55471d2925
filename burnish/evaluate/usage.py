"""What a server's answers took, summed up: seconds, tokens, and the cost at given prices.

Reads and writes nothing.
"""

from collections.abc import Sequence

import numpy as np

from burnish.records import Usage, UsageSummary

_MILLION = 1_000_000


def sum_up(
    used: Sequence[Usage],
    *,
    prompt_price: float | None = None,
    answer_price: float | None = None,
) -> UsageSummary:
    """The sums, and the mean, median and 95th percentile of the seconds.

    Tokens that the server did not count for every answer are unknown, and so is then the cost:
    a sum over the others would look cheaper than it was.

    Args:
        used: one entry an answer, at least one.
        prompt_price, answer_price: of a million tokens.
    """
    seconds = np.array([one.seconds for one in used])
    prompt = _sum([one.prompt_tokens for one in used])
    answer = _sum([one.answer_tokens for one in used])
    return UsageSummary(
        n=len(used),
        mean_seconds=round(float(seconds.mean()), 3),
        median_seconds=round(float(np.median(seconds)), 3),
        p95_seconds=round(float(np.quantile(seconds, 0.95)), 3),
        prompt_tokens=prompt,
        answer_tokens=answer,
        prompt_price=prompt_price,
        answer_price=answer_price,
        cost=_cost((prompt, prompt_price), (answer, answer_price)),
    )


def _cost(*parts: tuple[int | None, float | None]) -> float | None:
    total = 0.0
    for tokens, price in parts:
        if tokens is None or price is None:
            return None
        total += tokens * price / _MILLION
    return total


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
