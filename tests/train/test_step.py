"""A step's gradients do not depend on how its rows are cut, where they run, or who runs them."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from stepping import adapted, apart, gradients_of, make_batch, make_trainer

from burnish.engines.memory import KERNELS_KEPT
from burnish.engines.packed import PackedBothWays
from burnish.engines.rows import Row, make_rows
from burnish.train import fused
from burnish.train.dealing import PAIR_COST, Work, deal, ends


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_fused_layers_equal_those_of_peft(tmp_path: Path, family: str, dropout: float) -> None:
    plain = make_trainer(tmp_path, adapted(dropout=dropout, fused=False, family=family))
    model: Any = adapted(dropout=dropout, family=family)
    if dropout:  # fewer tokens in the last layer are fewer draws
        model.get_base_model().base_model.narrows = False
    wanted_loss, wanted = gradients_of(plain)
    loss, gradients = gradients_of(make_trainer(tmp_path, model))
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


@pytest.mark.parametrize("family", ["llama", "phi3"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("workers", [1, 3])
def test_packed_weights_make_the_same_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, dropout: float, workers: int
) -> None:
    plain = make_trainer(tmp_path, adapted(dropout=dropout, family=family), workers=workers)
    wanted_loss, wanted = gradients_of(plain)
    monkeypatch.setattr(fused, "PACKED_FOR", torch.float32)
    model: Any = adapted(dropout=dropout, family=family)
    wide = [module for name, module in model.named_modules() if name.endswith("up_proj")]
    assert wide
    assert all(isinstance(layer.frozen, PackedBothWays) for layer in wide)
    assert all(bool(layer.base_layer.weight.isnan().all()) for layer in wide)
    loss, gradients = gradients_of(make_trainer(tmp_path, model, workers=workers))
    assert not any(gradient.requires_grad for gradient in gradients)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


def test_large_models_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "PACKED_FOR", torch.float32)
    monkeypatch.setattr(fused, "PACKED_AT_MOST", 1000)
    model: Any = adapted()
    assert not any(weight.isnan().any() for weight in model.parameters())


@pytest.mark.parametrize("tokens", [512, 60, 1])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_rows_of_any_length_on_any_threads_make_one_step(
    tmp_path: Path, tokens: int, workers: int
) -> None:
    wanted_loss, wanted = gradients_of(make_trainer(tmp_path, adapted()))
    trainer = make_trainer(tmp_path, adapted(), workers=workers, tokens=tokens)
    loss, gradients = gradients_of(trainer)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


def test_threads_with_dropout_repeat_to_the_bit(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, adapted(dropout=0.1), workers=2, tokens=80)
    assert [len(rows) > 1 for rows in trainer._deal(make_batch())] == [True, True]
    first_loss, first = gradients_of(trainer)
    for _ in range(5):
        loss, gradients = gradients_of(trainer)
        assert loss == first_loss
        assert all(torch.equal(a, b) for a, b in zip(gradients, first, strict=True))


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_part_without_losses_runs_with_dropout(tmp_path: Path, family: str) -> None:
    trainer = make_trainer(tmp_path, adapted(dropout=0.1, family=family), workers=3)
    loss = trainer.training_step(trainer._adapted, {"examples": make_batch(prefix=90)})
    assert loss.isfinite()
    assert all(bool(one.grad.isfinite().all()) for one in trainer._trained)  # type: ignore[union-attr]


def test_dropout_differs_from_step_to_step(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, adapted(dropout=0.1), workers=2, tokens=80)
    first, _ = gradients_of(trainer)
    trainer.state.global_step = 1
    assert gradients_of(trainer)[0] != first


def test_where_memory_runs_out_rows_halve_and_the_step_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted_loss, wanted = gradients_of(make_trainer(tmp_path, adapted()))
    trainer = make_trainer(tmp_path, adapted(), tokens=512)
    run = trainer._losses

    def scarce(
        model: torch.nn.Module, row: Row, device: torch.device, smoothing: float
    ) -> torch.Tensor:
        if row.input_ids.numel() > 100:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")
        return run(model, row, device, smoothing)

    monkeypatch.setattr(trainer, "_losses", scarce)
    loss, gradients = gradients_of(trainer)
    assert trainer.tokens_per_row < 100
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


def test_other_faults_of_a_step_are_not_taken_for_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path, adapted())

    def broken(*_: object) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(trainer, "_losses", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        gradients_of(trainer)


@pytest.mark.parametrize("family", ["gemma2", "gemma3_text", "mistral", "phi3"])
@pytest.mark.parametrize("prefix", [0, 12, 90])
def test_parts_of_a_row_make_the_step_of_the_whole(
    tmp_path: Path, family: str, prefix: int
) -> None:
    """Wherever it is cut: inside the prefix, inside an example, or between two."""
    batch = make_batch(prefix=prefix)

    def step(workers: int) -> tuple[float, list[torch.Tensor]]:
        trainer = make_trainer(tmp_path, adapted(family=family), workers=workers)
        loss = trainer.training_step(trainer._adapted, {"examples": batch})
        return float(loss), [one.grad for one in trainer._trained if one.grad is not None]

    wanted_loss, wanted = step(1)
    for workers in (2, 5):
        loss, gradients = step(workers)
        assert loss == pytest.approx(wanted_loss, rel=1e-5)
        assert apart(gradients, wanted) < 1e-5


@pytest.mark.parametrize("prefix", [12, 600])
def test_a_row_is_cut_where_its_parts_need_the_same_time(prefix: int) -> None:
    work = Work(token=400.0, pair=1.0, target=100.0)
    batch = make_batch(8, prefix=prefix)
    (row,) = make_rows(batch, 4096, share=True)
    length, at = row.input_ids.shape[1], ends(row, work, 2)[0]
    halves = deal(batch, 4096, work, share=True, workers=2)
    assert [[part.input_ids.shape[1] for part in rows] for rows in halves] == [[at], [length - at]]
    starts = [0, *(span.start for span in row.layout.spans)]

    def needed(tokens: range) -> float:
        own = [at - max(start for start in starts if start <= at) + 1 for at in tokens]
        seen = sum(own) + prefix * sum(at >= prefix for at in tokens)
        return work.token * len(tokens) + PAIR_COST * work.pair * seen

    early, late = needed(range(at)), needed(range(at, length))
    assert abs(early - late) <= 2 * needed(range(at, at + 1))
    assert ends(row, work, length) == tuple(range(1, length + 1))


def test_a_worker_that_fails_leaves_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path, adapted(), workers=2)
    run = trainer._losses

    def failing(model: object, row: Row, *more: object) -> torch.Tensor:
        if row.layout.part == 0:
            raise RuntimeError("shapes do not match")
        return run(model, row, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "_losses", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        gradients_of(trainer)


def test_training_bounds_the_kernels_that_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "LRU_CACHE_CAPACITY"
    monkeypatch.setenv(name, "to be put back as it was")
    monkeypatch.delenv(name)
    make_trainer(tmp_path, adapted())
    assert os.environ[name] == str(KERNELS_KEPT)


def test_two_processes_equal_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def start(rank: int, world: int) -> "subprocess.Popen[bytes]":
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
        more = place | ranks if world > 1 else {}
        script = Path(__file__).with_name("two_processes.py")
        command = [sys.executable, str(script), str(tmp_path / f"{world}.pt"), str(8 // world)]
        paths = [str(script.parent), str(script.parent.parent), *filter(None, sys.path)]
        return subprocess.Popen(
            command, env=os.environ | more | {"PYTHONPATH": os.pathsep.join(paths)}
        )

    started = [start(0, 1), start(0, 2), start(1, 2)]
    assert [process.wait(timeout=240) for process in started] == [0, 0, 0]
    one, two = torch.load(tmp_path / "1.pt"), torch.load(tmp_path / "2.pt")
    assert one["losses"] == pytest.approx(two["losses"], rel=1e-5)
    assert apart(two["weights"], one["weights"]) < 1e-5
