"""What all trainers of the speed comparison share: one command line, one clock, one line of JSON.

Read by every script of this folder, each in an environment of its own, so it needs nothing but
the standard library and torch. Batch b of a run is lines 8b to 8b + 7 of the file of rows, for
every trainer alike; the first batch is a warm-up that is measured but not counted. Adapters start
from the same numbers everywhere, so that loss curves can be laid over each other.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a Llama block: all are adapted."""
IGNORED = -100
"""Label of a token without a loss."""
MAX_GRAD_NORM = 1.0


@dataclass(frozen=True)
class Row:
    """One rendered example: token ids, and the label of each token (its id, or IGNORED)."""

    ids: list[int]
    labels: list[int]

    @property
    def answer_tokens(self) -> int:
        """Tokens with a loss."""
        return sum(label != IGNORED for label in self.labels)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line that all trainers understand."""
    command = argparse.ArgumentParser(description=description)
    command.add_argument("--model", type=Path, required=True, help="folder of the base model")
    command.add_argument("--rows", type=Path, required=True, help="file of rendered examples")
    command.add_argument("--steps", type=int, default=6, help="counted optimiser steps")
    command.add_argument("--batch", type=int, default=8, help="examples of a step")
    command.add_argument("--micro-batch", type=int, default=1, help="examples run at once")
    command.add_argument("--learning-rate", type=float, default=1e-3)
    command.add_argument("--r", type=int, default=16)
    command.add_argument("--alpha", type=int, default=32)
    command.add_argument("--dropout", type=float, default=0.0)
    command.add_argument("--threads", type=int, default=2)
    return command


def read_batches(given: argparse.Namespace) -> list[list[Row]]:
    """The warm-up batch and the counted ones; within a batch, rows lie by length.

    Order within a batch changes no step, and saves padding where several rows run at once.
    """
    rows = []
    with given.rows.open() as lines:
        for line in lines:
            row = json.loads(line)
            ids, trained = row["ids"], row["trained"]
            # The first token has nothing before it to be predicted from.
            first = [IGNORED]
            pairs = zip(ids[1:], trained[1:], strict=True)
            rows.append(Row(ids, first + [at if one else IGNORED for at, one in pairs]))
    needed = (given.steps + 1) * given.batch
    if len(rows) < needed or given.batch % given.micro_batch:
        raise SystemExit(
            f"{len(rows)} rows for {needed} examples in batches of {given.batch}, "
            f"{given.micro_batch} at once: ask for fewer steps, or for a micro-batch that divides"
        )
    batches = [rows[at : at + given.batch] for at in range(0, needed, given.batch)]
    return [sorted(batch, key=lambda row: len(row.ids)) for batch in batches]


def first_a(layer: int, name: str, r: int, width: int) -> torch.Tensor:
    """Where every trainer's LoRA A of a layer starts, float32 [r, width]; B starts at zero.

    The distribution is PEFT's, LitGPT's and torchtune's: uniform within 1 / sqrt(width).
    """
    generator = torch.Generator().manual_seed(1_000 * layer + ADAPTED.index(name))
    return (torch.rand(r, width, generator=generator) * 2 - 1) / width**0.5


def start_adapters(model: torch.nn.Module, spelled: dict[str, str] | None = None) -> None:
    """Set every `...layers.N...NAME.lora_A...` of a model to `first_a`.

    Args:
        spelled: the model's names of linear layers → those of ADAPTED, where they differ.
    """
    names = dict.fromkeys(ADAPTED, "") | (spelled or {})
    found = 0
    for path, parameter in model.named_parameters():
        parts = path.split(".")
        if not parameter.requires_grad or not any(part.lower() == "lora_a" for part in parts):
            continue
        name = next(part for part in parts if part in names)
        layer = int(parts[parts.index("layers") + 1])
        with torch.no_grad():
            parameter.copy_(first_a(layer, names[name] or name, *parameter.shape))
        found += 1
    if not found or found % len(ADAPTED):
        raise SystemExit(f"{found} adapters, where {len(ADAPTED)} a layer were expected")


class Clock:
    """Takes the time, the loss and the peak of memory at the end of every optimiser step."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._losses: list[float] = []
        self._peak = 0.0

    def step(self, loss: float) -> None:
        """A step has ended; `loss` is its mean over the batch's answer tokens, nats."""
        self._ends.append(time.perf_counter())
        self._losses.append(float(loss))
        self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def report(
        self, peer: str, version: str, setting: dict[str, Any], batches: list[list[Row]]
    ) -> None:
        """Print the line of JSON that ends a run; `losses` has the warm-up's first."""
        if len(self._ends) != len(batches):
            raise SystemExit(f"{peer} made {len(self._ends)} steps of {len(batches)}")
        counted = [row for batch in batches[1:] for row in batch]
        ends = self._ends
        measured = {
            "peer": peer,
            "version": version,
            "torch": torch.__version__,
            "setting": setting | {"threads": torch.get_num_threads()},
            "steps": len(counted) // len(batches[0]),
            "examples": len(counted),
            "true_tokens": sum(len(row.ids) for row in counted),
            "seconds": ends[-1] - ends[0],
            "step_seconds": [late - early for early, late in pairwise(ends)],
            "losses": self._losses,
            "peak_gib": self._peak,
        }
        print(json.dumps(measured), flush=True)


class ClippedAdamW(torch.optim.AdamW):
    """AdamW for loops that clip no gradients of their own; tells when a step has ended."""

    def __init__(
        self, parameters: list[torch.nn.Parameter], learning_rate: float, ended: Callable[[], None]
    ) -> None:
        super().__init__(parameters, lr=learning_rate, weight_decay=0.0, fused=True)
        self._parameters, self._ended = parameters, ended

    def step(self, *arguments: Any, **options: Any) -> Any:
        """Clip the gradients to a norm of MAX_GRAD_NORM and step."""
        torch.nn.utils.clip_grad_norm_(self._parameters, MAX_GRAD_NORM)
        result = super().step(*arguments, **options)
        self._ended()
        return result
