"""One training with LitGPT: its LoRA model and the loop of its recipe `finetune_lora`.

    python bench/peers/litgpt_rows.py --model DIR --rows FILE [--precision bf16-true]

The checkpoint is converted once, by LitGPT's own command, beside the model's folder. Two things of
the recipe differ. Its loss is the mean of the micro-batches' means; here each is weighted so that
the sum is the mean over the batch's answer tokens. It has no gradient clipping and no constant
learning rate; both come with the optimiser and the schedule that its loop is given. Adapters have
the precision of the base, and so have its losses: with bf16-true they are rounded to 8 bits.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import torch
from litgpt.args import EvalArgs, TrainArgs
from litgpt.data import DataModule, get_sft_collate_fn
from litgpt.finetune import lora
from litgpt.lora import GPT, Config, mark_only_lora_as_trainable
from litgpt.utils import load_checkpoint
from measuring import ClippedAdamW, Clock, Row, first_a, parser, read_batches
from torch.utils.data import DataLoader

NAME = "SmolLM2-135M-Instruct"
"""Of LitGPT's own configuration."""


def main() -> None:
    """Train, and print the measurements."""
    command = parser(__doc__)
    command.add_argument("--precision", default="bf16-true", help="bf16-true, bf16-mixed, 32-true")
    given = command.parse_args()
    torch.set_num_threads(given.threads)
    batches = read_batches(given)
    folder = _converted(given.model)
    fabric = lightning.Fabric(devices=1, accelerator="cpu", precision=given.precision)
    model = _adapted(fabric, folder, given)
    clock, weigh = Clock(), _Weigh(batches, given.micro_batch)
    lora.chunked_cross_entropy = weigh
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = ClippedAdamW(
        parameters, given.learning_rate, lambda: clock.step(weigh.step_ended())
    )
    data = _Rows([row for batch in batches for row in batch])
    data.connect(batch_size=given.micro_batch)
    loaders = fabric.setup_dataloaders(data.train_dataloader(), data.val_dataloader())
    steps = len(batches)
    with tempfile.TemporaryDirectory() as out, redirect_stdout(sys.stderr):
        lora.fit(
            fabric=fabric,
            model=model,
            optimizer=fabric.setup_optimizers(optimizer),
            scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0),
            train_dataloader=loaders[0],
            val_dataloader=loaders[1],
            devices=1,
            checkpoint_dir=folder,
            out_dir=Path(out),
            train=TrainArgs(
                save_interval=None,
                log_interval=given.batch // given.micro_batch,
                global_batch_size=given.batch,
                micro_batch_size=given.micro_batch,
                lr_warmup_steps=None,
                epochs=2,
                max_steps=steps,
            ),
            eval=EvalArgs(interval=steps + 1, max_iters=1),
            data=data,
        )
    setting = {"precision": given.precision, "micro_batch": given.micro_batch}
    clock.report("LitGPT", version("litgpt"), setting, batches)


class _Weigh:
    """LitGPT's loss of a micro-batch, scaled so that a step's gradient is that of the token mean.

    The loop divides by the number of micro-batches of a step; calls before it are validation.
    """

    def __init__(self, batches: list[list[Row]], micro_batch: int) -> None:
        self._tokens = [sum(row.answer_tokens for row in batch) for batch in batches]
        self._micro_batches = len(batches[0]) // micro_batch
        self._loss = torch.zeros(())
        self._step = 0
        self._stock = lora.chunked_cross_entropy

    def __call__(self, logits: Any, targets: torch.Tensor, chunk_size: int = 128) -> torch.Tensor:
        loss: torch.Tensor = self._stock(logits, targets, chunk_size=chunk_size)
        if not torch.is_grad_enabled():
            return loss
        share = (targets != -100).sum() / self._tokens[self._step]
        self._loss += loss.detach().float() * share
        return loss * share * self._micro_batches

    def step_ended(self) -> float:
        """The loss of the step that has just ended."""
        loss, self._loss = float(self._loss), torch.zeros(())
        self._step += 1
        return loss


class _Rows(DataModule):
    """Rendered rows, in the order of training."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self._samples = [
            {
                "input_ids": torch.tensor(row.ids),
                "labels": torch.tensor(row.labels),
                "token_counts": {"raw": len(row.ids), "raw_plus_prompt_template": len(row.ids)},
            }
            for row in rows
        ]

    def connect(self, *_: Any, batch_size: int = 1, **__: Any) -> None:
        self._batch_size = batch_size

    def train_dataloader(self) -> DataLoader:
        return self._loader(self._samples)

    def val_dataloader(self) -> DataLoader:
        """The loop looks at some example before it starts: a short one."""
        return self._loader(self._samples[:1])

    def _loader(self, samples: list[dict[str, Any]]) -> DataLoader:
        return DataLoader(samples, batch_size=self._batch_size, collate_fn=get_sft_collate_fn())


def _converted(model: Path) -> Path:
    """The folder of LitGPT's form of the checkpoint, made where there is none yet."""
    folder = model.with_name("litgpt") / NAME
    if not (folder / "lit_model.pth").exists():
        shutil.copytree(model, folder, dirs_exist_ok=True)
        litgpt = Path(sys.executable).with_name("litgpt")
        subprocess.run([litgpt, "convert_to_litgpt", folder], check=True, stdout=sys.stderr)
    return folder


def _adapted(fabric: lightning.Fabric, folder: Path, given: Any) -> Any:
    """The base with adapters on all linear layers but the head."""
    parts = ("query", "key", "value", "projection", "mlp")
    config = Config.from_file(
        folder / "model_config.yaml",
        lora_r=given.r,
        lora_alpha=given.alpha,
        lora_dropout=given.dropout,
        **{f"lora_{part}": True for part in parts},
    )
    with fabric.init_module():
        model = GPT(config)
    mark_only_lora_as_trainable(model)
    model = fabric.setup_module(model)
    load_checkpoint(fabric, model, folder / "lit_model.pth", strict=False)
    for layer, block in enumerate(model.transformer.h):
        places = {
            "o_proj": block.attn.proj,
            "gate_proj": block.mlp.fc_1,
            "up_proj": block.mlp.fc_2,
            "down_proj": block.mlp.proj,
        }
        starts = {name: first_a(layer, name, *part.lora_A.shape) for name, part in places.items()}
        qkv = [first_a(layer, f"{letter}_proj", given.r, config.n_embd) for letter in "qkv"]
        with torch.no_grad():
            block.attn.qkv.lora_A.copy_(torch.cat(qkv))
            for name, part in places.items():
                part.lora_A.copy_(starts[name])
    return model


if __name__ == "__main__":
    main()
