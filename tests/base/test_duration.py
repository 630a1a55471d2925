"""Time: operations as PyTorch counts them, and seconds that follow from them."""

import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model
from torch.utils.flop_counter import FlopCounterMode

from burnish.base import duration
from burnish.base.catalogue import Catalogue
from burnish.base.duration import answer_seconds, training_flops, training_seconds
from burnish.base.figures import Figures, figures_of
from burnish.base.memory import Plan, plan_of
from burnish.base.speed import Speed
from burnish.records import TrainSettings

SPEED = Speed(
    device="x", float32=100, bfloat16=50, thin=50, blocks=50, bandwidth=10, passes=10, overhead=3
)


RATES = ("float32", "bfloat16", "thin", "blocks", "bandwidth", "passes")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))


def figures(name: str) -> Figures:
    model = Catalogue().get(name)
    assert model is not None
    return model.figures


@pytest.mark.parametrize("method", ["lora", "full"])
def test_operations_are_those_that_torch_counts(method: Any) -> None:
    from burnish.train.methods import adapt

    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 8}
    model: Any = tiny_model("llama", **sizes)
    config = model.config
    if method == "lora":
        model = adapt(model, TrainSettings(lora_dropout=0.0))
    else:
        model.requires_grad_(True)
    ids = torch.randint(3, 300, (1, 64))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    plan = plan_of(TrainSettings(), 64, method=method, dtype="float32")
    # Attention counts as nothing here (length 0): torch's counter does not see it on a CPU.
    counted = 64 * training_flops(figures_of(config.to_dict(), "tiny"), plan, length=0)
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_a_token_costs_six_operations_a_weight_in_full_and_four_with_lora() -> None:
    llama = figures("llama-3.1-8b")
    weights = 8.03e9 - 128_256 * 4096
    full = training_flops(llama, Plan(method="full", tokens=512), length=1)
    lora = training_flops(llama, Plan(method="lora", tokens=512, r=1), length=1)
    assert full == pytest.approx(6 * weights, rel=0.01)
    assert lora == pytest.approx(4 * weights, rel=0.01)


def test_experts_that_a_token_does_not_meet_cost_nothing() -> None:
    mixtral = training_flops(figures("mixtral-8x7b"), Plan(method="full", tokens=512), length=1)
    assert mixtral == pytest.approx(6 * 12.88e9, rel=0.03)


def test_time_grows_with_tokens_and_falls_with_speed() -> None:
    smollm = figures("smollm2-135m")
    plan = plan_of(TrainSettings(), 512, dtype="float32", answer_tokens=128, on_cpu=True)
    once = training_seconds(smollm, plan, tokens=10_000, length=256, speed=SPEED)
    twice = training_seconds(smollm, plan, tokens=20_000, length=256, speed=SPEED)
    twice_as_fast = {name: 2 * getattr(SPEED, name) for name in RATES}
    faster = SPEED.model_copy(update={**twice_as_fast, "overhead": SPEED.overhead / 2})
    assert twice == pytest.approx(2 * once)
    assert training_seconds(smollm, plan, tokens=10_000, length=256, speed=faster) == (
        pytest.approx(once / 2)
    )


def test_measured_steps_are_met() -> None:
    import memory

    errors = memory.measured_errors(memory.read_measured())["Time"]
    assert len(errors) == 24
    assert max(errors) < 0.15
    assert statistics.median(errors) < 0.10


def test_what_stands_between_products_takes_time_too() -> None:
    smollm, work = figures("smollm2-135m"), {"tokens": 4096, "length": 512}

    def seconds(speed: Speed, method: Any = "lora", **more: Any) -> float:
        plan = plan_of(
            TrainSettings(), 1024, method=method, dtype="bfloat16", answer_tokens=256,
            example=512, on_cpu=True, **more,
        )  # fmt: skip
        return training_seconds(smollm, plan, **work, speed=speed)

    plain = seconds(SPEED, rows=2)
    assert seconds(SPEED.model_copy(update={"overhead": 30}), rows=2) > plain
    assert seconds(SPEED.model_copy(update={"draws": 1.0}), rows=2) > plain
    assert seconds(SPEED, "qlora", rows=2) > plain
    unpacking = SPEED.model_copy(update={"unpacked": 0.1})
    assert seconds(unpacking, rows=2) == plain
    assert seconds(unpacking, "qlora", rows=2) > seconds(SPEED, "qlora", rows=2)
    alone = SPEED.model_copy(update={"joint": 0.5})
    assert seconds(alone, "full") > seconds(SPEED, "full")


