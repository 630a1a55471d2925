"""Judge a report's answers by a model, and say whether it may decide: calibrated on people's votes.

Reads the answers of a report and votes; asks the judge through `judge`, which caches its replies.
The judge decides only where all of this holds: enough examples have votes, the lower end of the
interval of its kappa with most people reaches the brief's threshold, no bias was found, and its
replies could be read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from burnish.evaluate.agreement import (
    Draws,
    agreement,
    cohen_kappa,
    estimate,
    krippendorff_alpha,
    ratio,
)
from burnish.evaluate.biases import find_biases
from burnish.evaluate.judge import Judge, Pair, Single, grade_answers, judge_pairs
from burnish.evaluate.people import ItemName, by_item, majority, middle_grade
from burnish.evaluate.sheet import chosen, input_text
from burnish.evaluate.usage import sum_up
from burnish.records import (
    AnsweredExample,
    Calibration,
    Decision,
    Estimate,
    JudgeReport,
    JudgeSettings,
    PairVerdict,
    Sheet,
    Side,
    Usage,
    Vote,
)

MOST_UNREAD = 0.1
"""Share of replies that could not be read, beyond which the judge decides nothing."""

Verdicts = Mapping[str, PairVerdict]


class _Outcome(NamedTuple):
    """What one kind of sheet gave: fields of the report, and what may decide.

    Attributes:
        better: how much better the tuned system is; `even` is not at all.
    """

    fields: dict[str, Any]
    better: Estimate | None
    even: float
    usage: list[Usage]
    withheld: list[str]
    unread: int


@dataclass(frozen=True)
class _Case:
    """What is judged, and how."""

    judge: Judge
    settings: JudgeSettings
    other: str
    answers: dict[str, AnsweredExample]
    wanted: list[str]
    votes: Sequence[Vote]
    drawn: Draws
    tell: Callable[[str, int, int], None]

    def held(self, sheet: Sheet) -> dict[ItemName, dict[str, str]]:
        """People's votes by item."""
        return by_item([vote for vote in self.votes if vote.sheet == sheet])


def judge_report(
    judge: Judge,
    settings: JudgeSettings,
    *,
    report: str,
    other: str,
    lines: Sequence[AnsweredExample],
    votes: Sequence[Vote],
    resamples: int,
    seed: int,
    tell: Callable[[str, int, int], None],
) -> JudgeReport:
    """What the judge finds between the tuned system and another, and whether it may decide.

    Pairs and answers with votes are judged too, whichever systems they are of. Where both sheets
    are asked for, the pairs decide.

    Args:
        report: hash of the report.
        lines: all its answered examples.
        tell: called with what is done, and how many replies of how many there are.

    Raises:
        ServerError: the judge does not answer; its replies so far are kept.
    """
    wanted = [line.id for line in chosen(lines, settings.examples, seed)]
    case = _Case(
        judge, settings, other, {line.id: line for line in lines}, wanted, votes,
        {"resamples": resamples, "seed": seed}, tell,
    )  # fmt: skip
    outcomes = [_grade(case)] if "rubric" in settings.sheets else []
    outcomes += [_compare(case)] if "pairwise" in settings.sheets else []
    fields: dict[str, Any] = {}
    for outcome in outcomes:
        fields |= outcome.fields
    usage = [used for outcome in outcomes for used in outcome.usage]
    withheld = [reason for outcome in outcomes for reason in outcome.withheld]
    prices = {"prompt_price": settings.prompt_price, "answer_price": settings.answer_price}
    last = outcomes[-1]
    return JudgeReport(
        report=report,
        model=judge.asked,
        systems=("tuned", other),
        usage=sum_up(usage, **prices) if usage else None,
        unread=sum(outcome.unread for outcome in outcomes),
        withheld=tuple(withheld),
        decision=None if withheld else _decision(last.better, last.even),
        **fields,
    )


def _grade(case: _Case) -> _Outcome:
    held = case.held("rubric")
    systems = ("tuned", case.other)
    own = [(name, (system,)) for name in case.wanted for system in systems]
    items = list(dict.fromkeys([*own, *held]))
    asked = [_single(case.answers[name], shown[0], case.settings) for name, shown in items]
    graded = grade_answers(
        case.judge, asked, tell=lambda done: case.tell("grading", done, len(asked))
    )
    grades = {one.id: one.grade for one in graded.grades if one.grade is not None}
    unread = len(asked) - len(grades)
    calibration = _of_grades(grades, held, case.drawn)
    means = {
        system: _mean([grades.get(_id(name, (system,))) for name in case.wanted], case.drawn)
        for system in systems
    }
    return _Outcome(
        fields={
            "rubric": calibration,
            "grades": {name: mean for name, mean in means.items() if mean is not None},
        },
        better=_gain(grades, case.wanted, case.other, case.drawn),
        even=0.0,
        usage=graded.usage,
        withheld=_untrusted("grades", calibration, unread, len(asked), case.settings),
        unread=unread,
    )


