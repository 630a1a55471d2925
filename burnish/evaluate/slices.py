"""Slices: on which examples the tuned system does worst, and whether chance explains it.

Examples are told apart by label, by length of input, by file, by group, by period where the data
have dates, and by every input column that has few values. With many slices the worst always looks
bad: each difference to the rest has a permutation test, and p-values are corrected for the number
of slices (Holm 1979).

Reads examples and scores; writes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from burnish.evaluate.measured import Array, of_means
from burnish.evaluate.significance import holm
from burnish.evaluate.statistics import bootstrap_interval
from burnish.records import Example, Slices, SliceScore, Task

SMALLEST = 10
"""Fewest examples of a slice, and of the rest, that say something."""

MOST_VALUES = 20
"""An input column with more different values does not make slices."""

MOST_MONTHS, MOST_QUARTERS = 12, 36
"""Months over which dates may spread to be told apart by month, and by quarter; else by year."""

UNDATED = "(no date)"

_TOLERANCE = 1e-12
_CELLS = 1 << 22  # permutations times examples held in memory at once


def score_slices(
    task: Task, examples: Sequence[Example], scores: Mapping[str, Sequence[float]]
) -> Slices:
    """The mean own score of each slice, worst first.

    Args:
        scores: system → the primary metric on each example alone, in the order of `examples`;
            needs "tuned".
    """
    tuned = np.asarray(scores["tuned"], dtype=np.float64)
    found = {key: places for key, places in _slices(task, examples).items() if len(places)}
    whole = len(examples)
    large = {
        key: np.array(places)
        for key, places in found.items()
        if SMALLEST <= len(places) <= whole - SMALLEST
    }
    small = sum(len(places) < SMALLEST for places in found.values())
    differences = {
        key: float(tuned[places].mean() - np.delete(tuned, places).mean())
        for key, places in large.items()
    }
    p_values = _permuted(tuned, large, differences, task.evaluate.resamples, task.seed)
    adjusted = holm(p_values)
    scored = []
    for (by, name), places in large.items():
        own = of_means(task.metric, tuned[places].tolist())
        low, high = bootstrap_interval(
            own.statistics, own.value, resamples=task.evaluate.resamples, seed=task.seed
        )
        key = f"{by}\0{name}"
        scored.append(
            SliceScore(
                by=by, name=name, n=len(places), value=own.score, low=low, high=high,
                difference=differences[by, name], p_value=p_values[key], p_adjusted=adjusted[key],
                scores={
                    system: float(np.asarray(given, dtype=np.float64)[places].mean())
                    for system, given in scores.items()
                },
            )
        )  # fmt: skip
    scored.sort(key=lambda each: (each.difference, each.by, each.name))
    return Slices(metric=task.metric, smallest=SMALLEST, scored=tuple(scored), too_small=small)


def _slices(task: Task, examples: Sequence[Example]) -> dict[tuple[str, str], list[int]]:
    """(by, name) → places of its examples; what tells none apart is left out."""
    lengths = _lengths(examples)
    periods = _periods(examples)
    columns = _columns(examples)
    slices: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        for key in _keys(task, example, columns):
            slices[key].append(place)
        slices["length", lengths[place]].append(place)
        slices["time", periods[place]].append(place)
    kinds: dict[str, int] = defaultdict(int)
    for by, _ in slices:
        kinds[by] += 1
    return {key: places for key, places in slices.items() if kinds[key[0]] > 1}


def _keys(task: Task, example: Example, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    if task.kind == "classify":
        yield from (("label", label) for label in example.labels or ("(no label)",))
    yield "source", example.source
    if example.group is not None:
        yield "group", example.group
    yield from ((column, example.inputs[column]) for column in columns if column in example.inputs)


def _columns(examples: Sequence[Example]) -> list[str]:
    """Input columns with few values."""
    values: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        for column, value in example.inputs.items():
            if len(values[column]) <= MOST_VALUES:
                values[column].add(value)
    return [column for column, several in values.items() if len(several) <= MOST_VALUES]


def _periods(examples: Sequence[Example]) -> list[str]:
    """Each example's month ("2024-03"), quarter ("2024 Q1") or year, as their span asks for.

    Dates without a month make years of all.
    """
    times = [example.time for example in examples]
    dated = [time for time in times if time is not None]
    if not dated or min(map(len, dated)) < len("2024-03"):
        return [UNDATED if time is None else time[:4] for time in times]
    months = [12 * int(time[:4]) + int(time[5:7]) for time in dated]
    span = max(months) - min(months) + 1

    def period(time: str) -> str:
        if span <= MOST_MONTHS:
            return time[:7]
        return f"{time[:4]} Q{(int(time[5:7]) + 2) // 3}" if span <= MOST_QUARTERS else time[:4]

    return [UNDATED if time is None else period(time) for time in times]


def _lengths(examples: Sequence[Example]) -> list[str]:
    """Each example's part by words of input, "120 to 300 words": quarters, or fewer of few."""
    words = [len(example.text.split()) for example in examples]
    parts = max(1, min(4, 2 * len(words) // (3 * SMALLEST)))  # ties make some parts smaller
    shares = [part / parts for part in range(1, parts)]
    edges = sorted({int(edge) for edge in np.quantile(words, shares)}) if shares else []
    names = []
    for count in words:
        low = max((edge + 1 for edge in edges if count > edge), default=min(words))
        high = min((edge for edge in edges if count <= edge), default=max(words))
        names.append(f"{low} to {high} words")
    return names


def _permuted(
    scores: Array,
    slices: Mapping[tuple[str, str], Array],
    differences: Mapping[tuple[str, str], float],
    resamples: int,
    seed: int,
) -> dict[str, float]:
    """Two-sided p-values: examples fall into each slice at random, its size kept.

    The first n of a random order are a random slice of n, so one shuffle serves all slices.
    """
    whole, total = len(scores), float(scores.sum())
    sizes = np.array([len(places) for places in slices.values()], dtype=np.int64)
    observed = np.abs(np.array(list(differences.values())))
    extreme = np.zeros(len(sizes))
    generator = np.random.default_rng([seed, 2])
    block = max(1, _CELLS // max(whole, 1))
    for start in range(0, resamples if len(sizes) else 0, block):
        m = min(block, resamples - start)
        shuffled = generator.permuted(np.broadcast_to(scores, (m, whole)), axis=1)
        sums = np.cumsum(shuffled, axis=1)[:, sizes - 1]
        gaps = np.abs(sums / sizes - (total - sums) / (whole - sizes))
        extreme += (gaps >= observed - _TOLERANCE).sum(axis=0)
    return {
        f"{by}\0{name}": float((count + 1) / (resamples + 1))
        for (by, name), count in zip(slices, extreme, strict=True)
    }
