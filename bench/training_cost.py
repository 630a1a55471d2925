"""Is the memory that Burnish predicts for a training on this CPU the memory it takes? And the time?

    python bench/training_cost.py            memory and seconds; let nothing else run
    python bench/training_cost.py --toml     the same as lines for bench/measured_memory.toml

Trains SmolLM2-135M and three random Llamas of 30 to 500 million parameters, with LoRA, with QLoRA
and whole, at two lengths, each in a fresh process with Burnish's own loader, trainer and settings,
and reads the process's peak and the seconds of its steps. Prints a Markdown table.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from burnish.base.catalogue import Catalogue
from burnish.base.duration import training_seconds
from burnish.base.figures import Figures
from burnish.base.machine import read_machine
from burnish.base.memory import Plan, in_process, plan_of, training_memory
from burnish.base.speed import Speed, calibrate
from burnish.records import Method, TrainSettings

RANDOM = {
    "random-30m": {"hidden_size": 384, "num_hidden_layers": 8, "intermediate_size": 1024},
    "random-120m": {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 2048},
    "random-500m": {"hidden_size": 1280, "num_hidden_layers": 24, "intermediate_size": 3456},
}
VOCABULARY = 32_000
METHODS: tuple[Method, ...] = ("lora", "qlora", "full")
LENGTHS = (128, 512)
ANSWER = 0.25
"""Share of an example's tokens that carry a loss."""
STEPS = {"random-30m": 6, "smollm2-135m": 5, "random-120m": 5, "random-500m": 2}
"""Of a training; the first is not timed."""
BATCH = 8
ROW = 2048
"""Tokens of a row at most; of the longer cases this makes two rows."""
CORES = 2
ENVIRONMENT = {"THP_MEM_ALLOC_ENABLE": "1", "HF_HUB_OFFLINE": "1"}
"""Huge pages, as the command line has them."""


def main() -> None:
    """Run every case and print the table, or the lines of measured_memory.toml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toml", action="store_true", help="print lines for measured_memory.toml")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(_train(json.loads(arguments.case))))
        return
    os.environ.update(ENVIRONMENT)  # before torch is imported: rates are those of the trainings
    speed = calibrate(read_machine())
    print(_speed_lines(speed) if arguments.toml else HEAD, flush=True)
    for name in STEPS:
        cases = [
            {"model": name, "method": method, "length": length}
            for method in METHODS
            for length in LENGTHS
            if arguments.only in f"{name} {method} {length}"
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = _weights(name, folder) if cases else ""
            for case in cases:
                run = case | _measured(case | {"folder": folder, "path": path})
                print(_run_lines(run) if arguments.toml else row(run, speed), flush=True)


HEAD = (
    "| model | method | tokens | predicted, GiB | measured, GiB | error | predicted, s a step | "
    "measured, s | error |\n|---|---|---|---|---|---|---|---|---|"
)


def row(run: dict[str, Any], speed: Speed) -> str:
    """A line of the table: what was predicted of a run, and what it measured."""
    gib, seconds = predict(run), predict_seconds(run, speed)
    return (
        f"| {run['model']} | {run['method']} | {run['length']} | {gib:.2f} | {run['gib']:.2f} | "
        f"{gib / run['gib'] - 1:+.1%} | {seconds:.2f} | {run['seconds']:.2f} | "
        f"{seconds / run['seconds'] - 1:+.1%} |"
    )


def speed_of(data: dict[str, Any]) -> Speed:
    """The rates that stand with measured runs."""
    return Speed.model_validate(data["speed"])


def predict(run: dict[str, Any]) -> float:
    """The peak that Burnish predicts, GiB."""
    plan = _plan(run)
    return in_process(training_memory(_figures(run["model"]), plan), rows=plan.rows).total


def predict_seconds(run: dict[str, Any], speed: Speed) -> float:
    """The seconds of a step that Burnish predicts."""
    length = int(run["length"])
    return training_seconds(
        _figures(run["model"]), _plan(run), tokens=BATCH * length, length=length, speed=speed
    )


def _settings(method: Method) -> TrainSettings:
    return TrainSettings(
        method=method, max_length=1024, batch_size=BATCH, epochs=1, tokens_per_row=ROW
    )


def _plan(run: dict[str, Any]) -> Plan:
    method, length = run["method"], int(run["length"])
    settings = _settings(method)
    workers = 1 if method == "full" else CORES  # rows run side by side
    tokens = min(BATCH, settings.tokens_per_row // length) * length
    return plan_of(
        settings, tokens, dtype=run["dtype"], answer_tokens=round(ANSWER * tokens),
        example=length, on_cpu=True, rows=workers, accumulates=tokens < BATCH * length,
    )  # fmt: skip


def _run_lines(run: dict[str, Any]) -> str:
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in run.items())
    return "[[run]]\n" + "".join(lines)


def _speed_lines(speed: Speed) -> str:
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in speed.model_dump().items())
    return "[speed]\n" + "".join(lines)


def _figures(name: str) -> Figures:
    shipped = Catalogue().get(name)
    if shipped is not None:
        return shipped.figures
    sizes = RANDOM[name]
    heads = sizes["hidden_size"] // 64
    return Figures(
        model_type="llama",
        num_attention_heads=heads,
        num_key_value_heads=heads // 2 if heads % 2 == 0 else heads,
        head_dim=64,
        vocab_size=VOCABULARY,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        **sizes,
    )


def _measured(case: dict[str, Any]) -> dict[str, Any]:
    """What a fresh process reports of one training."""
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(case)],
        capture_output=True,
        text=True,
        env=os.environ | ENVIRONMENT,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _weights(name: str, folder: str) -> str:
    """The folder of a model: the embedded base's, or random weights written to `folder`."""
    from burnish.base.load import choose

    if name not in RANDOM:
        return choose(*_started(name, folder)).path
    code = (
        "import sys, json\nfrom transformers import AutoConfig, AutoModelForCausalLM\n"
        "config = AutoConfig.for_model('llama', **json.loads(sys.argv[1]))\n"
        "model = AutoModelForCausalLM.from_config(config, dtype='bfloat16')\n"
        "model.save_pretrained(sys.argv[2])"
    )
    keys = _figures(name).model_dump(exclude={"model_type", "other_parameters"}, exclude_none=True)
    subprocess.run(
        [sys.executable, "-c", code, json.dumps(keys), folder], check=True, capture_output=True
    )
    return folder


