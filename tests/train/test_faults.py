"""What goes wrong while training: losses, disks, damaged checkpoints, changed bases, odd splits."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_disk import mounted
from small_task import STEPS, small_workspace
from tiny import save_tiny_base, tiny_model

from burnish import pipeline
from burnish.cli.main import main
from burnish.errors import TrainingError, WorkspaceError
from burnish.records import Event, Progress, Run
from burnish.store import Workspace
from burnish.train.checkpoints import latest_checkpoint
from burnish.train.trainer import RowTrainer


@pytest.fixture(scope="module")
def calm_place(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workspace:
    """The workspace of the run that nothing disturbed."""
    workspace = small_workspace(tmp_path_factory.mktemp("calm"), tiny_base)
    pipeline.run_train(workspace)
    return workspace


@pytest.fixture(scope="module")
def calm(calm_place: Workspace) -> Run:
    """The run that nothing disturbed."""
    return the_run(calm_place)


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """A command's exit code and standard error."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0), capsys.readouterr().err


def the_run(workspace: Workspace) -> Run:
    (run,) = workspace.records(Run)
    return run


def lines_of(workspace: Workspace) -> list[str]:
    """What a run told of every step: the first that differs is where two runs part."""
    return workspace.path(the_run(workspace), "metrics.jsonl").read_text().splitlines()


def spoil(monkeypatch: pytest.MonkeyPatch, at: int, factor: float) -> None:
    """Multiply the loss that is told, and its gradients, from a step on."""
    plain = RowTrainer.training_step

    def training_step(self: RowTrainer, model: Any, *rest: Any) -> torch.Tensor:
        loss = plain(self, model, *rest)
        if self.state.global_step < at:
            return loss
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad *= factor
        return loss * factor

    monkeypatch.setattr(RowTrainer, "training_step", training_step)


@pytest.mark.parametrize(
    ("factor", "words"),
    [(float("nan"), "no longer a number (step 9)"), (1e4, "runs away")],
    ids=["nan", "diverging"],
)
def test_a_loss_gone_wrong_keeps_the_best_adapter_and_says_where(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], factor: float, words: str,
) -> None:  # fmt: skip
    workspace = small_workspace(tmp_path, tiny_base, epochs=8)
    at = STEPS + 2 if factor != factor else 2 * STEPS
    spoil(monkeypatch, at, factor)
    code, err = command(capsys, "train", "-w", tmp_path)
    run = the_run(workspace)
    best = workspace.path(run, "best")
    assert code == 2
    assert words in err
    assert f"is kept in {best}" in err
    assert "lower train.learning_rate" in err
    assert run.status == "failed"
    assert words in (run.error or "")
    for tensor in load_file(best / "adapter_model.safetensors").values():
        assert torch.isfinite(tensor).all()


