"""The tables and the picture of `drift_power.py`, from the files of scores."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drift_windows import LIMIT, SIZES
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Found = dict[int, dict[str, list[tuple[float, float]]]]
"""Trial → name of the windows → a score for each."""


@dataclass(frozen=True)
class Tool:
    """What stands in a column.

    Attributes:
        file: of scores, without its suffix.
        checks: of which any may raise the alarm.
        own: the alarm is the tool's own; else it is set by windows without a drift.
    """

    title: str
    file: str
    checks: tuple[str, ...]
    own: bool = False


TOOLS = (
    Tool("Burnish, own level", "burnish", ("texts, labels and their probabilities",), own=True),
    Tool("Burnish", "burnish", ("texts, labels and their probabilities",)),
    Tool("Burnish without probabilities", "burnish", ("texts and labels",)),
    Tool("evidently", "evidently", ("text", "labels")),
    Tool("alibi-detect MMD", "alibi", ("MMD, TF-IDF", "labels χ²")),
    Tool("alibi-detect MMD, embeddings", "alibi", ("MMD, embeddings", "labels χ²")),
    Tool("alibi-detect classifier", "alibi", ("classifier, TF-IDF", "labels χ²")),
    Tool("alibi-detect classifier, embeddings", "alibi", ("classifier, embeddings", "labels χ²")),
    Tool("alibi-detect KS", "alibi", ("KS, TF-IDF", "labels χ²")),
    Tool("nannyml", "nannyml", ("domain classifier", "labels Jensen–Shannon")),
    Tool("nannyml PCA", "nannyml", ("reconstruction error", "labels Jensen–Shannon")),
)


def show(folder: Path, rate: float, picture: Path | None) -> None:
    """Print the tables, and draw the picture.

    Args:
        rate: alarms a window without a drift.
    """
    files = {path.stem: _read(path) for path in sorted(folder.glob("*.jsonl"))
             if path.stem != "windows"}  # fmt: skip
    tools = [tool for tool in TOOLS if tool.file in files]
    tools += [
        Tool(f"{file}: {check}", file, (check,))
        for file, checks in files.items() if file != "burnish" for check in checks
    ]  # fmt: skip
    delays = {}
    print("| tool | trials | windows without a drift | alarms in them |\n|---|---|---|---|")
    for tool in tools:
        alarms = _alarms(tool, [files[tool.file][check] for check in tool.checks], rate)
        calm = np.concatenate([trial["null"] for trial in alarms.values()])
        print(f"| {tool.title} | {len(alarms)} | {len(calm)} | {calm.mean():.2%} |")
        delays[tool.title] = {
            name: {trial: _delay(found[name]) for trial, found in alarms.items()}
            for name in (f"{drift} {size:g}" for drift, sizes in SIZES.items() for size in sizes)
        }
    whole = {tool.title: delays[tool.title] for tool in TOOLS if tool.title in delays}
    _print_delays(whole)
    _print_differences(delays)
    if picture:
        for title in ("Burnish, own level", "Burnish without probabilities"):
            whole.pop(title, None)
        _draw(whole, picture)


def _read(path: Path) -> dict[str, Found]:
    """Check → trial → the rest."""
    found: dict[str, Found] = {}
    for line in path.open():
        one = json.loads(line)
        for check, windows in one["scores"].items():
            found.setdefault(check, {})[one["trial"]] = windows
    return found


def _alarms(
    tool: Tool, checks: Sequence[Found], rate: float
) -> dict[int, dict[str, NDArray[np.bool_]]]:
    """Trial → name of the windows → whether each is an alarm."""
    trials = sorted(set.intersection(*(set(found) for found in checks)))
    ranks: list[dict[int, dict[str, Scores]]] = []
    for found in checks:
        calm = sorted(tuple(score) for trial in trials for score in found[trial]["null"])
        ranks.append({
            trial: {
                name: np.array([_share(calm, tuple(score)) for score in scores])
                if not tool.own else np.array([score[0] for score in scores])
                for name, scores in found[trial].items()
            }
            for trial in trials
        })  # fmt: skip
    least = {
        trial: {
            name: np.min([rank[trial][name] for rank in ranks], axis=0) for name in ranks[0][trial]
        }
        for trial in trials
    }
    bound = 1.0
    if not tool.own:
        calm = np.sort(np.concatenate([least[trial]["null"] for trial in trials]))
        allowed = int(rate * len(calm))
        below = calm[calm < calm[allowed]]
        bound = float(below[-1]) if len(below) else 0.0
    return {
        trial: {name: values <= bound for name, values in windows.items()}
        for trial, windows in least.items()
    }


def _share(calm: Sequence[tuple[float, ...]], score: tuple[float, ...]) -> float:
    """Of the scores of windows without a drift, how many are as low."""
    from bisect import bisect_right

    return bisect_right(calm, score) / len(calm)


def _delay(alarms: NDArray[np.bool_]) -> int:
    return int(np.argmax(alarms)) + 1 if alarms.any() else LIMIT + 1


def _print_delays(delays: Mapping[str, Mapping[str, Mapping[int, int]]]) -> None:
    print(f"\nMean delay in windows (share found within {LIMIT})\n")
    print("| drift, size | " + " | ".join(delays) + " |")
    print("|---" * (len(delays) + 1) + "|")
    for name in next(iter(delays.values())):
        cells = []
        for found in delays.values():
            values = np.array(list(found[name].values()))
            cells.append(f"{values.mean():.1f} ({np.mean(values <= LIMIT):.0%})")
        print(f"| {name} | " + " | ".join(cells) + " |")


def _print_differences(delays: Mapping[str, Mapping[str, Mapping[int, int]]]) -> None:
    """Where Burnish is later than another: mean difference with its 95% bootstrap interval."""
    random = np.random.default_rng(0)
    ours = delays["Burnish"]
    print("\nMean delay less that of Burnish, same trials [95% interval]\n")
    for title, found in delays.items():
        if title.startswith("Burnish"):
            continue
        later, sooner, same = [], [], 0
        for name, values in found.items():
            gaps = np.array([delay - ours[name][trial] for trial, delay in values.items()
                             if trial in ours[name]])  # fmt: skip
            draws = random.choice(gaps, (4000, len(gaps))).mean(axis=1)
            low, high = np.quantile(draws, (0.025, 0.975))
            said = f"{name} {gaps.mean():+.1f} [{low:+.1f}, {high:+.1f}]"
            if high < 0:
                sooner.append(said)
            elif low > 0:
                later.append(said)
            else:
                same += 1
        print(f"- {title}: later in {len(later)}, the same within chance in {same}, sooner in "
              f"{len(sooner)}{': ' if sooner else ''}{', '.join(sooner)}")  # fmt: skip


def _draw(delays: Mapping[str, Mapping[str, Mapping[int, int]]], picture: Path) -> None:
    """One small chart a drift: mean delay over size, a line a tool."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 4, figsize=(13, 6.2), sharey=True)
    flat = axes.ravel()
    marks = dict(zip(delays, "osDDDDDPP", strict=False))
    for axis, (drift, sizes) in zip(flat, SIZES.items(), strict=False):
        for title, found in delays.items():
            means = [np.mean(list(found[f"{drift} {size:g}"].values())) for size in sizes]
            ours = title.startswith("Burnish")
            axis.plot(range(len(sizes)), means, marker=marks[title], label=title, markersize=4,
                      linewidth=2.4 if ours else 1.2, zorder=3 if ours else 2)  # fmt: skip
        axis.set_xticks(range(len(sizes)), [f"{size:.0%}" for size in sizes])
        axis.set_title(drift, fontsize=11)
        axis.grid(alpha=0.3)
        axis.set_ylim(0.5, LIMIT + 1.5)
        axis.set_yticks([1, 4, 7, 10, LIMIT + 1], ["1", "4", "7", "10", "not\nfound"])
    for axis in axes[:, 0]:
        axis.set_ylabel("windows to the alarm, mean")
    flat[-1].axis("off")
    flat[-1].legend(*flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.supxlabel("share of a window's requests that drift", fontsize=10)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
