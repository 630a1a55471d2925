"""The comparison: every system's answers in, scores, differences and the verdict out.

Reads answers and examples; writes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from burnish.chat.answers import parse
from burnish.errors import EvaluationError
from burnish.evaluate.faithfulness import KINDS as FAITHFUL_KINDS
from burnish.evaluate.faithfulness import novelty
from burnish.evaluate.label_metrics import confusion_matrix, label_scores
from burnish.evaluate.measured import Measured
from burnish.evaluate.metrics import measure
from burnish.evaluate.significance import holm, right_or_wrong
from burnish.evaluate.statistics import bootstrap_interval, paired_difference, paired_margin
from burnish.evaluate.verdict import decide, pass_mark_score
from burnish.power import provable
from burnish.records import (
    Answer,
    Difference,
    Example,
    LabelScore,
    Score,
    SystemResult,
    Task,
    Verdict,
)


class Comparison(NamedTuple):
    """Systems in the order given; differences of tuned to each other system, primary metric first.

    Attributes:
        per_example: system → the primary metric on each example alone, in the order of examples.
    """

    systems: tuple[SystemResult, ...]
    differences: tuple[Difference, ...]
    verdict: Verdict
    per_example: dict[str, list[float]]


def assemble(
    task: Task,
    labels: tuple[str, ...],
    answers: Mapping[str, Sequence[Answer]],
    examples: Sequence[Example],
    descriptions: Mapping[str, str],
    by_models: Mapping[str, Mapping[str, Measured]] | None = None,
) -> Comparison:
    """Scores, paired differences and the verdict of all systems on the same examples.

    All intervals come from `task.evaluate.resamples` resamples with `task.seed`, the same ones for
    every system. A metric that one of two systems lacks (perplexity of the classic baseline) has
    no difference.

    Args:
        labels: the label set (classify).
        answers: system → one answer per example, in the order of `examples`; needs "tuned".
        descriptions: system → what it is, in a sentence.
        by_models: system → metrics that a model measured; the verdict does not heed them.

    Raises:
        EvaluationError: no tuned system; the pass mark names a system that was not measured; or as
            `burnish.evaluate.metrics.measure`.
    """
    if "tuned" not in answers:
        raise EvaluationError(
            f"A verdict is about the tuned model, and only {', '.join(answers) or 'no system'} "
            "was measured.",
            hint="add tuned to evaluate.systems in burnish.yaml",
        )
    measured = {
        name: measure(task, labels, written, examples, (by_models or {}).get(name))
        for name, written in answers.items()
    }
    systems = tuple(
        _result(task, labels, name, descriptions[name], measured[name], answers[name], examples)
        for name in answers
    )
    others = [name for name in answers if name != "tuned"]
    differences = tuple(
        difference
        for metric in sorted(measured["tuned"], key=lambda metric: metric != task.metric)
        for difference in differences_of(
            task,
            measured["tuned"][metric],
            {other: measured[other][metric] for other in others if metric in measured[other]},
        )
    )
    return Comparison(
        systems=systems,
        differences=differences,
        verdict=_verdict(task, measured, systems, differences),
        per_example={
            name: metrics[task.metric].per_example.tolist() for name, metrics in measured.items()
        },
    )


def score_system(
    task: Task,
    labels: tuple[str, ...],
    name: str,
    description: str,
    answers: Sequence[Answer],
    examples: Sequence[Example],
) -> SystemResult:
    """One system's scores with intervals, without any comparison.

    Raises:
        EvaluationError: as `burnish.evaluate.metrics.measure`.
    """
    measured = measure(task, labels, answers, examples)
    return _result(task, labels, name, description, measured, answers, examples)


def _result(
    task: Task,
    labels: tuple[str, ...],
    name: str,
    description: str,
    measured: Mapping[str, Measured],
    answers: Sequence[Answer],
    examples: Sequence[Example],
) -> SystemResult:
    per_label: tuple[LabelScore, ...] = ()
    confusion: dict[str, dict[str, int]] = {}
    written = [answer.text for answer in answers]
    if task.kind == "classify":
        per_label = label_scores(labels, measured["macro_f1"])
        if not task.multi_label:
            given = [parse(task, answer.text) for answer in answers]
            confusion = confusion_matrix(labels, given, examples)
    return SystemResult(
        name=name,
        description=description,
        scores={metric: score_of(task, each) for metric, each in measured.items()},
        novelty=novelty(written, examples) if task.kind in FAITHFUL_KINDS else None,
        per_label=per_label,
        confusion=confusion,
    )


def score_of(task: Task, measured: Measured) -> Score:
    """A metric with its 95% interval."""
    low, high = bootstrap_interval(
        measured.statistics,
        measured.value,
        resamples=task.evaluate.resamples,
        seed=task.seed,
        bounds=measured.bounds,
    )
    n = len(measured.statistics)
    return Score(metric=measured.metric, value=measured.score, low=low, high=high, n=n)


def differences_of(task: Task, tuned: Measured, others: Mapping[str, Measured]) -> list[Difference]:
    """Tuned minus each other system on one metric, p-values corrected over all of them (Holm)."""
    found = [_difference(task, tuned, name, other) for name, other in others.items()]
    adjusted = holm({each.other: each.p_value for each in found})
    return [each.model_copy(update={"p_adjusted": adjusted[each.other]}) for each in found]


def _difference(task: Task, tuned: Measured, name: str, other: Measured) -> Difference:
    a, b = tuned.statistics, other.statistics
    found = paired_difference(
        a,
        b,
        tuned.value,
        resamples=task.evaluate.resamples,
        seed=task.seed,
        bounds=tuned.bounds,
    )
    n = len(a)
    smallest = None
    if right_or_wrong(a, b, tuned.value):
        smallest = provable(n, disagreement=float((a[:, 0] != b[:, 0]).mean()))
    elif tuned.metric != "perplexity":
        smallest = provable(n, deviation=found.deviation)
    return Difference(
        metric=tuned.metric,
        other=name,
        value=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        n=n,
        test=found.test,
        smallest=smallest,
    )


def _verdict(
    task: Task,
    measured: Mapping[str, Mapping[str, Measured]],
    systems: Sequence[SystemResult],
    differences: Sequence[Difference],
) -> Verdict:
    scores = {system.name: system.scores[task.metric] for system in systems}
    tuned = scores.pop("tuned")
    pass_mark_score(task.pass_mark, scores)
    margin = None
    if task.pass_mark.over is not None:
        own, reference = (measured[name][task.metric] for name in ("tuned", task.pass_mark.over))
        margin = paired_margin(
            own.statistics,
            reference.statistics,
            1 + task.pass_mark.at_least,
            own.value,
            resamples=task.evaluate.resamples,
            seed=task.seed,
            bounds=own.bounds,
        )
    primary = {each.other: each for each in differences if each.metric == task.metric}
    return decide(task.pass_mark, tuned, scores, primary, margin)
