"""How far do people agree with each other, and two recorded judges with people?

    python bench/judges.py DATA/preferences-pandalm

Reads test.jsonl (pairs of answers with three people's votes) and judges.jsonl (verdicts of two
judging models on them), as docs/data-sets.md describes; prints agreement, Cohen's kappa and
Krippendorff's alpha with 95% intervals, and how each judge leans to length. Asks no model.
"""

import json
import sys
from itertools import combinations
from pathlib import Path

from burnish.evaluate.agreement import agreement, cohen_kappa, krippendorff_alpha
from burnish.evaluate.biases import longer_share
from burnish.records import Estimate, Side

SIDES: dict[str, Side] = {"1": "a", "2": "b", "tie": "tie"}


def main(folder: Path) -> None:
    """Print two tables."""
    rows = [json.loads(line) for line in (folder / "test.jsonl").open(encoding="utf-8")]
    verdicts: dict[str, dict[int, str]] = {}
    for line in (folder / "judges.jsonl").open(encoding="utf-8"):
        said = json.loads(line)
        verdicts.setdefault(said["judge"], {})[said["id"]] = said["verdict"]
    unanimous = sum(len(set(row["annotators"])) == 1 for row in rows)
    print(f"{len(rows)} pairs, three people each; all three agree on {unanimous}")
    votes = [{str(at): vote for at, vote in enumerate(row["annotators"])} for row in rows]
    print(f"people, Krippendorff's alpha (nominal): {_told(krippendorff_alpha(votes, 'nominal'))}")
    for one, other in combinations(range(3), 2):
        said = [[row["annotators"][at] for row in rows] for at in (one, other)]
        print(
            f"person {one + 1} with person {other + 1}: agreement {_told(agreement(*said))}, "
            f"Cohen's kappa {_told(cohen_kappa(*said))}"
        )
    people = [row["preferred"] for row in rows]
    for judge, own in verdicts.items():
        said = [own[row["id"]] for row in rows]
        unread = sum(verdict not in SIDES for verdict in said)
        read = [(verdict, most) for verdict, most in zip(said, people, strict=True)
                if verdict in SIDES]  # fmt: skip
        print(
            f"{judge} with most people: agreement {_told(agreement(said, people))} "
            f"({unread} unreadable counted as wrong), of those read "
            f"{_told(agreement(*zip(*read, strict=True)))}, Cohen's kappa "
            f"{_told(cohen_kappa(*zip(*read, strict=True)))}"
        )
        lengths = [(len(str(row["response_1"])), len(str(row["response_2"]))) for row in rows]
        own_share = longer_share(lengths, [[SIDES.get(verdict)] for verdict in said])
        print(f"{judge} prefers the longer answer: {_told(own_share)}")
    share = longer_share(lengths, [[SIDES[most]] for most in people])
    print(f"most people prefer the longer answer: {_told(share)}")


def _told(found: Estimate | None) -> str:
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}], n {found.n}" if found else "–"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
