"""The local engine: a transformers model, with or without an adapter, answering in rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from burnish.chat.render import Encoded
from burnish.engines.engine import Constraint, Written
from burnish.engines.layout import KeyValues, Layout, Span
from burnish.engines.losses import target_losses
from burnish.engines.memory import keep_few_kernels
from burnish.engines.packed import pack
from burnish.engines.rows import (
    Row,
    branch_row,
    make_rows,
    row_losses,
    shared_prefix,
    use_rows,
)

TOKENS_AT_ONCE = 1024
"""Most tokens of one measuring row; bounds memory, changes no result."""
LEAST_HELD = 2**30
"""Bytes of keys and values that may be held while answers are written, or half of the weights' if
that is more; bounds memory."""
ENTER = 512
"""Tokens that prompts bring at least when they enter beside others: fewer keep no core busy."""


class LocalEngine:
    """Answers with a model in this process.

    Args:
        model: base model or PEFT model; it is put into evaluation mode.
        end: token ids that end an answer.
        own: nobody else reads the model's weights, so that they may be kept in another order.
    """

    def __init__(
        self, model: PreTrainedModel | PeftModel, end: Sequence[int], *, own: bool = False
    ) -> None:
        keep_few_kernels()
        self.model = model.eval()
        inner = model.get_base_model() if isinstance(model, PeftModel) else model
        self._inner = cast(PreTrainedModel, inner)
        self._stock = self._inner.config._attn_implementation
        self._in_rows = use_rows(self._inner)
        self._held = max(LEAST_HELD, _size(self._inner) // 2)
        if own:
            pack(self._inner)
        self._end = frozenset(end)
        self._device = torch.device(self._inner.device)

    @torch.no_grad()
    def write(
        self,
        prompts: Sequence[list[int]],
        *,
        max_new_tokens: int,
        constraint: Constraint | None = None,
    ) -> list[Written]:
        """Greedy answers to a batch of prompts, in their order."""
        if not self._in_rows:
            return [self._write_stock(prompt, max_new_tokens, constraint) for prompt in prompts]
        answers: list[list[int]] = [[] for _ in prompts]
        stopped = [False] * len(prompts)
        waiting = sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))
        prefix = shared_prefix(prompts)
        store = KeyValues(self._inner.config, 0, 0, self._inner.dtype, self._device)
        active: list[int] = []  # the example in each of the store's rows
        tokens: list[int] = []  # what comes next in each
        while waiting or active:
            if waiting:
                length = max(len(prompts[number]) for number in [waiting[0], *active])
                fitting = self._held // (store.token_bytes * (length + max_new_tokens))
                make_room(store, min(fitting, len(waiting) + len(active)), length + max_new_tokens)
            entering = waiting[: store.rows - len(active)]
            own = sum(len(prompts[number]) - prefix for number in entering)
            if entering and (not active or entering == waiting or own >= max(ENTER, 4 * prefix)):
                waiting = waiting[len(entering) :]
                logits = self._read([prompts[number] for number in entering], prefix, store)
                active += entering
                tokens += _best(logits, [[]] * len(entering), constraint)
            for row in reversed(range(len(active))):
                number = active[row]
                if tokens[row] in self._end:
                    stopped[number] = True
                else:
                    answers[number].append(tokens[row])
                if stopped[number] or len(answers[number]) >= max_new_tokens:
                    store.leave(row)
                    active[row], tokens[row] = active[-1], tokens[-1]
                    del active[-1], tokens[-1]
            if active:
                logits = self._step(tokens, store)
                tokens = _best(logits, [answers[number] for number in active], constraint)
        return [Written(ids, end) for ids, end in zip(answers, stopped, strict=True)]

    @torch.no_grad()
    def choose(
        self, prompts: Sequence[list[int]], endings: Sequence[list[int]]
    ) -> list[list[float]]:
        """Log-probability of every ending after every prompt, nats [prompts][endings]."""
        if not self._in_rows:
            return [
                [-self.losses([prompt], [ending])[0] for ending in endings] for prompt in prompts
            ]
        extra = sum(map(len, endings))
        prefix = shared_prefix(prompts)
        table: list[list[float]] = []
        batch: list[list[int]] = []
        for prompt in prompts:
            size = sum(len(other) - prefix + extra for other in [*batch, prompt])
            if batch and size > TOKENS_AT_ONCE:
                table += self._choose_in_row(batch, endings)
                batch = []
            batch.append(prompt)
        return table + self._choose_in_row(batch, endings)

    @torch.no_grad()
    def losses(self, prompts: Sequence[list[int]], references: Sequence[list[int]]) -> list[float]:
        """Negative log-likelihood of each prompt's reference, nats, summed over its tokens."""
        examples = [
            Encoded(
                prompt + reference,
                [False] * len(prompt) + [True] * len(reference),
                truncated=False,
            )
            for prompt, reference in zip(prompts, references, strict=True)
        ]
        sums = torch.zeros(len(examples), dtype=torch.float64)
        for row in make_rows(examples, TOKENS_AT_ONCE, share=self._in_rows):
            sums.index_add_(0, row.owners, self._row_losses(row).double().cpu())
        return [float(value) for value in sums]

    @torch.no_grad()
    def logits(self, prompt: list[int], reference: list[int]) -> torch.Tensor:
        """Logits before every token of a reference: float32 [reference tokens, vocabulary]."""
        row = branch_row([prompt], [reference])
        inputs: dict[str, Any] = {"input_ids": row.input_ids.to(self._device), "use_cache": False}
        if self._in_rows:
            inputs |= {"position_ids": row.position_ids.to(self._device), "layout": row.layout}
        found = self.model(**inputs).logits[0, row.places.to(self._device)]
        return cast(torch.Tensor, found.float().cpu())

    @contextmanager
    def stock(self) -> Iterator[PreTrainedModel | PeftModel]:
        """The model with its own attention, for callers that pad and know no rows."""
        self._inner.set_attn_implementation(self._stock)
        try:
            yield self.model
        finally:
            if self._in_rows:
                use_rows(self._inner)

    def _row_losses(self, row: Row) -> torch.Tensor:
        if self._in_rows:
            return row_losses(self.model, row, self._device)
        return stock_losses(self.model, row, self._device)

    def _choose_in_row(
        self, prompts: Sequence[list[int]], endings: Sequence[list[int]]
    ) -> list[list[float]]:
        row = branch_row(prompts, endings)
        sums = torch.zeros(len(prompts) * len(endings), dtype=torch.float64)
        sums.index_add_(0, row.owners, -self._row_losses(row).double().cpu())
        return [[float(v) for v in part] for part in sums.view(len(prompts), len(endings))]

    def _read(self, prompts: Sequence[list[int]], prefix: int, store: KeyValues) -> torch.Tensor:
        """Run prompts once, of which all begin alike; their keys and values are stored.

        Returns:
            The logits after each.
        """
        ids, positions, spans = list(prompts[0][:prefix]), list(range(prefix)), []
        for prompt in prompts:
            spans.append(Span(len(ids), len(ids) + len(prompt) - prefix))
            ids += prompt[prefix:]
            positions += range(prefix, len(prompt))
        store.enter([len(prompt) for prompt in prompts])
        logits = self.model(
            input_ids=torch.tensor([ids], device=self._device),
            position_ids=torch.tensor([positions], device=self._device),
            layout=Layout(prefix, tuple(spans), store),
            logits_to_keep=torch.tensor([span.stop - 1 for span in spans], device=self._device),
            use_cache=False,
        ).logits[0]
        return cast(torch.Tensor, logits)

    def _step(self, tokens: Sequence[int], store: KeyValues) -> torch.Tensor:
        """Append one token to every example of the store; the logits after each."""
        logits = self.model(
            input_ids=torch.tensor([list(tokens)], device=self._device),
            position_ids=store.lengths[None],
            layout=Layout(store=store, writing=True),
            use_cache=False,
        ).logits[0]
        store.lengths += 1
        return cast(torch.Tensor, logits)

    def _write_stock(
        self, prompt: list[int], max_new_tokens: int, constraint: Constraint | None
    ) -> Written:
        """One answer by transformers' own generation, for families not proved in rows."""
        allowed = None
        if constraint is not None:
            allowed = lambda _, ids: constraint(ids.tolist()[len(prompt) :])  # noqa: E731
        model: Any = self.model
        ids = model.generate(
            input_ids=torch.tensor([prompt], device=self._device),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long, device=self._device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(self._end),
            pad_token_id=min(self._end),
            prefix_allowed_tokens_fn=allowed,
        )[0].tolist()[len(prompt) :]
        stopped = bool(ids) and ids[-1] in self._end
        return Written(ids[:-1] if stopped else ids, stopped)


def make_room(store: KeyValues, rows: int, length: int) -> None:
    """Give a store room for so many examples, one at least, of so many tokens.

    It grows by a quarter at least, since growing costs a copy.
    """
    if 4 * max(rows, 1) > 5 * store.rows:
        store.resize(max(rows, 1), length)


def _size(model: torch.nn.Module) -> int:
    """Bytes of its weights."""
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def stock_losses(
    model: torch.nn.Module, row: Row, device: torch.device, smoothing: float = 0.0
) -> torch.Tensor:
    """Losses of a row that holds one example, with the model's own attention; float32 [losses]."""
    logits = model(input_ids=row.input_ids.to(device), use_cache=False).logits[0]
    return target_losses(logits[row.places.to(device)], row.targets.to(device), smoothing)


def _best(
    logits: torch.Tensor, written: Sequence[list[int]], constraint: Constraint | None
) -> list[int]:
    """The likeliest next token of each row, among those allowed."""
    if constraint is None:
        return [int(token) for token in logits.argmax(-1)]
    best = []
    for row, ids in zip(logits, written, strict=True):
        allowed = constraint(ids)
        best.append(allowed[int(row[allowed].argmax())])
    return best
