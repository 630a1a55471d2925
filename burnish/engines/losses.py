"""The loss of known tokens, from the logits before them."""

import torch
from torch.nn import functional


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
