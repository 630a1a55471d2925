"""What this machine has, and the cards that one could use instead.

Reads the operating system's figures, torch where there may be a GPU, and cards.toml beside this
module.
"""

from __future__ import annotations

import os
import platform
import tomllib
from functools import cache
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field

from burnish.base.speed import Speed
from burnish.records import Device, Machine

_CARDS = Path(__file__).with_name("cards.toml")
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
_SHARE_OF_PEAK = 0.4
"""Share of its peak that a card reaches over a whole training step."""


class Card(BaseModel):
    """A card of cards.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    memory: float = Field(gt=0)
    tflops: float = Field(gt=0)
    bandwidth: float = Field(gt=0)
    rented: bool
    source: str

    @property
    def speed(self) -> Speed:
        """What training reaches on it."""
        rate = 1000 * self.tflops * _SHARE_OF_PEAK
        return Speed(
            device=self.name,
            float32=rate / 2,
            bfloat16=rate,
            thin=rate,
            blocks=rate,
            bandwidth=self.bandwidth,
            passes=self.bandwidth,
        )


@cache
def cards() -> tuple[Card, ...]:
    """The cards of cards.toml, smallest memory first."""
    entries = tomllib.loads(_CARDS.read_text(encoding="utf-8"))["card"]
    found = [Card.model_validate(entry) for entry in entries]
    return tuple(sorted(found, key=lambda card: (card.memory, card.tflops)))


def read_machine() -> Machine:
    """This machine; torch is asked for GPUs only where the system shows a driver."""
    return Machine(
        cpu=_cpu_name(),
        cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        features=cpu_features(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        devices=_devices(),
    )


def cpu_features() -> tuple[str, ...]:
    """Instructions of this machine's CPU that make matrix products faster."""
    flags = _cpu_flags()
    return tuple(name for name in _FEATURES if name in flags)


def _devices() -> tuple[Device, ...]:
    """GPUs that torch can use, the largest first."""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    if not apple and not any(Path(node).exists() for node in ("/dev/nvidia0", "/dev/kfd")):
        return ()
    import torch

    found = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = round(properties.total_memory / 2**30, 1)
            found.append(Device(kind="cuda", name=properties.name, memory_gib=memory))
    elif torch.backends.mps.is_available():
        memory = round(0.75 * psutil.virtual_memory().total / 2**30, 1)
        found.append(Device(kind="mps", name=_cpu_name(), memory_gib=memory))
    return tuple(sorted(found, key=lambda device: -device.memory_gib))


def _cpu_name() -> str:
    for line in _cpu_info():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    for line in _cpu_info():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


@cache
def _cpu_info() -> tuple[str, ...]:
    """Lines of /proc/cpuinfo; none where there is no such file."""
    try:
        return tuple(Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines())
    except OSError:
        return ()
