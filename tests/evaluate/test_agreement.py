"""Agreement against published worked examples and scikit-learn."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from burnish.evaluate.agreement import agreement, cohen_kappa, krippendorff_alpha
from burnish.records import Estimate

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections C and D: four observers,
# twelve units, missing values; alpha on each level as published.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
PUBLISHED = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849}
# Wikipedia, "Krippendorff's alpha", "A computational example": three coders, fifteen units.
CODERS = ("*****34121133*3", "1*213343*******", "**21344*21133*4")


def units(rows: Sequence[str], missing: str) -> list[dict[str, float]]:
    assert len({len(row) for row in rows}) == 1
    return [
        {str(rater): float(row[at]) for rater, row in enumerate(rows) if row[at] != missing}
        for at in range(len(rows[0]))
    ]


def value(found: Estimate | None) -> float:
    assert found is not None
    return found.value


@pytest.mark.parametrize("level", PUBLISHED)
def test_alpha_is_that_of_krippendorffs_example_with_missing_values(level: str) -> None:
    found = krippendorff_alpha(units(OBSERVERS, "."), level, resamples=200)  # type: ignore[arg-type]
    assert value(found) == pytest.approx(PUBLISHED[level], abs=5e-4)
    assert found is not None
    assert found.n == 11  # the twelfth unit has one value


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.691), ("interval", 0.811)])
def test_alpha_is_that_of_the_example_with_three_coders(level: str, published: float) -> None:
    found = krippendorff_alpha(units(CODERS, "*"), level, resamples=200)  # type: ignore[arg-type]
    assert value(found) == pytest.approx(published, abs=5e-4)


def test_alpha_of_two_observers_is_that_of_krippendorffs_sections_a_and_b() -> None:
    binary = ("0100000010", "1110010000")
    named = ("aabbdcccedda", "babbbccceddd")
    found = krippendorff_alpha(units(binary, "."), "nominal", resamples=200)
    assert value(found) == pytest.approx(0.095, abs=5e-4)
    rows = [{"m": one, "j": other} for one, other in zip(*named, strict=True)]
    assert value(krippendorff_alpha(rows, "nominal", resamples=200)) == pytest.approx(
        0.692, abs=1e-3
    )


def slow_alpha(held: list[list[float]], level: str) -> float:
    """Alpha from all pairs of values, one by one."""
    everything = [value for unit in held for value in unit]

    def distance(one: float, other: float) -> float:
        if level == "nominal":
            return float(one != other)
        if level == "interval":
            return (one - other) ** 2
        low, high = sorted((one, other))
        between = sum(low <= each <= high for each in everything)
        ends = (everything.count(low) + everything.count(high)) / 2
        return (between - ends) ** 2 if one != other else 0.0

    within = sum(
        distance(one, other) / (len(unit) - 1) for unit in held for one in unit for other in unit
    )
    n = len(everything)
    across = sum(distance(one, other) for one in everything for other in everything)
    return 1 - (n - 1) * within / across


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(8))
def test_alpha_is_that_of_the_definition_on_random_votes(level: str, seed: int) -> None:
    chance = random.Random(seed)
    made = [
        {str(rater): float(chance.randint(1, 5)) for rater in range(4) if chance.random() < 0.7}
        for _ in range(25)
    ]
    held = [list(unit.values()) for unit in made if len(unit) > 1]
    found = krippendorff_alpha(made, level, resamples=200)  # type: ignore[arg-type]
    assert value(found) == pytest.approx(slow_alpha(held, level), abs=1e-9)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_scikit_learns(weights: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    one = generator.integers(1, 6, size=60).tolist()
    other = [min(5, max(1, each + int(generator.integers(-1, 2)))) for each in one]
    found = cohen_kappa(one, other, weights=weights, categories=range(1, 6), resamples=200)  # type: ignore[arg-type]
    wanted = cohen_kappa_score(one, other, weights=None if weights == "none" else weights)
    assert value(found) == pytest.approx(wanted, abs=1e-12)


def test_what_is_undefined_shows_no_agreement() -> None:
    assert value(cohen_kappa("aaaa", "aaaa", resamples=200)) == 0
    assert value(krippendorff_alpha([{"x": 1, "y": 1}] * 4, "nominal", resamples=200)) == 0
    assert krippendorff_alpha([{"x": 1}, {}], "nominal") is None
    assert cohen_kappa([], []) is None
    assert agreement([], []) is None


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(120):
        generator = np.random.default_rng(seed)
        truth = generator.integers(0, 2, size=80)
        said = np.where(generator.random(80) < 0.8, truth, 1 - truth)  # kappa 0.6
        found = cohen_kappa(truth.tolist(), said.tolist(), resamples=400, seed=seed)
        assert found is not None
        held += found.low <= 0.6 <= found.high
    assert 0.9 <= held / 120 <= 1
