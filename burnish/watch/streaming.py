"""The continuous case: has a number changed since the requests at the end of the reference?

Streaming detectors of river look at every request of the window that is not finished yet: ADWIN
(Bifet and Gavaldà 2007), Page–Hinkley (Page 1954) and KSWIN (Raab et al. 2020). Their own settings
are no rates of false alarms, so the least sensitive setting is taken with which they stay silent
over shuffles of the reference as often as the user asks. What they find is told early, as a hint;
whether it is an alarm is decided when the window is finished.

Reads and writes nothing. river is imported inside functions.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from burnish.watch.samples import Floats

_SHUFFLES = 20
_CALM = 200
_MOST = 2000
_SETTINGS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5)
"""From the most sensitive to the least."""
_LEAST = 30


class Change(NamedTuple):
    """A change that a detector noticed.

    Attributes:
        at: place of the value at which it was noticed.
        before, after: medians of the reference and of the values from there on.
    """

    detector: str
    at: int
    before: float
    after: float


def changes(reference: Floats, values: Floats, *, false_alarms: float, seed: int) -> list[Change]:
    """The first change that each detector notices in values that follow a reference.

    Args:
        reference: values without change; of many, a random sample is used.
        values: in the order of time; of many, the latest.
        false_alarms: chance that a detector speaks up over as many values without change.
    """
    if min(len(reference), len(values)) < _LEAST:
        return []
    random = np.random.default_rng(seed)
    known = random.permutation(reference)
    middle, spread = float(np.median(known)), float(np.std(known)) or 1.0
    skipped = max(0, len(values) - _MOST)
    calm, stream = (known - middle) / spread, (values[skipped:] - middle) / spread
    found = []
    for name, make in _detectors(seed).items():
        setting = _calibrated(make, calm, len(stream), false_alarms, random)
        if setting is not None and (at := _first(make(setting), calm[:_CALM], stream)) is not None:
            at += skipped
            after = float(np.median(values[at : at + _LEAST]))
            found.append(Change(name, at, middle, after))
    return found


def _detectors(seed: int) -> dict[str, Callable[[float], Any]]:
    """Name → a detector of a sensitivity."""
    from river.drift import ADWIN, KSWIN, PageHinkley

    return {
        "ADWIN": lambda chance: ADWIN(delta=chance),  # type: ignore[no-untyped-call]
        "Page–Hinkley": lambda chance: PageHinkley(
            min_instances=_LEAST, delta=0.1, threshold=-4 * np.log(chance)
        ),
        "KSWIN": lambda chance: KSWIN(
            alpha=chance / 20, window_size=100, stat_size=_LEAST, seed=seed
        ),
    }


def _calibrated(
    make: Callable[[float], Any],
    calm: Floats,
    length: int,
    false_alarms: float,
    random: np.random.Generator,
) -> float | None:
    """The most sensitive setting that stays silent often enough; None where none does."""
    streams = [random.choice(calm, _CALM + length) for _ in range(_SHUFFLES)]
    allowed = int(false_alarms * _SHUFFLES)
    for setting in _SETTINGS:
        loud = 0
        for stream in streams:
            loud += _first(make(setting), stream[:_CALM], stream[_CALM:]) is not None
            if loud > allowed:
                break
        else:
            return setting
    return None


def _first(detector: Any, calm: Floats, stream: Sequence[float] | Floats) -> int | None:
    """Where the detector first speaks up in the stream, after it has seen the calm values."""
    for value in calm:
        detector.update(float(value))
    for at, value in enumerate(stream):
        detector.update(float(value))
        if detector.drift_detected:
            return at
    return None
