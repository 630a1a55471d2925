"""A window judged: samples in, signals with their words, an explanation and the alarm out.

Reads rows, writes nothing. The same window and reference give the same judgement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.records import Explanation, Family, Gauge, Signal
from burnish.watch import alarms
from burnish.watch.explanation import classifier_auc, explain, moved_words
from burnish.watch.permutation import Comparison
from burnish.watch.samples import (
    Embed,
    Floats,
    Sample,
    Seen,
    Vocabulary,
    input_sample,
    output_sample,
)

_LEAST = 10
"""Values on each side without which a family is not compared."""
_MORE_FAILURES, _SLOWER = 0.01, 1.5
"""Operations are no alarm below this rise of failures, or of the median of seconds."""
_BINS = 10


@dataclass(frozen=True)
class Side:
    """A window, or what it is compared with.

    Attributes:
        asked: requests or examples.
        answered: answers of one run, to requests or to its test split.
        scores: of labelled answers on the primary metric, from 0 to 1.
        gauge: how smoothly it went; None where nothing is known.
    """

    asked: Sequence[Seen] = ()
    answered: Sequence[Seen] = ()
    scores: Sequence[float] = ()
    gauge: Gauge | None = None


@dataclass(frozen=True)
class Judgement:
    """What is known of a window.

    Attributes:
        explanation: where it is an alarm.
    """

    p_value: float
    threshold: float
    alarm: bool
    signals: tuple[Signal, ...]
    explanation: Explanation | None


@dataclass(frozen=True)
class Judge:
    """Compares windows.

    Attributes:
        labels: answers are labels.
        season: as `watch.season`.
        embed: a model of meaning, where there is one.
    """

    labels: bool
    season: str = "off"
    embed: Embed | None = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def judge(self, reference: Side, window: Side, *, level: float, seed: int) -> Judgement:
        """Compare a window with its reference.

        Args:
            level: p-value at or below which it is an alarm.
        """
        families = self._families(reference, window)
        quiet: frozenset[Family] = frozenset()
        if not _noticeable(reference.gauge, window.gauge):
            quiet = frozenset({"operations"})
        found = alarms.look(
            families, level=level, seed=seed, vocabulary=self.vocabulary, quiet=quiet
        )
        signals = tuple(
            signal
            for family, comparison in found.comparisons.items()
            for signal in self._signals(family, *families[family], comparison, seed)
        )
        explanation = None
        if found.alarm:
            nothing = (Sample(), Sample())
            inputs = families.get("input", nothing)
            explanation = explain(
                (_compared(inputs[0], found.comparisons.get("input")), inputs[1]),
                families.get("output", nothing),
                window.asked,
                self.vocabulary,
            )
        return Judgement(found.p_value, level, found.alarm, signals, explanation)

    def _families(self, reference: Side, window: Side) -> dict[Family, tuple[Sample, Sample]]:
        found: dict[Family, tuple[Sample, Sample]] = {}
        if min(len(reference.asked), len(window.asked)) >= _LEAST:
            found["input"] = (self._asked(reference.asked), self._asked(window.asked))
        if min(len(reference.answered), len(window.answered)) >= _LEAST:
            one, other = (
                output_sample(side.answered, labels=self.labels, season=self.season)
                for side in (reference, window)
            )
            found["output"] = (one, other)
        found |= _performance(reference, window)
        if reference.gauge and window.gauge:
            found["operations"] = (_operations(reference.gauge), _operations(window.gauge))
        return found

    def _asked(self, seen: Sequence[Seen]) -> Sample:
        return input_sample(seen, self.vocabulary, season=self.season, embed=self.embed)

    def _signals(
        self, family: Family, reference: Sample, window: Sample, found: Comparison, seed: int
    ) -> list[Signal]:
        matched = _compared(reference, found)
        signals = []
        for one in found.signals:
            before, after, psi, n = self._described(one.name, matched, window, seed)
            signals.append(
                Signal(
                    name=one.name, family=family, test=one.test, value=round(one.value, 6),
                    p_value=one.p_value, p_adjusted=one.p_adjusted, before=before, after=after,
                    psi=psi, n=n,
                )
            )  # fmt: skip
        return signals

    def _described(
        self, name: str, reference: Sample, window: Sample, seed: int
    ) -> tuple[str, str, float | None, int]:
        """What it is in both, in words; its stability index; and how many values."""
        if name in window.numbers:
            values = [_known(sample.numbers[name]) for sample in (reference, window)]
            if not all(map(len, values)):
                return "", "", None, len(values[1])
            before, after = (f"median {np.median(each):,.4g}" for each in values)
            return before, after, number_psi(*values), len(values[1])
        if name in window.names:
            return _names(reference.names[name], window.names[name])
        if name == "classifier" and window.words is not None:
            auc = classifier_auc(reference, window, self.vocabulary, seed)
            return "AUC 0.5", f"AUC {auc:.2f}", None, len(window)
        if name == "words" and (moved := moved_words(reference, window, self.vocabulary)):
            first = moved[0]
            shares = (f"{first.name} {first.before:.1%}", f"{first.name} {first.after:.1%}")
            return *shares, None, len(window)
        return "", "", None, len(window)


def number_psi(before: Floats, after: Floats) -> float:
    """Population stability index over tenths of the reference."""
    cuts = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(cuts, each), minlength=len(cuts) + 1)
              for each in (before, after)]  # fmt: skip
    return _psi(*counts)


def _psi(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """Of two lists of counts; half a count is added to each, so that none is 0."""
    one, other = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (before, after))
    return round(float(((other - one) * np.log(other / one)).sum()), 4)


def _names(before: NDArray[np.str_], after: NDArray[np.str_]) -> tuple[str, str, float, int]:
    names = np.unique(np.concatenate([before, after]))
    one, other = (np.array([(each == name).sum() for name in names]) for each in (before, after))
    most = int(np.abs(one / len(before) - other / len(after)).argmax())
    shares = (f"{names[most]} {one[most] / len(before):.1%}",
              f"{names[most]} {other[most] / len(after):.1%}")  # fmt: skip
    return *shares, _psi(one, other), len(after)


def _performance(reference: Side, window: Side) -> dict[Family, tuple[Sample, Sample]]:
    """Labelled answers against the report's; else grades or ratings against the first window's."""
    if min(len(reference.scores), len(window.scores)) >= _LEAST:
        scores = [np.array(side.scores, dtype=np.float64) for side in (reference, window)]
        one, other = (Sample(numbers={"score": each}) for each in scores)
        return {"performance": (one, other)}
    gauges = [side.gauge or Gauge() for side in (reference, window)]
    if min(len(gauge.grades) for gauge in gauges) >= _LEAST:
        one, other = (
            Sample(numbers={"grades": np.array(gauge.grades, dtype=np.float64)}) for gauge in gauges
        )
        return {"performance": (one, other)}
    if min(gauge.good + gauge.bad for gauge in gauges) >= _LEAST:
        one, other = (
            Sample(names={"ratings": np.array(["good"] * gauge.good + ["bad"] * gauge.bad)})
            for gauge in gauges
        )
        return {"performance": (one, other)}
    return {}


def _operations(gauge: Gauge) -> Sample:
    """Answers as failed or not, and the seconds of a sample, spread over the rows of it."""
    rows = len(gauge.seconds)
    failed = round(gauge.failed / max(gauge.n, 1) * rows)
    names: Any = np.array(["failed"] * failed + ["answered"] * (rows - failed))
    return Sample(numbers={"seconds": np.array(gauge.seconds)}, names={"failures": names})


def _noticeable(reference: Gauge | None, window: Gauge | None) -> bool:
    """Whether failures or the time of answers rose enough to matter to anybody."""
    if reference is None or window is None or not (reference.seconds and window.seconds):
        return False
    rise = window.failed / max(window.n, 1) - reference.failed / max(reference.n, 1)
    slower = float(np.median(window.seconds)) > _SLOWER * float(np.median(reference.seconds))
    return rise >= _MORE_FAILURES or slower


def _compared(reference: Sample, found: Comparison | None) -> Sample:
    return reference if found is None else reference.take(found.reference)


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]
