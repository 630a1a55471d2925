"""Keys that a method does not heed are refused, all at once, with what to type."""

from typing import Any

import pytest

from burnish.brief.check import check
from burnish.brief.methods import _METHODS_OF
from burnish.records import TrainSettings

BRIEF: dict[str, Any] = {
    "name": "notes",
    "kind": "summarize",
    "metric": "rougeL",
    "data": {"source": "notes.csv", "inputs": "dialogue", "output": "note"},
}


def faults(**train: Any) -> list[str]:
    return check(BRIEF | {"train": train})[1]


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"method": "qlora", "use_rslora": True, "loraplus_lr_ratio": 16},
        {"method": "dora", "modules_to_save": ["lm_head"]},
        {"init_lora_weights": "pissa"},
        {"method": "adalora", "init_r": 24, "target_r": 8, "tinit": 10, "tfinal": 20, "deltaT": 2},
        {"method": "full", "dtype": "float32", "learning_rate": 5e-5},
        {"lr_scheduler_type": "cosine_with_min_lr", "min_lr_rate": 0.2},
        {"label_smoothing_factor": 0.1, "neftune_noise_alpha": 5, "gradient_checkpointing": True},
    ],
)
def test_sound_combinations_pass(train: dict[str, Any]) -> None:
    assert faults(**train) == []


@pytest.mark.parametrize(
    ("train", "wanted"),
    [
        (
            {"method": "full", "use_rslora": True},
            "`train.use_rslora` is true, which full does not heed; expected false, or "
            "`train.method: lora`.",
        ),
        (
            {"method": "qlora", "init_lora_weights": "pissa"},
            "`train.init_lora_weights` is pissa, which qlora does not heed; expected default, or "
            "`train.method: lora`.",
        ),
        (
            {"method": "full", "loraplus_lr_ratio": 16},
            "`train.loraplus_lr_ratio` is 16.0, which full does not heed; expected null, or "
            "`train.method: lora`.",
        ),
        (
            {"method": "full", "modules_to_save": ["lm_head"]},
            "`train.modules_to_save` is lm_head, which full does not heed; expected an empty "
            "list, or `train.method: lora`.",
        ),
        (
            {"target_r": 8},
            "`train.target_r` is 8, which lora does not heed; expected null, or "
            "`train.method: adalora`.",
        ),
        (
            {"method": "adalora", "init_r": 16},
            "`train.init_r` is 16, but ranks fall from it to `train.r` 16; expected more.",
        ),
        (
            {"method": "full", "dtype": "bfloat16"},
            "`train.dtype` is bfloat16, but full trains the weights themselves, and most steps "
            "are too small for bfloat16 to hold; expected auto or float32.",
        ),
        (
            {"min_lr_rate": 0.1},
            "`train.min_lr_rate` is set, but `train.lr_scheduler_type` is linear; expected null, "
            "or cosine_with_min_lr.",
        ),
    ],
)
def test_a_key_that_is_not_heeded_is_refused(train: dict[str, Any], wanted: str) -> None:
    assert faults(**train) == [wanted]


def test_all_faults_are_told_at_once() -> None:
    train = {"method": "full", "use_rslora": True, "tinit": 3, "dtype": "bfloat16"}
    assert len(faults(**train)) == 3


def test_every_key_of_the_table_is_a_setting() -> None:
    assert set(_METHODS_OF) <= set(TrainSettings.model_fields)
