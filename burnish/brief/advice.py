"""Whether tuning is worth it at all for these examples, and what would count as good enough.

Reads a proposed Task and what was measured of its examples; decides nothing.
"""

from collections.abc import Sequence

from burnish.brief.measure import Measured
from burnish.records import SystemName, Table, Task, TaskKind

ENOUGH_TO_START = 50
ENOUGH_TO_TUNE = 100
ENOUGH_TO_JUDGE = 100


def advice_for(task: Task, measured: Measured, tables: dict[str, Table]) -> list[str]:
    """Sentences on size, cheaper alternatives, balance and the test split; often none."""
    usable = measured.n - measured.unusable
    return [
        *_size(task, measured, usable),
        *_alternatives(task, measured, usable),
        *_balance(measured),
        *_test_size(task, usable, tables),
    ]


def pass_mark_for(
    kind: TaskKind, systems: Sequence[str] | None
) -> tuple[SystemName | None, float, str]:
    """What counts as good enough: the system to beat, by which share, and why.

    Args:
        systems: those that are compared; None means all.
    """
    order: tuple[SystemName, ...] = ("zero-shot", "few-shot", "classic")
    share, why = (
        0.2,
        (
            "tuning must earn its keep: a fifth above the untuned model; the verdict also asks "
            "that it beats the strongest alternative beyond doubt"
        ),
    )
    if kind == "classify":
        order = ("classic", "few-shot", "zero-shot")
        share, why = (
            0.0,
            (
                "a classic classifier costs nothing to run, so the model must be at least as good; "
                "a share above it may lie beyond a perfect score"
            ),
        )
    over = next((name for name in order if systems is None or name in systems), None)
    if over is None:
        return None, 0.0, "no other system is compared, so there is nothing to be better than"
    return over, share, why


def _size(task: Task, measured: Measured, usable: int) -> list[str]:
    found = []
    if measured.unusable:
        found.append(
            f"{measured.unusable:,} of {measured.n:,} rows hold no answer of the kind "
            f"{task.kind}; they will be dropped and listed. Many of them mean the wrong column."
        )
    if usable < ENOUGH_TO_START:
        found.append(
            f"{usable} usable examples are too few to tune on and to judge by; collect at least "
            f"{ENOUGH_TO_START}, better {ENOUGH_TO_TUNE * 2}, or show them all in a prompt."
        )
    elif usable < ENOUGH_TO_TUNE:
        found.append(
            f"With {usable} examples, try a few-shot prompt to a larger model first: tuning rarely "
            f"pays below {ENOUGH_TO_TUNE}."
        )
    elif usable > 20_000 and task.data.max_rows is None:
        found.append(
            f"{usable:,} examples are more than a first run needs; `data.max_rows: 2000` gives an "
            "answer sooner and shows whether more would help."
        )
    return found


def _alternatives(task: Task, measured: Measured, usable: int) -> list[str]:
    labels = measured.labels
    short = all(len(label.split()) <= 4 for label in labels)
    if task.kind == "classify" and 0 < len(labels) <= 20 and short and usable > 500:
        return [
            f"{len(labels)} short labels and {usable:,} examples suit a classic classifier "
            "(TF-IDF and logistic regression), which costs nothing to run and may win; the report "
            "compares both."
        ]
    if task.kind != "classify" and usable >= ENOUGH_TO_START:
        most = len(measured.answers)
        if most <= 0.1 * measured.answers.total():
            return [
                f"The answers are only {most} different texts; a classifier (`kind: classify`) is "
                "probably the better tool."
            ]
    return []


def _balance(measured: Measured) -> list[str]:
    counts = measured.label_counts
    if not counts:
        return []
    found = []
    label, most = counts.most_common(1)[0]
    if len(counts) == 1:
        return [f"Every example has the label {label!r}; there is nothing to learn."]
    if most > 0.8 * counts.total():
        found.append(
            f"{most / counts.total():.0%} of the labels are {label!r}: answering it always would "
            "look accurate, so judge by macro_f1."
        )
    rare = sorted(name for name, count in counts.items() if count < 5)
    if rare:
        named = ", ".join(rare[:5]) + (", …" if len(rare) > 5 else "")
        found.append(
            f"{len(rare)} of {len(counts)} labels have fewer than 5 examples ({named}); the model "
            "will hardly learn them. Collect more, or keep only the others with `data.labels`."
        )
    return found


def _test_size(task: Task, usable: int, tables: dict[str, Table]) -> list[str]:
    own = tables.get("test")
    n = len(own.rows) if own else round(usable * task.data.test_fraction)
    if n >= ENOUGH_TO_JUDGE:
        return []
    return [
        f"The sealed test will have about {n} example{'' if n == 1 else 's'}; below "
        f"{ENOUGH_TO_JUDGE}, a verdict is often `not enough data`."
    ]
