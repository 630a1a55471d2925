"""One row that holds many examples: a shared prefix once, then each example's own tokens.

Every example attends to the prefix and to itself, positions restart after the prefix, and the
model's head runs only where it is asked. Results equal those of a padded batch; only work that a
padded batch does twice, or for nothing, is left out. Training, scoring and answering use the same
rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from burnish.chat.render import Encoded

ATTENTION = "burnish_rows"
FAMILIES = frozenset({"llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3", "gpt2"})
"""Model types whose rows are proved equal to padded batches in the tests."""


@dataclass(frozen=True)
class Span:
    """Where one example's own tokens lie in a row.

    `branches` are starts of alternative endings: each sees the prefix, the example's tokens
    before the first branch, and itself, but no other branch.
    """

    start: int
    stop: int
    branches: tuple[int, ...] = ()


class KeyValues:
    """Keys and values of several examples, layer by layer, for answers written token by token.

    Attributes:
        lengths: int64 [examples], tokens stored for each.
    """

    def __init__(self, config: Any, lengths: Sequence[int], new: int, dtype: torch.dtype) -> None:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, 2, len(lengths), heads, max(lengths) + new, size)
        self._store = torch.zeros(shape, dtype=dtype)
        self.lengths = torch.tensor(lengths)

    def to(self, device: torch.device) -> "KeyValues":
        """Move to a device, in place."""
        self._store, self.lengths = self._store.to(device), self.lengths.to(device)
        return self

    def fill(self, layer: int, index: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store the prompt of one example: [heads, tokens, head size] each."""
        self._store[layer, 0, index, :, : keys.shape[1]] = keys
        self._store[layer, 1, index, :, : values.shape[1]] = values

    def append(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Store one new token of every example ([examples, heads, head size] each).

        Returns:
            [2, examples, heads, longest, head size], keys and values with the new token.
        """
        rows = torch.arange(len(self.lengths), device=self.lengths.device)
        self._store[layer, 0, rows, :, self.lengths] = keys
        self._store[layer, 1, rows, :, self.lengths] = values
        return self._store[layer, :, :, :, : int(self.lengths.max()) + 1]

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all examples but these."""
        self._store = self._store[:, :, rows].clone()
        self.lengths = self.lengths[rows]


@dataclass(frozen=True)
class Layout:
    """Which tokens of a row may see which.

    Attributes:
        prefix: number of tokens, at the row's start, that all examples share.
        spans: each example's own tokens, in order and without gaps.
        store: where keys and values are kept for answering, one entry a span.
        writing: the row is one new token of each example in `store`; there are no spans.
    """

    prefix: int = 0
    spans: tuple[Span, ...] = ()
    store: KeyValues | None = None
    writing: bool = False


@dataclass(frozen=True)
class Row:
    """One forward pass that measures the loss of known tokens.

    Attributes:
        input_ids, position_ids: int64 [1, tokens].
        places: int64 [losses], the tokens whose next token carries a loss.
        targets: int64 [losses], those next tokens.
        owners: int64 [losses], the example (or branch) each loss belongs to.
        tokens: true tokens of the examples, the prefix counted once for each.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    layout: Layout
    places: torch.Tensor
    targets: torch.Tensor
    owners: torch.Tensor
    tokens: int


def use_rows(model: PreTrainedModel) -> bool:
    """Switch a model to attention over rows; False where its family is not proved equal."""
    if model.config.model_type not in FAMILIES:
        return False
    AttentionInterface.register(ATTENTION, row_attention)
    model.set_attn_implementation(ATTENTION)
    return True


def make_rows(examples: Sequence[Encoded], tokens_per_row: int, *, share: bool) -> list[Row]:
    """Lay examples into rows of at most `tokens_per_row` tokens (one longer example is a row).

    Args:
        share: put several examples in a row; otherwise each has a row of its own.
    """
    groups: list[list[int]] = []
    prefix = _common_prefix(examples) if share else 0
    size = 0
    for index, example in enumerate(examples):
        own = len(example.ids) - prefix
        if not groups or not share or size + own > tokens_per_row:
            groups.append([])
            size = prefix
        groups[-1].append(index)
        size += own
    return [_loss_row(examples, group, prefix if len(group) > 1 else 0) for group in groups]


def branch_row(prompts: Sequence[list[int]], endings: Sequence[list[int]]) -> Row:
    """A row that measures every ending after every prompt.

    `owners` counts prompt * len(endings) + ending.
    """
    prefix = shared_prefix(prompts)
    ids, positions = list(prompts[0][:prefix]), list(range(prefix))
    spans, places, targets, owners = [], [], [], []
    for number, prompt in enumerate(prompts):
        start, branches = len(ids), []
        ids += prompt[prefix:]
        positions += range(prefix, len(prompt))
        last = len(ids) - 1
        for choice, ending in enumerate(endings):
            branches.append(len(ids))
            places += [last, *range(len(ids), len(ids) + len(ending) - 1)]
            targets += ending
            owners += [number * len(endings) + choice] * len(ending)
            ids += ending
            positions += range(len(prompt), len(prompt) + len(ending))
        spans.append(Span(start, len(ids), tuple(branches)))
    layout = Layout(prefix, tuple(spans))
    return _row(ids, positions, layout, places, targets, owners, len(ids))


def row_losses(model: torch.nn.Module, row: Row, device: torch.device) -> torch.Tensor:
    """Negative log-likelihood of every target, nats, float32 [losses]."""
    places, at = torch.unique(row.places, return_inverse=True)
    logits = model(
        input_ids=row.input_ids.to(device),
        position_ids=row.position_ids.to(device),
        layout=row.layout,
        logits_to_keep=places.to(device),
        use_cache=False,
    ).logits[0]
    if len(places) == len(row.places):
        return functional.cross_entropy(logits.float(), row.targets.to(device), reduction="none")
    log_likelihood: torch.Tensor = logits.float().log_softmax(-1)
    return -log_likelihood[at.to(device), row.targets.to(device)]


def shared_prefix(prompts: Sequence[list[int]]) -> int:
    """Number of leading tokens that all prompts share; each keeps at least one of its own."""
    if len(prompts) < 2:
        return 0
    limit = min(map(len, prompts)) - 1
    first = prompts[0]
    for length in range(limit):
        if any(prompt[length] != first[length] for prompt in prompts):
            return length
    return limit


def row_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    layout: Layout | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Exact attention over the examples of one row, as transformers' attention registry wants it.

    Args:
        query: [1, heads, tokens, head size]; key and value may have fewer heads.
        layout: of the row; without it this is ordinary attention.
        sliding_window: how far back a token sees, in tokens of its own example.

    Returns:
        [1, tokens, heads, head size], and no weights.
    """
    if layout is None:
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
        )
        return out, None
    if layout.writing:
        return _write_one(module, query, key, value, layout, scaling, sliding_window), None
    if layout.store is not None:
        seen = zip(_seen(key, layout), _seen(value, layout), strict=True)
        for index, (keys, values) in enumerate(seen):
            layout.store.fill(_layer(module), index, keys[0], values[0])
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    head = layout.prefix
    prefix, *own = query.split([head, *(span.stop - span.start for span in layout.spans)], dim=2)
    outputs = []
    if head:
        first = (prefix, key[:, :, :head], value[:, :, :head])
        outputs.append(_attend(*first, 0, Span(0, head), scaling, dropout, sliding_window))
    outputs += [
        _attend(new, keys, values, head, span, scaling, dropout, sliding_window)
        for span, new, keys, values in zip(
            layout.spans, own, _seen(key, layout), _seen(value, layout), strict=True
        )
    ]
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    head: int,
    span: Span,
    scaling: float | None,
    dropout: float,
    window: int | None,
) -> torch.Tensor:
    """Attention of one example's own tokens over the first `head` tokens and themselves."""
    mask = None
    if head or span.branches or (window is not None and window < key.shape[2]):
        mask = _mask(head, span, window, query.device)
    return functional.scaled_dot_product_attention(
        query, key, value, mask, dropout, is_causal=mask is None, scale=scaling
    )


