"""NEFTune: noise on the embeddings while training (Jain et al. 2023).

The noise of an example is uniform in ±alpha/√(L·d), where L is the example's own length, not that
of a row or of its padding, and d the width of an embedding.
"""

from typing import Any

import torch
from transformers import PreTrainedModel


def add_noise(model: PreTrainedModel, alpha: float) -> None:
    """Make a model add noise to its embeddings for as long as it is in training mode.

    A shared prefix would share its noise, and there is none in the paper's step: rows for a noisy
    model share no prefix.

    Args:
        model: the base model, with adapters in it or not.
    """
    seen: dict[str, Any] = {}
    decoder = getattr(model, model.base_model_prefix)

    def note(_: torch.nn.Module, __: Any, options: dict[str, Any]) -> None:
        seen["layout"] = options.get("layout")

    def disturb(module: torch.nn.Module, _: Any, embedded: torch.Tensor) -> torch.Tensor:
        if not module.training:
            return embedded
        lengths = _lengths(seen["layout"], embedded.shape[1]).to(embedded.device)
        size = alpha / (lengths * embedded.shape[2]).sqrt()
        noise = torch.empty_like(embedded, dtype=torch.float32).uniform_(-1, 1)
        return embedded + (noise * size[None, :, None]).to(embedded.dtype)

    decoder.register_forward_pre_hook(note, with_kwargs=True)
    model.get_input_embeddings().register_forward_hook(disturb)


def _lengths(layout: Any, tokens: int) -> torch.Tensor:
    """The length of each token's example, float32 [tokens]; without a layout the row is one."""
    if layout is None:
        return torch.full((tokens,), float(tokens))
    if layout.prefix:
        raise ValueError("rows for a noisy model share no prefix")
    sizes = torch.tensor([span.stop - span.start for span in layout.spans])
    return sizes.repeat_interleave(sizes).float()
