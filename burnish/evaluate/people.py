"""What people's votes come to: win rates, Bradley–Terry strengths, grades, and their agreement.

Reads votes; writes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median_low

import numpy as np

from burnish.evaluate.agreement import Draws, estimate, krippendorff_alpha, ratio
from burnish.evaluate.preferences import Choice, bradley_terry, win_rates
from burnish.records import Estimate, PeopleReport, Vote

ItemName = tuple[str, tuple[str, ...]]
"""Example, and the systems shown in alphabetical order."""


def sum_up_votes(
    report: str, votes: Sequence[Vote], *, resamples: int = 2000, seed: int = 0
) -> PeopleReport:
    """Everything that the votes on one report come to.

    Intervals are those of the bootstrap over examples; those of alpha over items.
    """
    choices = [
        Choice(vote.example, vote.systems[0], vote.systems[1], vote.value)
        for vote in votes
        if vote.sheet == "pairwise"
    ]
    graded = [vote for vote in votes if vote.sheet == "rubric"]
    drawn: Draws = {"resamples": resamples, "seed": seed}
    chosen_units = list(by_item([vote for vote in votes if vote.sheet == "pairwise"]).values())
    graded_units = [
        {rater: float(value) for rater, value in unit.items()} for unit in by_item(graded).values()
    ]
    return PeopleReport(
        report=report,
        raters=dict(sorted(Counter(vote.rater for vote in votes).items())),
        win_rates=win_rates(choices, **drawn),
        strengths=bradley_terry(choices, resamples=min(resamples, 1000), seed=seed),
        grades=_mean_grades(graded, resamples, seed),
        choice_alpha=krippendorff_alpha(chosen_units, "nominal", **drawn),
        grade_alpha=krippendorff_alpha(graded_units, "ordinal", **drawn),
        grade_alpha_interval=krippendorff_alpha(graded_units, "interval", **drawn),
    )


def by_item(votes: Sequence[Vote]) -> dict[ItemName, dict[str, str]]:
    """Item → rater → value."""
    items: dict[ItemName, dict[str, str]] = {}
    for vote in votes:
        items.setdefault((vote.example, vote.systems), {})[vote.rater] = vote.value
    return items


def majority(said: Mapping[str, str]) -> str:
    """What most raters say of a pair; a tie where no value leads."""
    counts = Counter(said.values()).most_common()
    return "tie" if len(counts) > 1 and counts[0][1] == counts[1][1] else counts[0][0]


def middle_grade(said: Mapping[str, str]) -> int:
    """The median grade of an answer, the lower one of two."""
    return int(median_low(int(value) for value in said.values()))


def _mean_grades(graded: Sequence[Vote], resamples: int, seed: int) -> dict[str, Estimate]:
    rows: dict[str, dict[str, list[float]]] = {}
    for vote in graded:
        row = rows.setdefault(vote.systems[0], {}).setdefault(vote.example, [0.0, 0.0])
        row[0] += float(vote.value)
        row[1] += 1
    found = {}
    for system, held in sorted(rows.items()):
        table = np.array(list(held.values()))
        mean = estimate(table, ratio, bounds=(1, 5), resamples=resamples, seed=seed)
        if mean is not None:
            found[system] = mean
    return found
