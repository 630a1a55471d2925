"""What a server's answers took: sums, percentiles, and costs that are never told too low."""

import pytest

from burnish.evaluate.usage import sum_up
from burnish.records import Usage


def test_costs_are_tokens_times_prices() -> None:
    used = [Usage(seconds=n, prompt_tokens=1000 * n, answer_tokens=100) for n in range(1, 5)]
    summary = sum_up(used, prompt_price=2.5, answer_price=10.0)
    assert (summary.prompt_tokens, summary.answer_tokens) == (10_000, 400)
    assert summary.cost == pytest.approx(10_000 * 2.5e-6 + 400 * 10e-6)
    assert (summary.mean_seconds, summary.median_seconds) == (2.5, 2.5)
    assert summary.p95_seconds == pytest.approx(3.85)


@pytest.mark.parametrize("prices", [{}, {"prompt_price": 1.0}, {"answer_price": 1.0}])
def test_without_both_prices_there_is_no_cost(prices: dict[str, float]) -> None:
    assert sum_up([Usage(seconds=1, prompt_tokens=1, answer_tokens=1)], **prices).cost is None


def test_tokens_that_one_answer_lacks_are_unknown_for_all() -> None:
    used = [Usage(seconds=1, prompt_tokens=5, answer_tokens=3), Usage(seconds=1, prompt_tokens=5)]
    summary = sum_up(used, prompt_price=1, answer_price=1)
    assert (summary.prompt_tokens, summary.answer_tokens, summary.cost) == (10, None, None)


def test_free_is_a_price_too() -> None:
    used = [Usage(seconds=1, prompt_tokens=5, answer_tokens=3)]
    assert sum_up(used, prompt_price=0.0, answer_price=0.0).cost == 0.0
