"""Tune a model at a provider, through the fine-tuning endpoints of the OpenAI API.

Reads the training and validation splits, never the test split; writes runs/<id>/:

job.json         consent, ids of the uploaded files and of the job (`burnish.base.hosted`)
metrics.jsonl    loss of each step, as far as the provider told it

A run that was killed, or lost its connection, finds its files and its job again.
"""

import json
import re
import time
from difflib import get_close_matches
from typing import Any

from burnish.base.hosted import STATE_FILE, USUAL_PACE, Hosted, Pace, Page
from burnish.chat.messages import MessageRenderer
from burnish.engines.client import USUAL, Client, Patience
from burnish.engines.server import Server
from burnish.errors import BaseModelError, ServerError, TrainingError
from burnish.records import (
    BaseChoice,
    Dataset,
    Example,
    Message,
    Progress,
    ProviderJob,
    Run,
    Task,
    silent,
)
from burnish.store import Workspace, read_split
from burnish.store.files import sha256_file, write_text

_LONGEST_SUFFIX = 18
"""Letters of the task's name that become part of the model's; some providers take no more."""


def choose_hosted(
    workspace: Workspace, record: BaseChoice, server: Server, *, patience: Patience = USUAL
) -> BaseChoice:
    """Complete a started record for a model at a provider; sends no example.

    Raises:
        BaseModelError: the provider lists its models, and this is not among them.
        ServerError: the provider does not answer, or refuses the key.
    """
    with Client(server, patience) as client:
        try:
            listed = [item.id for item in client.call("GET", "/models", Page).data]
        except ServerError as error:
            if error.status not in (404, 405):
                raise
            listed = [server.model]  # it lists none; the name is found out when a job starts
    if server.model not in listed:
        near = get_close_matches(server.model, listed, n=3, cutoff=0.4) or sorted(listed)[:3]
        raise BaseModelError(
            f"{server.host} has no model {server.model!r} among its {len(listed)}.",
            hint=f"name one under base:, such as {', '.join(near)}" if near else "",
        )
    return workspace.complete(
        record,
        {"source": "provider", "architecture": "unknown", "licence": f"terms of {server.host}"},
    )


def tune_hosted(
    workspace: Workspace,
    task: Task,
    dataset: Dataset,
    run: Run,
    server: Server,
    progress: Progress,
    *,
    patience: Patience = USUAL,
    pace: Pace = USUAL_PACE,
) -> Run:
    """Upload, start the job or find it again, follow it to its end, and complete a started run.

    Of the settings, `train.epochs` and the seed are sent; all others are the provider's own.

    Raises:
        TrainingError: the job failed, was cancelled, or is gone.
        ServerError: the provider cannot be reached or refuses.
    """
    renderer = MessageRenderer(task)
    began = time.monotonic()
    splits = {
        "train": read_split(workspace, dataset, "train"),
        "validation": read_split(workspace, dataset, "validation"),
    }
    metrics = workspace.path(run, "metrics.jsonl")
    with Client(server, patience) as client:
        hosted = Hosted(
            workspace.path(run, STATE_FILE), client, task.provider.consent, progress, pace
        )
        for split, examples in splits.items():
            if examples:
                name = f"burnish-{run.id}-{split}"
                hosted.upload(split, name, chat_lines(renderer, examples).encode())
        hosted.start(_request(task, server))
        job = hosted.follow()
        steps = hosted.metrics()
    write_text(metrics, "".join(json.dumps(step) + "\n" for step in steps))
    return workspace.complete(
        run,
        {
            "files": {metrics.name: sha256_file(metrics)},
            "prompt_hash": renderer.prompt_hash(splits["validation"]),
            "provider": ProviderJob(
                host=server.host,
                consent=task.provider.consent,
                files=dict(hosted.remembered.files),
                job=job.id,
                model=str(job.fine_tuned_model),
                billed_tokens=job.trained_tokens,
            ),
            "train_examples": len(splits["train"]),
            "validation_examples": len(splits["validation"]),
            "steps": len(steps),
            "seconds": round(job.seconds or time.monotonic() - began, 1),
            "resumed": run.resumed + hosted.resumed,
            "device": server.host,
        },
    )


def cancel_hosted(
    workspace: Workspace, run: Run, server: Server, *, patience: Patience = USUAL
) -> str:
    """Cancel the job of an unfinished run; its id.

    Raises:
        TrainingError: the run has no job at the provider.
    """
    with Client(server, patience) as client:
        hosted = Hosted(workspace.path(run, STATE_FILE), client, "", silent, USUAL_PACE)
        job = hosted.remembered.job
        if not job:
            raise TrainingError(f"Run {run.id} has no job at {server.host} to cancel.")
        hosted.cancel()
    return job


def chat_lines(renderer: MessageRenderer, examples: list[Example]) -> str:
    """Examples as OpenAI's chat format for tuning: one {"messages": [...]} a line.

    All assistant turns are learned there, as they are here.
    """
    lines = []
    for example in examples:
        answer = Message(role="assistant", content=example.answer)
        turns = [turn.model_dump() for turn in [*renderer.messages(example), answer]]
        lines.append(json.dumps({"messages": turns}, ensure_ascii=False) + "\n")
    return "".join(lines)


def _request(task: Task, server: Server) -> dict[str, Any]:
    """What a job is started with, but for its files."""
    request: dict[str, Any] = {
        "model": server.model,
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": task.train.epochs}},
        },
        "seed": task.seed,
    }
    suffix = re.sub(r"[^a-z0-9]+", "-", task.name.lower())[:_LONGEST_SUFFIX].strip("-")
    return request | ({"suffix": suffix} if suffix else {})
