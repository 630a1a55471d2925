"""How training time and memory grow with the length of examples, the batch and the shared prefix.

    python bench/training_rows.py       the model, once
    python bench/training_growth.py     the table, and docs/pictures/training-growth.svg

SmolLM2-135M in bfloat16, LoRA of rank 16, random token ids of which a quarter carries a loss; each
case in a process of its own, two counted steps. Let nothing else run.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "bench" / "out" / "training" / "model"
PICTURES = ROOT / "docs" / "pictures"
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 2, 4, 8, 16, 32)
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
STEPS = 2


def main() -> None:
    """Measure every case, print the table and draw it."""
    if not MODEL.exists():
        sys.exit("There is no model yet: python bench/training_rows.py")
    series = {
        "tokens of an example (batch of 2)": [(n, _measure(n, 2, 0.0)) for n in LENGTHS],
        "examples of a batch (256 tokens each)": [(n, _measure(256, n, 0.0)) for n in BATCHES],
        "common share of 512 tokens (batch of 8)": [
            (share, _measure(512, 8, share)) for share in SHARES
        ],
    }
    for name, points in series.items():
        print(f"\n| {name} | s a step | true tokens/s | peak, GiB |\n|---|---|---|---|")
        for at, run in points:
            seconds = run["seconds"] / run["steps"]
            speed = run["true_tokens"] / run["seconds"]
            print(f"| {at} | {seconds:.2f} | {speed:.0f} | {run['peak_gib']:.2f} |")
    _draw(series)


def _measure(length: int, batch: int, share: float) -> dict[str, Any]:
    """What one training in a fresh process measured of itself."""
    draw = random.Random(0)
    prefix = [draw.randrange(100, 40_000) for _ in range(round(length * share))]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as rows:
        for _ in range(batch * (STEPS + 1)):
            own = [draw.randrange(100, 40_000) for _ in range(length - len(prefix))]
            answer = min(length // 4, len(own) - 1)
            trained = [0] * (length - answer) + [1] * answer
            rows.write(json.dumps({"ids": prefix + own, "trained": trained}) + "\n")
        rows.flush()
        command = [
            sys.executable, str(ROOT / "bench" / "peers" / "burnish_rows.py"),
            "--model", str(MODEL), "--rows", rows.name, "--batch", str(batch),
            "--steps", str(STEPS), "--threads", str(os.cpu_count()),
        ]  # fmt: skip
        environment = os.environ | {"THP_MEM_ALLOC_ENABLE": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment
        )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _draw(series: dict[str, list[tuple[float, dict[str, Any]]]]) -> None:
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    axes = figure.subplots(2, len(series), sharex="col")
    for column, (name, points) in enumerate(series.items()):
        at = [point for point, _ in points]
        axes[0][column].plot(at, [run["seconds"] / run["steps"] for _, run in points], marker="o")
        axes[1][column].plot(at, [run["peak_gib"] for _, run in points], marker="o", color="C1")
        axes[1][column].set_xlabel(name, fontsize=9)
        for row in (0, 1):
            axes[row][column].set_ylim(bottom=0)
            axes[row][column].grid(alpha=0.3)
    axes[0][0].set_ylabel("seconds a step")
    axes[1][0].set_ylabel("peak memory, GiB")
    save(figure, "training-growth")


def save(figure: Figure, name: str) -> None:
    """Write a picture of the documents; the same figures give the same file."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):  # text, and no chance
        figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
