"""One training with Burnish, as its own trainer sets it up, on rows that are rendered already.

    python bench/peers/burnish_rows.py --model DIR --rows FILE [--tokens-per-row 4096]

Same command line and same line of JSON as its peers. Adapters are float32 (PEFT's default for a
base in bfloat16). --micro-batch is not used: a batch runs as rows of --tokens-per-row tokens.
"""

import gc
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import torch
from hf_trainer import StepClock
from measuring import IGNORED, MAX_GRAD_NORM, Clock, parser, read_batches, start_adapters
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM

from burnish.chat.render import Encoded
from burnish.engines.rows import use_rows
from burnish.records import Task
from burnish.train.dropout import use_gap_dropout
from burnish.train.fused import fuse
from burnish.train.methods import adapt
from burnish.train.trainer import RowTrainer
from burnish.train.tune import _arguments


def main() -> None:
    """Train, and print the measurements."""
    command = parser(__doc__)
    command.add_argument("--tokens-per-row", type=int, default=4096)
    given = command.parse_args()
    torch.set_num_threads(given.threads)
    batches = read_batches(given)
    rows = [
        Encoded(row.ids, [label != IGNORED for label in row.labels], truncated=False)
        for batch in batches
        for row in batch
    ]
    task = Task.model_validate(
        {
            "name": "speed",
            "kind": "generate",
            "metric": "chrf",
            "data": {"train": "rows.jsonl", "inputs": "prompt", "output": "answer"},
            "train": {
                "r": given.r,
                "lora_alpha": given.alpha,
                "lora_dropout": given.dropout,
                "learning_rate": given.learning_rate,
                "lr_scheduler_type": "constant",
                "warmup_ratio": 0.0,
                "max_grad_norm": MAX_GRAD_NORM,
                "batch_size": given.batch,
                "tokens_per_row": given.tokens_per_row,
                "epochs": 1,
                "dtype": "bfloat16",
                "device": "cpu",
            },
        }
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.bfloat16)
        in_rows = use_rows(model)
        adapted = adapt(model, task.train, len(batches))
        use_gap_dropout(adapted, task.train.lora_dropout)
        fuse(adapted)
        start_adapters(adapted)
        arguments = _arguments(task, Path(folder), model, len(rows))
        arguments.eval_strategy, arguments.save_strategy = "no", "no"
        trainer = _InOrder(
            adapted,
            arguments,
            rows,
            rows[:1],
            tokens_per_row=given.tokens_per_row,
            in_rows=in_rows,
            callbacks=[StepClock(clock)],
        )
        gc.freeze()  # as burnish.train.tune does
        trainer.train()
    setting = {"tokens_per_row": given.tokens_per_row}
    clock.report("Burnish", version("burnish"), setting, batches)


class _InOrder(RowTrainer):
    """The trainer without its shuffle: all trainers see the same batches."""

    def _get_train_sampler(self, train_dataset: object = None) -> SequentialSampler:
        return SequentialSampler(range(self._examples))


if __name__ == "__main__":
    main()
