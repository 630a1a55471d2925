"""What people and a judge said about a report's answers, as its page and its Markdown tell it.

Reads their reports; writes nothing. People stay without names here: a page is handed on.
"""

from typing import NamedTuple

from burnish.records import Calibration, Estimate, JudgeReport, PeopleReport


class Figure(NamedTuple):
    """A line of a table: what is told, the figure with its interval, and what was counted."""

    name: str
    found: Estimate
    unit: str


def nameless(people: PeopleReport) -> PeopleReport:
    """The same with numbers in the place of the raters' names."""
    votes = enumerate(people.raters.values(), 1)
    return people.model_copy(update={"raters": {f"rater {at}": n for at, n in votes}})


def people_figures(people: PeopleReport) -> list[Figure]:
    """Strengths, grades, and how far the raters agree; what is not known is left out."""
    figures: list[Figure] = []
    if len(people.strengths) > 2:
        figures += [
            Figure(f"Bradley–Terry log-strength of {name}", found, "examples")
            for name, found in people.strengths.items()
        ]
    figures += [
        Figure(f"mean grade of {name}, 1 to 5", found, "examples")
        for name, found in people.grades.items()
    ]
    items = "items with two raters or more"
    return figures + _known(
        ("Krippendorff's alpha of choices (nominal)", people.choice_alpha, items),
        ("Krippendorff's alpha of grades (ordinal)", people.grade_alpha, items),
        ("Krippendorff's alpha of grades (interval)", people.grade_alpha_interval, items),
    )


def judge_figures(judge: JudgeReport) -> list[Figure]:
    """What it prefers, how it agrees with people, and how it leans; without what is not known."""
    tuned, other = judge.systems
    figures = _known((f"prefers {tuned} to {other}", judge.preferred, "pairs"))
    figures += [
        Figure(f"mean grade of {name}, 1 to 5", found, "answers")
        for name, found in judge.grades.items()
    ]
    figures += _agreement(judge.pairs, "choices", "Cohen's kappa")
    figures += _agreement(judge.rubric, "grades", "weighted kappa")
    if judge.biases is not None:
        leans = judge.biases
        figures += _known(
            ("decides for the answer shown first (0.5 is even)", leans.first, "pairs"),
            ("Cohen's kappa between the two orders", leans.order_kappa, "pairs"),
            ("decides for the longer answer", leans.longer, "pairs"),
            ("… more often than people do", leans.longer_than_people, "pairs"),
        )
    return figures


def _agreement(found: Calibration | None, what: str, kappa: str) -> list[Figure]:
    if found is None:
        return []
    return _known(
        (f"says what most people say, {what}", found.agreement, "items"),
        (f"{kappa} with most people, {what}", found.kappa, "items"),
        (f"Krippendorff's alpha among people, {what}", found.human_alpha, "items"),
    )


def _known(*figures: tuple[str, Estimate | None, str]) -> list[Figure]:
    return [Figure(name, found, unit) for name, found, unit in figures if found is not None]
