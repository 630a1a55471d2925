"""The summary on top of the data page: what was found and done, in plain words.

Reads a DataReport; returns sentences and writes nothing.
"""

from typing import NamedTuple

from burnish.records import FindingKind
from burnish.records.data_checks import DataReport

KINDS: dict[FindingKind, tuple[str, str, str]] = {
    "conflict": (
        "Conflicts",
        "The same input has different answers, so at most one of them can be right.",
        "decide which answer is right",
    ),
    "leak": (
        "Leaks",
        "Rows of train that recur, the same or nearly so, among the examples kept for testing.",
        "see what of the test was also in train",
    ),
    "label-error": (
        "Labels that are probably wrong",
        "A classifier that had not seen the row is sure of another label.",
        "read those ranked highest",
    ),
    "answer-error": (
        "Answers that are probably wrong",
        "The answer says what its input does not support, or stands out in another way.",
        "read those ranked highest",
    ),
    "personal-data": (
        "Personal data",
        "Names, numbers or addresses that may belong to a person; they are masked on this page.",
        "decide what is done about them",
    ),
    "exact-duplicate": (
        "Exact duplicates",
        "Input and answer are those of another row.",
        "see which rows were kept",
    ),
    "near-duplicate": (
        "Near-duplicates",
        "The input shares most of its word runs with that of another row.",
        "see which rows were kept",
    ),
    "same-meaning": (
        "Same meaning",
        "Another row says nearly the same in other words.",
        "see whether these rows add anything",
    ),
    "imbalance": (
        "Imbalance",
        "What the training split has little of, and so will be learned least.",
        "see what train has too little of",
    ),
    "length": (
        "Too long",
        "Examples longer than the model is trained on; what is beyond the limit is cut.",
        "see what would be cut",
    ),
}
"""Kind → its heading, what it means, and what to do; the most urgent first."""


class Line(NamedTuple):
    """A sentence of the summary, and the id of the section that shows more ("" for none)."""

    text: str
    section: str = ""


class Summary(NamedTuple):
    """The page in plain words."""

    found: list[Line]
    done: list[Line]
    look: list[Line]


def summary(report: DataReport) -> Summary:
    """What was found, what was done, and what a person should look at."""
    return Summary(_found(report), _done(report), _to_look_at(report))


def _found(report: DataReport) -> list[Line]:
    told = {"train": "to learn from", "validation": "to choose with", "test": "sealed for the test"}
    parts = [f"{report.splits[name]:,} {told[name]}" for name in told if name in report.splits]
    lines = [
        Line(
            f"{report.rows_read:,} rows were read; {sum(report.splits.values()):,} became "
            f"examples: {', '.join(parts)}."
        )
    ]
    counted = [
        f"{title[0].lower()}{title[1:]} {report.findings[kind]:,}"
        for kind, (title, _, _) in KINDS.items()
        if report.findings.get(kind)
    ]
    if counted:
        lines.append(Line(f"The checks found, by kind: {'; '.join(counted)}.", "findings"))
    else:
        lines.append(Line("The checks found nothing."))
    if report.personal_data:
        types = sorted(report.personal_data.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{name} {times:,}" for name, times in types)
        lines.append(Line(f"Personal data by type: {named}.", "personal"))
    return lines


def _done(report: DataReport) -> list[Line]:
    lines = []
    if report.dropped:
        reasons = sorted(report.dropped.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{times:,} {reason}" for reason, times in reasons)
        lines.append(
            Line(f"{sum(report.dropped.values()):,} rows were dropped: {named}.", "dropped")
        )
    if report.cleaned:
        named = ", ".join(f"{rule} {times:,}" for rule, times in report.cleaned.items())
        lines.append(Line(f"Texts were cleaned, by rule: {named}.", "changes"))
    policy = {
        "report": "Personal data were listed and left as they are.",
        "mask": "Personal data were masked.",
        "replace": "Personal data were replaced with invented ones.",
        "drop": "Rows with personal data were dropped.",
        "off": "",
    }[report.checks.personal_data]
    if report.personal_data and policy:
        lines.append(Line(policy))
    if report.balance and report.balance.how != "none":
        how = {
            "oversample": "Examples of rare labels are repeated in train",
            "undersample": "Examples of frequent labels are left out of train",
            "weights": "Rare labels weigh more in the loss",
        }[report.balance.how]
        lines.append(Line(f"{how}; validation and test are as they were.", "balance"))
    return lines or [Line("Nothing was dropped and nothing was changed.")]


def _to_look_at(report: DataReport) -> list[Line]:
    lines = [
        Line(f"{title} ({report.findings[kind]:,}): {todo}.", kind)
        for kind, (title, _, todo) in KINDS.items()
        if report.findings.get(kind)
    ]
    lines += (Line(sentence) for sentence in report.advice)
    if report.learning_curve:
        lines.append(Line(report.learning_curve.conclusion, "size"))
    power = report.power
    if power and power.difference is None:
        lines.append(Line(f"{power.n:,} test examples can prove no difference at all.", "size"))
    elif power:
        lines.append(
            Line(
                f"{power.n:,} test examples prove a difference of {power.difference:.3f} "
                f"{power.metric} or more, four times in five.",
                "size",
            )
        )
    return lines or [Line("Nothing needs your eye.")]
