"""Exact attention over a row of many examples, as transformers' attention registry wants it.

On a CPU a row is cut into blocks of queries, and each block meets only the keys it may see: plain
matrix products, which on short examples are several times faster than the stock kernel. Elsewhere
FlexAttention takes the same rule as a mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from burnish.engines.layout import Layout, Span
from burnish.engines.scratch import scratch

BLOCK = 128
"""Queries of a block, about. Longer ones waste products on keys ahead of their queries; shorter
ones are too small for the processor to be busy."""


def row_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    layout: Layout | None = None,
    asking: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in which every example of a row sees the shared prefix and itself alone.

    Args:
        query: [1, heads, tokens, head size]; key and value may have fewer heads.
        layout: of the row; without it this is ordinary attention.
        asking: int64 in order, the tokens whose queries these are, on a CPU; None is all.
        sliding_window: how far back a token sees, in tokens of its own example.
        softcap: scores are squashed to stay within it (Gemma 2).

    Returns:
        [1, tokens, heads, head size], and no weights.
    """
    if layout is None:
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
        )
        return out, None
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if layout.writing:
        return _write_one(module, query, key, value, layout, scale, sliding_window, softcap), None
    if layout.store is not None:
        for index, (keys, values) in enumerate(
            zip(_seen(key, layout), _seen(value, layout), strict=True)
        ):
            layout.store.fill(_layer(module), index, keys[0], values[0])
    if query.device.type == "cpu":
        layer = _layer(module) if layout.relay else 0
        options_of_blocks = (layer, scale, dropout, softcap, sliding_window)
        tokens = None if asking is None else tuple(asking.tolist())
        # Views, whose gradients are views: that of an index is a copy into zeros.
        own = (tensor.squeeze(0) for tensor in (query, key, value))
        out = _Blocks.apply(*own, layout, tokens, *options_of_blocks)  # type: ignore[no-untyped-call]
        return out.unsqueeze(0), None
    return flex_rows(query, key, value, layout, scale, sliding_window, softcap), None


@dataclass(frozen=True)
class _Block:
    """Queries [start, stop), which may see the prefix and keys [low, high) where `mask` allows.

    Attributes:
        start, stop: among the queries of the row's part; low and high are in the row.
        prefix: number of the row's first tokens that all its queries see; 0 where these keys
            begin with them.
        mask: additive, [queries, columns], over the last columns of the scores; the columns
            before are seen by every query.
    """

    start: int
    stop: int
    low: int
    high: int
    prefix: int
    mask: torch.Tensor

    def seen(self, tensor: torch.Tensor) -> torch.Tensor:
        """The keys or values it may see, [heads, prefix + high - low, head size]."""
        own = tensor[:, self.low : self.high]
        return torch.cat([tensor[:, : self.prefix], own], dim=1) if self.prefix else own

    def give_back(self, total: torch.Tensor, part: torch.Tensor) -> None:
        """Add the gradient of what `seen` returned to that of the whole row."""
        if self.prefix:
            total[:, : self.prefix] += part[:, : self.prefix]
            part = part[:, self.prefix :]
        total[:, self.low : self.high] += part


