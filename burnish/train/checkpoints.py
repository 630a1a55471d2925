"""Checkpoints that can be trusted: sealed with hashes once whole, and read back only so."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from burnish.errors import WorkspaceError
from burnish.store.files import sha256_tree, write_text

_SEAL = "complete.json"
_HARDLY = 64 * 1024
"""Bytes left on a disk that is full: less than a block of what is written."""


def seal_checkpoint(folder: Path) -> None:
    """Write the hashes of a finished checkpoint beside it."""
    write_text(folder / _SEAL, json.dumps(_hashes(folder)))


def latest_checkpoint(folder: Path, tell: Callable[[str], None] | None = None) -> Path | None:
    """The newest checkpoint that is sealed and whole, or None.

    Args:
        tell: takes a sentence for each newer one that is passed over, and why.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1]))
    for path in found:
        fault = _fault(path)
        if fault is None:
            return path
        if tell:
            tell(f"{path.name} {fault}, so it is passed over")
    return None


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Turn a disk that fills up while a checkpoint or an adapter is written into one clear message.

    torch and safetensors tell of it in errors of their own, which name no cause; then it is full if
    hardly anything is left.

    Raises:
        WorkspaceError: the disk is full; the checkpoint before is whole.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        numbers = (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, OSError):
            full = error.errno in numbers
        else:
            full = "No space left" in str(error) or shutil.disk_usage(folder).free < _HARDLY
        if not full:
            raise
        _remove_unsealed(folder)
        raise WorkspaceError(
            f"The disk is full: a checkpoint in {folder} could not be written.",
            hint="make room; the same command then goes on from the checkpoint before",
        ) from error


def _remove_unsealed(folder: Path) -> None:
    """Remove what a full disk cut off, so that there is room for the record to say so."""
    for path in folder.glob("checkpoint-*"):
        if not (path / _SEAL).exists():
            shutil.rmtree(path, ignore_errors=True)


def _fault(folder: Path) -> str | None:
    """What keeps a checkpoint from being trusted."""
    try:
        sealed = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "was not finished"
    except (OSError, ValueError):
        return "is damaged (its seal cannot be read)"
    present = _hashes(folder)
    if not isinstance(sealed, dict) or present != sealed:
        names = sorted({*sealed, *present}) if isinstance(sealed, dict) else []
        wrong = [name for name in names if sealed.get(name) != present.get(name)]
        return f"is damaged ({', '.join(wrong[:3]) or _SEAL})"
    return None


def _hashes(folder: Path) -> dict[str, str]:
    hashes = sha256_tree(folder)
    hashes.pop(_SEAL, None)
    return hashes
