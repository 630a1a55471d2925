"""How much of what was planted in the demo's visit notes does `burnish data` find?

    python bench/planted.py [seeds]

Builds and checks the notes of each seed (0 is the demo's) and compares what was found with the
answer key that lies beside them: recall and precision of each kind, and the share of the wrong
answers within the top tenth of their ranking. Exits with 1 where a bound of the project is missed.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from burnish.data.build import build
from burnish.data.check import check
from burnish.data.checks.answer_errors import suspected_answers
from burnish.data.clinic.notes import write_clinic
from burnish.data.reading.readers import read
from burnish.records import DataSettings, Task

BOUNDS = {"exact-duplicate": (1.0, 1.0), "near-duplicate": (0.95, 0.95), "personal-data": (0.95, 0)}
"""Kind → least recall and precision."""
TOP = 0.1
LEAST_IN_TOP = 0.8


def main(seeds: int) -> int:
    """Print a row for each kind, over all seeds; 1 where a bound is missed."""
    found: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    in_top = 0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            notes, key = write_clinic(Path(folder), seed=seed)
            faults = [json.loads(line) for line in key.read_text("utf-8").splitlines()]
            data = DataSettings(
                source=str(notes), inputs=("note",), output=("summary",), id="visit_id"
            )
            task = Task(name="notes", kind="summarize", metric="rougeL", data=data, seed=seed)
            built = build(task, {"source": read(notes)})
        wanted = {(fault["kind"], fault["row"]) for fault in faults}
        for finding in check(task, built).findings:
            kind = finding.kind.replace("answer-error", "wrong-answer")
            rows = {int(place.rpartition(" ")[2]) for place in finding.rows}
            found[kind] += 1
            # of a pair of copies either may be the one that stayed
            right[kind] += any((kind, row) in wanted for row in rows)
        planted.update(fault["kind"] for fault in faults)
        ranking = [example.row for example, _ in suspected_answers(task, built.examples)]
        top = set(ranking[: round(TOP * len(built.examples))])
        in_top += sum(kind == "wrong-answer" and row in top for kind, row in wanted)
    missed = 0
    print("| planted | rows | found | recall | precision |\n|---|---|---|---|---|")
    for kind in planted:
        recall, precision = right[kind] / planted[kind], right[kind] / max(1, found[kind])
        least = BOUNDS.get(kind, (0, 0))
        missed += recall < least[0] or precision < least[1]
        print(f"| {kind} | {planted[kind]} | {right[kind]} | {recall:.3f} | {precision:.3f} |")
    share = in_top / planted["wrong-answer"]
    print(f"Wrong answers within the top {TOP:.0%} of the ranking: {share:.3f}")
    return int(bool(missed) or share < LEAST_IN_TOP)


if __name__ == "__main__":
    sys.exit(main(int((sys.argv[1:] or ["6"])[0])))
