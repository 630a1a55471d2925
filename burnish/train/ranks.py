"""AdaLoRA's ranks: when they fall, what holds them in a resumed run, and what they cost.

An adapter is P·diag(E)·Q, where PEFT calls P lora_B and Q lora_A. Ranks are taken, step by step,
from where they matter least, by setting entries of E to 0 (Zhang et al. 2023, "Adaptive Budget
Allocation for Parameter-Efficient Fine-Tuning"). Reads and writes checkpoint-*/ranks.safetensors.
"""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState

from burnish.errors import TrainingError
from burnish.records import TrainSettings

_FILE = "ranks.safetensors"
_ADAPTER = "default"


def schedule(settings: TrainSettings, steps: int) -> dict[str, int]:
    """PEFT's tinit, tfinal, deltaT and total_step for a run of so many optimiser steps.

    What the settings leave open is a share of the steps: the first tenth with all ranks, the last
    four tenths with the final ones, as in the paper's longer runs, and an allocation every 50th.

    Raises:
        TrainingError: no step is left in which ranks could fall.
    """
    tinit = steps // 10 if settings.tinit is None else settings.tinit
    tfinal = 4 * steps // 10 if settings.tfinal is None else settings.tfinal
    delta = max(steps // 50, 1) if settings.deltaT is None else settings.deltaT
    if tinit + tfinal >= steps or steps - tfinal < 2:  # a first step measures what matters
        raise TrainingError(
            f"AdaLoRA has no step in which ranks could fall: the run has {steps} steps, with "
            f"{tinit} before (train.tinit) and {tfinal} after (train.tfinal).",
            hint="lower train.tinit or train.tfinal, or raise train.epochs",
        )
    return {"tinit": tinit, "tfinal": tfinal, "deltaT": delta, "total_step": steps}


class RankSchedule(TrainerCallback):
    """Lets the ranks fall after every optimiser step, and keeps their state in checkpoints.

    PEFT would write pruned matrices to a checkpoint, which the optimiser's state no longer fits:
    the pattern of ranks therefore stays here, and checkpoints hold the whole matrices.

    Args:
        checkpoints: the folder of the run's checkpoints.
    """

    def __init__(self, model: PeftModel, checkpoints: Path) -> None:
        self._tuner: Any = model.base_model
        self._config: Any = model.peft_config[_ADAPTER]
        self._device = model.device
        self._checkpoints = checkpoints
        self._pattern: dict[str, list[bool]] | None = None

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Take up the state of the checkpoint that is resumed from."""
        if state.global_step:
            self._load(self._folder(state) / _FILE)
        return control

    def on_optimizer_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Allocate by the gradients of this step, which are still there."""
        self._config.rank_pattern = self._pattern
        self._tuner.update_and_allocate(state.global_step + 1)
        self._pattern, self._config.rank_pattern = self._config.rank_pattern, None
        return control

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Write importance scores and the pattern beside the checkpoint's weights."""
        allocator = self._tuner.rankallocator
        tensors = {f"ipt/{name}": tensor for name, tensor in allocator.exp_avg_ipt.items()}
        tensors |= {f"unc/{name}": tensor for name, tensor in allocator.exp_avg_unc.items()}
        for name, kept in (self._pattern or {}).items():
            tensors[f"kept/{name}"] = torch.tensor(kept)
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, str(self._folder(state) / _FILE))
        return control

    def _folder(self, state: TrainerState) -> Path:
        return self._checkpoints / f"checkpoint-{state.global_step}"

    def _load(self, path: Path) -> None:
        allocator = self._tuner.rankallocator
        pattern: dict[str, list[bool]] = {}
        for key, tensor in load_file(str(path)).items():
            kind, _, name = key.partition("/")
            if kind == "kept":
                pattern[name] = tensor.tolist()
            elif kind == "ipt":
                allocator.exp_avg_ipt[name] = tensor.to(self._device)
                # Known names go on from here; the value itself is overwritten before it is read.
                allocator.ipt[name] = torch.zeros_like(allocator.exp_avg_ipt[name])
            else:
                allocator.exp_avg_unc[name] = tensor.to(self._device)
        self._pattern = pattern or None


def kept_ranks(model: PeftModel) -> dict[str, list[bool]]:
    """Layer → which of its ranks do anything: those whose entry of E is not 0."""
    return {
        name: (entries.detach().flatten() != 0).tolist()
        for name, entries in model.get_base_model().named_parameters()
        if f"lora_E.{_ADAPTER}" in name
    }


def add_orthogonality(model: PeftModel) -> None:
    """Add to the gradients those of AdaLoRA's regulariser, which holds P and Q orthogonal.

    It is orth_reg_weight times the mean over matrices of ‖PᵀP − I‖ and ‖QQᵀ − I‖ (Frobenius). PEFT
    adds the same to a loss that the model itself computes, which a trainer over rows never asks
    for.
    """
    config: Any = model.peft_config[_ADAPTER]
    matrices = [
        (name, matrix)
        for name, matrix in model.named_parameters()
        if matrix.requires_grad and ("lora_A" in name or "lora_B" in name)
    ]
    total = torch.zeros((), device=model.device)
    for name, matrix in matrices:
        square = matrix @ matrix.T if "lora_A" in name else matrix.T @ matrix
        eye = torch.eye(len(square), device=square.device, dtype=square.dtype)
        total = total + torch.linalg.norm(square - eye)
    (config.orth_reg_weight * total / len(matrices)).backward()
