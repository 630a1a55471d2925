"""One training with LLaMA-Factory: `llamafactory-cli train` for supervised tuning, in process.

    python bench/peers/llamafactory_rows.py --model DIR --rows FILE [--attention sdpa]

The rows are its own form of a tokenised data set (`tokenized_path`), so its template plays no
part. Its loss is the mean over the batch's answer tokens, with gradient accumulation too; its
collator pads to a multiple of 8. Adapters are float32 under autocast to bfloat16: its default.
Its pure_bf16 is refused on a CPU ("This device does not support `pure_bf16`.").
"""

import importlib.machinery
import sys
import tempfile
import types
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import torch
from measuring import Clock, parser, read_batches

# Imported for sounds alone; the released wheels for Linux load CUDA's libraries.
stand_in = types.ModuleType("torchaudio")
stand_in.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = stand_in

from datasets import Dataset, DatasetDict  # noqa: E402
from hf_trainer import StepClock, plain_arguments  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402


def main() -> None:
    """Train, and print the measurements."""
    command = parser(__doc__)
    command.add_argument("--attention", default="sdpa", choices=["sdpa", "disabled"])
    command.add_argument("--checkpointing", action="store_true", help="gradient checkpointing")
    given = command.parse_args()
    torch.set_num_threads(given.threads)
    batches = read_batches(given)
    rows = [
        {"input_ids": row.ids, "attention_mask": [1] * len(row.ids), "labels": row.labels}
        for batch in batches
        for row in batch
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        tokenized = str(Path(folder) / "rows")
        DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(tokenized)
        settings = {
            **plain_arguments(given, str(Path(folder) / "out")),
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": str(given.model),
            "tokenized_path": tokenized,
            "dataset": "rows",
            "template": "empty",
            "disable_shuffling": True,
            "finetuning_type": "lora",
            "lora_target": "all",
            "lora_rank": given.r,
            "lora_alpha": given.alpha,
            "lora_dropout": given.dropout,
            "flash_attn": given.attention,
            "disable_gradient_checkpointing": not given.checkpointing,
        }
        run_exp(settings, callbacks=[StepClock(clock)])
    setting = {
        "attention": given.attention,
        "micro_batch": given.micro_batch,
        "checkpointing": given.checkpointing,
    }
    clock.report("LLaMA-Factory", version("llamafactory"), setting, batches)


if __name__ == "__main__":
    main()