def _compare(case: _Case) -> _Outcome:
    held = case.held("pairwise")
    systems = tuple(sorted(("tuned", case.other)))
    names = list(dict.fromkeys([*((name, systems) for name in case.wanted), *held]))
    pairs = [_pair(case.answers[name], shown, case.settings) for name, shown in names]
    asked = 2 * sum(one.a.strip() != one.b.strip() for one in pairs)
    judged = judge_pairs(case.judge, pairs, tell=lambda done: case.tell("comparing", done, asked))
    verdicts = {one.id: one for one in judged.verdicts}
    people = {_id(*item): _side(item, majority(said)) for item, said in held.items()}
    calibration = _of_pairs(verdicts, people, held, case.drawn)
    lengths = {one.id: (len(one.a), len(one.b)) for one in pairs}
    biases = find_biases(
        judged.verdicts, lengths, people, most_bias=case.settings.most_bias, **case.drawn
    )
    preferred = _preferred(verdicts, case.wanted, case.other, case.drawn)
    unread = sum((one.forward is None) + (one.backward is None) for one in judged.verdicts)
    untrusted = _untrusted("verdicts", calibration, unread, asked, case.settings)
    return _Outcome(
        fields={"pairs": calibration, "biases": biases, "preferred": preferred},
        better=preferred,
        even=0.5,
        usage=judged.usage,
        withheld=[*untrusted, *biases.found],
        unread=unread,
    )


def _untrusted(
    what: str, calibration: Calibration, unread: int, asked: int, settings: JudgeSettings
) -> list[str]:
    """Why verdicts or grades may not decide, apart from biases."""
    reasons = []
    kappa = calibration.kappa
    n = 0 if kappa is None else kappa.n
    if n < settings.least_votes:
        reasons.append(
            f"Its {what} can be compared with people's votes on {n} items; `judge.least_votes` "
            f"asks for {settings.least_votes} (burnish evaluate --human collects them)."
        )
    if kappa is not None and kappa.low < settings.least_kappa:
        reasons.append(
            f"Its {what} agree with people's at a kappa of {kappa.value:.2f} [{kappa.low:.2f}, "
            f"{kappa.high:.2f}]; `judge.least_kappa` asks for a lower end of "
            f"{settings.least_kappa:g}."
        )
    if unread > MOST_UNREAD * asked:
        reasons.append(
            f"Of {asked:,} replies {unread:,} could not be read as {what}, however often it was "
            "asked."
        )
    return reasons


def _of_pairs(
    verdicts: Verdicts,
    people: Mapping[str, Side],
    held: Mapping[ItemName, Mapping[str, str]],
    drawn: Draws,
) -> Calibration:
    read = [(verdicts[name].verdict, said) for name, said in people.items()]
    both = [(own, said) for own, said in read if own is not None]
    own, said = [one for one, _ in both], [one for _, one in both]
    return Calibration(
        agreement=agreement(own, said, **drawn),
        kappa=cohen_kappa(own, said, categories=("a", "tie", "b"), **drawn),
        human_alpha=krippendorff_alpha(list(held.values()), "nominal", **drawn),
    )


def _of_grades(
    grades: Mapping[str, int],
    held: Mapping[ItemName, Mapping[str, str]],
    drawn: Draws,
) -> Calibration:
    both = [
        (grades[_id(*item)], middle_grade(said))
        for item, said in held.items()
        if _id(*item) in grades
    ]
    own, said = [one for one, _ in both], [one for _, one in both]
    numbers = [{rater: float(value) for rater, value in each.items()} for each in held.values()]
    return Calibration(
        agreement=agreement(own, said, **drawn),
        kappa=cohen_kappa(own, said, weights="quadratic", categories=range(1, 6), **drawn),
        human_alpha=krippendorff_alpha(numbers, "ordinal", **drawn),
    )


def _preferred(
    verdicts: Verdicts, wanted: Sequence[str], other: str, drawn: Draws
) -> Estimate | None:
    systems = tuple(sorted(("tuned", other)))
    worth = {"tie": 0.5, "a": float(systems[0] == "tuned"), "b": float(systems[1] == "tuned")}
    read = [verdicts[_id(name, systems)].verdict for name in wanted]
    rows = np.array([(worth[one], 1) for one in read if one is not None], float).reshape(-1, 2)
    return estimate(rows, ratio, **drawn)


def _gain(
    grades: Mapping[str, int], wanted: Sequence[str], other: str, drawn: Draws
) -> Estimate | None:
    """Mean grade of tuned minus that of the other, over examples with both."""
    pairs = [(grades.get(_id(n, ("tuned",))), grades.get(_id(n, (other,)))) for n in wanted]
    rows = [(one - two, 1) for one, two in pairs if one is not None and two is not None]
    return estimate(np.array(rows, float).reshape(-1, 2), ratio, bounds=(-4, 4), **drawn)


def _mean(grades: Sequence[int | None], drawn: Draws) -> Estimate | None:
    rows = np.array([(one, 1) for one in grades if one is not None], float).reshape(-1, 2)
    return estimate(rows, ratio, bounds=(1, 5), **drawn)


def _decision(better: Estimate | None, even: float) -> Decision:
    if better is None or better.low <= even <= better.high:
        return "not enough data"
    return "ship" if better.low > even else "don't ship"


def _pair(line: AnsweredExample, systems: tuple[str, ...], settings: JudgeSettings) -> Pair:
    one, other = systems
    return Pair(
        id=_id(line.id, systems),
        input=input_text(line),
        a=line.answers[one].text,
        b=line.answers[other].text,
        reference=_reference(line, settings),
    )


def _single(line: AnsweredExample, system: str, settings: JudgeSettings) -> Single:
    return Single(
        id=_id(line.id, (system,)),
        input=input_text(line),
        answer=line.answers[system].text,
        reference=_reference(line, settings),
    )


def _reference(line: AnsweredExample, settings: JudgeSettings) -> str | None:
    return line.references[0] if settings.show_reference and line.references else None


def _side(item: ItemName, value: str) -> Side:
    return "tie" if value == "tie" else "a" if value == item[1][0] else "b"


def _id(example: str, systems: tuple[str, ...]) -> str:
    return "\0".join((example, *systems))
