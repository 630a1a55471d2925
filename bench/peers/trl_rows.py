"""One training with TRL's SFTTrainer, on rows that are tokenised already.

    python bench/peers/trl_rows.py --model DIR --rows FILE [--loss-type nll] [--attention sdpa]

Its loss is the mean over the batch's answer tokens, with gradient accumulation too. Adapters are
float32 under autocast to bfloat16: TRL's and PEFT's defaults. Gradient checkpointing, which TRL
has on by default, is off unless asked for: it costs time. padding_free is left out, since without
FlashAttention, which needs a GPU, examples would see each other.
"""

import sys
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version

import torch
from datasets import Dataset
from hf_trainer import StepClock, plain_arguments
from measuring import IGNORED, Clock, parser, read_batches
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    """Train, and print the measurements."""
    command = parser(__doc__)
    command.add_argument("--loss-type", default="nll", help="nll; chunked_nll where TRL has it")
    command.add_argument("--attention", default="sdpa", help="sdpa or eager")
    command.add_argument("--checkpointing", action="store_true", help="gradient checkpointing")
    given = command.parse_args()
    torch.set_num_threads(given.threads)
    batches = read_batches(given)
    rows = [
        {"input_ids": row.ids, "completion_mask": [int(at != IGNORED) for at in row.labels]}
        for batch in batches
        for row in batch
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, redirect_stdout(sys.stderr):
        model = AutoModelForCausalLM.from_pretrained(
            given.model, dtype=torch.bfloat16, attn_implementation=given.attention
        )
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                **plain_arguments(given, out),
                train_sampling_strategy="sequential",
                max_length=None,
                completion_only_loss=True,
                loss_type=given.loss_type,
                gradient_checkpointing=given.checkpointing,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(given.model),
            peft_config=LoraConfig(
                task_type="CAUSAL_LM",
                r=given.r,
                lora_alpha=given.alpha,
                lora_dropout=given.dropout,
                target_modules="all-linear",
            ),
            callbacks=[StepClock(clock)],
        )
        trainer.train()
    setting = {
        "loss_type": given.loss_type,
        "attention": given.attention,
        "micro_batch": given.micro_batch,
        "checkpointing": given.checkpointing,
    }
    clock.report("TRL", version("trl"), setting, batches)


if __name__ == "__main__":
    main()
