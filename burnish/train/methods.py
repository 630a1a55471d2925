"""The methods of tuning: what is added to a base model, and which weights move."""

import difflib
from pathlib import Path
from typing import Any, cast

from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from transformers import PreTrainedModel

from burnish.errors import TrainingError
from burnish.records import TrainSettings
from burnish.train.ranks import schedule

Tuned = PeftModel | PreTrainedModel
"""What is trained: a model with adapters, or one whose own weights move."""


def adapt(
    model: PreTrainedModel, settings: TrainSettings, steps: int = 0, *, begin: Path | None = None
) -> Tuned:
    """The model with adapters, which alone are trained; with method full, as it is.

    Adapters are float32 over a base of any precision.

    Args:
        steps: optimiser steps of the whole run; AdaLoRA alone asks, to spread its ranks over them.
        begin: folder of an adapter to go on from (not one of AdaLoRA, whose ranks are given out);
            None begins with fresh ones. A model that is trained whole is given as it shall begin.

    Raises:
        TrainingError: PEFT cannot adapt one of the layers, or there is no such layer.
    """
    if settings.method == "full":
        model.requires_grad_(True)
        return model
    if begin is not None:
        return _go_on(model, settings, begin)
    try:
        adapted = get_peft_model(model, _config(settings, steps))
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"PEFT cannot adapt this {model.config.model_type} model by {settings.method}: {error}",
            hint="set train.lora_dropout: 0 (experts have none), or name other layers in "
            "train.target_modules",
        ) from error
    _refuse_too_wide(adapted, settings)
    _refuse_unknown_modules(adapted, settings)
    return adapted


def _go_on(model: PreTrainedModel, settings: TrainSettings, folder: Path) -> PeftModel:
    """The model with an adapter that was trained before; its dropout alone is set anew."""
    config: Any = LoraConfig.from_pretrained(str(folder))
    config.lora_dropout = settings.lora_dropout
    adapted: PeftModel = PeftModel.from_pretrained(
        model, str(folder), is_trainable=True, config=config
    )
    return adapted


def base_of(model: Tuned) -> PreTrainedModel:
    """The base model itself, with adapters in its layers or without."""
    return cast(PreTrainedModel, model.get_base_model()) if isinstance(model, PeftModel) else model


def _config(settings: TrainSettings, steps: int) -> LoraConfig:
    targets = settings.target_modules
    shared: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "lora_alpha": settings.lora_alpha,
        "lora_dropout": settings.lora_dropout,
        "target_modules": targets if isinstance(targets, str) else list(targets),
        "modules_to_save": list(settings.modules_to_save) or None,
    }
    if settings.method == "adalora":
        shared |= schedule(settings, steps)
        shared |= {"target_r": settings.final_r, "init_r": settings.initial_r}
        return AdaLoraConfig(**shared)
    return LoraConfig(
        **shared,
        r=settings.r,
        use_rslora=settings.use_rslora,
        use_dora=settings.method == "dora",
        init_lora_weights="pissa" if settings.init_lora_weights == "pissa" else True,
    )


def _refuse_too_wide(adapted: PeftModel, settings: TrainSettings) -> None:
    """PiSSA begins with r singular values of every layer: the smallest must have as many."""
    if settings.init_lora_weights != "pissa":
        return
    ranks = {
        len(matrix): name.partition(".lora_A")[0].rpartition(".")[2]
        for name, matrix in adapted.named_parameters()
        if "lora_A" in name
    }
    least = min(ranks)
    if settings.r > least:
        raise TrainingError(
            f"train.r is {settings.r}, but {ranks[least]} has {least} singular values "
            "to begin with (train.init_lora_weights: pissa).",
            hint=f"set train.r: {least} or less, or train.init_lora_weights: default",
        )


def _refuse_unknown_modules(adapted: PeftModel, settings: TrainSettings) -> None:
    """PEFT passes over a name in modules_to_save that the model does not have."""
    modules = dict(adapted.get_base_model().named_modules())
    saved = {name.rpartition(".")[2] for name in modules if _is_saved(modules[name])}
    known = {name.rpartition(".")[2] for name, module in modules.items() if _is_own(name, module)}
    for name in settings.modules_to_save:
        if name.rpartition(".")[2] not in saved:
            near = difflib.get_close_matches(name, sorted(known), n=3) or sorted(known)[:6]
            raise TrainingError(
                f"train.modules_to_save names {name!r}, which this "
                f"{adapted.config.model_type} model does not have.",
                hint=f"name one of its modules, such as {', '.join(near)}",
            )


def _is_saved(module: Any) -> bool:
    return isinstance(module, ModulesToSaveWrapper)


def _is_own(name: str, module: Any) -> bool:
    """Whether a module is the base's own, has weights, and is none of many numbered alike."""
    leaf = name.rpartition(".")[2]
    inner = module.get_base_layer() if isinstance(module, BaseTunerLayer) else module
    return not leaf.isdigit() and hasattr(inner, "weight") and "lora_" not in name
