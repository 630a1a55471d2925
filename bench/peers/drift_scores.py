"""How every tool of the drift comparison reads windows and writes scores: standard library only.

The file of windows is that of `bench/drift_power.py write`. Scores are one line of JSON a trial, so
that a run that was stopped goes on where it was. A check gives a window two numbers, the smaller
the less like the reference; the second decides between windows that are equal in the first, such
as those with the least p-value that so many permutations can give.
"""

import argparse
import json
import time
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path
from typing import Any

Score = tuple[float, float]
Checks = dict[str, Callable[[dict[str, Any]], Score]]
"""Name of a check → what scores a window, {"texts": […], "labels": […]}."""


def score_all(prepare: Callable[[dict[str, Any]], Checks], description: str | None) -> None:
    """Score all windows that have none yet; FILE, OUT and --processes come from the command line.

    Args:
        prepare: makes the checks of a trial from its reference's "texts" and "labels", from
            "other_texts", and from "all_labels" that the model gives.
    """
    given = parser(description).parse_args()
    run_all(lambda trial: scores_of(prepare, trial), given)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line that all tools share."""
    command = argparse.ArgumentParser(description=description)
    command.add_argument("windows", type=Path, help="file of windows")
    command.add_argument("out", type=Path, help="file of scores, which is added to")
    command.add_argument("--processes", type=int, default=1)
    command.add_argument("--trials", type=int, default=1000, help="of the file, from its first")
    return command


def run_all(score: Callable[[dict[str, Any]], Any], given: argparse.Namespace) -> None:
    """Add a line of scores for every trial without one."""
    global _SCORE
    _SCORE = score
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    done = {json.loads(line)["trial"] for line in lines}
    lines = [line for line in given.windows.open() if json.loads(line)["trial"] < given.trials]
    trials = [line for line in lines if json.loads(line)["trial"] not in done]
    with given.out.open("a") as out, Pool(given.processes, maxtasksperchild=1) as pool:
        for found in pool.imap_unordered(_scored, trials):
            print(json.dumps(found), file=out, flush=True)
            print(f"trial {found['trial']}: {found['seconds']} s", flush=True)


def scores_of(prepare: Callable[[dict[str, Any]], Checks], trial: dict[str, Any]) -> Any:
    """Check → name of the windows → a score for each."""
    labels = {label for windows in trial["windows"].values() for window in windows
              for label in window["labels"]}  # fmt: skip
    known = {key: trial[key] for key in ("texts", "labels", "other_texts")}
    checks = prepare({**known, "all_labels": sorted(labels)})
    return {
        check: {
            name: [score(window) for window in windows]
            for name, windows in trial["windows"].items()
        }
        for check, score in checks.items()
    }


_SCORE: Callable[[dict[str, Any]], Any]


def _scored(line: str) -> dict[str, Any]:
    trial, began = json.loads(line), time.monotonic()
    scores = _SCORE(trial)
    return {"trial": trial["trial"], "seconds": round(time.monotonic() - began), "scores": scores}
