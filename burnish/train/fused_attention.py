"""Attention whose adapted projections are one function, and whose rotation is one formula.

Queries, keys and values read the same input: their adapters meet it in one product, and the
gradient of the input is added up inside the products.
"""

from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from burnish.train import passes
from burnish.train.fused_layers import frozen_and_adapters, gradients, layers_of

HALVES_ROTATED = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Families that turn each head as two halves, all of it (not a part, as Phi-3 does), in layers of
attention and feed-forward with a norm before each."""


def fused_attention(
    attention: Any,
    hidden_states: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    attention_mask: torch.Tensor | None = None,
    past_key_values: Any = None,
    *,
    together: bool,
    wanted: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The forward of the attention of any of the families HALVES_ROTATED.

    Args:
        together: its three projections are plain LoRA without dropout.
        wanted: int64, the tokens whose output it is about; None is all.
    """
    layers = (attention.q_proj, attention.k_proj, attention.v_proj)
    project = _project if together else _project_apart
    if wanted is None:
        query, key, value = project(layers, hidden_states)
    else:
        (query,) = project(layers[:1], hidden_states[:, wanted])
        key, value = project(layers[1:], hidden_states)
    query, key, value = (
        part.unflatten(-1, (-1, attention.head_dim)) for part in (query, key, value)
    )
    if hasattr(attention, "q_norm"):
        query, key = attention.q_norm(query), attention.k_norm(key)
    turns = [part[0].to(query.dtype).contiguous() for part in position_embeddings]
    own = turns if wanted is None else [part[wanted] for part in turns]
    query = _Rotation.apply(query.squeeze(0), *own).unsqueeze(0)  # type: ignore[no-untyped-call]
    key = _Rotation.apply(key.squeeze(0), *turns).unsqueeze(0)  # type: ignore[no-untyped-call]
    value = value.transpose(1, 2)
    if past_key_values is not None:
        key, value = past_key_values.update(key, value, attention.layer_idx)
    config = attention.config
    window = getattr(attention, "sliding_window", getattr(config, "sliding_window", None))
    attended, weights = ALL_ATTENTION_FUNCTIONS[config._attn_implementation](
        attention, query, key, value, attention_mask,
        dropout=attention.attention_dropout if attention.training else 0.0,
        scaling=attention.scaling,
        sliding_window=window,
        asking=wanted,
        **options,
    )  # fmt: skip
    return attention.o_proj(attended.flatten(2)), weights


def _project(projections: tuple[Any, ...], hidden: torch.Tensor) -> tuple[torch.Tensor, ...]:
    frozen, adapters = frozen_and_adapters(projections)
    x = hidden.to(projections[0].base_layer.weight.dtype).flatten(0, -2)
    parts = _Projections.apply(x, frozen, *adapters)  # type: ignore[no-untyped-call]
    return tuple(part.view(*hidden.shape[:-1], part.shape[-1]) for part in parts)


def _project_apart(projections: tuple[Any, ...], hidden: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(layer(hidden) for layer in projections)


class _Projections(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, frozen: list[Any], *adapters: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        narrow = [matrix.to(x.dtype) for matrix in adapters]
        layers = layers_of(frozen, narrow)
        inner = x @ torch.cat([layer.a for layer in layers]).T
        ctx.frozen = frozen
        ctx.save_for_backward(x, inner, *narrow)
        parts = inner.split([len(layer.a) for layer in layers], 1)
        return tuple(layer.forward(x, part) for layer, part in zip(layers, parts, strict=True))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inner, *narrow = ctx.saved_tensors
        layers = layers_of(ctx.frozen, narrow)
        sizes = [len(layer.a) for layer in layers]
        both = list(zip(layers, grads, strict=True))
        of_inner = torch.cat([layer.of_inner(grad) for layer, grad in both], 1)
        of_x = None
        if ctx.needs_input_grad[0]:
            first, *others = both
            of_x = first[0].frozen.gradient(first[1])
            for layer, grad in others:
                of_x = layer.frozen.gradient(grad, of_x)
            of_x.addmm_(of_inner, torch.cat([layer.a for layer in layers]))

        def products() -> list[torch.Tensor]:
            of_a = (of_inner.T @ x).split(sizes)
            pairs = zip(both, of_a, inner.split(sizes, 1), strict=True)
            return [
                gradient
                for (layer, grad), a, part in pairs
                for gradient in (a, layer.of_b(grad, part))
            ]

        return of_x, None, *gradients(narrow, products)


class _Rotation(torch.autograd.Function):
    """x · cos + rotate_half(x) · sin, where both halves of cos, and of sin, are the same;
    [tokens, heads, head size] comes in, [heads, tokens, head size] goes out."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return passes.turn(x.contiguous(), cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return passes.turn_back(grads[0].contiguous(), *ctx.saved_tensors), None, None
