"""Finds keys of the section train that its method, or its schedule, would not heed.

Reads a Task; touches no model, so that what a layer allows is for the training room to say.
"""

from collections.abc import Iterator
from typing import Any

from burnish.records import Task, TrainMethod, TrainSettings

_LOW_RANK: tuple[TrainMethod, ...] = ("lora", "qlora", "dora")
_ADAPTERS: tuple[TrainMethod, ...] = (*_LOW_RANK, "adalora")
_METHODS_OF: dict[str, tuple[TrainMethod, ...]] = {
    "target_modules": _ADAPTERS,
    "modules_to_save": _ADAPTERS,
    "use_rslora": _LOW_RANK,
    "init_lora_weights": ("lora",),
    "loraplus_lr_ratio": _LOW_RANK,
    "target_r": ("adalora",),
    "init_r": ("adalora",),
    "tinit": ("adalora",),
    "tfinal": ("adalora",),
    "deltaT": ("adalora",),
}
"""The keys that not every method heeds, and the methods that do."""


def method_faults(task: Task) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys involved, and a sentence: what was found, what was expected."""
    train = task.train
    for name, methods in _METHODS_OF.items():
        if train.method not in methods and getattr(train, name) != _default(name):
            yield (
                (f"train.{name}", "train.method"),
                f"`train.{name}` is {_shown(getattr(train, name))}, which {train.method} does not "
                f"heed; expected {_shown(_default(name))}, or `train.method: {methods[0]}`.",
            )
    yield from _precision(train)
    yield from _ranks(train)
    if train.min_lr_rate is not None and train.lr_scheduler_type != "cosine_with_min_lr":
        yield (
            ("train.min_lr_rate", "train.lr_scheduler_type"),
            f"`train.min_lr_rate` is set, but `train.lr_scheduler_type` is "
            f"{train.lr_scheduler_type}; expected null, or cosine_with_min_lr.",
        )


def _precision(train: TrainSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    if train.method == "full" and train.dtype == "bfloat16":
        yield (
            ("train.dtype", "train.method"),
            "`train.dtype` is bfloat16, but full trains the weights themselves, and most steps are "
            "too small for bfloat16 to hold; expected auto or float32.",
        )
    if train.method == "qlora" and train.device == "mps":
        yield (
            ("train.device", "train.method"),
            "`train.device` is mps, which does not compute in 4 bits; expected cpu, cuda or "
            "auto, or `train.method: lora`.",
        )


def _ranks(train: TrainSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    if train.method == "adalora" and train.initial_r <= train.final_r:
        name = "r" if train.target_r is None else "target_r"
        yield (
            ("train.init_r", f"train.{name}"),
            f"`train.init_r` is {train.init_r}, but ranks fall from it to `train.{name}` "
            f"{train.final_r}; expected more.",
        )


def _default(name: str) -> Any:
    return TrainSettings.model_fields[name].default


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "null" if value is None else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)
