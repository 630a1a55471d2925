"""Checkpoints that can be trusted: sealed with hashes once whole, and read back only so."""

import json
from pathlib import Path

from burnish.store.files import sha256_tree, write_text

_SEAL = "complete.json"


def seal_checkpoint(folder: Path) -> None:
    """Write the hashes of a finished checkpoint beside it."""
    write_text(folder / _SEAL, json.dumps(sha256_tree(folder)))


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is sealed and whole, or None."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1]))
    for path in found:
        seal = path / _SEAL
        if not seal.exists():
            continue
        present = sha256_tree(path)
        present.pop(_SEAL, None)
        if present == json.loads(seal.read_text()):
            return path
    return None
