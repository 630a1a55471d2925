"""Checking: what is wrong with the examples of a data set, beyond what building it found.

Reads built examples, writes nothing. Slow checks look at `checks.most_rows` examples at most, those
with the lowest content hashes, and say so where there are more.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from burnish.data.build import Built
from burnish.data.checks.answer_errors import answer_errors
from burnish.data.checks.balance import balance, imbalance, resampled
from burnish.data.checks.fit import length_histograms
from burnish.data.checks.label_errors import label_errors, unjudged_labels
from burnish.data.checks.size import learning_curve
from burnish.data.personal.personal_data import PersonalData
from burnish.power import smallest_difference
from burnish.records import Example, Finding, FindingKind, Progress, Review, SplitName, Task
from burnish.records.data_checks import DataReport
from burnish.records.event import Event, silent

_COUNTED = re.compile(r"(\d+) ([A-Z_]+)")


@dataclass(frozen=True)
class Checked:
    """What the checks found.

    Attributes:
        train: the training examples, evened out as the brief asks.
        weights: label → weight in the loss; empty unless the brief asks for weights.
        findings: of building and checking, by kind, ranked within each; the texts of rows with
            personal data are masked in all of them.
        report: all figures.
    """

    train: Sequence[Example]
    weights: dict[str, float]
    findings: list[Finding]
    report: DataReport


def check(
    task: Task,
    built: Built,
    reviews: Sequence[Review] = (),
    *,
    losses: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> Checked:
    """Looks for personal data, wrong labels and answers and imbalance, and measures size.

    Args:
        reviews: decisions of people; what they said "keep" to is not found again.
        losses: example id → nats per answer token under the base model, where it was asked.

    Raises:
        DataError: a named model is missing, or labels cannot be evened out as asked.
    """
    looked = built.examples[: task.checks.most_rows]
    advice = list(built.advice)
    if len(built.examples) > len(looked):
        advice.append(
            f"Personal data, labels, answers and size were checked on {len(looked):,} of "
            f"{len(built.examples):,} examples, a sample by content; `most_rows` under `checks:` "
            "sets how many."
        )
    findings = list(built.findings)
    if task.checks.personal_data == "report":
        progress(Event("data", "looking for personal data"))
        personal = PersonalData(ner_model=task.checks.ner_model, seed=task.seed)
        findings += personal.report(looked)
    if task.checks.label_errors != "off":
        progress(Event("data", "looking for wrong labels and answers"))
        if task.kind == "classify":
            findings += label_errors(task, looked, seed=task.seed)
            advice += unjudged_labels(task, looked)
        else:
            findings += answer_errors(task, looked, losses=losses)
    progress(Event("data", "measuring balance and size"))
    parts: dict[SplitName, Sequence[Example]] = {
        name: pool[: task.checks.most_rows] for name, pool in built.splits.items()
    }
    how = task.checks.balance
    train, weights = built.splits["train"], dict[str, float]()
    if how != "none":
        train, weights = resampled(task, train, how, task.seed)
    spread = built.splits if task.kind == "classify" else parts  # labels are quickly counted
    findings += imbalance(task, spread["train"])
    kept = {(review.id, review.kind) for review in reviews if review.action == "keep"}
    masked = {one.ids[0]: one.text for one in findings if one.kind == "personal-data"}
    findings = _ranked(
        one.model_copy(update={"text": masked.get(one.ids[0], one.text)})
        for one in findings
        if (one.ids[0], one.kind) not in kept
    )
    report = DataReport(
        name=task.name,
        goal=task.goal,
        task_kind=task.kind,
        checks=task.checks,
        rows_read=built.rows_read,
        splits={name: len(pool) for name, pool in built.splits.items()},
        dropped=dict(sorted(Counter(drop.reason for drop in built.dropped).items())),
        cleaned={str(rule): n for rule, n in built.cleaned.items()},
        findings=dict(Counter(finding.kind for finding in findings)),
        personal_data=_personal_data(findings),
        balance=balance(
            task, spread, how=how, after=train if how != "none" else None, weights=weights
        ),
        learning_curve=learning_curve(task, parts, seed=task.seed),
        power=smallest_difference(len(built.splits["test"]), task.metric),
        histograms=length_histograms(looked),
        advice=tuple(advice),
    )
    return Checked(train, weights, findings, report)


def _ranked(findings: Iterable[Finding]) -> list[Finding]:
    """By kind in the order of `FindingKind`; within a kind the order of the check that made them,
    or by score where several did."""
    order = {kind: at for at, kind in enumerate(get_args(FindingKind))}
    return sorted(findings, key=lambda finding: (order[finding.kind], -finding.score))


def _personal_data(findings: Iterable[Finding]) -> dict[str, int]:
    """Type → times found, as the reasons of the findings count them."""
    counts: Counter[str] = Counter()
    for finding in findings:
        if finding.kind == "personal-data":
            for times, name in _COUNTED.findall(finding.reason):
                counts[name] += int(times)
    return dict(counts.most_common())
