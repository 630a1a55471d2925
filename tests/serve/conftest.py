"""Shared by the tests of serving: the tokenizer of the tiny base."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tokenizer(tiny_base: Path) -> Any:
    """One token a byte, with a chat template."""
    from burnish.base.load import load_tokenizer

    return load_tokenizer(tiny_base)
