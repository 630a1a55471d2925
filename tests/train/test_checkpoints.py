"""Only whole checkpoints are resumed from, and those passed over are named."""

from pathlib import Path

import pytest

from burnish.errors import WorkspaceError
from burnish.train.checkpoints import full_disk, latest_checkpoint, seal_checkpoint


def checkpoint(folder: Path, step: int, *, sealed: bool = True) -> Path:
    made = folder / f"checkpoint-{step}"
    (made / "inner").mkdir(parents=True)
    (made / "weights").write_bytes(bytes(range(step)))
    (made / "inner" / "state").write_text("state")
    if sealed:
        seal_checkpoint(made)
    return made


def latest(folder: Path) -> tuple[str, list[str]]:
    told: list[str] = []
    found = latest_checkpoint(folder, told.append)
    return found.name if found else "", told


def test_the_newest_whole_one_is_found_by_its_number(tmp_path: Path) -> None:
    assert latest(tmp_path / "nothing") == ("", [])
    for step in (9, 10, 100):
        checkpoint(tmp_path, step)
    assert latest(tmp_path) == ("checkpoint-100", [])


def test_damage_is_named_and_passed_over(tmp_path: Path) -> None:
    for step in (4, 8, 12, 16):
        checkpoint(tmp_path, step, sealed=step != 16)
    (tmp_path / "checkpoint-12" / "weights").write_bytes(b"torn")
    (tmp_path / "checkpoint-8" / "complete.json").write_bytes(b"\xff{")
    assert latest(tmp_path) == (
        "checkpoint-4",
        [
            "checkpoint-16 was not finished, so it is passed over",
            "checkpoint-12 is damaged (weights), so it is passed over",
            "checkpoint-8 is damaged (its seal cannot be read), so it is passed over",
        ],
    )
    (tmp_path / "checkpoint-4" / "inner" / "state").unlink()
    assert latest(tmp_path)[0] == ""


def test_a_checkpoint_may_be_sealed_again(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, 4)
    (made / "weights").write_bytes(b"written anew")
    assert latest(tmp_path)[0] == ""
    seal_checkpoint(made)
    assert latest(tmp_path) == ("checkpoint-4", [])


def test_other_errors_than_a_full_disk_stay_what_they_are(tmp_path: Path) -> None:
    for error in (RuntimeError("shapes differ"), ConnectionError("no network")):
        with pytest.raises(type(error)), full_disk(tmp_path):
            raise error


def test_a_full_disk_says_so_and_gives_back_what_was_cut_off(tmp_path: Path) -> None:
    checkpoint(tmp_path, 4)
    checkpoint(tmp_path, 8, sealed=False)
    with pytest.raises(WorkspaceError, match="The disk is full"), full_disk(tmp_path):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-4"]
