"""What share of this machine's matrix products a training step reaches, and where the rest goes.

    python bench/training_rows.py           the model and the rows, once
    python bench/training_limit.py          share of the limit, and the profile of one step

SmolLM2-135M in bfloat16, LoRA of rank 16, MTS-Dialog, batch of 8. The work a step needs is counted
from its rows: for each token the frozen layers forward and the gradient of their input, for the
adapters the gradient of their weights too, for each pair of tokens that see each other two products
forward and four backward, and the head where there is a loss. The limit is the speed of the model's
own layers as bare products of 512 tokens, forward and backward, measured in the same process before
and after. Let nothing else run.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch._C._profiler import _ExperimentalConfig
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, TrainingArguments

from burnish.chat.render import Encoded
from burnish.engines.rows import Row, make_rows, use_rows
from burnish.records import TrainSettings
from burnish.train.dealing import Work
from burnish.train.dropout import use_gap_dropout
from burnish.train.fused import fuse
from burnish.train.methods import adapt
from burnish.train.trainer import RowTrainer
from burnish.train.tune import peak_memory_gib

FOLDER = Path(__file__).parent / "out" / "training"
BATCH = 8
KINDS = {
    "matrix products": (
        "aten::mm",
        "aten::addmm",
        "aten::bmm",
        "aten::addmm_",
        "mkldnn::_linear_pointwise",
    ),
    "softmax and loss": ("softmax", "exp", "amax", "gather", "scatter"),
    "drawing and dropping": ("geometric", "index_fill", "cumsum", "searchsorted"),
    "copies and new memory": ("copy", "empty", "fill", "cat", "zero", "clone"),
    "sums, products and other passes": ("aten::",),
}
"""Name → parts of the operators' names; the first that fits counts."""


def main() -> None:
    """Train some steps, print their share of the limit, and profile one more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--rows", default="mts-dialog")
    parser.add_argument("--tokens-per-row", type=int, default=4096)
    given = parser.parse_args()
    examples = [
        Encoded(row["ids"], [bool(one) for one in row["trained"]], truncated=False)
        for row in map(json.loads, (FOLDER / f"{given.rows}.jsonl").read_text().splitlines())
    ]
    settings = TrainSettings(lora_dropout=given.dropout, dtype="bfloat16", device="cpu")
    model = AutoModelForCausalLM.from_pretrained(FOLDER / "model", dtype=torch.bfloat16)
    use_rows(model)
    adapted = adapt(model, settings, given.steps)
    use_gap_dropout(adapted, given.dropout)
    fuse(adapted)
    arguments = TrainingArguments(
        output_dir=str(FOLDER), use_cpu=True, bf16=True, report_to="none", disable_tqdm=True,
        per_device_train_batch_size=BATCH,
    )  # fmt: skip
    trainer = RowTrainer(
        adapted, arguments, examples, examples[:1],
        tokens_per_row=given.tokens_per_row, in_rows=True, callbacks=[],
    )  # fmt: skip
    optimiser = torch.optim.AdamW(trainer._trained, lr=1e-3, fused=True)
    work = Work.of(adapted)

    def step(number: int) -> tuple[float, float]:
        """Seconds, and floating-point operations needed."""
        batch = examples[number * BATCH : (number + 1) * BATCH]
        began = time.perf_counter()
        trainer.training_step(adapted, {"examples": batch})
        torch.nn.utils.clip_grad_norm_(trainer._trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        seconds = time.perf_counter() - began
        return seconds, _needed(work, make_rows(batch, given.tokens_per_row, share=True))

    step(0)
    before = _product_rate(model)
    steps = [step(number + 1) for number in range(given.steps)]
    after = _product_rate(model)
    limit = (before + after) / 2
    rate = sum(work for _, work in steps) / sum(seconds for seconds, _ in steps)
    tokens = sum(len(one.ids) for one in examples[BATCH : (given.steps + 1) * BATCH])
    print(f"products alone: {before / 1e9:.0f} GFLOP/s before, {after / 1e9:.0f} after")
    print(f"needed work:    {rate / 1e9:.0f} GFLOP/s, {rate / limit:.0%} of the products' speed")
    print(f"true tokens/s:  {tokens / sum(seconds for seconds, _ in steps):.0f}")
    print(f"peak:           {peak_memory_gib():.2f} GiB")
    threads = _ExperimentalConfig(profile_all_threads=True)
    with profile(activities=[ProfilerActivity.CPU], experimental_config=threads) as profiled:
        step(given.steps + 1)
    _print_profile(profiled)


def _needed(work: Work, rows: Sequence[Row]) -> float:
    """Floating-point operations that the rows' losses and gradients need."""
    return sum(
        work.needed(
            [span.stop - span.start for span in row.layout.spans],
            row.layout.prefix,
            len(row.targets),
        )
        for row in rows
    )


def _product_rate(model: torch.nn.Module, tokens: int = 512) -> float:
    """Operations a second of a block's linear layers as bare products, forward and backward."""
    weights = [
        module.weight.detach()
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and ".layers.0." in name and "lora" not in name
    ]
    rates = []
    for _ in range(5):
        began, work = time.perf_counter(), 0.0
        for weight in weights:
            out, inner = weight.shape
            x = torch.ones(tokens, inner, dtype=weight.dtype)
            y = torch.ones(tokens, out, dtype=weight.dtype)
            for _ in range(8):
                torch.nn.functional.linear(x, weight)
                y @ weight
                work += 4 * tokens * out * inner
        rates.append(work / (time.perf_counter() - began))
    return statistics.median(rates)


def _print_profile(profiled: profile) -> None:
    shares = dict.fromkeys([*KINDS, "everything between operators"], 0.0)
    for event in profiled.key_averages():
        kind = next(
            (kind for kind, parts in KINDS.items() if any(part in event.key for part in parts)),
            "everything between operators",
        )
        shares[kind] += event.self_cpu_time_total
    total = sum(shares.values())
    print("\n| where a step's processor time goes | share |\n|---|---|")
    for kind, microseconds in shares.items():
        print(f"| {kind} | {microseconds / total:.0%} |")


if __name__ == "__main__":
    main()
