"""Shared by all tests: where the real data lies, the tiny base model, quiet libraries."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))  # tests share tiny.py

# Real data sets (docs/data-sets.md); tests that need them skip where they are absent.
_BESIDE = TESTS.parent.parent / "shared" / "data"
if "BURNISH_DATA" not in os.environ and _BESIDE.is_dir():
    os.environ["BURNISH_DATA"] = str(_BESIDE)
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def short_calibrations() -> Iterator[None]:
    """Every new workspace measures the machine; here each rate for an instant."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("burnish.base.speed._SECONDS", 0.0)
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with a tokenizer of one token a byte."""
    from tiny import save_tiny_base

    return save_tiny_base(tmp_path_factory.mktemp("base"))
