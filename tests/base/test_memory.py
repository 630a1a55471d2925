"""Memory: sums that agree with published peaks, with PyTorch's own count, and with each other."""

import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model

from burnish.base.catalogue import Catalogue
from burnish.base.figures import Figures, figures_of
from burnish.base.memory import (
    Plan,
    block_bytes,
    cache_bytes_per_token,
    in_process,
    on_card,
    plan_of,
    serving_memory,
    training_memory,
)
from burnish.records import TrainSettings

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))


def figures(name: str) -> Figures:
    model = Catalogue().get(name)
    assert model is not None
    return model.figures


def test_published_peaks_are_met() -> None:
    import memory

    counted = [point for point in memory.read_points() if "left_out" not in point]
    errors = [abs(memory.error(point)) for point in counted]
    assert len(counted) >= 12
    assert statistics.median(errors) < 0.10
    assert max(errors) < 0.25
    assert {"torchtune README, v0.6.1", "LitGPT config_hub", "Unsloth documentation"} <= {
        point["source"] for point in counted
    }


def test_measured_trainings_are_met() -> None:
    import memory

    data = memory.read_measured()
    cases = {(run["model"], run["method"], run["length"]) for run in data["run"]}
    assert len(cases) == len(data["run"]) == 24
    errors = memory.measured_errors(data)["Memory"]
    assert max(errors) < 0.15
    assert statistics.median(errors) < 0.10


def test_rows_side_by_side_have_logits_of_their_own() -> None:
    smollm = figures("smollm2-135m")
    one = plan_of(TrainSettings(), 512, answer_tokens=128, on_cpu=True)
    two = plan_of(TrainSettings(), 512, answer_tokens=128, on_cpu=True, rows=2)
    assert training_memory(smollm, two).logits > training_memory(smollm, one).logits


def test_every_published_point_has_a_source_and_settings() -> None:
    import memory

    for point in memory.read_points():
        assert point["url"].startswith("https://")
        assert point["settings"]


