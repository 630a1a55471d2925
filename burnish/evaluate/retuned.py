"""A re-tuned run against the one that serves, on the old test split and on the fresh one.

    ship              better on the fresh test (the interval of the paired difference lies above 0),
                      and on the old test not worse by more than is allowed (its lower end)
    don't ship        worse beyond doubt on one of them (the interval lies below 0)
    not enough data   anything between, with the number of test examples that would probably decide

Reads answers and examples; writes nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

from burnish.evaluate.compare import differences_of, score_of
from burnish.evaluate.metrics import measure
from burnish.evaluate.statistics import needed_examples
from burnish.evaluate.verdict import METRIC_NAMES
from burnish.records import Answer, Compared, Decision, Difference, Example, Task


class Ruling(NamedTuple):
    """The decision, why, and the test examples that would probably decide it, if any would."""

    decision: Decision
    reason: str
    needed: int | None


def compare_retuned(
    task: Task,
    labels: tuple[str, ...],
    examples: Sequence[Example],
    new: Sequence[Answer],
    serving: Sequence[Answer],
    *,
    test: str,
    name: str,
    reused: bool,
) -> Compared:
    """Both runs on the primary metric, paired over the examples of one test split.

    Args:
        labels: of the new data set (classify); a label that the serving run cannot know counts
            against it.
        test: "old" or "fresh".
        name: of the serving run.
        reused: its answers were not made anew.
    """
    mine, other = (measure(task, labels, given, examples)[task.metric] for given in (new, serving))
    (difference,) = differences_of(task, mine, {name: other})
    return Compared.model_validate(
        {
            "test": test, "serving": score_of(task, other), "new": score_of(task, mine),
            "difference": difference, "reused": reused,
        }
    )  # fmt: skip


def rule(old: Compared, fresh: Compared | None, most_loss: float) -> Ruling:
    """The verdict on a re-tuned run.

    Args:
        fresh: None where no new example could be set apart for a test.
        most_loss: on the old test, in points of the metric, that is allowed.
    """
    name = METRIC_NAMES[old.difference.metric]
    lost = old.difference
    kept = lost.low >= -most_loss
    if fresh is None:
        worse = lost.high < 0
        said = f"{name} on the old test: {_told(lost)}. There is no fresh test to be better on"
        return Ruling("don't ship" if worse else "not enough data", f"{said}.", None)
    gained = fresh.difference
    on_fresh = f"{name} on the fresh test, {gained.n:,} examples: {_told(gained)}"
    on_old = f"on the old test, {lost.n:,} examples: {_told(lost)}"
    if gained.low > 0 and kept:
        return Ruling("ship", f"{on_fresh}; {on_old}, no more than {most_loss:g} worse.", None)
    worse_on = [
        test for test, each in (("fresh", gained), ("old", lost)) if each.high < 0
    ]  # fmt: skip
    if worse_on:
        where = " and the ".join(worse_on)
        said = f"{on_fresh}; {on_old}. It is worse on the {where} test, beyond doubt"
        return Ruling("don't ship", f"{said}.", None)
    open_ = []
    ways = []
    if gained.low <= 0:
        open_.append("whether it is better on new requests may be chance")
        ways.append(needed_examples(gained.value, gained.low, gained.high, gained.n))
    if not kept:
        open_.append(f"a loss of more than {most_loss:g} on the old test cannot be ruled out")
        margin = (lost.value + most_loss, lost.low + most_loss, lost.high + most_loss)
        ways.append(needed_examples(*margin, lost.n))
    needed = None if any(way is None for way in ways) else max(way for way in ways if way)
    said = f"{on_fresh}; {on_old}: {', and '.join(open_)}"
    if needed is not None:
        which = " and ".join(
            test for test, stays in (("fresh", gained.low <= 0), ("old", not kept)) if stays
        )
        said += f"; about {needed:,} {which} test examples would probably decide it"
    if gained.low <= 0 and gained.smallest is not None:
        said += (
            f". With {gained.n:,}, a true difference of {gained.smallest:.3f} would be shown four "
            "times in five"
        )
    return Ruling("not enough data", f"{said}.", needed)


def _told(difference: Difference) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
