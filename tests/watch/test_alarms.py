"""The rate a user sets, and how it is spread over looks."""

import numpy as np
import pytest
from scipy import stats

from burnish.watch.alarms import MONTH_DAYS, TOGETHER, look, threshold
from burnish.watch.samples import Sample


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("days", [1.0, 7.0, 90.0])
def test_normal_means_alarm_in_as_many_months_as_is_set(rate: float, days: float) -> None:
    single = threshold(rate, days)
    together = threshold(rate, days * TOGETHER, windows=TOGETHER)
    values = np.random.default_rng(0).normal(size=(200_000, TOGETHER))
    alone = 2 * stats.norm.sf(np.abs(values)) <= single
    wide = 2 * stats.norm.sf(np.abs(values.sum(axis=1)) / np.sqrt(TOGETHER)) <= together
    blocks = MONTH_DAYS / days / TOGETHER
    silent = (1 - (alone.any(axis=1) | wide).mean()) ** blocks
    assert silent == pytest.approx(1 - rate, abs=0.02 * rate + 0.002 * blocks)


def test_families_share_a_level_and_empty_ones_count_for_none() -> None:
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
    assert both.p_value == pytest.approx(5 / 3 * both.comparisons["input"].p_value)


def test_a_quiet_family_is_compared_and_raises_no_alarm() -> None:
    random = np.random.default_rng(0)
    pair = Sample(numbers={"n": random.normal(size=200)}), Sample(numbers={"n": np.full(50, 9.0)})
    found = look({"operations": pair}, level=0.01, seed=0, quiet=frozenset({"operations"}))
    assert found.comparisons["operations"].p_value < 0.01
    assert not found.alarm