def saved_bytes(method: str, length: int, dropout: float) -> tuple[float, Figures]:
    """Bytes that autograd really keeps of one row, weights and logits apart, and the figures."""
    from burnish.chat.render import Encoded
    from burnish.engines.rows import make_rows, row_losses, use_rows
    from burnish.train.dropout import use_gap_dropout
    from burnish.train.fused import fuse
    from burnish.train.methods import adapt

    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3}
    model: Any = tiny_model("llama", **sizes)
    use_rows(model)
    config = model.config
    if method == "lora":
        model = adapt(model, TrainSettings(lora_dropout=dropout))
        use_gap_dropout(model, dropout)
        fuse(model)
    else:
        model.requires_grad_(True)
    model.train()
    ids = torch.randint(3, 300, (length,)).tolist()
    # All tokens carry a loss: the last layer runs its feed-forward for no others.
    (row,) = make_rows([Encoded(ids, [False] + [True] * (length - 1), False)], 512, share=True)
    weights = {each.untyped_storage().data_ptr() for each in model.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor.shape[-1:] != (config.vocab_size,):
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        row_losses(model, row, torch.device("cpu"))
    return float(sum(kept.values())), figures_of(config.to_dict(), "tiny")


@pytest.mark.parametrize(
    ("settings", "planned"),
    [
        ({}, ("lora", "bfloat16", 16)),
        ({"method": "dora", "r": 4}, ("lora", "bfloat16", 4)),
        ({"method": "adalora", "r": 4}, ("lora", "bfloat16", 6)),
        ({"method": "qlora"}, ("qlora", "bfloat16", 16)),
        ({"method": "full"}, ("full", "float32", 16)),
    ],
)
def test_the_plan_is_that_of_the_method(
    settings: dict[str, Any], planned: tuple[str, str, int]
) -> None:
    plan = plan_of(TrainSettings.model_validate(settings), 512)
    assert (plan.method, plan.dtype, plan.r) == planned
    assert not plan.checkpointing
    assert plan_of(TrainSettings(gradient_checkpointing=True), 512).checkpointing


@pytest.mark.parametrize(("method", "dropout"), [("lora", 0.05), ("lora", 0.0), ("full", 0.0)])
def test_a_block_keeps_what_autograd_keeps(method: Any, dropout: float) -> None:
    measured, tiny = saved_bytes(method, 512, dropout)
    plan = plan_of(
        TrainSettings(lora_dropout=dropout), 512, method=method, dtype="float32", on_cpu=True
    )
    counted = block_bytes(tiny, plan) * tiny.num_hidden_layers * 512
    # Beside the blocks: the last norm, rotations, one inverse root a norm. The first norm keeps
    # nothing where the embeddings are not trained.
    assert counted == pytest.approx(measured, rel=0.07)


def test_attention_and_losses_are_counted_in_the_parts_they_run_in() -> None:
    from burnish.base.memory import BLOCK, PACKED_AT_MOST, TARGETS_AT_ONCE, WIDE_AT_ONCE
    from burnish.engines import attention, losses, packed

    assert BLOCK == attention.BLOCK
    assert (TARGETS_AT_ONCE, WIDE_AT_ONCE) == (losses.TARGETS_AT_ONCE, losses.WIDE_AT_ONCE)
    assert PACKED_AT_MOST == packed.PACKED_AT_MOST


def test_weights_that_widen_lie_twice_where_they_are_packed() -> None:
    one, large = figures("smollm2-135m"), figures("llama-3.1-8b")
    widening = 30 * 2 * 576 * 1536 * 2
    packed, plain = (
        training_memory(one, Plan(method="lora", dtype="bfloat16", fused=fused, tokens=512))
        for fused in (True, False)
    )
    assert (packed.weights - plain.weights) * 2**30 == pytest.approx(widening, rel=1e-3)
    packed, plain = (
        training_memory(large, Plan(method="lora", dtype="bfloat16", fused=fused, tokens=512))
        for fused in (True, False)
    )
    assert packed.weights == plain.weights  # too large to lie twice


def test_methods_need_less_in_their_order() -> None:
    llama = figures("llama-3.1-8b")
    totals = [
        training_memory(llama, Plan(method=method, tokens=2048)).total
        for method in ("full", "lora", "qlora")
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > 4 * 8.03e9 * 2 / 2**30


def test_checkpointing_tokens_and_rank_move_memory_as_they_should() -> None:
    llama = figures("llama-3.2-1b")
    plain = training_memory(llama, Plan(method="lora", tokens=1024))
    saving = training_memory(llama, Plan(method="lora", tokens=1024, checkpointing=True))
    longer = training_memory(llama, Plan(method="lora", tokens=2048))
    wider = training_memory(llama, Plan(method="lora", tokens=1024, r=64))
    assert saving.activations < plain.activations / 10
    assert longer.activations == pytest.approx(2 * plain.activations, rel=1e-3)
    assert wider.adapters == pytest.approx(4 * plain.adapters, rel=1e-2)
    fewer = training_memory(llama, Plan(method="lora", tokens=1024, answer_tokens=128))
    assert fewer.logits == pytest.approx(plain.logits / 8, rel=1e-2)


def test_the_parts_sum_to_the_total() -> None:
    estimate = on_card(training_memory(figures("qwen3-8b"), Plan(method="lora", tokens=512)))
    parts = estimate.model_dump(exclude={"total"})
    assert sum(parts.values()) == pytest.approx(estimate.total, abs=1e-3)
    assert estimate.slack >= 0.5


def test_a_process_takes_more_than_its_tensors() -> None:
    estimate = training_memory(figures("smollm2-135m"), Plan(method="lora", tokens=512))
    assert in_process(estimate).total > estimate.total + 0.5


def test_serving_is_weights_and_keys_and_values() -> None:
    llama = figures("llama-3.1-8b")
    assert cache_bytes_per_token(llama) == 131_072
    short = serving_memory(llama, context=1024)
    long = serving_memory(llama, context=8192, concurrency=4)
    assert short.weights == long.weights == pytest.approx(14.96, abs=0.01)
    assert long.cache == pytest.approx(32 * short.cache, rel=1e-3)
    assert serving_memory(llama, context=1024, precision="nf4").weights < short.weights / 2


def test_a_sliding_window_bounds_the_cache() -> None:
    gemma = figures("gemma-2-9b")  # every second layer sees 4,096 tokens
    whole = gemma.model_copy(update={"sliding_window": None})
    windowed = serving_memory(gemma, context=8192).cache
    assert windowed == pytest.approx(0.75 * serving_memory(whole, context=8192).cache, rel=1e-3)


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    import memory

    memory.main()
    page = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    assert page == capsys.readouterr().out, "python bench/memory.py > docs/memory.md"
