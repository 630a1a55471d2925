"""The loss picture of a run: training loss, validation loss and the epoch that was kept.

Reads the lines of metrics.jsonl; returns an SVG as text and writes nothing. The same lines give
the same bytes. Ink is `currentColor` on no background, so that a page's light or dark theme
reaches into the picture; alone, it is black.
"""

import math
from io import StringIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from burnish.errors import TrainingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#123456"  # stands for currentColor, which matplotlib does not know
TRAINING = "#0072b2"
VALIDATION = "#d55e00"  # both from Okabe and Ito's palette, told apart by colour-blind readers
MOST_LABELS = 12
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "burnish",
    "font.size": 11,
    "legend.fontsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw_loss_curve(metrics: list[dict[str, Any]], best_epoch: int | None) -> str:
    """An SVG of losses (nats per answer token) over epochs.

    Args:
        metrics: {"step", "epoch", "loss", ...} for training steps and {"step", "epoch",
            "validation_loss"} for validations; of two lines for one step (a resumed run repeats
            some) the later counts. Lines with neither loss are not drawn.
        best_epoch: the epoch whose adapter was kept, counted from 1; None marks none.

    Raises:
        TrainingError: when no line has a finite training or validation loss.
    """
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    training, gaps = _series(metrics, "loss")
    validation, _ = _series(metrics, "validation_loss")
    if not training and not validation:
        raise TrainingError(
            f"The metrics hold {len(metrics)} lines, but none with a finite loss to draw.",
            hint="burnish train",
        )
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(6.4, 3.7), layout="constrained")
        axes = figure.add_subplot()
        _draw_training(axes, training)
        _draw_validation(axes, validation, best_epoch)
        steps = max((int(line["step"]) for line in metrics), default=0)
        note = f"; {gaps} without a finite loss" if gaps else ""
        axes.set_xlabel(f"epoch ({steps:,} optimiser steps{note})")
        axes.set_ylabel("loss per answer token (nats)")
        axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
        if max(epoch for epoch, _ in training + validation) >= 2:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(frameon=False, loc="outside upper left", ncols=3)
        buffer = StringIO()
        unwanted = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=unwanted)
    return buffer.getvalue().replace(INK, "currentColor")


def _series(metrics: list[dict[str, Any]], key: str) -> tuple[list[tuple[float, float]], int]:
    """(epoch, loss) in the order of steps, and the number of steps whose loss is not finite."""
    by_step = {line["step"]: line for line in metrics if key in line}
    points = [
        (float(line["epoch"]), math.nan if line[key] is None else float(line[key]))
        for _, line in sorted(by_step.items())
    ]
    finite = [point for point in points if math.isfinite(point[1])]
    return finite, len(points) - len(finite)


def _smoothed(values: list[float], window: int) -> list[float]:
    """Centred moving average, which does not lag; towards both ends the window narrows evenly."""
    total = [0.0, *accumulate(values)]
    result = []
    for middle in range(len(values)):
        reach = min(window // 2, middle, len(values) - 1 - middle)
        low, high = middle - reach, middle + reach + 1
        result.append((total[high] - total[low]) / (high - low))
    return result


def _draw_training(axes: "Axes", points: list[tuple[float, float]]) -> None:
    if not points:
        return
    epochs, losses = [list(column) for column in zip(*points, strict=True)]
    marker = "." if len(points) == 1 else None
    axes.plot(epochs, losses, color=TRAINING, alpha=0.4, linewidth=0.7, marker=marker)
    window = 2 * max(2, len(losses) // 40) + 1
    label = f"training, mean of {window} steps"
    axes.plot(epochs, _smoothed(losses, window), color=TRAINING, linewidth=2, label=label)


def _draw_validation(
    axes: "Axes", points: list[tuple[float, float]], best_epoch: int | None
) -> None:
    if not points:
        return
    epochs, losses = [list(column) for column in zip(*points, strict=True)]
    axes.plot(
        epochs, losses, color=VALIDATION, linewidth=1.2, linestyle=(0, (4, 2)),
        marker="o", markersize=6, label="validation",
    )  # fmt: skip
    best = next((point for point in points if round(point[0]) == best_epoch), None)
    for point in points:
        if len(points) <= MOST_LABELS or point in (points[0], points[-1], best):
            axes.annotate(
                f"{point[1]:.3f}", point, xytext=(0, 9), textcoords="offset points",
                ha="center", va="bottom", fontsize=10,
                fontweight="bold" if point == best else "normal",
            )  # fmt: skip
    if best:
        axes.axvline(best[0], color=INK, linewidth=0.8, linestyle=":", zorder=0)
        axes.plot(
            *best, linestyle="none", marker="o", markersize=12, markerfacecolor="none",
            markeredgecolor=INK, markeredgewidth=1.2, label=f"kept: epoch {best_epoch}",
        )  # fmt: skip
