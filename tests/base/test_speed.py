"""The machine's rates: measured once, kept, or guessed; and the precision it computes in."""

from pathlib import Path

import pytest

from burnish.base.machine import read_machine
from burnish.base.precision import precision
from burnish.base.speed import SIDE_BY_SIDE, Speed, estimate, known_speed, read_speed
from burnish.records import Machine


def test_this_machine_is_read_and_measured_once(tmp_path: Path) -> None:
    machine, file = read_machine(), tmp_path / "speed.json"
    assert machine.cores >= 1
    assert machine.memory_gib > 0.5
    assert known_speed(file, machine) is None
    first = read_speed(file, machine)
    rates = first.model_dump(exclude={"device", "unpacked", "draws"})
    assert all(rate > 0 for rate in rates.values()), rates
    assert first.passes > first.fresh  # type: ignore[operator]
    assert read_speed(file, machine) == first == known_speed(file, machine)
    file.write_text('{"device": "another", "float32": 1}')
    assert read_speed(file, machine).device == first.device


def test_another_machines_speed_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    other = Speed(device="another", float32=1, bfloat16=1, thin=1, blocks=1, bandwidth=1, passes=1)
    file.write_text(other.model_dump_json())
    assert known_speed(file, read_machine()) is None


def test_a_guess_is_of_the_same_kind_and_knows_the_instructions() -> None:
    plain = estimate(Machine(cpu="a", cores=2, memory_gib=8))
    quick = estimate(Machine(cpu="a", cores=2, memory_gib=8, features=("avx512_bf16",)))
    assert plain.device == "a, 2 cores"
    assert plain.bfloat16 < plain.float32
    assert quick.bfloat16 > quick.float32


def test_rows_side_by_side_are_those_of_the_trainer() -> None:
    from burnish.train import trainer

    assert SIDE_BY_SIDE == trainer.SIDE_BY_SIDE


@pytest.mark.parametrize(
    ("asked", "features", "on_cpu", "found"),
    [
        ("auto", (), True, "float32"),
        ("auto", ("avx512f",), True, "float32"),
        ("auto", ("avx512_bf16",), True, "bfloat16"),
        ("auto", ("amx_bf16",), True, "bfloat16"),
        ("auto", (), False, "bfloat16"),
        ("float32", ("amx_bf16",), True, "float32"),
        ("bfloat16", (), True, "bfloat16"),
    ],
)
def test_the_precision(asked: str, features: tuple[str, ...], on_cpu: bool, found: str) -> None:
    assert precision(asked, features, on_cpu=on_cpu) == found  # type: ignore[arg-type]


def test_what_is_predicted_is_what_is_loaded(tiny_base: Path, tmp_path: Path) -> None:
    from burnish.base.load import choose, load_model
    from burnish.records import BaseChoice, TrainSettings
    from burnish.store import Workspace

    fields = {
        "name": str(tiny_base), "source": "folder", "path": "", "weights_sha256": "",
        "template_sha256": "", "architecture": "", "parameters": 0, "context_length": 0,
        "vocabulary": 0, "licence": "unknown",
    }  # fmt: skip
    workspace = Workspace(tmp_path)
    record = workspace.start(BaseChoice, "0" * 64, parents={}, seed=0, fields=fields)
    model = load_model(choose(workspace, record), TrainSettings(device="cpu"))
    wanted = precision("auto", read_machine().features, on_cpu=True)
    assert str(model.dtype) == f"torch.{wanted}"
