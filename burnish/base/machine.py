"""What this machine has, how fast it multiplies, and the cards that one could use instead.

Reads the operating system's figures, torch where there may be a GPU, and cards.toml beside this
module. A calibration multiplies matrices for a fraction of a second; its result is kept in
speed.json of the workspace.
"""

from __future__ import annotations

import os
import platform
import time
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from burnish.records import Device, Machine
from burnish.store.files import write_text

if TYPE_CHECKING:
    import torch

_CARDS = Path(__file__).with_name("cards.toml")
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
_SHARE_OF_PEAK = 0.4
"""Share of its peak that a card reaches over a whole training step."""
_HALF_ON_VECTORS = 0.5
"""bfloat16 products beside float32 ones, on CPUs without matrix units (measured on AVX-512)."""
_LEFT, _RIGHT = (512, 1024), (1024, 4096)
_FLOPS = 2 * 512 * 1024 * 4096
_ELEMENTS = 8 * 2**20


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
        return Speed(device=self.name, float32=rate / 2, bfloat16=rate, bandwidth=self.bandwidth)


class Speed(BaseModel):
    """How fast a device computes.

    Attributes:
        device: which device was measured.
        float32, bfloat16: matrix products, GFLOP/s.
        bandwidth: of element-wise work over memory, GB/s read and written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    float32: float = Field(gt=0)
    bfloat16: float = Field(gt=0)
    bandwidth: float = Field(gt=0)


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


def read_speed(file: Path, machine: Machine) -> Speed:
    """The speed on file, if it is of this machine; otherwise measured and written.

    Args:
        file: speed.json of the workspace.
    """
    try:
        found = Speed.model_validate_json(file.read_bytes())
        if found.device == _measured_device(machine):
            return found
    except (OSError, ValidationError):
        pass
    speed = calibrate(machine)
    write_text(file, speed.model_dump_json(indent=2) + "\n")
    return speed


def calibrate(machine: Machine) -> Speed:
    """Measure matrix products of a layer's shape, and element-wise work, in about half a second.

    A GPU, and a CPU with matrix units, are asked through torch; any other CPU through numpy,
    which is there at once and multiplies as fast.
    """
    if machine.devices or "amx_bf16" in machine.features:
        return _calibrate_torch(machine)
    import numpy as np

    left, right = np.ones(_LEFT, dtype=np.float32), np.ones(_RIGHT, dtype=np.float32)
    rate = _FLOPS / _fastest(lambda: left @ right) / 1e9
    some = np.ones(_ELEMENTS, dtype=np.float32)
    seconds = _fastest(lambda: some * np.float32(2))
    return Speed(
        device=_measured_device(machine),
        float32=round(rate, 1),
        bfloat16=round(rate * _HALF_ON_VECTORS, 1),
        bandwidth=round(8 * _ELEMENTS / seconds / 1e9, 2),
    )


def _calibrate_torch(machine: Machine) -> Speed:
    import torch

    device = torch.device(machine.devices[0].kind if machine.devices else "cpu")
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type)

    def rate(dtype: torch.dtype) -> float:
        left = torch.ones(_LEFT, dtype=dtype, device=device)
        right = torch.ones(_RIGHT, dtype=dtype, device=device)
        return round(_FLOPS / _fastest(lambda: left @ right, wait) / 1e9, 1)

    some = torch.ones(_ELEMENTS, device=device)
    seconds = _fastest(lambda: some * 2.0, wait)
    return Speed(
        device=_measured_device(machine),
        float32=rate(torch.float32),
        bfloat16=rate(torch.bfloat16),
        bandwidth=round(8 * _ELEMENTS / seconds / 1e9, 2),
    )


def _fastest(work: Callable[[], object], wait: Callable[[], object] | None = None) -> float:
    """Seconds of the fastest of several runs, the first left out."""
    times: list[float] = []
    until = time.perf_counter() + 0.15
    while len(times) < 4 or time.perf_counter() < until:
        began = time.perf_counter()
        work()
        if wait is not None:
            wait()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def _measured_device(machine: Machine) -> str:
    return machine.devices[0].name if machine.devices else f"{machine.cpu}, {machine.cores} cores"


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
