"""One training with torchtune: its recipe `lora_finetune_single_device`, on the CPU.

    python bench/peers/torchtune_rows.py --model DIR --rows FILE [--loss chunked]

The recipe is set up and trained as `tune run` does, with a configuration that names everything it
uses. The model is torchtune's Llama 3.2, which ties its embeddings, in SmolLM2's sizes; a scale
factor of 1 makes its rotary embedding the plain one. The recipe's loss is the mean over the
batch's answer tokens. Adapters have the precision of the base: the recipe insists.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torchtune
from measuring import MAX_GRAD_NORM, Clock, parser, read_batches, start_adapters
from omegaconf import DictConfig, OmegaConf

HERE = Path(__file__).stem
LOSSES = {
    "chunked": "torchtune.modules.loss.CEWithChunkedOutputLoss",
    "plain": "torch.nn.CrossEntropyLoss",
}
SPELLED = {"output_proj": "o_proj", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
"""torchtune's names of linear layers that differ from those of transformers."""


def main() -> None:
    """Train, and print the measurements."""
    command = parser(__doc__)
    command.add_argument("--loss", default="chunked", choices=LOSSES)
    given = command.parse_args()
    torch.set_num_threads(given.threads)
    batches = read_batches(given)
    with tempfile.TemporaryDirectory() as out, redirect_stdout(sys.stderr):
        settings = _settings(given, out)
        recipe = _recipe_class()(cfg=settings)
        recipe.setup(cfg=settings)
        start_adapters(recipe._model, SPELLED)
        recipe.train()
    setting = {"loss": given.loss, "micro_batch": given.micro_batch}
    recipe._metric_logger.clock.report("torchtune", version("torchtune"), setting, batches)


class StepClock:
    """A metric logger for the recipe, which logs at the end of every optimiser step."""

    def __init__(self) -> None:
        self.clock = Clock()

    def log_config(self, config: DictConfig) -> None:
        """Nothing is to be kept of it."""

    def log_dict(self, payload: dict[str, Any], step: int) -> None:
        """What the recipe says of a step."""
        self.clock.step(float(payload["loss"]))


def read_rows(_: object, **keys: Any) -> list[dict[str, list[int]]]:
    """The data set component: rendered rows in the order of training."""
    given = argparse.Namespace(**keys | {"rows": Path(keys["rows"])})
    rows = (row for batch in read_batches(given) for row in batch)
    return [{"tokens": row.ids, "labels": row.labels} for row in rows]


def constant_rate(optimizer: torch.optim.Optimizer, **_: Any) -> Any:
    """The learning rate schedule component."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def _settings(given: argparse.Namespace, out: str) -> DictConfig:
    sizes = json.loads((given.model / "config.json").read_text())
    model = {
        "_component_": "torchtune.models.llama3_2._component_builders.lora_llama3_2",
        "lora_attn_modules": ["q_proj", "k_proj", "v_proj", "output_proj"],
        "apply_lora_to_mlp": True,
        "apply_lora_to_output": False,
        "vocab_size": sizes["vocab_size"],
        "num_layers": sizes["num_hidden_layers"],
        "num_heads": sizes["num_attention_heads"],
        "num_kv_heads": sizes["num_key_value_heads"],
        "embed_dim": sizes["hidden_size"],
        "intermediate_dim": sizes["intermediate_size"],
        "max_seq_len": 1024,
        "norm_eps": sizes["rms_norm_eps"],
        "rope_base": int(sizes["rope_parameters"]["rope_theta"]),
        "scale_factor": 1,
        "lora_rank": given.r,
        "lora_alpha": given.alpha,
        "lora_dropout": given.dropout,
    }
    checkpointer = {
        "_component_": "torchtune.training.FullModelHFCheckpointer",
        "checkpoint_dir": str(given.model),
        "checkpoint_files": ["model.safetensors"],
        "output_dir": out,
        "model_type": "LLAMA3_2",
    }
    rows = {key: getattr(given, key) for key in ("steps", "batch", "micro_batch")}
    return OmegaConf.create(
        {
            "output_dir": out,
            "device": "cpu",
            "dtype": "bf16",
            "seed": 0,
            "model": model,
            "tokenizer": {"_component_": "types.SimpleNamespace", "pad_id": 0},
            "checkpointer": checkpointer,
            "resume_from_checkpoint": False,
            "save_adapter_weights_only": True,
            "dataset": {"_component_": f"{HERE}.read_rows", "rows": str(given.rows), **rows},
            "shuffle": False,
            "batch_size": given.micro_batch,
            "gradient_accumulation_steps": given.batch // given.micro_batch,
            "epochs": 1,
            "max_steps_per_epoch": None,
            "optimizer": {
                "_component_": "torch.optim.AdamW",
                "fused": True,
                "lr": given.learning_rate,
                "weight_decay": 0.0,
            },
            "lr_scheduler": {"_component_": f"{HERE}.constant_rate"},
            "clip_grad_norm": MAX_GRAD_NORM,
            "loss": {"_component_": LOSSES[given.loss]},
            "metric_logger": {"_component_": f"{HERE}.StepClock"},
            "compile": False,
            "enable_activation_checkpointing": False,
        }
    )


def _recipe_class() -> Any:
    """The recipe's class, from its file: torchtune forbids to import its recipes by name."""
    name = "lora_finetune_single_device"
    file = Path(torchtune.__file__).parents[1] / "recipes" / f"{name}.py"
    found = importlib.util.spec_from_file_location(name, file)
    if found is None or found.loader is None:
        raise SystemExit(f"torchtune {version('torchtune')} has no recipe {file}")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.LoRAFinetuneRecipeSingleDevice


if __name__ == "__main__":
    main()
