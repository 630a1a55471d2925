"""Slices: the right examples in each, and no alarm where chance explains the worst."""

import numpy as np
import pytest

from burnish.evaluate.slices import SMALLEST, score_slices
from burnish.records import DataSettings, EvaluateSettings, Example, Task, TaskKind


def task(kind: TaskKind = "classify", resamples: int = 400) -> Task:
    return Task(
        name="t", kind=kind, metric="accuracy" if kind == "classify" else "rougeL",
        data=DataSettings(), evaluate=EvaluateSettings(resamples=resamples),
    )  # fmt: skip


def examples(n: int) -> list[Example]:
    return [
        Example(
            id=str(at), source="f", row=at, answer="ab"[at % 2], references=("ab"[at % 2],),
            labels=("ab"[at % 2],),
            inputs={"text": "word " * (at + 1), "ward": f"ward {at % 4}", "note": f"note {at}"},
            group="one" if at < n // 2 else "two",
        )
        for at in range(n)
    ]  # fmt: skip


def test_a_bad_slice_comes_first_and_is_beyond_chance() -> None:
    given = examples(200)
    scores = [0.2 if example.inputs["ward"] == "ward 3" else 0.9 for example in given]
    found = score_slices(task(), given, {"tuned": scores, "zero-shot": [0.5] * 200})
    worst = found.scored[0]
    assert (worst.by, worst.name, worst.n) == ("ward", "ward 3", 50)
    assert worst.value == pytest.approx(0.2)
    assert worst.difference == pytest.approx(0.2 - 0.9)
    assert worst.scores == pytest.approx({"tuned": 0.2, "zero-shot": 0.5})
    assert worst in found.worse
    assert worst.low <= worst.value <= worst.high


def test_by_label_length_group_and_columns_with_few_values() -> None:
    found = score_slices(task(), examples(120), {"tuned": [1.0, 0.0] * 60})
    assert {each.by for each in found.scored} == {"label", "length", "group", "ward"}
    assert {each.name for each in found.scored if each.by == "label"} == {"a", "b"}
    lengths = [each for each in found.scored if each.by == "length"]
    assert sum(each.n for each in lengths) == 120
    assert len(lengths) == 4


def test_small_slices_are_counted_and_left_out() -> None:
    given = examples(60)
    given[0] = given[0].model_copy(update={"group": "rare"})
    found = score_slices(task(), given, {"tuned": [1.0, 0.0] * 30})
    assert "rare" not in {each.name for each in found.scored}
    assert found.too_small >= 1
    assert all(each.n >= SMALLEST for each in found.scored)


def test_chance_alone_raises_no_alarm_in_19_of_20_data_sets() -> None:
    chance = np.random.default_rng(0)
    given = examples(100)
    alarms = 0
    for _ in range(60):
        scores = (chance.random(100) < 0.7).astype(float).tolist()
        alarms += bool(score_slices(task(resamples=200), given, {"tuned": scores}).worse)
    assert alarms <= 7


def test_few_or_equal_examples_have_no_slices() -> None:
    assert score_slices(task(), examples(5), {"tuned": [1.0] * 5}).scored == ()
    same = [examples(1)[0]] * 30
    assert score_slices(task(), same, {"tuned": [1.0] * 30}).scored == ()


def test_the_same_scores_give_the_same_slices() -> None:
    scores = {"tuned": [1.0, 0.0, 0.0] * 40}
    assert score_slices(task(), examples(120), scores) == score_slices(
        task(), examples(120), scores
    )


def dated(*times: str | None) -> list[Example]:
    given = examples(20 * len(times))
    return [
        example.model_copy(update={"time": times[at // 20], "inputs": {"text": f"note {at}"}})
        for at, example in enumerate(given)
    ]


@pytest.mark.parametrize(
    ("times", "names"),
    [
        (("2024-01-31", "2024-03-01", "2024-12-31"), {"2024-01", "2024-03", "2024-12"}),
        (("2024-02-01", "2025-03-01", "2026-12-31"), {"2024 Q1", "2025 Q1", "2026 Q4"}),
        (("2020-02-01", "2025-03", "2025-12-31"), {"2020", "2025"}),
        (("2024-02-01", "2025"), {"2024", "2025"}),
        (("2024-02-01", "2024-03", None), {"2024-02", "2024-03", "(no date)"}),
        (("2024-02-01", "2024-02-28"), set()),
        ((None, None), set()),
    ],
)
def test_periods_follow_the_span_of_the_dates(
    times: tuple[str | None, ...], names: set[str]
) -> None:
    given = dated(*times)
    found = score_slices(task("summarize"), given, {"tuned": [1.0, 0.0] * (len(given) // 2)})
    assert {each.name for each in found.scored if each.by == "time"} == names


def test_a_bad_month_is_the_worst_slice_with_its_interval() -> None:
    given = dated("2024-01-05", "2024-02-05", "2024-03-05")
    chance = np.random.default_rng(0)
    scores = [
        0.4 * (example.time == "2024-03-05") + 0.3 * chance.random() < 0.35 for example in given
    ]
    found = score_slices(task("summarize"), given, {"tuned": [float(each) for each in scores]})
    worst = found.scored[0]
    assert (worst.by, worst.name, worst.n) == ("time", "2024-03", 20)
    assert worst in found.worse
    assert worst.low <= worst.value <= worst.high < 0.5
