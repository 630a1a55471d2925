"""Tune a base model on the training split: reads a data set and a base, writes runs/<id>/.

adapter/         the best adapter, as PEFT stores it; with method full model/, a whole model
checkpoints/     to resume from, while the run is unfinished
metrics.jsonl    loss and learning rate of each step, validation loss of each epoch
loss.svg         the same as a picture
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import PeftModel
from transformers import PreTrainedModel, TrainerCallback, TrainerState, TrainingArguments, set_seed

from burnish.chat.render import Encoded, Renderer
from burnish.engines.rows import use_rows
from burnish.errors import TrainingError
from burnish.records import Dataset, Event, Example, Progress, Run, Task, TrainSettings
from burnish.store import Workspace, read_split
from burnish.store.files import sha256_file, write_text
from burnish.train.checkpoints import latest_checkpoint
from burnish.train.curve import draw_loss_curve
from burnish.train.dropout import use_gap_dropout
from burnish.train.fused import fuse
from burnish.train.journal import Journal, metrics_of, validation_losses
from burnish.train.method_trainer import MethodTrainer
from burnish.train.methods import adapt
from burnish.train.ranks import RankSchedule
from burnish.train.saving import saver, weight_files


def tune(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    run: Run,
    model: PreTrainedModel,
    renderer: Renderer,
    progress: Progress,
) -> Run:
    """Train the adapter or the model of a started run and complete its record.

    Args:
        run: as started in the workspace; checkpoints of an earlier attempt are resumed from.
        model: the base as `load_model` gives it for training: in its precision, on its device.

    Raises:
        TrainingError: no example can be trained on, or the loss stopped being a number.
    """
    folder = workspace.path(run)
    train = _encode(renderer, read_split(workspace, dataset, "train"), dataset.weights)
    held_out = read_split(workspace, dataset, "validation")
    validation = _encode(renderer, held_out)
    _refuse_nothing_to_learn(train, validation, task.train.max_length)
    began = time.monotonic()
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    trainer, journal = _set_up(task, folder, model, train.examples, validation.examples, progress)
    progress(Event("train", "resuming" if checkpoint else "starting"))
    state = (
        TrainerState.load_from_json(str(checkpoint / "trainer_state.json")) if checkpoint else None
    )
    if state is not None and journal.out_of_patience(state):
        trainer.state = state  # it had stopped early: nothing is left to train
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    losses = validation_losses(trainer.state)
    best = losses.index(min(losses)) + 1
    files = _finish(folder, run, trainer, best)
    if run.weights == "model":
        renderer.tokenizer.save_pretrained(str(folder / "model"))
    return workspace.complete(
        run,
        {
            "files": files,
            "prompt_hash": renderer.prompt_hash(held_out),
            "train_examples": len(train.examples),
            "validation_examples": len(validation.examples),
            "truncated": (*train.truncated, *validation.truncated),
            "untrained": (*train.untrained, *validation.untrained),
            "tokens_per_epoch": sum(len(example.ids) for example in train.examples),
            "trained_tokens": sum(sum(example.trained) for example in train.examples),
            "parameters_trained": trainer.get_num_trainable_parameters(),
            "steps": trainer.state.global_step,
            "best_epoch": best,
            "validation_loss": tuple(losses),
            "seconds": round(time.monotonic() - began, 1),
            "tokens_per_second": round(journal.tokens_per_second, 1),
            "peak_memory_gib": round(peak_memory_gib(), 2),
            "resumed": run.resumed + (checkpoint is not None),
            "device": str(trainer.args.device),
            "dtype": _precision(model, task.train),
        },
    )


@dataclass(frozen=True)
class _Encoded:
    """A rendered split: what can be trained on, and the ids of what was cut or left out."""

    examples: list[Encoded]
    truncated: tuple[str, ...]
    untrained: tuple[str, ...]


def _encode(
    renderer: Renderer, examples: Sequence[Example], weights: Mapping[str, float] | None = None
) -> _Encoded:
    """Render a split; `weights` gives the weight of a label's examples in the loss."""
    encoded = []
    for example in examples:
        weight = (weights or {}).get(example.answer, 1.0)
        encoded.append((example.id, replace(renderer.encode(example), weight=weight)))
    kept = [(name, one) for name, one in encoded if any(one.trained)]
    return _Encoded(
        examples=[one for _, one in kept],
        truncated=tuple(name for name, one in kept if one.truncated),
        untrained=tuple(name for name, one in encoded if not any(one.trained)),
    )