def _started(name: str, folder: str, path: str = "") -> tuple[Any, Any]:
    """A workspace in `folder`, and in it the started record of a base."""
    from burnish.records import BaseChoice
    from burnish.store import Workspace

    workspace = Workspace(folder)
    empty: dict[str, Any] = {
        "name": name, "source": "folder", "path": path, "weights_sha256": "",
        "template_sha256": "", "architecture": "", "parameters": 0, "context_length": 0,
        "vocabulary": 0, "licence": "unknown",
    }  # fmt: skip
    return workspace, workspace.start(BaseChoice, "bench", parents={}, seed=0, fields=empty)


def _train(case: dict[str, Any]) -> dict[str, Any]:
    """Train a few steps in this process; its peaks in GiB, and the median seconds of a step."""
    import logging
    import time
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import torch
    from peft import PeftModel
    from transformers import TrainerCallback

    from burnish.base.load import load_model
    from burnish.chat.render import Encoded
    from burnish.engines.rows import use_rows
    from burnish.records import Task
    from burnish.train.dropout import use_gap_dropout
    from burnish.train.fused import fuse
    from burnish.train.method_trainer import MethodTrainer
    from burnish.train.methods import adapt
    from burnish.train.tune import _arguments, peak_memory_gib

    settings, steps = _settings(case["method"]), STEPS[case["model"]]
    data = {"train": "x.csv", "inputs": "a", "output": "b"}
    task = Task.model_validate(
        {"name": "cost", "kind": "generate", "metric": "chrf", "data": data, "train": settings}
    )
    torch.set_num_threads(CORES)
    torch.manual_seed(0)
    _, base = _started(case["model"], case["folder"], case["path"])
    model = load_model(base, settings, training=True)
    loaded = peak_memory_gib()
    use_rows(model)
    dtype = str(model.dtype).removeprefix("torch.")
    answer = round(ANSWER * case["length"])
    ids = torch.randint(3, VOCABULARY, (steps * BATCH, case["length"]))
    trained = [False] * (case["length"] - answer) + [True] * answer
    examples = [Encoded(one.tolist(), trained, truncated=False) for one in ids]
    adapted = adapt(model, settings, steps)
    if isinstance(adapted, PeftModel):
        use_gap_dropout(adapted, settings.lora_dropout)
        fuse(adapted)
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.monotonic())

    with tempfile.TemporaryDirectory() as folder:
        arguments = _arguments(task, Path(folder), model, len(examples))
        arguments.save_strategy, arguments.eval_strategy = "no", "no"
        trainer = MethodTrainer(
            adapted, arguments, examples, examples[:1], settings, in_rows=True,
            callbacks=[Clock()],
        )  # fmt: skip
        trainer.train()
    each = [after - before for before, after in itertools.pairwise(ends)]
    return {
        "dtype": dtype,
        "gib": round(peak_memory_gib(), 3),
        "loaded": round(loaded, 3),
        "seconds": round(statistics.median(each), 3),
    }


if __name__ == "__main__":
    main()
