"""The verdict: ship, don't ship, or not enough data, with its reason in one sentence.

    ship              the pass mark is met, and the paired difference to the strongest alternative
                      lies above 0 with its whole interval, and is significant at 3% after Holm's
                      correction over all alternatives
    don't ship        the pass mark is out of reach (the interval's upper end lies below it), or an
                      alternative is better beyond doubt (its difference's interval lies below 0,
                      and it is significant in the same way)
    not enough data   anything between, with the number of test examples that would decide it

Reads and writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from burnish.errors import EvaluationError
from burnish.evaluate.statistics import Interval, needed_examples
from burnish.records import Decision, Difference, PassMark, Score, Verdict

ALPHA = 0.03
"""The level of the tests that a verdict rests on: two-sided, so that a system no better than its
one alternative ships in 1.5% of all cases. At 0.05 it would be 2.5%, with nothing to spare."""

METRIC_NAMES = {
    "accuracy": "Accuracy", "macro_f1": "Macro-F1", "micro_f1": "Micro-F1",
    "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L", "rougeLsum": "ROUGE-Lsum",
    "exact_match": "Exact match", "token_f1": "Token F1",
    "valid_json": "Valid JSON", "field_f1": "Field F1",
    "chrf": "chrF", "bleu": "BLEU",
    "bertscore_f1": "BERTScore F1", "bertscore_precision": "BERTScore precision",
    "bertscore_recall": "BERTScore recall",
}  # fmt: skip
"""Metrics as the head of a sentence spells them."""


def decide(
    pass_mark: PassMark,
    tuned: Score,
    alternatives: Mapping[str, Score],
    differences: Mapping[str, Difference],
    margin: Interval | None = None,
) -> Verdict:
    """The verdict on the primary metric.

    Args:
        tuned: the tuned system's score.
        alternatives: scores of all other systems, by name.
        differences: tuned minus each alternative, by name.
        margin: of a relative pass mark: tuned minus (1 + at_least) times `pass_mark.over`, with
            its paired interval. Not read for an absolute mark.

    Raises:
        EvaluationError: the system that the pass mark names was not measured.
    """
    mark = pass_mark_score(pass_mark, alternatives)
    if pass_mark.over is None or margin is None:
        margin = Interval(tuned.value - mark, tuned.low - mark, tuned.high - mark)
    case = _Case(pass_mark, tuned, alternatives, differences, margin, mark)
    decision = case.decision()
    return Verdict(
        decision=decision,
        reason=_REASONS[decision](case),
        metric=tuned.metric,
        mark=mark,
        strongest=case.strongest,
        needed=case.needed() if decision == "not enough data" else None,
    )


def caution(verdict: Verdict, differences: Sequence[Difference], looks: int) -> str:
    """What it does to a verdict that the test split was opened `looks` times; "" for once.

    Each look is a chance to be lucky, so p-values are multiplied by the looks (Bonferroni). The
    decision stands as it is, and says whether it would survive.

    Args:
        differences: tuned minus each alternative, on any metrics.
    """
    if looks < 2:
        return ""
    sought = (verdict.metric, verdict.strongest)
    lead = next((each for each in differences if (each.metric, each.other) == sought), None)
    said = f"This is look {looks} at the test split"
    if verdict.decision == "ship" and lead is not None:
        p = min(1.0, _p(lead) * looks)
        if p < ALPHA:
            return f"{said}: counted {looks} times over (p {_p_text(p)}), the lead still holds."
        return (
            f"{said}: counted {looks} times over (p {_p_text(p)}), the lead may be chance. Confirm "
            "it on fresh test examples before you ship."
        )
    return (
        f"{said}: what was changed between looks may have been fitted to it, so the scores can be "
        "kinder than the truth."
    )


def pass_mark_score(pass_mark: PassMark, alternatives: Mapping[str, Score]) -> float:
    """The score to be reached: `at_least` itself, or (1 + at_least) times the score of `over`.

    Raises:
        EvaluationError: `over` names a system that is not among the alternatives.
    """
    if pass_mark.over is None:
        return pass_mark.at_least
    if pass_mark.over not in alternatives:
        measured = ", ".join(alternatives) or "none"
        raise EvaluationError(
            f"The pass mark is set over {pass_mark.over!r}, which was not measured as an "
            f"alternative (measured: {measured}).",
            hint=f"add {pass_mark.over} to evaluate.systems in burnish.yaml, or set "
            "pass_mark.over to a measured system or to null",
        )
    return (1 + pass_mark.at_least) * alternatives[pass_mark.over].value


@dataclass(frozen=True)
class _Case:
    """All that the verdict rests on; `mark` is the score to be reached."""

    pass_mark: PassMark
    tuned: Score
    alternatives: Mapping[str, Score]
    differences: Mapping[str, Difference]
    margin: Interval
    mark: float

    @property
    def strongest(self) -> str | None:
        """The alternative with the highest score, the first of equals."""
        return max(self.alternatives, key=lambda name: self.alternatives[name].value, default=None)

    @property
    def met(self) -> bool:
        return self.margin.value >= 0

    @property
    def out_of_reach(self) -> bool:
        return self.margin.high < 0

    @property
    def difference(self) -> Difference | None:
        """To the strongest alternative."""
        return None if self.strongest is None else self.differences[self.strongest]

    @property
    def ahead(self) -> bool:
        """Whether tuned is better than the strongest alternative beyond doubt."""
        difference = self.difference
        return difference is not None and difference.low > 0 and _significant(difference)

    @property
    def better(self) -> str | None:
        """The highest-scoring alternative that is better beyond doubt."""
        differences = self.differences
        names = [
            name
            for name in self.alternatives
            if differences[name].high < 0 and _significant(differences[name])
        ]
        return max(names, key=lambda name: self.alternatives[name].value, default=None)

    def decision(self) -> Decision:
        if self.out_of_reach or self.better is not None:
            return "don't ship"
        if self.met and self.ahead:
            return "ship"
        return "not enough data"

    def needed(self) -> int | None:
        """Test examples that would probably decide it, by the nearest way to a decision."""
        ways = []
        difference = self.difference
        if difference is not None and (self.met or difference.value < 0):
            ways.append(_needed(difference))
        if not self.met:
            margin = self.margin
            ways.append(needed_examples(margin.value, margin.low, margin.high, self.tuned.n))
        return min((way for way in ways if way is not None), default=None)


def _ship(case: _Case) -> str:
    return f"{_subject(case)} {_beats(case)}, and meets {_mark(case)}."


def _dont_ship(case: _Case) -> str:
    faults = []
    if case.out_of_reach:
        faults.append(f"{_below(case)}, beyond doubt")
    if case.better is not None:
        difference, score = case.differences[case.better], case.alternatives[case.better]
        faults.append(
            f"is worse than {_named(case.better)} ({_figure(score.value)}) by "
            f"{_lack(difference.value, difference.low, difference.high)}"
        )
    return f"{_subject(case)} {', and '.join(faults)}."


def _not_enough(case: _Case) -> str:
    needed, difference = case.needed(), case.difference
    below = f"{_below(case)}, not beyond doubt"
    if difference is None:
        said = f"meets {_mark(case)}" if case.met else below
        said += ", and no alternative was measured to compare it with"
    elif case.met:
        said = f"meets {_mark(case)}, but {_open(case)}"
    elif case.ahead:
        said = f"{_beats(case)}, but {below}"
    else:
        said = f"{below}, and {_open(case)}"
    if needed is not None:
        said += f"; about {needed:,} test examples would probably decide it"
    elif difference is not None:
        said += "; so small a difference is not worth more test examples"
    if difference is not None and not case.ahead and difference.smallest is not None:
        said += (
            f". With {difference.n:,}, a true difference of {_figure(difference.smallest)} would "
            "be shown four times in five"
        )
    return f"{_subject(case)} {said}."


_REASONS: dict[Decision, Callable[[_Case], str]] = {
    "ship": _ship,
    "don't ship": _dont_ship,
    "not enough data": _not_enough,
}


def _p(difference: Difference) -> float:
    """The p-value that decides: corrected where it stands among several."""
    return difference.p_value if difference.p_adjusted is None else difference.p_adjusted


def _significant(difference: Difference) -> bool:
    """A difference without a corrected p-value (an older record) is judged by its interval."""
    return difference.p_adjusted is None or difference.p_adjusted < ALPHA


def _needed(difference: Difference) -> int | None:
    """As `needed_examples`; where Holm's correction alone stands in the way, until it would not."""
    if difference.low > 0 or difference.high < 0:
        z_reached = stats.norm.isf(_p(difference) / 2)
        z_wanted = stats.norm.isf(ALPHA / 2) + stats.norm.ppf(0.8)
        return max(difference.n + 1, int(difference.n * (z_wanted / z_reached) ** 2) + 1)
    return needed_examples(difference.value, difference.low, difference.high, difference.n)


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _subject(case: _Case) -> str:
    score = case.tuned
    examples = "1 example" if score.n == 1 else f"{score.n:,} examples"
    name = METRIC_NAMES[score.metric]
    return f"{name} {_figure(score.value)} {_span(score.low, score.high)} on {examples}"


