"""Writes what was trained: an adapter as PEFT stores it, or a model folder as transformers does.

Whatever the method, the folder can be loaded over the unchanged base, or in its place.
"""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from burnish.records import TrainSettings
from burnish.train.methods import Tuned
from burnish.train.ranks import kept_ranks

_ADAPTER = "default"


def saver(
    model: Tuned, settings: TrainSettings, *, went_on: bool = False
) -> Callable[[Path], None]:
    """A function that writes the weights as they are at the moment of its call to a folder.

    Args:
        model: as `adapt` returned it: PiSSA's first matrices are remembered from here on.
        went_on: it began with an adapter of another run, which is an ordinary one over the base.
    """
    if isinstance(model, PeftModel) and settings.method == "adalora":
        return lambda target: _swap(target, lambda fresh: _save_ranks(model, fresh))
    if isinstance(model, PeftModel) and settings.init_lora_weights == "pissa" and not went_on:
        first = {name: tensor.clone() for name, tensor in get_peft_model_state_dict(model).items()}
        return lambda target: _swap(target, lambda fresh: _save_pissa(model, first, fresh))
    return lambda target: _swap(target, lambda fresh: model.save_pretrained(str(fresh)))


def weight_files(folder: Path) -> list[Path]:
    """The files of a written folder that hold its weights, in order."""
    return sorted(folder.glob("*.safetensors"))


def _swap(target: Path, write: Callable[[Path], None]) -> None:
    """Write to a new folder, then put it in the target's place."""
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    write(fresh)
    # The path of the base differs between machines; the run's record says which base it is.
    (fresh / "README.md").unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _save_ranks(model: PeftModel, folder: Path) -> None:
    """AdaLoRA without the ranks that are 0; exact at any step, also between two allocations."""
    config: Any = model.peft_config[_ADAPTER]
    config.rank_pattern = kept_ranks(model)
    model.save_pretrained(str(folder))
    config.rank_pattern = None


def _save_pissa(model: PeftModel, first: dict[str, torch.Tensor], folder: Path) -> None:
    """PiSSA as an ordinary LoRA of twice the rank, over the base as it was before.

    PiSSA takes s·B₀A₀ out of each weight and trains B and A from there; the change is
    s·(BA − B₀A₀) = s·[B, −B₀][A; A₀] (Meng et al. 2024, appendix C).
    """
    tensors = {}
    for name, tensor in get_peft_model_state_dict(model).items():
        if "lora_A" in name:
            tensor = torch.cat([tensor, first[name]], dim=0)
        elif "lora_B" in name:
            tensor = torch.cat([tensor, -first[name]], dim=1)
        tensors[name] = tensor.contiguous()
    config: Any = copy.deepcopy(model.peft_config[_ADAPTER])
    config.init_lora_weights = True
    config.r *= 2
    config.lora_alpha *= 2**0.5 if config.use_rslora else 2  # the scale stays
    config.inference_mode = True
    folder.mkdir(parents=True)
    config.save_pretrained(str(folder))
    save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
