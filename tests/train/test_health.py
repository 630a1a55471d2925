"""When a loss counts as gone wrong, and how it looks in a line."""

import math
from typing import Any

import pytest

from burnish.train.health import BARS, WIDTH, fault_of, sparkline


def lines(losses: list[float], **last: float) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"loss": loss, "grad_norm": 1.0} for loss in losses]
    made[-1] |= last
    return made


def test_falling_and_noisy_losses_are_sound() -> None:
    assert fault_of([]) is None
    assert fault_of(lines([5 / (step + 1) for step in range(100)])) is None
    assert fault_of(lines([0.1, 3.0, 0.2, 2.5] * 20)) is None
    assert fault_of(lines([1.0] * 20 + [13.0])) is None  # one bad batch


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", ["loss", "grad_norm", "validation_loss"])
def test_what_is_no_number_is_a_fault(key: str, wrong: float) -> None:
    assert "no longer a number" in (fault_of(lines([1.0, 1.0], **{key: wrong})) or "")


def test_a_mean_far_above_the_best_is_a_fault() -> None:
    calm = [1.0] * 10
    assert fault_of(lines(calm + [4.0] * 10)) is None  # 3 × 1 + 1 is the bound
    assert "runs away: 4.10 nats over the last 10 steps, after 1.00" in (
        fault_of(lines(calm + [4.1] * 10)) or ""
    )
    assert fault_of(lines([1.0] * 5 + [9.0] * 4)) is None  # no ten steps yet


def test_only_the_last_line_decides() -> None:
    assert fault_of([*lines([1.0, math.nan]), {"loss": 1.0}]) is None
    validated = [*lines([1.0] * 10 + [9.0] * 10), {"validation_loss": 1.0}]
    assert fault_of(validated) is None


def test_the_curve_falls_as_the_losses_do() -> None:
    drawn = sparkline([8.0 - step / 100 for step in range(800)])
    assert len(drawn) == WIDTH
    assert drawn[0] == BARS[-1]
    assert drawn[-1] == BARS[0]
    assert list(drawn) == sorted(drawn, reverse=True)
    assert sparkline([3.0]) == ""
    assert sparkline([2.0, 2.0, math.nan]) == BARS[0] * 2
