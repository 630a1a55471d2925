"""The loss of known tokens, from the logits before them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from burnish.engines.relay import Relay
from burnish.engines.scratch import scratch

TARGETS_AT_ONCE = 256
"""Logits of so many targets exist at the same time."""
WIDE_AT_ONCE = 32
"""Of so many in float32: what a core's cache can hold for a vocabulary of 50,000."""


def target_losses(
    logits: torch.Tensor, targets: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    """Cross-entropy of every target, nats, float32 [losses].

    Args:
        logits: [losses, vocabulary], in any precision; the loss is computed in float32.
        targets: int64 [losses].
        smoothing: share of the target that is spread evenly over the vocabulary (Szegedy et al.
            2016, section 7); 0 gives the negative log-likelihood.
    """
    return functional.cross_entropy(
        logits.float(), targets, reduction="none", label_smoothing=smoothing
    )


def head_losses(
    hidden: torch.Tensor,
    head: torch.nn.Linear,
    targets: torch.Tensor,
    smoothing: float = 0.0,
    relay: Relay | None = None,
) -> torch.Tensor:
    """`target_losses(head(hidden), targets, smoothing)` for a frozen head, without its logits.

    They are made some targets at a time, and the gradient with them, so that neither the logits
    of a row nor their gradient are ever whole.

    Args:
        hidden: [losses, hidden size].
        relay: of a row's parts; those that have nothing to do share the work.
    """
    losses: torch.Tensor = _HeadLosses.apply(  # type: ignore[no-untyped-call]
        hidden.to(head.weight.dtype), head.weight, head.bias, targets, smoothing, relay
    )
    return losses


class _HeadLosses(torch.autograd.Function):
    """The gradient of a loss is of its own row of `hidden` alone: it is made with the loss, and
    multiplied in the backward pass by what comes from above."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        smoothing: float,
        relay: Relay | None,
    ) -> torch.Tensor:
        losses = hidden.new_empty(len(hidden), dtype=torch.float32)
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None

        def some(part: slice) -> None:
            own = targets[part]
            logits = scratch("logits", (len(own), len(weight)), weight)
            torch.mm(hidden[part], weight.T, out=logits)
            if bias is not None:
                logits += bias
            losses[part] = _cross_entropy(logits, own, smoothing)
            if gradient is not None:
                torch.mm(logits, weight, out=gradient[part])

        at_once = min(TARGETS_AT_ONCE, max(1, -(-len(hidden) // (len(relay.ends) if relay else 1))))
        starts = range(0, len(hidden), at_once)
        (relay.share if relay else _one_by_one)(
            [partial(some, slice(start, start + at_once)) for start in starts]
        )
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0][:, None].to(gradient.dtype), *(None,) * 5


def _one_by_one(jobs: Sequence[Callable[[], None]]) -> None:
    for job in jobs:
        job()


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The losses; the logits become the gradient of each row's loss."""
    losses = logits.new_empty(len(logits), dtype=torch.float32)
    for start in range(0, len(logits), WIDE_AT_ONCE):
        part = slice(start, start + WIDE_AT_ONCE)
        own = targets[part, None]
        wide = scratch("wide logits", logits[part].shape, losses)
        wide.copy_(logits[part])
        wide -= wide.amax(-1, keepdim=True)
        wanted = wide.gather(1, own) * (1 - smoothing)
        if smoothing:
            wanted += smoothing * wide.mean(-1, keepdim=True)
        total = wide.exp_().sum(-1, keepdim=True)
        losses[part] = (total.log() - wanted)[:, 0]
        wide /= total
        if smoothing:
            wide -= smoothing / wide.shape[-1]
        wide.scatter_add_(1, own, wide.new_full(own.shape, smoothing - 1))
        logits[part] = wide
    return losses