def _seen(tensor: torch.Tensor, layout: Layout) -> list[torch.Tensor]:
    """Keys or values of the prefix and of an example's own tokens, for each example.

    One split for all examples: its gradient is one concatenation, where slices would each fill a
    tensor of the whole row with zeros.
    """
    sizes = [layout.prefix, *(span.stop - span.start for span in layout.spans)]
    prefix, *own = tensor.split(sizes, dim=2)
    return [torch.cat([prefix, part], dim=2) for part in own] if layout.prefix else own


@lru_cache(maxsize=64)  # every layer asks for the same masks
def _mask(head: int, span: Span, window: int | None, device: torch.device) -> torch.Tensor:
    """True where a token may look, [own, head + own]."""
    own = span.stop - span.start
    places = torch.arange(own, device=device)
    branch = torch.zeros(own, dtype=torch.long, device=device)
    for start in span.branches:
        branch[start - span.start :] += 1
    same = (branch[None, :] == 0) | (branch[None, :] == branch[:, None])
    visible = (places[None, :] <= places[:, None]) & same
    mask = torch.cat([torch.ones(own, head, dtype=torch.bool, device=device), visible], dim=1)
    if window is not None:
        first = torch.tensor([span.start, *span.branches], device=device) - span.start
        stem = int(first[1]) if span.branches else own
        depth = torch.where(branch == 0, places, stem + places - first[branch])
        seen = torch.cat([torch.arange(head, device=device), head + depth])
        mask &= head + depth[:, None] - seen[None, :] < window
    return mask


