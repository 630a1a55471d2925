"""Does an evaluation hold more memory the longer it goes on? 10,000 questions to a bank, resampled.

    PYTHONPATH=.:tests python bench/evaluation_memory.py FOLDER_OF_DATA_SETS [EXAMPLES]

The real steps (`run_data` to `run_evaluate`) with a tiny random base, so that nothing but the
evaluation itself weighs anything. Questions of three of banking77's labels are drawn with
replacement and numbered, so that all differ. Prints this process's resident memory at every tenth
of each system's answers, at the end, and how much a system's last nine tenths added. Preparing and
training happen in a process of their own.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from burnish.pipeline import run_base, run_data, run_evaluate, run_train
from burnish.records import Event
from burnish.store import Workspace

LABELS = ("age_limit", "card_arrival", "exchange_rate")
BRIEF = """\
name: memory
kind: classify
metric: accuracy
pass_mark: {{at_least: 0.1, over: zero-shot}}
base: {base}
data:
  train: train.jsonl
  validation: validation.jsonl
  test: test.jsonl
  inputs: text
  output: label
checks: {{near_duplicates: "off", label_errors: "off", personal_data: "off"}}
train: {{epochs: 1, max_length: 512, batch_size: 8}}
"""


def main(folder: Path, examples: int) -> None:
    """Prepare in a child, evaluate here, and print the table."""
    with tempfile.TemporaryDirectory() as held:
        place = Path(held)
        subprocess.run(
            [sys.executable, __file__, "--prepare", str(folder), str(examples), held], check=True
        )
        told = Told()
        began = time.monotonic()
        run_evaluate(Workspace(place / "task"), progress=told)
        seconds = time.monotonic() - began
        print(f"{examples:,} test examples, {seconds:.0f} s; resident memory in MiB")
        shares = [f"{tenth}0%" for tenth in range(1, 11)]
        print(f"{'':22}" + "".join(f"{share:>7}" for share in shares) + "  after the first tenth")
        for doing, found in told.found.items():
            if len(found) == 10:
                rise = found[10] - found[1]
                print(f"{doing:22}" + "".join(f"{found[at]:7.0f}" for at in sorted(found)), end="")
                print(f"{rise:+9.1f}")
        print(f"at the end {resident():.0f}, at most {most():.0f}")


class Told:
    """Takes what the pipeline tells, and notes the memory at every tenth."""

    def __init__(self) -> None:
        self.found: dict[str, dict[int, float]] = {}

    def __call__(self, event: Event) -> None:
        if event.total:
            tenth = 10 * event.done // event.total
            if tenth:
                self.found.setdefault(event.message, {}).setdefault(tenth, resident())


def prepare(folder: Path, examples: int, place: Path) -> None:
    """A workspace up to its tuned adapter."""
    from tiny import save_tiny_base

    rows = [
        {"text": row["text"], "label": row["label"]}
        for name in ("train", "test")
        for row in map(
            json.loads,
            (folder / "classification-banking77" / f"{name}.jsonl").read_text("utf-8").splitlines(),
        )
        if row["label"] in LABELS
    ]
    chance = random.Random(0)
    task = place / "task"
    task.mkdir()
    for split, n in (("train", 200), ("validation", 60), ("test", examples)):
        drawn = [chance.choice(rows) for _ in range(n)]
        lines = (
            json.dumps(row | {"text": f"{split} {at}: {row['text']}"})
            for at, row in enumerate(drawn)
        )
        (task / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    base = save_tiny_base(place / "base")
    workspace = Workspace(task)
    workspace.brief.write_text(BRIEF.format(base=base), encoding="utf-8")
    for step in (run_data, run_base, run_train):
        step(workspace)


def resident() -> float:
    """MiB of this process in memory now."""
    return _status("VmRSS")


def most() -> float:
    """MiB of this process in memory at most so far."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "--prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
