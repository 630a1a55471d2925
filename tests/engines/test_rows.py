"""The one-row batch equals the padded batch: losses, adapter gradients, answers, choices."""

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny import FAMILIES, tiny_model
from transformers import PreTrainedModel

from burnish.chat.render import Encoded
from burnish.engines import attention, local, rows
from burnish.engines.layout import KeyValues
from burnish.engines.local import LocalEngine

CPU = torch.device("cpu")
PREFIX = list(range(10, 23))


def make_examples() -> list[Encoded]:
    """Eight examples of mixed length with a common prefix of 13 tokens."""
    generator = torch.Generator().manual_seed(3)
    examples = []
    for size in (3, 11, 5, 24, 7, 2, 16, 9):
        own = torch.randint(30, 300, (size + 4,), generator=generator).tolist()
        trained = [False] * (len(PREFIX) + size) + [True] * 4
        examples.append(Encoded(PREFIX + own, trained, truncated=False))
    return examples


def padded_losses(model: torch.nn.Module, examples: list[Encoded]) -> torch.Tensor:
    """Losses of a right-padded batch with the model's stock attention, in the examples' order."""
    longest = max(len(example.ids) for example in examples)
    ids = torch.tensor([one.ids + [1] * (longest - len(one.ids)) for one in examples])
    seen = torch.tensor([[1] * len(one.ids) + [0] * (longest - len(one.ids)) for one in examples])
    logits = model(input_ids=ids, attention_mask=seen, use_cache=False).logits
    losses = []
    for number, one in enumerate(examples):
        at = [place for place in range(1, len(one.ids)) if one.trained[place]]
        scores = logits[number, [place - 1 for place in at]].float()
        targets = torch.tensor([one.ids[place] for place in at])
        losses.append(torch.nn.functional.cross_entropy(scores, targets, reduction="none"))
    return torch.cat(losses)


def row_wise_losses(model: torch.nn.Module, examples: list[Encoded], tokens: int) -> torch.Tensor:
    made = rows.make_rows(examples, tokens, share=True)
    order = torch.cat([row.owners for row in made]).argsort(stable=True)
    return torch.cat([rows.row_losses(model, row, CPU) for row in made])[order]


def adapted(model: PreTrainedModel) -> torch.nn.Module:
    """The model with an adapter that does something (B starts at zero otherwise)."""
    target = "all-linear" if model.config.model_type != "gpt2" else ["c_attn", "c_fc", "c_proj"]
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=target)
    tuned = get_peft_model(model, config)
    torch.manual_seed(5)
    for name, weight in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return tuned.eval()


