"""Rows of ever new shapes leave hardly anything behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from burnish.engines.memory import KERNELS_KEPT, keep_few_kernels

NAMES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
ROWS = """
import ctypes, random
import torch
torch.set_num_threads(1)
from tiny import tiny_model
from burnish.engines.local import LocalEngine

NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()

class Allocated(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES]

allocated = ctypes.CDLL(None).mallinfo2
allocated.restype = Allocated
engine = LocalEngine(tiny_model("llama").bfloat16(), [1])
chance = random.Random(0)
labels = [[chance.randint(3, 300) for _ in range(size)] for size in (12, 17, 9)]
held = []
for _ in range(16):
    sizes = [chance.randint(60, 160) for _ in range(8)]
    engine.choose([[chance.randint(3, 300) for _ in range(size)] for size in sizes], labels)
    held.append(allocated().uordblks >> 20)
print(held[-1] - held[5])
"""


def test_ten_rows_of_other_shapes_keep_little_memory() -> None:
    here = Path(__file__).parent.parent
    plain = {name: value for name, value in os.environ.items() if name not in NAMES}
    paths = os.pathsep.join([str(here), str(here.parent)])
    child = subprocess.run(
        [sys.executable, "-c", ROWS], env=plain | {"PYTHONPATH": paths},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "mallinfo2" in child.stderr:
        pytest.skip("the C library does not tell what is allocated")
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 40  # MiB; 75 and more where every kernel is kept


def test_what_the_user_sets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAMES[0], "7")
    monkeypatch.setenv(NAMES[1], "to be put back as it was")
    monkeypatch.delenv(NAMES[1])
    keep_few_kernels()
    assert [os.environ[name] for name in NAMES] == ["7", str(KERNELS_KEPT)]
