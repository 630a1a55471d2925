"""One row that holds many examples: a shared prefix once, then each example's own tokens.

Every example attends to the prefix and to itself, positions restart after the prefix, and the
model's head runs only where it is asked. What follows an example's last token is asked of nobody,
so that token is not read. Results equal those of a padded batch; only work that a padded batch does
twice, or for nothing, is left out. Training, scoring and answering use the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface, PreTrainedModel

from burnish.chat.render import Encoded
from burnish.engines.attention import row_attention
from burnish.engines.layout import Layout, Span
from burnish.engines.losses import head_losses, target_losses
from burnish.engines.relay import Relay

ATTENTION = "burnish_rows"
FAMILIES = frozenset(
    {"llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3", "gpt2", "gemma2", "gemma3_text"}
)
"""Model types whose rows are proved equal to padded batches in the tests."""

ASKED_TOGETHER = 32
"""The last layer runs for a multiple of so many tokens: each other number has kernels compiled."""


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
    """Lay examples into rows of about `tokens_per_row` tokens, longest row first.

    Args:
        tokens_per_row: beside the common prefix; one longer example is a row.
        share: put several examples in a row; otherwise each has a row of its own.
    """
    if not share:
        return [_loss_row(examples, [number], 0) for number in range(len(examples))]
    prefix = common_prefix(examples)
    groups = _group([len(example.ids) - prefix for example in examples], tokens_per_row)
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
            read = ending[:-1]
            if read:
                branches.append(len(ids))
            places += [last, *range(len(ids), len(ids) + len(read))]
            targets += ending
            owners += [number * len(endings) + choice] * len(ending)
            ids += read
            positions += range(len(prompt), len(prompt) + len(read))
        spans.append(Span(start, len(ids), tuple(branches)))
    layout = Layout(prefix, tuple(spans))
    return _row(ids, positions, layout, places, targets, owners, len(ids))


def cut(row: Row, ends: tuple[int, ...]) -> list[Row]:
    """The parts of a row, for as many threads: they have to run at the same time.

    Args:
        ends: where each part ends, in order; the last is the row's length.
    """
    relay, parts = Relay(ends), []
    for part, (begin, end) in enumerate(pairwise((0, *ends))):
        own = (row.places >= begin) & (row.places < end)
        parts.append(
            replace(
                row,
                input_ids=row.input_ids[:, begin:end],
                position_ids=row.position_ids[:, begin:end],
                layout=replace(row.layout, part=part, relay=relay),
                places=row.places[own] - begin,
                targets=row.targets[own],
                owners=row.owners[own],
            )
        )
    return parts


def row_losses(
    model: torch.nn.Module, row: Row, device: torch.device, smoothing: float = 0.0
) -> torch.Tensor:
    """Loss of every target, nats, float32 [losses].

    Args:
        smoothing: of the targets, see `burnish.engines.losses`; 0 is the negative log-likelihood.
    """
    places, at = torch.unique(row.places, return_inverse=True)
    alone = len(places) == len(row.places)
    inputs = {
        "input_ids": row.input_ids.to(device),
        "position_ids": row.position_ids.to(device),
        "layout": row.layout,
        "use_cache": False,
    }
    targets = row.targets.to(device)
    if alone and (parts := _plain_head(model)):
        decoder, head = parts
        if getattr(decoder, "narrows", False):  # burnish.train.fused
            asked = torch.cat([places, places[-1:].expand(-len(places) % ASKED_TOGETHER)])
            hidden = decoder(**inputs, places=asked).last_hidden_state[0, : len(places)]
        else:
            hidden = decoder(**inputs).last_hidden_state[0, places.to(device)]
        return head_losses(hidden, head, targets, smoothing, row.layout.relay)
    logits = model(**inputs, logits_to_keep=places.to(device)).logits[0]
    if alone:
        return target_losses(logits, targets, smoothing)
    log_likelihood: torch.Tensor = logits.float().log_softmax(-1)
    return -log_likelihood[at.to(device), targets]


def _plain_head(model: torch.nn.Module) -> tuple[torch.nn.Module, torch.nn.Linear] | None:
    """The layers and the head of a model whose logits are a frozen linear layer's output.

    On a CPU alone: elsewhere the head may be shared out over devices, and is run by the model.
    """
    causal: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    head = causal.get_output_embeddings()
    if (
        type(head) is not torch.nn.Linear
        or head.weight.requires_grad
        or head.weight.device.type != "cpu"
        or getattr(causal.config, "final_logit_softcapping", None)
    ):
        return None
    return causal.base_model, head


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


def _group(own: Sequence[int], most: int) -> list[list[int]]:
    """Examples in groups of at most `most` tokens: each goes to the shortest, longest first.

    Args:
        own: tokens of each example.
    """
    order = sorted(range(len(own)), key=lambda number: -own[number])
    count = -(-sum(own) // max(most, max(own)))
    while True:
        groups: list[list[int]] = [[] for _ in range(min(count, len(own)))]
        sizes = [0] * len(groups)
        for number in order:
            at = sizes.index(min(sizes))
            groups[at].append(number)
            sizes[at] += own[number]
        if len(groups) == len(own) or max(sizes) <= max(most, own[order[0]]):
            return groups
        count += 1


def common_prefix(examples: Sequence[Encoded]) -> int:
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
        trained = [at for at in range(prefix + 1, len(example.ids)) if example.trained[at]]
        stop = trained[-1] if trained else len(example.ids)
        ids += example.ids[prefix:stop]
        positions += range(prefix, stop)
        spans.append(Span(start, len(ids)))
        places += [start + at - prefix - 1 for at in trained]
        targets += [example.ids[at] for at in trained]
        owners += [number] * len(trained)
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