def gradients(model: torch.nn.Module, losses: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    losses.mean().backward()
    return torch.cat(
        [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
    )


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative distance of two vectors."""
    return float((a - b).detach().norm() / b.detach().norm())


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_losses_and_adapter_gradients_equal_the_padded_batch(family: str) -> None:
    examples = make_examples()
    stock = adapted(tiny_model(family))
    in_rows = copy.deepcopy(stock)
    assert rows.use_rows(in_rows.get_base_model())
    wanted = padded_losses(stock, examples)
    wanted_gradients = gradients(stock, wanted)
    for tokens in (10_000, 60, 1):
        given = row_wise_losses(in_rows, examples, tokens)
        assert apart(given.detach(), wanted.detach()) < 1e-5
        assert apart(gradients(in_rows, given), wanted_gradients) < 1e-5


def test_every_listed_family_is_proved() -> None:
    assert set(FAMILIES) == rows.FAMILIES


def test_an_unlisted_family_keeps_its_own_attention() -> None:
    model = tiny_model("olmo2")
    assert not rows.use_rows(model)
    assert model.config._attn_implementation == "sdpa"


def test_the_prefix_is_laid_once() -> None:
    examples = make_examples()
    (row,) = rows.make_rows(examples, 10_000, share=True)
    assert row.layout.prefix == len(PREFIX)
    own = sum(len(example.ids) - 1 - len(PREFIX) for example in examples)  # the last is not read
    assert row.input_ids.shape == (1, len(PREFIX) + own)
    assert row.tokens == sum(len(example.ids) for example in examples)


def test_tokens_after_the_last_target_are_not_read() -> None:
    example = Encoded([5, 6, 7, 8, 9], [False, False, True, True, False], truncated=False)
    (row,) = rows.make_rows([example], 10_000, share=True)
    assert row.input_ids.tolist() == [[5, 6, 7]]
    assert (row.places.tolist(), row.targets.tolist()) == ([1, 2], [7, 8])
    branches = rows.branch_row([[5, 6]], [[7], [8, 9]])
    assert branches.input_ids.tolist() == [[5, 6, 8]]
    assert branches.targets.tolist() == [7, 8, 9]
    assert branches.places.tolist() == [1, 1, 2]


def test_no_example_sees_another() -> None:
    examples = make_examples()
    model = tiny_model("llama")
    rows.use_rows(model)
    (row,) = rows.make_rows(examples, 10_000, share=True)
    before = rows.row_losses(model, row, CPU)
    changed = [*examples]
    ids = [*examples[3].ids[:-1], 299 - examples[3].ids[-1] + 10]
    ids[20] = 7
    changed[3] = Encoded(ids, examples[3].trained, truncated=False)
    (other,) = rows.make_rows(changed, 10_000, share=True)
    after = rows.row_losses(model, other, CPU)
    same = row.owners != 3
    assert torch.equal(before[same], after[same])
    assert not torch.equal(before[~same], after[~same])


def test_a_loss_inside_the_common_beginning_is_not_shared_away() -> None:
    ids = list(range(40, 52))
    trained = [False, False, True, True] + [False] * 4 + [True] * 4
    twins = [Encoded(ids, trained, truncated=False), Encoded([*ids[:-1], 99], trained, False)]
    made = rows.make_rows(twins, 1000, share=True)
    assert sum(len(row.targets) for row in made) == 12
    model = tiny_model("llama")
    wanted = padded_losses(model, twins)
    rows.use_rows(model)
    assert apart(torch.cat([rows.row_losses(model, row, CPU) for row in made]), wanted) < 1e-5


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_choices_equal_scoring_each_ending_alone(family: str) -> None:
    prompts = [example.ids for example in make_examples()]
    endings = [[50, 51, 1], [50, 60, 61, 62, 1], [70, 1]]
    stock = tiny_model(family)
    wanted = torch.stack(
        [
            -padded_losses(
                stock, [Encoded(prompt + ending, mask(prompt, ending), truncated=False)]
            ).sum()
            for prompt in prompts
            for ending in endings
        ]
    )
    given = LocalEngine(copy.deepcopy(stock), [1]).choose(prompts, endings)
    assert apart(torch.tensor(given).flatten(), wanted.detach()) < 1e-5


def mask(prompt: list[int], ending: list[int]) -> list[bool]:
    return [False] * len(prompt) + [True] * len(ending)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_answers_equal_transformers_generate(family: str) -> None:
    prompts = [example.ids for example in make_examples()]
    model = tiny_model(family, seed=1)
    wanted = []
    for prompt in prompts:
        ids = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=20,
            do_sample=False,
            eos_token_id=[1, *range(3, 9)],
            pad_token_id=1,
        )[0].tolist()
        wanted.append(ids[len(prompt) :])
    ends = [1, *range(3, 9)]
    given = LocalEngine(model, ends, own=True).write(prompts, max_new_tokens=20)
    for one, ids in zip(given, wanted, strict=True):
        stopped = ids[-1] in ends
        assert one.ids == (ids[:-1] if stopped else ids)
        assert one.stopped == stopped


def test_answers_in_a_batch_equal_answers_alone_when_some_stop_early() -> None:
    prompts = [example.ids for example in make_examples()]
    engine = LocalEngine(tiny_model("llama", seed=1), [1])
    free = [one.ids for one in engine.write(prompts, max_new_tokens=24)]
    ends = sorted({ids[at] for at, ids in enumerate(free) if len(ids) > at})
    stopping = LocalEngine(tiny_model("llama", seed=1), ends)
    together = stopping.write(prompts, max_new_tokens=24)
    alone = [stopping.write([prompt], max_new_tokens=24)[0] for prompt in prompts]
    assert together == alone
    assert any(one.stopped for one in together)


def test_prompts_that_wait_take_the_rows_of_those_that_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = [[20 + (7 * at + place) % 60 for place in range(4 + at)] for at in range(24)]
    engine = LocalEngine(tiny_model("llama", seed=1), [1, *range(3, 9)])
    alone = [engine.write([prompt], max_new_tokens=12)[0] for prompt in prompts]
    entered, sizes = [], []
    enter, resize = KeyValues.enter, KeyValues.resize

    def note_entering(self: KeyValues, lengths: list[int]) -> None:
        entered.append(len(lengths))
        enter(self, lengths)

    def note_size(self: KeyValues, rows: int, length: int) -> None:
        sizes.append(rows)
        resize(self, rows, length)

    monkeypatch.setattr(KeyValues, "enter", note_entering)
    monkeypatch.setattr(KeyValues, "resize", note_size)
    monkeypatch.setattr(local, "ENTER", 10)
    inner = engine.model
    token = KeyValues(inner.config, 0, 0, torch.float32, CPU).token_bytes
    engine._held = 120 * token  # three of the longest, more of the others
    assert engine.write(prompts, max_new_tokens=12) == alone
    assert sum(entered) == 24
    assert len(entered) > 4
    assert sizes == sorted(sizes)
    assert sizes[0] == 3
    assert sizes[-1] > 3


def test_a_constraint_is_kept() -> None:
    engine = LocalEngine(tiny_model("llama"), [1])
    prompts = [example.ids for example in make_examples()]
    allowed = {0: [60, 61], 1: [70], 2: [1]}
    written = engine.write(prompts, max_new_tokens=9, constraint=lambda ids: allowed[len(ids)])
    assert all(one.ids[0] in (60, 61) and one.ids[1:] == [70] for one in written)
    assert all(one.stopped for one in written)


@pytest.mark.parametrize("family", ["llama", "olmo2"])
def test_reference_losses_equal_the_padded_batch(family: str) -> None:
    examples = make_examples()
    stock = tiny_model(family)
    prompts = [example.ids[:-4] for example in examples]
    references = [example.ids[-4:] for example in examples]
    wanted = padded_losses(stock, examples).view(len(examples), 4).sum(1)
    given = LocalEngine(copy.deepcopy(stock), [1]).losses(prompts, references)
    assert apart(torch.tensor(given), wanted.detach()) < 1e-5


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"gpt2", "mixtral"}))
def test_flex_attention_follows_the_same_rule(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = make_examples()
    model = adapted(tiny_model(family))
    assert rows.use_rows(model.get_base_model())
    with torch.no_grad():
        wanted = row_wise_losses(model, examples, 60)

    def flexed(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *rest: Any) -> Any:
        layout, _, _, scale, _, softcap, window = rest
        out = attention.flex_rows(
            query[None], key[None], value[None], layout, scale, window, softcap
        )
        return out[0]

    monkeypatch.setattr(attention._Blocks, "apply", flexed)
    with torch.no_grad():  # it has no backward pass on a CPU
        assert apart(row_wise_losses(model, examples, 60), wanted) < 1e-5


def test_keys_and_values_of_answered_prompts_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[KeyValues]] = []
    create = KeyValues.__init__

    def note(self: KeyValues, *arguments: Any) -> None:
        create(self, *arguments)
        made.append(weakref.ref(self))

    monkeypatch.setattr(KeyValues, "__init__", note)
    engine = LocalEngine(tiny_model("llama"), [1])
    for length in (5, 9, 13):
        engine.write([list(range(20, 20 + length)), list(range(40, 44 + length))], max_new_tokens=3)
    gc.collect()
    assert len(made) == 3
    assert [reference() for reference in made] == [None, None, None]