def _beats(case: _Case) -> str:
    name, difference, score = _strongest(case)
    return (
        f"beats the strongest alternative, {_named(name)} ({_figure(score.value)}), by "
        f"{_figure(difference.value)} {_span(difference.low, difference.high)}{_certainty(case)}"
    )


def _certainty(case: _Case) -> str:
    difference, several = case.difference, len(case.differences)
    if difference is None or difference.p_adjusted is None or several < 2:
        return ""
    return f" (p {_p_text(difference.p_adjusted)} after Holm's correction over {several} systems)"


def _open(case: _Case) -> str:
    name, difference, score = _strongest(case)
    return (
        f"its difference to the strongest alternative, {_named(name)} ({_figure(score.value)}), "
        f"is {_figure(difference.value)} {_span(difference.low, difference.high)}, which may be "
        f"chance{_corrected(case)}"
    )


def _corrected(case: _Case) -> str:
    """Told where the interval excludes 0 and only the number of comparisons leaves a doubt."""
    difference = case.difference
    if difference is None or difference.low <= 0 <= difference.high:
        return ""
    several = len(case.differences)
    among = f" among {several} comparisons" if several > 1 else ""
    corrected = " after Holm's correction" if several > 1 else ""
    return f"{among} (p {_p_text(_p(difference))}{corrected}; a verdict asks for less than {ALPHA})"


