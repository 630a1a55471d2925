"""The promises of the statistics, in small; bench/simulations.py makes 2,000 experiments each."""

import numpy as np
import pytest

from burnish.evaluate.compare import differences_of
from burnish.evaluate.label_metrics import macro_f1_value
from burnish.evaluate.measured import Measured, f1, mean
from burnish.evaluate.statistics import bootstrap_interval
from burnish.evaluate.verdict import decide
from burnish.records import DataSettings, EvaluateSettings, PassMark, Score, Task

N = 100
RUNS = 100


def means(scores):
    return np.stack([scores, np.ones(len(scores))], axis=1)


def accuracy(chance, n):
    return means((chance.random(n) < 0.7).astype(float)), mean


def rouge(chance, n):
    return means(chance.beta(2, 5, n)), mean


def token_f1(chance, n):
    return means(np.where(chance.random(n) < 0.6, chance.random(n) < 0.7, chance.random(n))), mean


def field_f1(chance, n):
    wanted = 1 + chance.poisson(2, n)
    hits = chance.binomial(wanted, 0.7)
    return np.stack([hits, hits + chance.poisson(0.7, n), wanted], axis=1).astype(float), f1


def macro_f1(chance, n):
    label = chance.choice(3, n, p=[0.5, 0.3, 0.2])
    given = np.where(chance.random(n) < 0.7, label, chance.integers(0, 3, n))
    wanted, said = np.eye(3)[label], np.eye(3)[given]
    return np.stack([wanted * said, said, wanted], axis=1).reshape(n, -1), macro_f1_value(3, 3)


KINDS = [accuracy, macro_f1, rouge, token_f1, field_f1]


@pytest.mark.parametrize("draw", KINDS)
def test_intervals_of_every_kind_of_metric_cover_the_truth(draw):
    rows, value = draw(np.random.default_rng(99), 200_000)
    truth = float(value(rows.sum(axis=0)))
    covered = 0
    for seed in range(RUNS):
        rows, value = draw(np.random.default_rng([1, seed]), N)
        low, high = bootstrap_interval(rows, value, resamples=300, seed=seed)
        covered += low <= truth <= high
    assert covered / RUNS >= 0.89


@pytest.mark.parametrize("draw", KINDS)
def test_a_system_no_better_than_its_alternative_hardly_ever_ships(draw):
    task = Task(
        name="t", kind="summarize", metric="rougeL", data=DataSettings(),
        evaluate=EvaluateSettings(resamples=300),
    )  # fmt: skip
    shipped = 0
    for seed in range(RUNS):
        chance = np.random.default_rng([2, seed])
        (own, value), (other, _) = draw(chance, N), draw(chance, N)
        tuned, few = (Measured("rougeL", rows, value, np.zeros(N)) for rows in (own, other))
        scores = [
            Score(metric="rougeL", value=each.score, low=0, high=1, n=N) for each in (tuned, few)
        ]
        found = {each.other: each for each in differences_of(task, tuned, {"few-shot": few})}
        mark = PassMark(at_least=0.0, over=None)
        verdict = decide(mark, scores[0], {"few-shot": scores[1]}, found)
        shipped += verdict.decision == "ship"
    assert shipped / RUNS <= 0.05
