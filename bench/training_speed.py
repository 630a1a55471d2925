"""How fast Burnish trains on this CPU beside TRL, LitGPT, LLaMA-Factory and torchtune.

    BURNISH_DATA=... python bench/training_rows.py      the model and the rows, once
    python bench/training_speed.py --find               the fastest setting of each trainer
    python bench/training_speed.py                      the comparison; let nothing else run

SmolLM2-135M in bfloat16, LoRA of rank 16 on all linear layers, batches of 8, AdamW; every trainer
in an environment and a process of its own (bench/peers/), on the same rows in the same order, in
turn. Prints a Markdown table for each data set, of medians over the repeats, writes all that was
measured to bench/out/training/, and, where all are compared as they come, draws it as
docs/pictures/training-speed.svg. A peer's environment is made like this:

    python3 -m venv .peers/trl
    .peers/trl/bin/pip install -r bench/peers/trl.requirements.txt

The comparison runs each trainer at the setting that --find chose, here or for docs/experiments.md.
torch.compile is not among the settings: with it, TRL did not end two steps of two examples within
200 seconds on one thread; torchtune was not tried long enough to tell.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from training_growth import save

ROOT = Path(__file__).parents[1]
OUT = ROOT / "bench" / "out" / "training"
CHOSEN = OUT / "settings.json"
DATA = ("mts-dialog", "banking77")


@dataclass(frozen=True)
class Setting:
    """One way to run a trainer: its environment (None is Burnish's own), and flags."""

    environment: str | None
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it is printed."""
        return " ".join([self.environment or "", *self.flags]).strip() or "defaults"


def _micro(sizes: str, environment: str, *flags: str) -> list[Setting]:
    return [Setting(environment, (*flags, "--micro-batch", size)) for size in sizes.split()]


TRAINERS: dict[str, list[Setting]] = {
    "burnish": [
        Setting(None),
        *(Setting(None, ("--tokens-per-row", size)) for size in ("512", "1024", "2048")),
    ],
    "trl": [
        *_micro("1 2 4 8", "trl-1.4"),
        *_micro("1 2 4 8", "trl-1.4", "--loss-type", "chunked_nll"),
        *_micro("1 2 4 8", "trl"),
        *_micro("1", "trl-1.4", "--attention", "eager"),
    ],
    "litgpt": [
        *_micro("1 2 4 8", "litgpt"),
        *_micro("1 2", "litgpt", "--precision", "bf16-mixed"),
        *_micro("1", "litgpt", "--precision", "32-true"),
    ],
    "llamafactory": [
        *_micro("1 2 4 8", "llamafactory"),
        *_micro("1", "llamafactory", "--attention", "disabled"),
    ],
    "torchtune": [
        *_micro("1 2 4 8", "torchtune"),
        *_micro("1", "torchtune", "--loss", "plain"),
    ],
}
"""Settings worth trying of each trainer, the likeliest first; scripts are bench/peers/*_rows.py."""
FOUND = {"banking77": {"litgpt": 1, "llamafactory": 1, "torchtune": 1}}
"""Where --find chose another than the first, for docs/experiments.md: micro-batches of 2."""


def main() -> None:
    """Choose settings, or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--find", action="store_true", help="try every setting once; keep the best")
    parser.add_argument("--data", choices=DATA, nargs="+", default=DATA)
    parser.add_argument("--only", choices=TRAINERS, nargs="+", default=list(TRAINERS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, help="counted steps; 6, and 2 with --find")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--preload", help="an allocator's library, for all trainers alike")
    parser.add_argument("--peers", type=Path, default=ROOT / ".peers", help="their environments")
    given = parser.parse_args()
    given.steps = given.steps or (2 if given.find else 6)
    trainers = [name for name in given.only if _settings(name, given.peers)]
    for name in given.only:
        if name not in trainers:
            print(f"{name} is left out: it has no environment in {given.peers}", file=sys.stderr)
    for data in given.data:
        if not (OUT / f"{data}.jsonl").exists():
            sys.exit(f"There are no rows of {data}: python bench/training_rows.py")
        (_find if given.find else _compare)(data, trainers, given)
    if trainers == list(TRAINERS) and not given.find and not given.preload:
        _draw()


def _settings(trainer: str, peers: Path) -> list[Setting]:
    """The settings whose environment is there."""
    settings = TRAINERS[trainer]
    return [one for one in settings if not one.environment or _python(one, peers).exists()]


def _python(setting: Setting, peers: Path) -> Path:
    if setting.environment is None:
        return Path(sys.executable)
    return peers / setting.environment / "bin" / "python"


def _find(data: str, trainers: list[str], given: argparse.Namespace) -> None:
    """Run every setting once, print how fast each was, and keep the fastest of each trainer."""
    print(f"### {data}: settings, {given.steps} steps once\n")
    print("| trainer | setting | examples/s | true tokens/s | peak, GiB |\n|---|---|---|---|---|")
    chosen = json.loads(CHOSEN.read_text()) if CHOSEN.exists() else {}
    for trainer in trainers:
        speeds: dict[Setting, float] = {}
        for setting in _settings(trainer, given.peers):
            measured = _run(trainer, setting, data, given)
            if isinstance(measured, str):
                print(f"| {trainer} | {setting.name} | fails: {measured} | | |", flush=True)
                continue
            speeds[setting] = _speed(measured)
            print(
                f"| {trainer} | {setting.name} | {speeds[setting]:.2f} | "
                f"{_speed(measured, 'true_tokens'):.0f} | {measured['peak_gib']:.2f} |",
                flush=True,
            )
        if speeds:
            best = max(speeds, key=lambda setting: speeds[setting])
            chosen.setdefault(data, {})[trainer] = TRAINERS[trainer].index(best)
            CHOSEN.write_text(json.dumps(chosen, indent=2))
    print()


def _compare(data: str, trainers: list[str], given: argparse.Namespace) -> None:
    """Run all trainers in turn, as often as asked for; print the table and write the runs."""
    chosen = (json.loads(CHOSEN.read_text()) if CHOSEN.exists() else FOUND).get(data, {})
    settings = {name: _settings(name, given.peers)[0] for name in trainers}
    settings |= {name: TRAINERS[name][chosen[name]] for name in trainers if name in chosen}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trainers}
    for repeat in range(given.repeats):
        for name in trainers:
            measured = _run(name, settings[name], data, given)
            if isinstance(measured, str):
                sys.exit(f"{name} ({settings[name].name}) fails: {measured}")
            runs[name].append(measured)
            print(f"{data}, {repeat + 1}: {name} {_speed(measured):.2f}/s", file=sys.stderr)
    (OUT / f"speed-{data}.json").write_text(json.dumps(runs, indent=2))
    print(_table(data, runs, settings))


def _run(
    trainer: str, setting: Setting, data: str, given: argparse.Namespace
) -> dict[str, Any] | str:
    """What one training measured of itself, or the last line of its error."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT) if setting.environment is None else "",
        "OMP_NUM_THREADS": str(given.threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "THP_MEM_ALLOC_ENABLE": "1",  # Burnish sets it for itself; here all have huge pages
        "LD_PRELOAD": given.preload or "",
    }
    command = [
        str(_python(setting, given.peers)),
        str(ROOT / "bench" / "peers" / f"{trainer}_rows.py"),
        *("--model", str(OUT / "model"), "--rows", str(OUT / f"{data}.jsonl")),
        *("--steps", str(given.steps), "--threads", str(given.threads)),
        *setting.flags,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with code {done.returncode}"
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _speed(measured: dict[str, Any], of: str = "examples") -> float:
    """Examples (or true tokens) a second."""
    return float(measured[of] / measured["seconds"])


def _table(data: str, runs: dict[str, list[dict[str, Any]]], settings: dict[str, Setting]) -> str:
    """Medians over the repeats; a loss is compared step by step, with Burnish's first run."""
    first = next(iter(runs.values()))[0]
    lines = [
        f"### {data}: {first['steps']} steps of {first['examples'] // first['steps']} examples, "
        f"{first['true_tokens']:,} tokens, {first['setting']['threads']} threads\n",
        "| trainer | setting | examples/s | true tokens/s | peak, GiB | Burnish is faster by | "
        "largest difference of loss |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = runs.get("burnish")
    for name, measured in runs.items():
        speed = statistics.median(map(_speed, measured))
        tokens = statistics.median(_speed(run, "true_tokens") for run in measured)
        peak = statistics.median(run["peak_gib"] for run in measured)
        ratio, apart = "", ""
        if ours and name != "burnish":
            ratio = f"{statistics.median(map(_speed, ours)) / speed:.2f}"
            pairs = zip(ours[0]["losses"], measured[0]["losses"], strict=True)
            apart = f"{max(abs(one - other) for one, other in pairs):.4f}"
        lines.append(
            f"| {measured[0]['peer']} {measured[0]['version']} | {settings[name].name} | "
            f"{speed:.2f} | {tokens:.0f} | {peak:.2f} | {ratio} | {apart} |"
        )
    return "\n".join(lines) + "\n"


def _draw() -> None:
    """Speed and losses of the last comparison on each data set."""
    compared = {data: OUT / f"speed-{data}.json" for data in DATA}
    found = {data: json.loads(path.read_text()) for data, path in compared.items() if path.exists()}
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    axes = figure.subplots(2, len(found), squeeze=False)
    for column, (data, runs) in enumerate(found.items()):
        bars, curves = axes[0][column], axes[1][column]
        for at, (trainer, measured) in enumerate(runs.items()):
            speeds, losses = [_speed(run) for run in measured], measured[0]["losses"]
            bars.barh(at, statistics.median(speeds), color=f"C{at}", alpha=0.6)
            bars.plot(speeds, [at] * len(speeds), "k.", markersize=4)
            curves.plot(losses, label=trainer, color=f"C{at}", marker="o", markersize=3)
        bars.set_yticks(range(len(runs)), list(runs))
        bars.invert_yaxis()
        bars.set_title(data)
        bars.set_xlabel("examples/s: the median, and each run")
        curves.set_xlabel("step")
        curves.set_ylabel("loss")
        curves.set_ylim(bottom=0)
        curves.grid(alpha=0.3)
    axes[1][0].legend(fontsize=8)
    save(figure, "training-speed")


if __name__ == "__main__":
    main()
