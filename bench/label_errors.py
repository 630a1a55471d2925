"""How many planted errors do the data room's checks find, and at what place of their ranking?

    python bench/label_errors.py            everything
    python bench/label_errors.py labels     banking77, 5% of the labels flipped
    python bench/label_errors.py notes      the demo's visit notes and their answer key

Real data are found through the variable BURNISH_DATA (docs/data-sets.md). Every draw is seeded.
"""

import csv
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from burnish.data.checks.answer_errors import SHOWN, suspected_answers
from burnish.data.checks.label_errors import ranked_labels
from burnish.data.checks.signs import together
from burnish.data.clinic.notes import write_clinic
from burnish.records import Example, Task

FLIPPED = 0.05
TOP_LABELS = 0.075
TOP_NOTES = 0.1


def main(parts: list[str]) -> None:
    """Print the figures of each part asked for."""
    known = {"labels": flipped_labels, "notes": wrong_notes}
    for part in parts or list(known):
        known[part]()


def rows_of(folder: str, split: str) -> list[dict[str, str]]:
    """The lines of a real data set."""
    path = Path(os.environ["BURNISH_DATA"]) / folder / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def flipped_labels(seeds: Iterable[int] = (0, 1, 2)) -> None:
    """banking77 with 5% of its labels changed at random to another of the 77."""
    rows = rows_of("classification-banking77", "train")
    labels = sorted({row["label"] for row in rows})
    task = Task.model_validate(
        {
            "name": "banking77", "kind": "classify", "metric": "macro_f1",
            "data": {"source": "train.jsonl", "inputs": "text", "output": "label"},
        }
    )  # fmt: skip
    for seed in seeds:
        rng = random.Random(seed)
        flipped = set(rng.sample(range(len(rows)), round(FLIPPED * len(rows))))
        examples = []
        for at, row in enumerate(rows):
            label = row["label"]
            if at in flipped:
                label = rng.choice([other for other in labels if other != label])
            examples.append(
                Example(
                    id=str(at), source="train.jsonl", row=at + 1, inputs={"text": row["text"]},
                    answer=label, references=(label,), labels=(label,),
                )
            )  # fmt: skip
        began = time.process_time()
        ranked = ranked_labels(task, examples, seed=seed)
        took = time.process_time() - began
        top = {int(judged.example.id) for judged in ranked[: int(TOP_LABELS * len(rows))]}
        suspected = {int(judged.example.id) for judged in ranked if judged.suspected}
        restored = sum(
            judged.answer == rows[int(judged.example.id)]["label"]
            for judged in ranked
            if int(judged.example.id) in flipped
        )
        print(
            f"banking77, seed {seed}: {len(top & flipped) / len(flipped):.1%} of "
            f"{len(flipped)} flipped labels in the top {TOP_LABELS:.1%} of {len(ranked):,} rows; "
            f"confident learning suspects {len(suspected):,}: "
            f"recall {len(suspected & flipped) / len(flipped):.1%}, "
            f"precision {len(suspected & flipped) / len(suspected):.1%}; the suggestion is the "
            f"label before the flip in {restored / len(flipped):.1%}; {took:.0f} s of one core",
            flush=True,
        )


def wrong_notes(seeds: Iterable[int] = range(6)) -> None:
    """The demo's notes (seed 0) and others of the same generator, against their answer keys."""
    task = Task.model_validate(
        {
            "name": "notes", "kind": "summarize", "metric": "rougeL",
            "data": {"source": "visit-notes.csv", "inputs": "note", "output": "summary"},
        }
    )  # fmt: skip
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            notes, key = write_clinic(Path(folder), n=320, seed=seed)
            with notes.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
        examples = [
            Example(
                id=row["visit_id"], source="visit-notes.csv", row=number,
                inputs={"note": row["note"]}, answer=row["summary"], references=(row["summary"],),
            )
            for number, row in enumerate(rows, 1)
        ]  # fmt: skip
        wrong = {f["row"]: f["details"]["change"] for f in faults if f["kind"] == "wrong-answer"}
        ranked = suspected_answers(task, examples)
        top = {example.row for example, _ in ranked[: int(TOP_NOTES * len(ranked))]}
        shown = {example.row for example, signs in ranked if together(signs) >= SHOWN}
        planted.update(wrong.values())
        found.update(change for row, change in wrong.items() if row in top)
        print(
            f"visit notes, seed {seed}: {len(top & set(wrong))} of {len(wrong)} wrong answers in "
            f"the top {TOP_NOTES:.0%} of {len(ranked)} rows; {len(shown)} findings, "
            f"{len(shown & set(wrong))} of them planted",
            flush=True,
        )
    for change, count in sorted(planted.items()):
        print(f"  {change}: {found[change]} of {count} in the top {TOP_NOTES:.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
