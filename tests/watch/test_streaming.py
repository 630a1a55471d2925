"""Streaming detectors, made quiet enough on the reference."""

import numpy as np

from burnish.watch.streaming import changes


def test_a_jump_is_noticed_soon_after_it_happened() -> None:
    random = np.random.default_rng(0)
    reference = random.lognormal(4, 0.5, 400)
    values = np.concatenate([random.lognormal(4, 0.5, 80), random.lognormal(5, 0.5, 120)])
    found = changes(reference, values, false_alarms=0.1, seed=0)
    assert len(found) >= 2
    assert all(80 <= one.at < 130 for one in found)
    assert all(one.after > one.before for one in found)


def test_too_few_values_say_nothing() -> None:
    assert changes(np.arange(10.0), np.arange(100.0), false_alarms=0.1, seed=0) == []
    assert changes(np.arange(100.0), np.arange(10.0), false_alarms=0.1, seed=0) == []
