"""What does each method of tuning buy, and at what price? Prints a table for docs/experiments.md.

    python bench/methods.py FOLDER [--methods lora dora] [--examples 300] [--epochs 3] [--base NAME]

Tunes on MTS-Dialog (under BURNISH_DATA) with each method, through the same commands as a user, to a
verdict. Every method has a workspace of its own under FOLDER, and trains in a process of its own,
so that its peak memory is its own. A workspace that is done is not repeated; an interrupted one
goes on.

The data, the seed, the epochs and the rank are the same for all. The learning rate is not: each
method has the one that its authors' advice leads to from the default, and the table names it.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from burnish.brief.file import write_brief
from burnish.records import (
    DataSettings,
    EvaluateSettings,
    PromptSettings,
    Report,
    Run,
    Task,
    TrainSettings,
)
from burnish.store import Workspace

METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True, "learning_rate": 2e-4},
    "pissa": {"init_lora_weights": "pissa", "learning_rate": 2e-4},
    "loraplus": {"loraplus_lr_ratio": 16.0, "learning_rate": 2e-4},
    "dora": {"method": "dora"},
    "adalora": {"method": "adalora", "learning_rate": 2e-3},
    "qlora": {"method": "qlora"},
    "full": {"method": "full", "learning_rate": 5e-5},
}
HEAD = """\
| method | learning rate | trained | ROUGE-L [95%] | over lora | verdict | validation loss | \
training, s | peak, GiB | on disk, MB |
|---|---:|---:|---|---:|---|---:|---:|---:|---:|"""


def main() -> None:
    """Run each method in turn and print its line as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--examples", type=int, default=300, help="to learn from")
    parser.add_argument("--tests", type=int, default=200, help="to be measured on")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--base", default="smollm2-135m")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    _split(arguments.folder, arguments.examples, arguments.tests)
    print(HEAD, flush=True)
    first: float | None = None
    for name in arguments.methods:
        workspace = Workspace(arguments.folder / name)
        workspace.folder.mkdir(exist_ok=True)
        write_brief(workspace.brief, _task(name, arguments.epochs, arguments.base))
        _run(workspace)
        score, line = _line(name, workspace, first)
        first = score if name == "lora" else first
        print(line, flush=True)


def _split(folder: Path, examples: int, tests: int) -> None:
    """The same files for all methods: the first rows of each of the data set's own splits."""
    if "BURNISH_DATA" not in os.environ:
        raise SystemExit("Name the folder of the data sets in BURNISH_DATA (docs/data-sets.md).")
    source = Path(os.environ["BURNISH_DATA"]) / "summarisation-mts-dialog"
    for name, most in (("train", examples), ("validation", examples), ("test", tests)):
        lines = (source / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:most]
        kept = [json.loads(line) for line in lines]
        rows = [{"dialogue": row["dialogue"], "note": row["section_text"]} for row in kept]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def _task(name: str, epochs: int, base: str) -> Task:
    files = {split: f"../{split}.jsonl" for split in ("train", "validation", "test")}
    return Task(
        name=f"mts-{name}",
        kind="summarize",
        metric="rougeL",
        base=base,
        data=DataSettings(**files, inputs=("dialogue",), output=("note",)),
        prompt=PromptSettings(system="Summarise the dialogue as a section of a clinical note."),
        train=TrainSettings(epochs=epochs, **METHODS[name]),
        evaluate=EvaluateSettings(max_new_tokens=128, systems=("zero-shot", "few-shot", "tuned")),
    )


def _run(workspace: Workspace) -> None:
    """`burnish data`, `train` and `run`, each in a process whose peak memory is its own."""
    command = "import sys; from burnish.cli.main import main; sys.exit(main())"
    for step in ("data", "train", "run"):
        done = subprocess.run(
            [sys.executable, "-c", command, step, "--workspace", str(workspace.folder), "--quiet"],
            check=False, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode not in (0, 1):  # 1 is a verdict too
            raise SystemExit(f"burnish {step} failed in {workspace.folder}.")


def _line(name: str, workspace: Workspace, first: float | None) -> tuple[float, str]:
    """The ROUGE-L of a finished workspace, and its row of the table."""
    run, report = workspace.records(Run)[-1], workspace.records(Report)[-1]
    score = next(one for one in report.systems if one.name == "tuned").scores["rougeL"]
    weights = workspace.path(run, run.weights)
    size = sum(file.stat().st_size for file in weights.rglob("*") if file.is_file())
    cells = (
        name,
        f"{run.settings.learning_rate:g}",
        f"{run.parameters_trained / 1e6:.1f} M",
        f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]",
        "–" if first is None else f"{score.value - first:+.3f}",
        report.verdict.decision if report.verdict else "none",
        f"{min(run.validation_loss):.3f}",
        f"{run.seconds:.0f}",
        f"{run.peak_memory_gib:.2f}",
        f"{size / 1e6:.1f}",
    )
    return score.value, f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
