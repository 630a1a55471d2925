"""Dropout that draws only the elements it drops: exact, and several times cheaper on a CPU.

Stock dropout draws a random number for every element, one after the other; over the inputs of all
adapters that was a third of a step. The places at which independent trials succeed lie geometric
gaps apart (Devroye 1986, chapter X), so drawing the gaps gives the same distribution with `p`
times as many draws.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

_thread = threading.local()


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Draw dropped elements from this seed, in this thread, whatever other threads draw."""
    _thread.generator = torch.Generator().manual_seed(seed)
    try:
        yield
    finally:
        del _thread.generator


class GapDropout(torch.nn.Module):
    """While training, zeroes each element with probability `p` and scales the rest by 1/(1-p)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape as `x`."""
        if not self.training:
            return x
        places = draw_places(x.numel(), self.p)
        dropped: torch.Tensor = _Drop.apply(x, places, 1 / (1 - self.p))  # type: ignore[no-untyped-call]
        return dropped


def use_gap_dropout(model: PeftModel, p: float) -> None:
    """Give every adapter of a model on a CPU this dropout in place of torch's."""
    if p == 0 or model.device.type != "cpu":
        return
    for module in model.modules():
        if isinstance(module, LoraLayer):
            for name in module.lora_dropout:
                module.lora_dropout[name] = GapDropout(p)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, places: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.scale = scale
        return drop(x, places, scale)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return drop(grads[0], places, ctx.scale), None, None


def drop(x: torch.Tensor, places: torch.Tensor, scale: float) -> torch.Tensor:
    """A copy of `x` times `scale`, zero at `places` of its elements in order."""
    out = x.contiguous() * scale
    out.view(-1).index_fill_(0, places, 0)
    return out


def draw_places(n: int, p: float) -> torch.Tensor:
    """Places, int64 in order, at which `n` independent trials with probability `p` succeed."""
    generator = getattr(_thread, "generator", None)
    at, parts = 0, [torch.empty(0, dtype=torch.long)]
    while at < n:
        expected = (n - at) * p
        draws = int(expected + 4 * expected**0.5) + 8
        gaps = torch.empty(draws, dtype=torch.float64).geometric_(p, generator=generator)
        places = gaps.cumsum(0).long() + (at - 1)
        parts.append(places)
        at = int(places[-1]) + 1
    places = torch.cat(parts)
    return places[: int(torch.searchsorted(places, n))]