def _write_one(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    scaling: float | None,
    window: int | None,
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
    out = functional.scaled_dot_product_attention(
        grouped, keys, values, mask[:, None, None, :], scale=scaling
    )
    return out.reshape(1, examples, query.shape[1], query.shape[-1])


def _layer(module: torch.nn.Module) -> int:
    return int(module.layer_idx)  # type: ignore[arg-type]


def _common_prefix(examples: Sequence[Encoded]) -> int:
    """Leading tokens that all examples share and before whose end none has a loss."""
    untrained = min(
        next((at for at, trained in enumerate(example.trained) if trained), len(example.ids))
        for example in examples
    )
    return min(shared_prefix([example.ids for example in examples]), max(untrained - 1, 0))


def _loss_row(examples: Sequence[Encoded], group: Sequence[int], prefix: int) -> Row:
    ids = list(examples[group[0]].ids[:prefix])
    positions = list(range(prefix))
    spans, places, targets, owners = [], [], [], []
    for number in group:
        example, start = examples[number], len(ids)
        ids += example.ids[prefix:]
        positions += range(prefix, len(example.ids))
        spans.append(Span(start, len(ids)))
        for at in range(prefix + 1, len(example.ids)):
            if example.trained[at]:
                places.append(start + at - prefix - 1)
                targets.append(example.ids[at])
                owners.append(number)
    tokens = sum(len(examples[number].ids) for number in group)
    return _row(ids, positions, Layout(prefix, tuple(spans)), places, targets, owners, tokens)


def _row(
    ids: list[int],
    positions: list[int],
    layout: Layout,
    places: list[int],
    targets: list[int],
    owners: list[int],
    tokens: int,
) -> Row:
    return Row(
        input_ids=torch.tensor([ids]),
        position_ids=torch.tensor([positions]),
        layout=layout,
        places=torch.tensor(places),
        targets=torch.tensor(targets),
        owners=torch.tensor(owners),
        tokens=tokens,
    )