def test_rows_side_by_side_take_turns_in_the_python_of_four_bits() -> None:
    """Unpacking alone costs as much in each of two rows as in one; waiting for others does not."""
    smollm, work = figures("smollm2-135m"), {"tokens": 1024, "length": 128}
    plans = [
        plan_of(
            TrainSettings(), 512, method="qlora", dtype="bfloat16", answer_tokens=128,
            example=128, on_cpu=True, rows=rows,
        )
        for rows in (1, 2)
    ]  # fmt: skip
    with_python = [training_seconds(smollm, plan, speed=SPEED, **work) for plan in plans]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duration, "CALLS_UNPACKING", 0)
        without = [training_seconds(smollm, plan, speed=SPEED, **work) for plan in plans]
    one, two = (slow - quick for slow, quick in zip(with_python, without, strict=True))
    layer = 7 * duration.CALLS_UNPACKING * SPEED.overhead * 1e-6
    assert one == pytest.approx(2 * 30 * layer)  # two rows, one after the other
    assert two == pytest.approx(4 * 30 * layer)


def test_a_step_of_a_whole_model_passes_over_its_weights_in_place() -> None:
    """An optimiser's numbers lie where they lay: only what a row is given anew is new memory."""
    smollm = figures("smollm2-135m")
    plan = plan_of(TrainSettings(), 512, method="full", dtype="float32", answer_tokens=128,
                   example=128, on_cpu=True)  # fmt: skip

    def seconds(tokens: int = 1024, **rates: float) -> float:
        speed = SPEED.model_copy(update={"fresh": 10.0, "cold": 10.0, **rates})
        return training_seconds(smollm, plan, tokens=tokens, length=128, speed=speed)

    weights = 134.5e6
    tables = 2 * 2 * 4 * 49_152 * 576  # read for the sums of two rows
    in_place = (52 * weights + tables) / 10e9  # the second row is added to the first
    assert seconds() - seconds(passes=1e9) == pytest.approx(in_place, rel=0.01)
    new = 4 * 2 * 49_152 * (3 * 576 + 5 * 128) / 10e9
    quick = seconds(fresh=1e9, cold=1e9)
    assert seconds() - quick == pytest.approx(new, rel=0.01)


def test_memory_that_lay_free_for_long_is_cold() -> None:
    """Rows of a small model are so quick that little of their memory is taken back."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 64}
    small, large = (figures("smollm2-135m").model_copy(update=update) for update in (sizes, {}))

    def share_cold(model: Figures) -> float:
        plan = plan_of(TrainSettings(), 512, method="full", dtype="float32", answer_tokens=128,
                       example=128, on_cpu=True)  # fmt: skip
        slow, cold, warm = (
            training_seconds(model, plan, tokens=1024, length=128,
                             speed=SPEED.model_copy(update={"fresh": fresh, "cold": cold}))
            for fresh, cold in ((10.0, 10.0), (1e9, 10.0), (1e9, 1e9))
        )  # fmt: skip
        return (cold - warm) / (slow - warm)

    assert share_cold(small) < 0.2
    assert share_cold(large) > 0.8


def test_an_answer_reads_all_weights_for_every_token() -> None:
    llama = figures("llama-3.1-8b")
    short = answer_seconds(llama, prompt=1, new=10, speed=SPEED)
    assert short == pytest.approx(10 * 8.03e9 * 2 / 10e9, rel=0.05)
    quick = answer_seconds(figures("mixtral-8x7b"), prompt=1, new=10, speed=SPEED)
    assert quick == pytest.approx(10 * 12.88e9 * 2 / 10e9, rel=0.05)
