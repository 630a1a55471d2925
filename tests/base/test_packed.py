"""A base in 4 bits: what is not packed lets go of the file that packing has read."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from burnish.base.load import choose, load_model
from burnish.records import BaseChoice, TrainSettings
from burnish.store import Workspace

EMPTY: dict[str, Any] = {
    "source": "folder", "path": "", "weights_sha256": "", "template_sha256": "",
    "architecture": "", "parameters": 0, "context_length": 0, "vocabulary": 0,
    "licence": "unknown",
}  # fmt: skip


def mapped_files() -> set[str]:
    """Files of weights that this process has mapped into its memory."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split()[-1] for line in lines if line.endswith(".safetensors")}


@pytest.mark.filterwarnings("ignore")
def test_a_packed_base_keeps_no_file_mapped(tiny_base: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    if not Path("/proc/self/maps").exists():
        pytest.skip("only Linux tells what is mapped")
    own = shutil.copytree(tiny_base, tmp_path / "base")  # other tests may have theirs mapped
    workspace = Workspace(tmp_path)
    fields = {"name": str(own), **EMPTY}
    record = workspace.start(BaseChoice, "0" * 64, parents={}, seed=0, fields=fields)
    base = choose(workspace, record)
    settings = TrainSettings(method="qlora", device="cpu", dtype="float32")
    model = load_model(base, settings)
    assert any(weight.dtype == torch.uint8 for weight in model.parameters())
    assert not {file for file in mapped_files() if file.startswith(base.path)}
