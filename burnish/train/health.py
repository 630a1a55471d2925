"""Whether a loss is still sound: no number any more, or running away; and how it looks in a line.

Reads the lines of metrics.jsonl; writes nothing.
"""

import math
from itertools import accumulate, pairwise
from typing import Any

WINDOW = 10
"""Steps of a running mean."""
FACTOR, NATS = 3.0, 1.0
"""Training diverges where the running mean lies above FACTOR times the best one, and NATS more.
Losses of tuning start near 1 to 4 nats and fall; noise of single batches stays well below."""
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 16


def fault_of(metrics: list[dict[str, Any]]) -> str | None:
    """What has gone wrong by the last line, in a sentence without its end; None where nothing.

    Args:
        metrics: as in metrics.jsonl, in order.
    """
    if not metrics:
        return None
    last = metrics[-1]
    for key, name in (
        ("loss", "The loss"),
        ("validation_loss", "The validation loss"),
        ("grad_norm", "The gradient's norm"),
    ):
        if not math.isfinite(last.get(key, 0.0)):
            return f"{name} is no longer a number"
    means = _running_means([line["loss"] for line in metrics if "loss" in line])
    if means and "loss" in last and means[-1] > FACTOR * min(means) + NATS:
        return (
            f"The training loss runs away: {means[-1]:.2f} nats over the last {WINDOW} steps, "
            f"after {min(means):.2f} at its best"
        )
    return None


def sparkline(losses: list[float]) -> str:
    """The finite losses in one line of bars, each the mean of an equal share of the steps."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 2:
        return ""
    width = min(WIDTH, len(finite))
    edges = [at * len(finite) // width for at in range(width + 1)]
    means = [sum(finite[start:stop]) / (stop - start) for start, stop in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((mean - low) * scale)] for mean in means)


def _running_means(losses: list[float]) -> list[float]:
    """Means over each WINDOW steps that lie side by side; none of fewer."""
    total = [0.0, *accumulate(losses)]
    ends = range(WINDOW, len(losses) + 1)
    return [(total[end] - total[end - WINDOW]) / WINDOW for end in ends]
