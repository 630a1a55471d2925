"""Months in which nothing changes: how many raise an alarm, against the rate that is set.

    python bench/false_alarms.py [--months 1000] [--rate 0.1] [--window-days 7]

Each month is drawn anew, without replacement: a reference, and then four windows of requests, from
banking77 (texts and labels) and MTS-Dialog (dialogues and note sections). Every look is made as
`burnish watch` makes it: windows one by one, and four together. The binomial interval is that of
the months. Needs BURNISH_DATA.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
from scipy import stats

from burnish.watch.alarms import MONTH_DAYS, TOGETHER, look, threshold
from burnish.watch.samples import Sample, Seen, Vocabulary, input_sample, output_sample

DATA = Path(os.environ.get("BURNISH_DATA", "../shared/data"))


def banking() -> list[Seen]:
    """All 13,083 questions with their intents."""
    folder = DATA / "classification-banking77"
    rows = [json.loads(line) for name in ("train", "test")
            for line in (folder / f"{name}.jsonl").open()]  # fmt: skip
    return [Seen(str(at), row["text"], row["label"], "fit") for at, row in enumerate(rows)]


def dialogues() -> list[Seen]:
    """All 1,701 dialogues with their note sections."""
    folder = DATA / "summarisation-mts-dialog"
    rows = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open()]
    return [Seen(str(at), row["dialogue"], row["section_text"], "fit")
            for at, row in enumerate(rows)]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--window-days", type=float, default=7)
    arguments = parser.parse_args()
    print(f"{arguments.months} months, rate set {arguments.rate:g}, "
          f"windows of {arguments.window_days:g} days")  # fmt: skip
    print("data        reference  window  alarms  share  95% interval      of the rate  s/look")
    for name, seen, labels, reference, window in (
        ("banking77", banking(), True, 2000, 200),
        ("MTS-Dialog", dialogues(), False, 700, 100),
    ):
        vocabulary = Vocabulary()
        inputs = input_sample(seen, vocabulary)
        outputs = output_sample(seen, labels=labels)
        began, alarms, looks = time.monotonic(), 0, 0
        for month in range(arguments.months):
            alarm, made = simulated(
                inputs, outputs, vocabulary, month, reference, window, arguments
            )
            alarms, looks = alarms + alarm, looks + made
        share = alarms / arguments.months
        low, high = stats.binomtest(alarms, arguments.months).proportion_ci(method="wilson")
        each = (time.monotonic() - began) / looks
        interval = f"[{low:.3f}, {high:.3f}]"
        print(f"{name:11} {reference:9} {window:7} {alarms:7} {share:6.3f}  {interval} "
              f"{share / arguments.rate:13.2f} {each:7.3f}", flush=True)  # fmt: skip


def simulated(
    inputs: Sample,
    outputs: Sample,
    vocabulary: Vocabulary,
    seed: int,
    reference: int,
    window: int,
    arguments: argparse.Namespace,
) -> tuple[bool, int]:
    """Whether one month raises an alarm, and how many looks it took.

    A month that is no whole number of windows is made whole by its share of a further look.
    """
    days, random = arguments.window_days, np.random.default_rng([seed, 7])
    rows = random.permutation(len(inputs))
    asked, answered = rows[:reference], random.permutation(rows[:reference])[: reference // 4]
    spans = [1] * math.floor(MONTH_DAYS / days + random.random())
    spans += [TOGETHER] * math.floor(MONTH_DAYS / days / TOGETHER + random.random())
    fresh, place, looks = rows[reference:], 0, 0
    for at, span in enumerate(spans):
        if span == 1:
            chosen = fresh[place : place + window]
            place += window
        else:
            chosen = fresh[max(0, place - TOGETHER * window) : place]
        looks += 1
        found = look(
            {
                "input": (inputs.take(asked), inputs.take(chosen)),
                "output": (outputs.take(answered), outputs.take(chosen)),
            },
            level=threshold(arguments.rate, span * days, windows=span),
            seed=1000 * seed + at,
            vocabulary=vocabulary,
        )
        if found.alarm:
            return True, looks
    return False, looks


if __name__ == "__main__":
    main()
