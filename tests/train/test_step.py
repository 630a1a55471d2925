"""A step's gradients do not depend on how its rows are cut, where they run, or who runs them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stepping import adapted, apart, gradients_of, make_batch, make_trainer

from burnish.engines.rows import Row
from burnish.train.dealing import Work, deal


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_fused_layers_equal_those_of_peft(tmp_path: Path, family: str, dropout: float) -> None:
    plain = make_trainer(tmp_path, adapted(dropout=dropout, fused=False, family=family))
    fused = make_trainer(tmp_path, adapted(dropout=dropout, family=family))
    wanted_loss, wanted = gradients_of(plain)
    loss, gradients = gradients_of(fused)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


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
    assert [len(hand.rows) > 1 for hand in trainer._deal(make_batch())] == [True, True]
    first_loss, first = gradients_of(trainer)
    for _ in range(5):
        loss, gradients = gradients_of(trainer)
        assert loss == first_loss
        assert all(torch.equal(a, b) for a, b in zip(gradients, first, strict=True))


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


def test_hands_take_alike_and_a_long_prefix_is_not_laid_twice() -> None:
    work = Work(token=400.0, pair=1.0, target=100.0)
    batch = make_batch(8, prefix=12)
    hands = deal(batch, 512, work, share=True, workers=2)
    needed = [
        sum(work.needed([len(one.ids)], 0, sum(one.trained)) for one in hand.examples)
        for hand in hands
    ]
    assert len(hands) == 2
    assert max(needed) < 1.1 * min(needed)
    assert sorted(id(one) for hand in hands for one in hand.examples) == sorted(map(id, batch))
    (one,) = deal(make_batch(8, prefix=600), 512, work, share=True, workers=2)
    assert one.rows[0].layout.prefix == 600


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