def _strongest(case: _Case) -> tuple[str, Difference, Score]:
    if case.strongest is None:
        raise ValueError("no alternative to name")
    return case.strongest, case.differences[case.strongest], case.alternatives[case.strongest]


def _below(case: _Case) -> str:
    margin = case.margin
    return f"lies {_lack(margin.value, margin.low, margin.high)} below {_mark(case)}"


def _mark(case: _Case) -> str:
    over, share = case.pass_mark.over, case.pass_mark.at_least
    mark = f"the mark of {_figure(case.mark)}"
    if over is None:
        return mark
    if share == 0:
        return f"{mark} (the score of {over})"
    return f"{mark} ({abs(share) * 100:g}% {'over' if share > 0 else 'under'} {over})"


def _named(system: str) -> str:
    return {
        "zero-shot": "zero-shot prompting",
        "few-shot": "few-shot prompting",
        "few-shot-similar": "few-shot prompting with similar examples",
        "improved-prompt": "the improved prompt",
        "classic": "the classic baseline",
    }.get(system, system)


def _lack(value: float, low: float, high: float) -> str:
    """A negative difference told as how much is lacking."""
    return f"{_figure(-value)} {_span(-high, -low)}"


def _span(low: float, high: float) -> str:
    return f"[{_figure(low)}, {_figure(high)}]"


def _figure(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"