def _refuse_nothing_to_learn(train: _Encoded, validation: _Encoded, max_length: int) -> None:
    for name, split in (("training", train), ("validation", validation)):
        if not split.examples:
            raise TrainingError(
                f"No {name} example has an answer that fits into {max_length} tokens "
                f"beside its prompt ({len(split.untrained)} examples).",
                hint="raise train.max_length in burnish.yaml",
            )


def _refuse_missing_trackers(settings: TrainSettings) -> None:
    missing = [name for name in settings.report_to if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"train.report_to names {', '.join(missing)}, which is not installed.",
            hint=f"pip install {' '.join(missing)}, or take it out of train.report_to",
        )


def _set_up(
    task: Task,
    folder: Path,
    model: PreTrainedModel,
    train: list[Encoded],
    validation: list[Encoded],
    progress: Progress,
) -> tuple[MethodTrainer, Journal]:
    settings = task.train
    _refuse_missing_trackers(settings)
    in_rows = use_rows(model)
    if not in_rows:
        progress(Event("train", f"{model.config.model_type} runs one example a row"))
    set_seed(task.seed)
    adapted = adapt(model, settings, _steps(settings, len(train)))
    callbacks: list[TrainerCallback] = []
    # Checkpointing repeats what torch's own generator drew, and no other's: stock layers, then.
    if isinstance(adapted, PeftModel) and not settings.gradient_checkpointing:
        use_gap_dropout(adapted, settings.lora_dropout)
        fuse(adapted)
    if isinstance(adapted, PeftModel) and settings.method == "adalora":
        callbacks.append(RankSchedule(adapted, folder / "checkpoints"))
    journal = Journal(
        folder,
        saver(adapted, settings),
        patience=settings.early_stopping_patience,
        tokens=sum(len(example.ids) for example in train),
        progress=progress,
    )
    callbacks.append(journal)  # last, since it seals what the others wrote to a checkpoint
    trainer = MethodTrainer(
        adapted,
        _arguments(task, folder, model, len(train)),
        train,
        validation,
        settings,
        in_rows=in_rows,
        callbacks=callbacks,
    )
    return trainer, journal


def _arguments(
    task: Task, folder: Path, model: PreTrainedModel, examples: int
) -> TrainingArguments:
    settings = task.train
    for tracker in settings.report_to:  # keys come from the environment, names from the brief
        os.environ.setdefault(f"{tracker.upper()}_PROJECT", task.name)
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        run_name=f"{task.name}-{folder.name}",
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        lr_scheduler_kwargs=_schedule_options(settings),
        warmup_steps=round(settings.warmup_ratio * _steps(settings, examples)),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=task.seed,
        bf16=model.dtype == torch.bfloat16,
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=model.device.type == "cpu",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        report_to=list(settings.report_to) or "none",
        disable_tqdm=True,
    )


def _steps(settings: TrainSettings, examples: int) -> int:
    """Optimiser steps of a run that is not stopped early."""
    return -(-examples // settings.batch_size) * settings.epochs


def _schedule_options(settings: TrainSettings) -> dict[str, float] | None:
    if settings.lr_scheduler_type != "cosine_with_min_lr":
        return None
    return {"min_lr_rate": 0.1 if settings.min_lr_rate is None else settings.min_lr_rate}


def _precision(model: PreTrainedModel, settings: TrainSettings) -> str:
    """How the base is stored and computed with, for the record."""
    dtype = str(model.dtype).removeprefix("torch.")
    return f"nf4, computed in {dtype}" if settings.method == "qlora" else dtype


def _finish(folder: Path, run: Run, trainer: MethodTrainer, best_epoch: int) -> dict[str, str]:
    """Put the best weights and the picture in place; hashes of what a repeated run makes again."""
    weights = folder / run.weights
    if (folder / "best").exists():
        shutil.rmtree(weights, ignore_errors=True)
        (folder / "best").rename(weights)
    svg = draw_loss_curve(metrics_of(trainer.state), best_epoch)
    write_text(folder / "loss.svg", svg)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    files = [*weight_files(weights), folder / "metrics.jsonl", folder / "loss.svg"]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def peak_memory_gib() -> float:
    """The most memory this process (or, on a GPU, torch) held so far, GiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    info: Any = psutil.Process().memory_info()
    peak = getattr(info, "peak_wset", None)
    if peak is None:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return float(peak) / 2**30