class _Blocks(torch.autograd.Function):
    """softmax(query keyᵀ · scale) value, block by block; [heads, tokens, head size] comes in,
    [tokens, heads, head size] goes out.

    Tokens are all of the row's part, or those alone that ask. Query heads that share a key head are
    rows of one product: they lie token by token, [key heads, tokens, query heads of each, head
    size], so that a block of queries is a view. Probabilities are kept for the backward pass in the
    model's precision; gradients of keys and values add up in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        layout: Layout,
        asking: tuple[int, ...] | None,
        layer: int,
        scale: float,
        dropout: float,
        softcap: float | None,
        window: int | None,
    ) -> torch.Tensor:
        rule = (layout.prefix, layout.spans, layout.tokens, asking, window)
        ctx.blocks = _blocks(*rule, query.dtype)
        ctx.scale, ctx.softcap = scale, softcap
        ctx.relay, ctx.layer, ctx.part = layout.relay, layer, layout.part
        if layout.relay:
            key, value = layout.relay.join(layer, layout.part, key, value)
        heads, tokens, size = query.shape
        shared = heads // len(key)
        apart = query.view(len(key), shared, tokens, size).transpose(1, 2)
        grouped = torch.mul(apart, scale, out=query.new_empty(apart.shape))
        attended = query.new_empty(tokens, heads, size)
        out = attended.view(tokens, len(key), shared, size).transpose(0, 1)
        saved = []
        for block in ctx.blocks:
            queries = grouped[:, block.start : block.stop].flatten(1, 2)
            seen = block.seen(key)
            room = scratch("scores", (*queries.shape[:2], seen.shape[1]), query)
            scores = torch.bmm(queries, seen.transpose(1, 2), out=room)
            capped = None
            if softcap is not None:
                capped = scores.div(softcap).tanh_()  # kept, as the room for scores is not
                scores = capped * softcap
            apart = scores.view(len(key), block.stop - block.start, -1, scores.shape[-1])
            apart[..., scores.shape[-1] - block.mask.shape[1] :].add_(block.mask[:, None])
            weights = torch.softmax(scores, -1)
            kept = (
                torch.empty_like(weights).bernoulli_(1 - dropout).div_(1 - dropout)
                if dropout
                else None
            )
            used = weights if kept is None else weights * kept
            here = out[:, block.start : block.stop]
            here.copy_(torch.bmm(used, block.seen(value)).view(here.shape))
            saved.append((weights, capped, kept))
        ctx.save_for_backward(grouped, key, value, *(part for block in saved for part in block))
        return attended

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grouped, key, value, *parts = ctx.saved_tensors
        saved = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        tokens, heads, size = grads[0].shape
        shared = heads // len(key)
        grad = grads[0].view(tokens, len(key), shared, size).transpose(0, 1).contiguous()
        back = grad.new_empty(heads, tokens, size)
        for_query = back.view(len(key), shared, tokens, size).transpose(1, 2)
        for_key, for_value = (
            torch.zeros_like(key, dtype=torch.float32),
            torch.zeros_like(value, dtype=torch.float32),
        )
        for block, (weights, capped, kept) in zip(ctx.blocks, saved, strict=True):
            queries = grouped[:, block.start : block.stop].flatten(1, 2)
            given = grad[:, block.start : block.stop].flatten(1, 2)
            used = weights if kept is None else weights * kept
            block.give_back(for_value, torch.bmm(used.transpose(1, 2), given))
            room = scratch("scores", weights.shape, weights)
            steep = torch.bmm(given, block.seen(value).transpose(1, 2), out=room)
            if kept is not None:
                steep.mul_(kept)
            torch.ops.aten._softmax_backward_data.out(
                steep, weights, -1, weights.dtype, grad_input=steep
            )
            if capped is not None:
                steep.mul_(1 - capped.square())
            here = for_query[:, block.start : block.stop]
            torch.mul(torch.bmm(steep, block.seen(key)).view(here.shape), ctx.scale, out=here)
            block.give_back(for_key, torch.bmm(steep.transpose(1, 2), queries))
        if ctx.relay:
            for_key, for_value = ctx.relay.settle(ctx.layer, ctx.part, for_key, for_value)
        return (
            back,
            for_key.to(key.dtype),
            for_value.to(value.dtype),
            *(None,) * 7,
        )


@lru_cache(maxsize=64)  # every layer asks for the same; a layout would keep its store alive here
def _blocks(
    head: int,
    spans: tuple[Span, ...],
    part: tuple[int, int | None],
    asking: tuple[int, ...] | None,
    window: int | None,
    dtype: torch.dtype,
) -> list[_Block]:
    visible = _Visible(head, spans)
    blocks, done = [], 0
    first_query, end = part
    for start, stop, low in [*_cut([Span(0, head)]), *_cut(spans)]:
        start, stop = max(start, first_query), min(stop, end or stop)
        queries = list(range(start, stop))
        if asking is not None:
            queries = [at + first_query for at in asking if start <= at + first_query < stop]
        if not queries:
            continue
        low = 0 if low == head else low  # keys right after the prefix: a view of both
        prefix = head if low else 0
        seen = [*range(prefix), *range(low, stop)]
        allowed = visible(torch.tensor(queries)[:, None], torch.tensor(seen)[None, :], window)
        hidden = (~allowed).any(0).nonzero()
        first = int(hidden[0]) if len(hidden) else len(seen)
        mask = torch.zeros(allowed[:, first:].shape, dtype=dtype)
        blocks.append(
            _Block(
                done,
                done + len(queries),
                low,
                stop,
                prefix,
                mask.masked_fill_(~allowed[:, first:], -torch.inf),
            )
        )
        done += len(queries)
    return blocks


def _cut(spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """Blocks as (start, stop, low): long spans are cut, short neighbours share a block."""
    cuts: list[tuple[int, int, int]] = []
    for span in spans:
        if cuts and span.stop - cuts[-1][2] <= BLOCK:
            cuts[-1] = (cuts[-1][0], span.stop, cuts[-1][2])
        else:
            count = max(1, round((span.stop - span.start) / BLOCK))
            edges = [*(span.start + BLOCK * edge for edge in range(count)), span.stop]
            cuts += [(start, stop, span.start) for start, stop in pairwise(edges)]
    return cuts


class _Visible:
    """The rule of a row: which token may see which."""

    def __init__(
        self, head: int, spans: Sequence[Span], device: torch.device | str = "cpu"
    ) -> None:
        owner = [0] * head
        branch, depth = [0] * head, list(range(head))
        for number, span in enumerate(spans, start=1):
            stem = (span.branches[0] if span.branches else span.stop) - span.start
            starts, at = set(span.branches), 0
            for token in range(span.start, span.stop):
                if token in starts:
                    at, restart = at + 1, token
                owner.append(number)
                branch.append(at)
                depth.append(head + (stem + token - restart if at else token - span.start))
        self._owner = torch.tensor(owner, device=device)
        self._branch = torch.tensor(branch, device=device)
        self._depth = torch.tensor(depth, device=device)

    def __call__(self, query: torch.Tensor, key: torch.Tensor, window: int | None) -> torch.Tensor:
        """True where the query's token may see the key's; both are indices into the row."""
        owner, branch, depth = self._owner, self._branch, self._depth
        same = (owner[key] == 0) | (owner[key] == owner[query])
        stem = (branch[key] == 0) | (branch[key] == branch[query])
        allowed = (key <= query) & same & stem
        if window is not None:
            allowed = allowed & (depth[query] - depth[key] < window)
        return allowed


def flex_rows(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> torch.Tensor:
    """The same by FlexAttention, which compiles the rule into one kernel on a GPU.

    Returns:
        [1, tokens, heads, head size].
    """

    def capped(score: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return score if softcap is None else softcap * torch.tanh(score / softcap)

    mask = _flex_mask(layout.prefix, layout.spans, window, query.shape[2], query.device)
    attend = _compiled_flex() if query.is_cuda else flex_attention
    out: torch.Tensor = attend(
        query, key, value, score_mod=capped, block_mask=mask, scale=scale, enable_gqa=True
    )
    return out.transpose(1, 2)


@lru_cache(maxsize=1)
def _compiled_flex() -> Any:
    return torch.compile(flex_attention, dynamic=True)


@lru_cache(maxsize=8)  # every layer asks for the same
def _flex_mask(
    head: int, spans: tuple[Span, ...], window: int | None, tokens: int, device: torch.device
) -> Any:
    visible = _Visible(head, spans, device)
    return create_block_mask(
        lambda _batch, _head, query, key: visible(query, key, window),
        None, None, tokens, tokens, device=device,
    )  # fmt: skip


def _write_one(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> torch.Tensor:
    """Attention of one new token of each example over all its tokens so far."""
    store = layout.store
    if store is None:
        raise ValueError("a row that writes needs a store")
    keys, values = store.append(_layer(module), key[0].transpose(0, 1), value[0].transpose(0, 1))
    places = torch.arange(keys.shape[2], device=keys.device)
    mask = places[None, :] <= store.lengths[:, None]
    if window is not None:
        mask &= store.lengths[:, None] - places[None, :] < window
    examples, heads = keys.shape[:2]
    # Query heads that share a key head become rows of one small matrix.
    grouped = query[0].transpose(0, 1).reshape(examples, heads, -1, query.shape[-1])
    if softcap is None:
        out = functional.scaled_dot_product_attention(
            grouped, keys, values, mask[:, None, None, :], scale=scale
        )
    else:
        scores = softcap * torch.tanh(grouped @ keys.transpose(-1, -2) * (scale / softcap))
        out = scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1) @ values
    return out.reshape(1, examples, query.shape[1], query.shape[-1])


def _seen(tensor: torch.Tensor, layout: Layout) -> list[torch.Tensor]:
    """Keys or values of the prefix and of an example's own tokens, for each example."""
    sizes = [layout.prefix, *(span.stop - span.start for span in layout.spans)]
    prefix, *own = tensor.split(sizes, dim=2)
    return [torch.cat([prefix, part], dim=2) for part in own] if layout.prefix else own


def _layer(module: torch.nn.Module) -> int:
    return int(module.layer_idx)  # type: ignore[arg-type]
