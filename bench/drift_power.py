"""How soon drifts are found, by Burnish and peers, on the same windows at equal false alarms.

    python bench/drift_power.py write [--trials 40]
    python bench/drift_power.py burnish [--processes 2]
    python -m venv .peers/evidently
    .peers/evidently/bin/pip install -r bench/peers/drift_evidently.requirements.txt
    .peers/evidently/bin/python bench/peers/drift_evidently.py \
        bench/out/drift/windows.jsonl bench/out/drift/evidently.jsonl
    … the same for drift_alibi and drift_nannyml
    python bench/drift_power.py table [--picture docs/drift-power.png]

Windows are those of `drift_windows.py`. A tool is one or more checks, of which any may raise the
alarm. Each check's scores are ranked among its scores of all windows without a drift; the least
rank over a tool's checks is what the tool makes of a window, and it alarms where windows without
a drift come as low in at most `RATE` of the cases. Burnish's looks are ranked by its own threshold:
p-values over the p-value that would be an alarm. The delay is the number of windows from the first
that drifts to the first alarm, both counted; a drift not found in 12 windows counts as 13 in means.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from drift_table import show
from drift_windows import write

sys.path.append(str(Path(__file__).parent / "peers"))
from drift_scores import run_all

from burnish.watch.alarms import MONTH_DAYS, TOGETHER, look, shares_of, threshold
from burnish.watch.permutation import compare
from burnish.watch.samples import Sample, Seen, Vocabulary, input_sample, output_sample

OUT = Path("bench/out/drift")
RATE = 0.02
"""False alarms a window. Burnish is set to as many, for windows of one day."""
FALSE_ALARMS = -math.expm1(-RATE * MONTH_DAYS)
CHECKS = ("texts and labels", "texts, labels and their probabilities")
"""What Burnish is given; peers have texts and labels."""
CERTAIN = 0.2
"""So far below its level a window alarms at any level in question: what follows is left out."""
Sides = tuple[Sample, Sample, Sample]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write", "burnish", "table"])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    given.windows, given.out = OUT / "windows.jsonl", OUT / "burnish.jsonl"
    if given.what == "write":
        write(given.windows, given.trials)
    elif given.what == "burnish":
        run_all(scores_of, given)
    else:
        show(OUT, RATE, given.picture)


def scores_of(trial: dict[str, Any]) -> Any:
    """Check → name of the windows → for each how near it is to an alarm, which is 1 or less.

    As `burnish watch` looks: at each window, and at every fourth with the three before it.
    """
    vocabulary = Vocabulary()
    reference = _sides(trial, vocabulary)
    days = {name: [_sides(window, vocabulary) for window in windows]
            for name, windows in trial["windows"].items()}  # fmt: skip
    found: dict[str, dict[str, list[tuple[float, float]]]] = {check: {} for check in CHECKS}
    for name, own in days.items():
        before = [] if name == "null" else days["null"]
        row = [*before, *own]
        looks = []
        for at in range(len(before), len(row)):
            each = [_look(reference, row[at], 1, at, vocabulary)]
            if (at + 1) % TOGETHER == 0:
                together = tuple(map(_joined, zip(*row[at + 1 - TOGETHER : at + 1], strict=True)))
                each.append(_look(reference, together, TOGETHER, at, vocabulary))
            looks.append([min(ratios) for ratios in zip(*each, strict=True)])
            if before and max(looks[-1]) <= CERTAIN:
                break
        for check, ratios in zip(CHECKS, zip(*looks, strict=True), strict=True):
            found[check][name] = [(ratio, 0.0) for ratio in ratios]
    return found


def _sides(rows: dict[str, Any], vocabulary: Vocabulary) -> Sides:
    """Texts, answers, and answers with the probability of each."""
    return (
        input_sample([Seen("", text) for text in rows["texts"]], vocabulary),
        output_sample([Seen("", "", label, "fit") for label in rows["labels"]], labels=True),
        output_sample(
            [
                Seen("", "", label, "fit", chance)
                for label, chance in zip(rows["labels"], rows["confidence"], strict=True)
            ],
            labels=True,
        ),
    )


def _look(
    reference: Sides, window: Sides, windows: int, seed: int, vocabulary: Vocabulary
) -> list[float]:
    """For each check the p-value over the one that would be an alarm."""
    level = threshold(FALSE_ALARMS, windows, windows=windows)
    texts, labels, sure = zip(reference, window, strict=True)
    found = look({"input": texts, "output": labels}, level=level, seed=seed, vocabulary=vocabulary)
    shares = shares_of(found.comparisons)
    other = compare(*sure, level=level * shares["output"], seed=seed).p_value / shares["output"]
    least = min(found.comparisons["input"].p_value / shares["input"], other)
    return [found.p_value / level, min(1.0, least) / level]


def _joined(samples: Sequence[Sample]) -> Sample:
    return reduce(Sample.joined, samples)


if __name__ == "__main__":
    main()
