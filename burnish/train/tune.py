"""Tune a base model on the training split: reads a data set and a base, writes runs/<id>/.

adapter/         the best adapter, as PEFT stores it; with method full model/, a whole model
checkpoints/     to resume from, while the run is unfinished
metrics.jsonl    loss and learning rate of each step, validation loss of each epoch
loss.svg         the same as a picture
"""

import gc
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import PeftModel
from transformers import PreTrainedModel, TrainerCallback, TrainerState, TrainingArguments, set_seed

from burnish.engines.rows import use_rows
from burnish.records import Event, Progress, Run, Task, TrainSettings
from burnish.store import Workspace
from burnish.store.files import sha256_file, write_text
from burnish.train.checkpoints import full_disk, latest_checkpoint
from burnish.train.curve import draw_loss_curve
from burnish.train.dropout import use_gap_dropout
from burnish.train.fused import fuse
from burnish.train.journal import Journal, metrics_of, validation_losses
from burnish.train.method_trainer import MethodTrainer
from burnish.train.methods import adapt
from burnish.train.ranks import RankSchedule
from burnish.train.saving import saver, weight_files
from burnish.train.splits import RenderedSplits
from burnish.train.stopping import StopRequests, stop_requests
from burnish.train.tracking import tracked


def tune(
    workspace: Workspace,
    task: Task,
    splits: RenderedSplits,
    run: Run,
    model: PreTrainedModel,
    tokenizer: Any,
    progress: Progress,
    *,
    deadline: float | None = None,
    after_epoch: Callable[[list[float]], None] | None = None,
    begin: Path | None = None,
) -> Run:
    """Train the adapter or the model of a started run and complete its record.

    Args:
        run: as started in the workspace; checkpoints of an earlier attempt are resumed from.
        model: the base as `load_model` gives it for training: in its precision, on its device.
        tokenizer: of the base; stored beside a model that is tuned as a whole.
        deadline: time (of time.monotonic) at which it stops with a checkpoint.
        after_epoch: takes the validation losses so far; may raise to end the run.
        begin: folder of another run's adapter to go on from.

    Raises:
        TrainingError: the loss stopped being a number, or ran away.
        Interrupted: it was asked to stop, and did so with a checkpoint.
    """
    folder = workspace.path(run)
    train, validation = splits.train, splits.validation
    began = time.monotonic()
    with (
        stop_requests(deadline) as requests,
        full_disk(folder / "checkpoints"),
        tracked(folder, task, run, dataset=splits.dataset) as trackers,
    ):
        checkpoint = latest_checkpoint(
            folder / "checkpoints",
            lambda fault: progress(Event("train", fault, notice=True)),
        )
        if checkpoint is None:
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        trainer, journal = _set_up(
            task, folder, model, splits, progress,
            requests=requests, after_epoch=after_epoch, trackers=trackers, begin=begin,
        )  # fmt: skip
        progress(Event("train", f"resuming from {checkpoint.name}" if checkpoint else "starting"))
        _run(trainer, journal, checkpoint)
    losses = validation_losses(trainer.state)
    best = losses.index(min(losses)) + 1
    files = _finish(folder, run, trainer, best)
    if run.weights == "model":
        tokenizer.save_pretrained(str(folder / "model"))
    return workspace.complete(
        run,
        {
            "files": files,
            "prompt_hash": splits.prompt_hash,
            "train_examples": len(train.examples),
            "validation_examples": len(validation.examples),
            "truncated": (*train.truncated, *validation.truncated),
            "untrained": (*train.untrained, *validation.untrained),
            "tokens_per_epoch": train.tokens,
            "trained_tokens": train.trained_tokens,
            "parameters_trained": trainer.get_num_trainable_parameters(),
            "steps": trainer.state.global_step,
            "best_epoch": best,
            "validation_loss": tuple(losses),
            "seconds": round(time.monotonic() - began, 1),
            "tokens_per_second": round(journal.tokens_per_second, 1),
            "tokens_per_row": trainer.tokens_per_row,
            "peak_memory_gib": round(peak_memory_gib(), 2),
            "resumed": run.resumed + (checkpoint is not None),
            "device": str(trainer.args.device),
            "dtype": _precision(model, task.train),
        },
    )


def _run(trainer: MethodTrainer, journal: Journal, checkpoint: Path | None) -> None:
    """Train to the end, from a checkpoint where there is one.

    The garbage collector leaves alone what was there before: it would go through all of the
    libraries again and again.
    """
    state = (
        TrainerState.load_from_json(str(checkpoint / "trainer_state.json")) if checkpoint else None
    )
    if state is not None and journal.out_of_patience(state):
        trainer.state = state  # it had stopped early: nothing is left to train
        return
    gc.freeze()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        gc.unfreeze()
        gc.collect()  # files that a failed save left open lie in cycles


def _set_up(
    task: Task,
    folder: Path,
    model: PreTrainedModel,
    splits: RenderedSplits,
    progress: Progress,
    *,
    requests: StopRequests,
    after_epoch: Callable[[list[float]], None] | None,
    trackers: list[TrainerCallback],
    begin: Path | None,
) -> tuple[MethodTrainer, Journal]:
    settings = task.train
    in_rows = use_rows(model)
    if not in_rows:
        progress(Event("train", f"{model.config.model_type} runs one example a row"))
    set_seed(task.seed)
    steps = _steps(settings, len(splits.train.examples))
    adapted = adapt(model, settings, steps, begin=begin)
    callbacks: list[TrainerCallback] = []
    # Checkpointing repeats what torch's own generator drew, and no other's: stock layers, then.
    if isinstance(adapted, PeftModel) and not settings.gradient_checkpointing:
        use_gap_dropout(adapted, settings.lora_dropout)
        fuse(adapted)
    if isinstance(adapted, PeftModel) and settings.method == "adalora":
        callbacks.append(RankSchedule(adapted, folder / "checkpoints"))
    journal = Journal(
        folder,
        saver(adapted, settings, went_on=begin is not None),
        patience=settings.early_stopping_patience,
        tokens=splits.train.tokens,
        progress=progress,
        requests=requests,
        after_epoch=after_epoch,
    )
    callbacks.append(journal)  # last, since it seals what the others wrote to a checkpoint
    trainer = MethodTrainer(
        adapted,
        _arguments(task, folder, model, len(splits.train.examples)),
        splits.train.examples,
        splits.validation.examples,
        settings,
        in_rows=in_rows,
        callbacks=[*trackers, *callbacks],
    )
    return trainer, journal


def _arguments(
    task: Task, folder: Path, model: PreTrainedModel, examples: int
) -> TrainingArguments:
    settings = task.train
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        run_name=f"{task.name}-{folder.name}",
        project=task.name,
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
