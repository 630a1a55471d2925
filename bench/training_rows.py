"""Write what every trainer of bench/training_speed.py is given: one model, and rows of token ids.

    BURNISH_DATA=... python bench/training_rows.py [FOLDER]

Renders 128 training examples of MTS-Dialog (a dialogue's section to its summary) and of banking77
(all 77 labels listed in the prompt), split and shuffled by Burnish with a seed, with the briefs
that `burnish init` proposes. FOLDER (bench/out/training when left out) gets

    model/            SmolLM2-135M-Instruct in bfloat16: safetensors, config and tokenizer
    mts-dialog.jsonl  one training example a line, {"ids": [...], "trained": [0, 1, ...]}
    banking77.jsonl   the same; lines come in the order of training

and prints how long the examples are.
"""

import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

import burnish
from burnish.base.load import load_tokenizer
from burnish.chat.render import Encoded
from burnish.engines.rows import shared_prefix
from burnish.pipeline.data import renderer_of
from burnish.pipeline.stepping import task_of
from burnish.store import read_split

FOLDER = Path(__file__).parent / "out" / "training"
FILES = {
    "mts-dialog": "summarisation-mts-dialog/raw/MTS-Dialog-TrainingSet.csv",
    "banking77": "classification-banking77/raw/train.csv",
}
"""Name of the rows → the file within BURNISH_DATA."""
BRIEFS: dict[str, dict[str, Any]] = {
    "mts-dialog": {
        "kind": "summarize",
        "inputs": ["section_header", "dialogue"],
        "output": "section_text",
    },
    "banking77": {"kind": "classify"},
}
"""What is said to `burnish init`; it proposes the rest."""
EXAMPLES = 128
SEED = 0


def main(folder: Path) -> None:
    """Write the model and both files, and print a line on each."""
    if "BURNISH_DATA" not in os.environ:
        sys.exit("BURNISH_DATA names no folder; docs/data-sets.md says how to make the data sets")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        rows = _rows(name, Path(os.environ["BURNISH_DATA"]) / FILES[name], folder / "model")
        lines = [
            json.dumps({"ids": row.ids, "trained": list(map(int, row.trained))}) for row in rows
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        print(f"{name}: {_lengths(rows)}")


def _rows(name: str, source: Path, model: Path) -> list[Encoded]:
    """The rendered examples of one data set; the model is written where there is none yet."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = burnish.Workspace(folder)
        overrides = BRIEFS[name] | {"name": name, "base": "smollm2-135m", "train.max_length": 1024}
        proposal = burnish.init({"source": str(source)}, workspace, overrides)
        burnish.write_proposal(workspace, proposal)
        task = task_of(workspace)
        chosen = burnish.run_base(workspace)
        if not (model / "config.json").exists():
            weights = AutoModelForCausalLM.from_pretrained(chosen.path, dtype=torch.bfloat16)
            weights.save_pretrained(model)
            load_tokenizer(Path(chosen.path)).save_pretrained(model)
        examples = read_split(workspace, burnish.run_data(workspace), "train")
        random.Random(SEED).shuffle(examples)
        renderer = renderer_of(task, chosen)
        rendered = (renderer.encode(example) for example in examples)
        trained = [row for row in rendered if any(row.trained)]
    if len(trained) < EXAMPLES:
        sys.exit(f"{name}: {len(trained)} examples can be trained on, {EXAMPLES} are needed")
    return trained[:EXAMPLES]


def _lengths(rows: list[Encoded]) -> str:
    sizes = [len(row.ids) for row in rows]
    answers = statistics.mean(sum(row.trained) for row in rows)
    cut = sum(row.truncated for row in rows)
    common = shared_prefix([row.ids for row in rows])
    return (
        f"{len(rows)} examples of {min(sizes)} to {max(sizes)} tokens, "
        f"{statistics.mean(sizes):.0f} on average, {answers:.0f} of them answer; a prefix of "
        f"{common} is common to all, {cut} cut to 1,024"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
