"""Is the memory that Burnish predicts for a training on this CPU the memory it takes? And the time?

    python bench/training_cost.py            memory alone: other work on the machine does no harm
    python bench/training_cost.py --time     seconds too; let nothing else run
    python bench/training_cost.py --toml     lines for bench/measured_memory.toml

Trains SmolLM2-135M and three random Llamas of 30 to 500 million parameters, with LoRA and whole,
at two lengths, each in a fresh process with Burnish's own trainer and settings, and reads the
process's peak. QLoRA is not among them yet. Prints a Markdown table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from burnish.base.catalogue import Catalogue
from burnish.base.duration import training_seconds
from burnish.base.figures import Figures
from burnish.base.machine import Speed, calibrate, read_machine
from burnish.base.memory import Plan, in_process, plan_of, training_memory
from burnish.records import Method, TrainSettings

RANDOM = {
    "random-30m": {"hidden_size": 384, "num_hidden_layers": 8, "intermediate_size": 1024},
    "random-120m": {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 2048},
    "random-500m": {"hidden_size": 1280, "num_hidden_layers": 24, "intermediate_size": 3456},
}
VOCABULARY = 32_000
METHODS: tuple[Method, ...] = ("lora", "full")
LENGTHS = (128, 512)
ANSWER = 0.25
"""Share of an example's tokens that carry a loss."""
STEPS = 2
BATCH = 8
CORES = 2


def main() -> None:
    """Run every case and print the table, or the lines of measured_memory.toml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", action="store_true", help="print predicted and measured seconds")
    parser.add_argument("--toml", action="store_true", help="print lines for measured_memory.toml")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(_train(json.loads(arguments.case))))
        return
    speed = calibrate(read_machine()) if arguments.time else None
    if not arguments.toml:
        print(_head(timed=speed is not None))
    for name in ("smollm2-135m", *RANDOM):
        for method in METHODS:
            for length in LENGTHS:
                if arguments.only in f"{name} {method} {length}":
                    measured = _measured({"name": name, "method": method, "length": length})
                    lines = _toml if arguments.toml else _row
                    print(lines(name, method, length, measured, speed), flush=True)


def predict(name: str, method: Method, length: int) -> float:
    """The peak that Burnish predicts, GiB."""
    return in_process(training_memory(_figures(name), _plan(method, length))).total


def _plan(method: Method, length: int) -> Plan:
    settings = TrainSettings(max_length=1024, batch_size=BATCH)
    workers = 1 if method == "full" else CORES  # rows run side by side
    tokens = max(length, settings.tokens_per_row // workers // length * length) * workers
    return plan_of(
        settings, tokens, method=method, dtype="float32", answer_tokens=round(ANSWER * tokens),
        example=length, on_cpu=True,
    )  # fmt: skip


def _head(*, timed: bool) -> str:
    more = " predicted, s a step | measured, s | error |" if timed else ""
    return (
        f"| model | method | tokens | predicted, GiB | measured, GiB | error |{more}\n"
        f"|---|---|---|---|---|---|{'---|---|---|' if timed else ''}"
    )


def _row(
    name: str, method: Method, length: int, measured: dict[str, float], speed: Speed | None
) -> str:
    predicted = predict(name, method, length)
    line = (
        f"| {name} | {method} | {length} | {predicted:.2f} | {measured['gib']:.2f} | "
        f"{predicted / measured['gib'] - 1:+.1%} |"
    )
    if speed is None:
        return line
    seconds = training_seconds(
        _figures(name), _plan(method, length), tokens=BATCH * length, length=length, speed=speed
    )
    error = seconds / measured["seconds"] - 1
    return line + f" {seconds:.2f} | {measured['seconds']:.2f} | {error:+.1%} |"


def _toml(
    name: str, method: Method, length: int, measured: dict[str, float], speed: Speed | None
) -> str:
    return (
        f'[[run]]\nmodel = "{name}"\nmethod = "{method}"\nlength = {length}\n'
        f"gib = {measured['gib']:.3f}\n"
    )


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


def _measured(case: dict[str, Any]) -> dict[str, float]:
    """What a fresh process reports of one training."""
    environment = os.environ | {"THP_MEM_ALLOC_ENABLE": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        case = {**case, "folder": _weights(case["name"], folder)}
        done = subprocess.run(
            [sys.executable, __file__, "--case", json.dumps(case)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _weights(name: str, folder: str) -> str:
    """The folder of a model: the embedded base's, or random weights written to `folder`."""
    from burnish.base.load import choose
    from burnish.records import BaseChoice
    from burnish.store import Workspace

    if name in RANDOM:
        code = (
            "import sys, json\nfrom transformers import AutoConfig, AutoModelForCausalLM\n"
            "config = AutoConfig.for_model('llama', **json.loads(sys.argv[1]))\n"
            "AutoModelForCausalLM.from_config(config).save_pretrained(sys.argv[2])"
        )
        keys = _figures(name).model_dump(
            exclude={"model_type", "other_parameters"}, exclude_none=True
        )
        subprocess.run(
            [sys.executable, "-c", code, json.dumps(keys), folder], check=True, capture_output=True
        )
        return folder
    workspace = Workspace(folder)
    empty: dict[str, Any] = {
        "name": name, "source": "folder", "path": "", "weights_sha256": "", "template_sha256": "",
        "architecture": "", "parameters": 0, "context_length": 0, "vocabulary": 0,
        "licence": "unknown",
    }  # fmt: skip
    record = workspace.start(BaseChoice, "bench", parents={}, seed=0, fields=empty)
    return choose(workspace, record).path