def test_a_loss_gone_wrong_before_the_first_validation_points_to_a_checkpoint(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = small_workspace(tmp_path / "one", tiny_base, save_steps=2)
    spoil(monkeypatch, 3, float("inf"))
    with pytest.raises(TrainingError, match=r"last checkpoint is kept in .*checkpoint-2\."):
        pipeline.run_train(workspace)
    none = small_workspace(tmp_path / "none", tiny_base, save_steps=50)
    with pytest.raises(TrainingError, match="no good adapter yet"):
        pipeline.run_train(none)
    assert not workspace.path(the_run(workspace), "best").exists()


def test_the_picture_of_the_loss_is_there_after_the_first_validation(
    tmp_path: Path, tiny_base: Path
) -> None:
    workspace = small_workspace(tmp_path, tiny_base)
    seen: dict[float, bool] = {}

    def progress(event: Event) -> None:
        if event.total:
            seen[event.done] = bool(list(tmp_path.glob("runs/*/loss.svg")))

    pipeline.run_train(workspace, progress=progress)
    assert not seen[STEPS]
    assert seen[STEPS + 1]


def cut_off_at(step: int) -> Progress:
    """Fails as soon as a step is told of."""

    def progress(event: Event) -> None:
        if event.total and event.done == step:
            raise RuntimeError("cut off")

    return progress


def interrupted(workspace: Workspace, at: int) -> Path:
    """Train up to a step, cut off there; the folder of the checkpoints."""
    with pytest.raises(RuntimeError, match="cut off"):
        pipeline.run_train(workspace, progress=cut_off_at(at))
    return workspace.path(the_run(workspace), "checkpoints")


def test_a_damaged_checkpoint_is_told_of_and_the_one_before_gives_the_same(
    tmp_path: Path, tiny_base: Path, calm: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = small_workspace(tmp_path / "hurt", tiny_base)
    folder = interrupted(workspace, 9)
    assert {path.name for path in folder.iterdir()} == {"checkpoint-6", "checkpoint-8"}
    (folder / "checkpoint-8" / "optimizer.pt").write_bytes(b"torn")
    code, err = command(capsys, "train", "-w", workspace.folder)
    assert code == 0, err
    assert "checkpoint-8 is damaged (optimizer.pt), so it is passed over" in err
    assert the_run(workspace).hash == calm.hash


def test_killed_while_a_checkpoint_is_written(
    tmp_path: Path, tiny_base: Path, calm: Run, calm_place: Workspace
) -> None:
    workspace = small_workspace(tmp_path / "killed", tiny_base)
    for what in ("save_model", "_save_rng_state"):  # its first file, and its last but one
        code = (
            "import os, signal, sys\n"
            "from burnish import pipeline\n"
            "from burnish.store import Workspace\n"
            "from burnish.train.trainer import RowTrainer\n"
            f"plain = RowTrainer.{what}\n"
            "def dying(self, *args, **options):\n"
            "    plain(self, *args, **options)\n"
            "    if self.state.global_step == 8:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            f"RowTrainer.{what} = dying\n"
            "pipeline.run_train(Workspace(sys.argv[1]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(workspace.folder)], capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert the_run(workspace).status == "started"
        folder = workspace.path(the_run(workspace), "checkpoints")
        assert (folder / "checkpoint-8").exists()
        found = latest_checkpoint(folder)
        assert found is not None
        assert found.name == "checkpoint-6"
    done_run = pipeline.run_train(workspace)
    assert lines_of(workspace) == lines_of(calm_place)
    assert (done_run.hash, done_run.files) == (calm.hash, calm.files)


def test_killed_between_a_step_and_the_epochs_validation(
    tmp_path: Path, tiny_base: Path, calm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = small_workspace(tmp_path, tiny_base, save_steps=STEPS)  # not in a run's hash

    def dying(self: RowTrainer, *_: Any, **__: Any) -> dict[str, float]:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(RowTrainer, "evaluate", dying)
        with pytest.raises(RuntimeError, match="killed"):
            pipeline.run_train(workspace)
    done = pipeline.run_train(workspace)
    assert done.validation_loss == calm.validation_loss
    assert done.files == calm.files


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    with mounted(tmp_path / "disk", "3m") as folder:
        yield folder


@pytest.mark.parametrize("room", [8, 60], ids=lambda kib: f"{kib} KiB left")
def test_a_disk_that_fills_up_with_a_checkpoint(
    tiny_base: Path, calm: Run, disk: Path, capsys: pytest.CaptureFixture[str], room: int
) -> None:
    workspace = small_workspace(disk, tiny_base)
    filled = False

    def progress(event: Event) -> None:
        nonlocal filled
        if event.total and event.done == 7 and not filled:
            filled = True
            left = shutil.disk_usage(disk).free - room * 1024
            (disk / "filler").write_bytes(bytes(left))

    with pytest.raises(WorkspaceError, match="The disk is full"):
        pipeline.run_train(workspace, progress=progress)
    code, err = command(capsys, "train", "-w", disk, "--quiet")
    assert code == 2, err
    assert "The disk is full" in err
    assert "Traceback" not in err
    assert the_run(workspace).status in ("started", "failed")
    (disk / "filler").unlink()
    code, err = command(capsys, "train", "-w", disk, "--quiet")
    assert code == 0, err
    assert the_run(workspace).hash == calm.hash
    assert the_run(workspace).resumed >= 1


def test_one_example_to_validate_with_is_enough(tmp_path: Path, tiny_base: Path) -> None:
    workspace = small_workspace(tmp_path, tiny_base)
    rows = (tmp_path / "rows.jsonl").read_text().splitlines(keepends=True)
    for name, part in (("train", rows[:50]), ("validation", rows[50:51]), ("test", rows[51:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(part))
    text = workspace.brief.read_text().replace(
        "source: rows.jsonl",
        "train: train.jsonl\n  validation: validation.jsonl\n  test: test.jsonl",
    )
    lines = [line for line in text.splitlines() if "_fraction:" not in line]
    workspace.brief.write_text("\n".join(lines) + "\n")
    run = pipeline.run_train(workspace)
    assert run.validation_examples == 1
    assert len(run.validation_loss) == 2


def test_nothing_fits_the_limit(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = small_workspace(tmp_path, tiny_base, max_length=32)
    code, err = command(capsys, "train", "-w", tmp_path)
    assert code == 2
    assert "No training example has an answer that fits into 32 tokens" in err
    assert "raise train.max_length" in err
    assert the_run(workspace).status == "failed"


def test_a_base_that_changed_between_two_attempts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_tiny_base(tmp_path / "base")
    workspace = small_workspace(tmp_path / "task", base)
    checkpoints = interrupted(workspace, 5)
    first = the_run(workspace)
    kept = {path: path.read_bytes() for path in checkpoints.rglob("*") if path.is_file()}
    tiny_model("llama", seed=7).save_pretrained(str(base))
    for verb in ("train", "run"):
        code, err = command(capsys, verb, "-w", workspace.folder)
        assert code == 2
        assert f"Run {first.id} was stopped and has a checkpoint" in err
        assert "has changed since it began" in err
        assert "weights: " in err
        assert "burnish train --force" in err
    assert the_run(workspace) == first
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_changed_base_begins_anew_where_asked_to(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path / "base")
    workspace = small_workspace(tmp_path / "task", base)
    interrupted(workspace, 5)
    first = the_run(workspace)
    tiny_model("llama", seed=7).save_pretrained(str(base))
    with pytest.raises(RuntimeError, match="cut off"):
        pipeline.run_train(workspace, force=True, progress=cut_off_at(5))
    done = pipeline.run_train(workspace)  # the newer attempt goes on, whatever the older one was
    assert done.id != first.id
    assert done.resumed == 1
    assert done.parents["base"] != first.parents["base"]
    assert [run.status for run in workspace.records(Run)] == ["failed", "complete"]


def test_a_base_put_back_lets_the_run_go_on(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path / "base")
    workspace = small_workspace(tmp_path / "task", base)
    interrupted(workspace, 5)
    tiny_model("llama", seed=7).save_pretrained(str(base))
    with pytest.raises(TrainingError, match="has changed"):
        pipeline.run_train(workspace)
    tiny_model("llama").save_pretrained(str(base))
    assert pipeline.run_train(workspace).resumed == 1


def test_a_gpu_that_is_not_there(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    small_workspace(tmp_path, tiny_base, device="cuda")
    code, err = command(capsys, "train", "-w", tmp_path)
    assert code == 2
    assert "train.device is cuda, but this machine has no such device" in err
    assert "train.device: auto" in err
