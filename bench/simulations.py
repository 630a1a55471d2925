"""Do the statistics keep their word? Simulated experiments whose truth is known.

    python bench/simulations.py [EXPERIMENTS] [N]

For each kind of metric, with N test examples (100): how often the 95% intervals of a score and of a
paired difference hold the truth, how often the paired test rejects at 5% where there is no
difference, and how often such an experiment ends in "ship" against one and against three equally
good alternatives. Rejections are counted over five times as many experiments. 2,000 experiments
take about ten minutes on one idle core.
"""

import sys
from dataclasses import dataclass

import numpy as np
from populations import POPULATIONS, Population

from burnish.evaluate.compare import differences_of
from burnish.evaluate.measured import Array, Measured, ValueFunction
from burnish.evaluate.significance import paired_test
from burnish.evaluate.statistics import bootstrap_interval, paired_difference
from burnish.evaluate.verdict import decide
from burnish.records import DataSettings, Difference, EvaluateSettings, PassMark, Score, Task

RESAMPLES = 2000
TESTS_EACH, SWAPS = 5, 500
"""The paired test alone is quick: so many times as many experiments, with so many swaps."""
TASK = Task(
    name="simulated", kind="summarize", metric="rougeL", data=DataSettings(),
    evaluate=EvaluateSettings(resamples=RESAMPLES),
)  # fmt: skip


@dataclass
class Counted:
    """How often something happened in so many experiments."""

    times: int = 0
    of: int = 0

    def add(self, happened: bool) -> None:
        self.times += happened
        self.of += 1

    def __str__(self) -> str:
        return f"{100 * self.times / self.of:.1f}%"


def main(experiments: int, n: int) -> None:
    """Print a line for each kind of metric."""
    print(f"{experiments} experiments, {n} test examples, {RESAMPLES} resamples")
    heads = ("score", "difference", "difference, null", "rejected", "ship, 1", "ship, 3")
    print(f"{'metric':10}" + "".join(f"{head:>18}" for head in heads))
    for population in POPULATIONS:
        counted = simulate(population, experiments, n)
        print(f"{population.name:10}" + "".join(f"{each!s:>18}" for each in counted), flush=True)


def simulate(population: Population, experiments: int, n: int) -> list[Counted]:
    """The counts of one kind of metric, in the order of the heads."""
    gap = population.gap
    better, plain = population.truth(gap)
    found = [Counted() for _ in range(6)]
    score, apart, null, rejected, one, three = found
    for seed in range(experiments):
        chance = np.random.default_rng([n, seed])
        (a, b), value = population.draw(chance, n, (gap, 0.0))
        low, high = bootstrap_interval(b, value, resamples=RESAMPLES, seed=seed)
        score.add(low <= plain <= high)
        difference = paired_difference(a, b, value, resamples=RESAMPLES, seed=seed)
        apart.add(difference.low <= better - plain <= difference.high)

        systems, value = population.draw(chance, n, (0.0,) * 4)
        scores, differences = _compared(systems, value, seed)
        first = differences[0]
        null.add(first.low <= 0 <= first.high)
        alone = first.model_copy(update={"p_adjusted": first.p_value})
        one.add(_ships(scores, [alone]))
        three.add(_ships(scores, differences))
    for seed in range(TESTS_EACH * experiments):
        (a, b), value = population.draw(np.random.default_rng([n, 1, seed]), n, (0.0, 0.0))
        rejected.add(paired_test(a, b, value, resamples=SWAPS, seed=seed).p_value <= 0.05)
    return found


def _compared(
    systems: list[Array], value: ValueFunction, seed: int
) -> tuple[dict[str, Score], list[Difference]]:
    """Scores by system, and the first system minus the others."""
    task = TASK.model_copy(update={"seed": seed})
    names = ("tuned", "zero-shot", "few-shot", "classic")
    measured = {
        name: Measured(task.metric, rows, value, np.zeros(len(rows)))
        for name, rows in zip(names, systems, strict=True)
    }
    scores = {
        name: Score(metric=task.metric, value=each.score, low=0, high=1, n=len(each.statistics))
        for name, each in measured.items()
    }
    return scores, differences_of(task, measured.pop("tuned"), measured)


def _ships(scores: dict[str, Score], differences: list[Difference]) -> bool:
    """The verdict against these alternatives, with a pass mark that is always met."""
    others = {each.other: scores[each.other] for each in differences}
    mark = PassMark(at_least=0.0, over=None)
    found = decide(mark, scores["tuned"], others, {each.other: each for each in differences})
    return found.decision == "ship"


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [2000, 100][len(given) :]))
