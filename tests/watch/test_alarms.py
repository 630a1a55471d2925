"""The rate a user sets, and how it is spread over looks."""

import numpy as np
import pytest

from burnish.watch.alarms import MONTH_DAYS, TOGETHER, look, threshold
from burnish.watch.samples import Sample


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("days", [1.0, 7.0, 90.0])
def test_uniform_p_values_spend_exactly_what_a_month_may(rate: float, days: float) -> None:
    single = threshold(rate, days)
    together = threshold(rate, days * TOGETHER, windows=TOGETHER)
    months = MONTH_DAYS / days
    silent = (1 - single) ** months * (1 - together) ** (months / TOGETHER)
    assert silent == pytest.approx(1 - rate)


def test_families_share_alike_and_empty_ones_count_for_none() -> None:
    random = np.random.default_rng(0)
    near = [Sample(numbers={"n": random.normal(size=n)}) for n in (200, 50)]
    far = [Sample(numbers={"n": random.normal(size=n) + n / 40}) for n in (200, 50)]
    alone = look({"input": (far[0], far[1])}, level=0.01, seed=0)
    both = look(
        {"input": (far[0], far[1]), "output": (near[0], near[1]),
         "operations": (near[0], Sample())},
        level=0.01, seed=0,
    )  # fmt: skip
    assert alone.alarm
    assert both.alarm
    assert set(both.comparisons) == {"input", "output"}
    assert both.p_value == pytest.approx(2 * both.comparisons["input"].p_value)


def test_a_quiet_family_is_compared_and_raises_no_alarm() -> None:
    random = np.random.default_rng(0)
    pair = Sample(numbers={"n": random.normal(size=200)}), Sample(numbers={"n": np.full(50, 9.0)})
    found = look({"operations": pair}, level=0.01, seed=0, quiet=frozenset({"operations"}))
    assert found.comparisons["operations"].p_value < 0.01
    assert not found.alarm
