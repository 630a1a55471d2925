"""How often is a judge's bias found, and how often is one found that is not there?

    python bench/judge_biases.py DATA/preferences-pandalm

Simulates judges over real pairs and people's votes (docs/data-sets.md): an honest one that errs at
random, and ones that lean to the answer shown first, to the longer one, or draw lots, on 50, 100
and 200 pairs. Prints the share of simulations in which each bias was found, and in which the
judge was trusted (kappa's lower end at 0.4 or more and no bias). Asks no model; about a minute.
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

from burnish.evaluate.agreement import cohen_kappa
from burnish.evaluate.biases import Lengths, find_biases
from burnish.records import PairVerdict, Side

SIMULATIONS = 200
RESAMPLES = 500
SIDES: dict[str, Side] = {"1": "a", "2": "b", "tie": "tie"}
JUDGES = ("honest, 10% lots", "honest, 25% lots", "first 40%", "first always", "longer 40%",
          "longer always", "lots")  # fmt: skip


def main(folder: Path) -> None:
    """Print one line for each judge and number of pairs."""
    rows = [json.loads(line) for line in (folder / "test.jsonl").open(encoding="utf-8")]
    for n in (50, 100, 200):
        for judge in JUDGES:
            counts = Counter[str]()
            for seed in range(SIMULATIONS):
                counts.update(_simulate(rows, judge, n, seed))
            shares = ", ".join(
                f"{name} {counts[name] / SIMULATIONS:.1%}"
                for name in ("Position", "Chance", "Length", "trusted")
            )
            print(f"{n} pairs, {judge}: {shares}", flush=True)


def _simulate(rows: list[dict[str, str]], judge: str, n: int, seed: int) -> list[str]:
    chance = random.Random(f"{judge} {n} {seed}")
    drawn = chance.sample(rows, n)
    people = {str(row["id"]): SIDES[row["preferred"]] for row in drawn}
    lengths = {
        str(row["id"]): (len(str(row["response_1"])), len(str(row["response_2"]))) for row in drawn
    }
    verdicts = [
        PairVerdict(
            id=name,
            forward=_said(judge, "a", most, lengths[name], chance),
            backward=_said(judge, "b", most, lengths[name], chance),
        )
        for name, most in people.items()
    ]
    biases = find_biases(verdicts, lengths, people, most_bias=0.1, resamples=RESAMPLES, seed=seed)
    kappa = cohen_kappa(
        [one.verdict for one in verdicts], list(people.values()), resamples=RESAMPLES, seed=seed
    )
    found = [sentence.partition(":")[0] for sentence in biases.found]
    if not found and kappa is not None and kappa.low >= 0.4:
        found.append("trusted")
    return found


def _said(judge: str, first: Side, most: Side, lengths: Lengths, chance: random.Random) -> Side:
    """One verdict, with `first` shown first."""
    kind, _, share = judge.partition(" ")
    lots: Side = "a" if chance.random() < 0.5 else "b"
    often = {"always": 1.0, "40%": 0.4}.get(share, 0.0)
    leaning = chance.random() < often
    if kind == "lots":
        return lots
    if leaning and kind == "first":
        return first
    if leaning and lengths[0] != lengths[1]:
        return "a" if lengths[0] > lengths[1] else "b"
    random_share = 0.25 if "25%" in judge else 0.1
    return lots if chance.random() < random_share else most


if __name__ == "__main__":
    main(Path(sys.argv[1]))
