"""Tasks of lm-evaluation-harness side by side: paired intervals, and a warning beyond the bound."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from evaluate.test_forgetting import Speaker, Tokens, kept, task
from evaluate.test_report import Page, records
from harnesses import Asked, mean, single

from burnish.chat.render import Renderer
from burnish.engines.harness import Metric, Scored, load_harness
from burnish.errors import EvaluationError
from burnish.evaluate.card import render_card
from burnish.evaluate.compare import differences_of
from burnish.evaluate.forgetting import compare_kept, measure_forgetting
from burnish.evaluate.harness_tasks import compare_tasks
from burnish.evaluate.markdown import render_markdown
from burnish.evaluate.measured import of_means
from burnish.evaluate.report import render_report

N = 200


def scored(values: Sequence[float], metric: str = "acc", *, higher: bool = True) -> Scored:
    return Scored(Metric(metric, higher), "1.0", 0, dict(enumerate(values)))


def right(share: float, seed: int = 0) -> list[float]:
    return [float(value < share) for value in np.random.default_rng(seed).random(N)]


def warning(base: Scored, tuned: Scored, **settings: Any) -> str:
    found = compare_kept(
        task(**settings),
        kept(2.0, 30)._replace(tasks={"sums": base}),
        kept(2.0, 30)._replace(tasks={"sums": tuned}),
    )
    return found.warning


def test_the_interval_is_that_of_the_projects_own_comparison() -> None:
    before, after = right(0.6), right(0.5)
    (found,) = compare_tasks(task(), {"sums": scored(before)}, {"sums": scored(after)})
    (own,) = differences_of(task(), of_means("acc", after), {"b": of_means("acc", before)})
    assert (found.difference, found.low, found.high, found.p_value, found.n) == (
        own.value, own.low, own.high, own.p_value, N,
    )  # fmt: skip
    assert found.base == pytest.approx(sum(before) / N)
    assert found.tuned - found.base == pytest.approx(found.difference)


def test_pairing_goes_by_the_example_and_not_by_its_place() -> None:
    values = right(0.5)
    same = Scored(Metric("acc", True), "1.0", 0, dict(reversed(list(enumerate(values)))))
    (found,) = compare_tasks(task(), {"sums": scored(values)}, {"sums": same})
    assert (found.difference, found.p_value) == (0, 1)


def test_a_loss_beyond_the_bound_with_its_whole_interval_is_warned_of() -> None:
    little, much = right(0.55, seed=1), right(0.3)
    assert warning(scored(right(0.6)), scored(little)) == ""
    told = warning(scored(right(0.6)), scored(much))
    assert "acc on sums went from 0.550 to 0.265, a loss of" in told
    assert warning(scored(right(0.6)), scored(much), most_harness_loss=0.5) == ""
    assert warning(scored(much), scored(right(0.6))) == ""


def test_where_lower_is_better_a_rise_is_the_loss() -> None:
    before = [10.0 + place % 7 for place in range(N)]
    after = [value + 5 + place % 2 for place, value in enumerate(before)]
    worse = (scored(before, "edits", higher=False), scored(after, "edits", higher=False))
    assert "edits on sums went from" in warning(*worse)
    assert warning(*reversed(worse)) == ""
    (found,) = compare_tasks(task(), {"sums": worse[0]}, {"sums": worse[1]})
    assert found.difference == pytest.approx(5.5)
    assert 5 < found.low < 5.5 < found.high < 6


def test_other_examples_are_not_compared() -> None:
    with pytest.raises(EvaluationError, match="different examples"):
        compare_tasks(task(), {"sums": scored([1, 0, 1])}, {"sums": scored([1, 0])})


class Stocked(Speaker):
    """A speaker with a model behind it."""

    @contextmanager
    def stock(self) -> Iterator[str]:
        yield self.says


def test_both_models_answer_the_tasks_where_forgetting_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked({"sums": single(acc=mean)}, [{"sums": right(0.9)}, {"sums": right(0.2)}])
    asked.install(monkeypatch)
    harness = load_harness(["sums"], None, limit=N, seed=0)

    @contextmanager
    def engine_of(system: str) -> Iterator[Stocked]:
        yield Stocked(system, 2.0)

    found = measure_forgetting(
        task(), engine_of, Renderer(Tokens(), task()), lambda _: None, harness
    )
    assert found is not None
    assert [call["model"]["pretrained"] for call in asked.calls] == ["zero-shot", "tuned"]
    assert found.harness_version == "0.0"
    assert found.harness[0].base > 0.8
    assert found.harness[0].tuned < 0.3
    assert "acc on sums" in found.warning


def test_they_stand_in_every_form_of_the_report() -> None:
    found = compare_kept(
        task(),
        kept(2.0, 30)._replace(tasks={"sums": scored([1.0, 0.0] * 20)}),
        kept(2.0, 30)._replace(tasks={"sums": scored([1.0, 0.0, 0.0, 0.0] * 10)}),
    )
    given = records()
    given["report"] = given["report"].model_copy(update={"forgetting": found})
    page = Page(render_report(**given)).text
    parts = {name: given[name] for name in ("task", "report", "dataset", "run", "base")}
    assert "tasks of lm-evaluation-harness" in page
    assert "−0.250" in page
    assert "| sums | acc | 40 | 0.500 | 0.250 | −0.250 [" in render_markdown(**parts)
    assert "On sums of lm-evaluation-harness" in render_card(**parts, hub_id="")
    found = found.model_copy(update={"harness": ()})
    given["report"] = given["report"].model_copy(update={"forgetting": found})
    assert "lm-evaluation-harness" not in Page(render_report(**given)).text