def _train(case: dict[str, Any]) -> dict[str, float]:
    """Train a few steps in this process; its peak in GiB, and seconds a step after the first."""
    import logging
    import time
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import torch
    from transformers import AutoModelForCausalLM, TrainerCallback

    from burnish.chat.render import Encoded
    from burnish.engines.rows import use_rows
    from burnish.records import Task
    from burnish.train.dropout import use_gap_dropout
    from burnish.train.fused import fuse
    from burnish.train.methods import adapt
    from burnish.train.trainer import RowTrainer
    from burnish.train.tune import _arguments, peak_memory_gib

    settings = TrainSettings(max_length=1024, batch_size=BATCH, epochs=1, dtype="float32")
    data = {"train": "x.csv", "inputs": "a", "output": "b"}
    task = Task.model_validate(
        {"name": "cost", "kind": "generate", "metric": "chrf", "data": data, "train": settings}
    )
    torch.set_num_threads(CORES)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(
        case["folder"], dtype=torch.float32, attn_implementation="sdpa"
    )
    use_rows(model)
    answer = round(ANSWER * case["length"])
    ids = torch.randint(3, VOCABULARY, (STEPS * BATCH, case["length"]))
    trained = [False] * (case["length"] - answer) + [True] * answer
    examples = [Encoded(one.tolist(), trained, truncated=False) for one in ids]
    if case["method"] == "lora":
        model = adapt(model, settings)
        use_gap_dropout(model, settings.lora_dropout)
        fuse(model)
    else:
        model.requires_grad_(True)
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.monotonic())

    with tempfile.TemporaryDirectory() as folder:
        arguments = _arguments(task, Path(folder), model, len(examples))
        arguments.save_strategy, arguments.eval_strategy = "no", "no"
        trainer = RowTrainer(
            model, arguments, examples, examples[:1], tokens_per_row=settings.tokens_per_row,
            in_rows=True, callbacks=[Clock()],
        )  # fmt: skip
        trainer.train()
    return {"gib": peak_memory_gib(), "seconds": (ends[-1] - ends[0]) / (len(ends) - 1)}


if __name__ == "__main__":
    main()
