"""How fast this machine computes what training is made of, measured in about three seconds.

Every rate is measured as training uses it: rows run side by side, each on its share of the cores,
and weights come from memory, since no cache holds a model. The result is kept in speed.json of the
workspace. Before it is there, the shortlist takes an estimate by numpy, which starts at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from burnish.base.precision import precision
from burnish.engines.memory import keep_few_kernels
from burnish.records import Machine
from burnish.store.files import write_text

if TYPE_CHECKING:
    import torch

SIDE_BY_SIDE = 2
"""Rows at the same time (burnish.train.trainer.SIDE_BY_SIDE; a test holds them together)."""
_TOKENS, _INPUTS, _OUTPUTS, _RANK = 256, 768, 2048, 16
"""Of what is measured: half a row, by a layer of a model of a hundred million parameters."""
_SHAPES = ((576, 1536), (768, 768), (2048, 768), (1280, 3456))
"""Inputs and outputs of the layers whose products are measured, three of each in turn: more than
a cache holds."""
_TIMES = 3
_LAYERS = 8
_PART = 256 * 1024
"""Elements of an activation of half a row."""
_TABLE, _TABLES = 16 * 1024 * 1024, 3
"""Numbers of a table of gradients, more than the C library keeps for itself; tables at a time."""
_SECONDS, _UNTIMED = 0.08, 3
"""At least, for each rate; and calls before, since memory that nobody had yet comes slowly."""


class Speed(BaseModel):
    """How fast a device computes; all cores together.

    Attributes:
        device: which device was measured.
        float32, bfloat16: products with a layer's weights, GFLOP/s.
        thin: products with an adapter's matrices in the device's own precision, GFLOP/s.
        blocks: products of attention in blocks, in that precision too, GFLOP/s.
        bandwidth: of element-wise work over memory, GB/s read and written.
        joint: speed of one row's products on all cores, over that of rows side by side.
        passes: of passes in place over what no cache holds, such as an optimiser's, GB/s.
        fresh: written into new memory that was freed just before, GB/s; None where a device keeps
            its memory.
        cold: written into memory that lay free for seconds, which a host may have taken, GB/s.
        overhead: microseconds that an operation takes beside its work.
        draws: millions of dropped elements drawn a second.
        unpacked: billions of 4-bit weights unpacked a second; None where bitsandbytes is absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    float32: float = Field(gt=0)
    bfloat16: float = Field(gt=0)
    thin: float = Field(gt=0)
    blocks: float = Field(gt=0)
    bandwidth: float = Field(gt=0)
    passes: float = Field(gt=0)
    fresh: float | None = Field(None, gt=0)
    cold: float | None = Field(None, gt=0)
    joint: float = Field(1.0, gt=0)
    overhead: float = Field(0.0, ge=0)
    draws: float | None = Field(None, gt=0)
    unpacked: float | None = Field(None, gt=0)


def read_speed(file: Path, machine: Machine) -> Speed:
    """The speed on file, if it is of this machine; otherwise measured and written.

    Args:
        file: speed.json of the workspace.
    """
    if found := known_speed(file, machine):
        return found
    speed = calibrate(machine)
    write_text(file, speed.model_dump_json(indent=2) + "\n")
    return speed


def known_speed(file: Path, machine: Machine) -> Speed | None:
    """The speed on file, if it is of this machine."""
    try:
        found = Speed.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.device == measured_device(machine) else None


def calibrate(machine: Machine) -> Speed:
    """Measure this machine, the best GPU or else the CPU; torch is imported."""
    import torch

    keep_few_kernels()  # training may follow in this process
    device = torch.device(machine.devices[0].kind if machine.devices else "cpu")
    on_cpu = device.type == "cpu"
    own = getattr(torch, precision("auto", machine.features, on_cpu=on_cpu))
    with _Rows(device, SIDE_BY_SIDE) as rows, _Rows(device, 1) as alone:
        first = _first_touch() if on_cpu else 0.0  # and free again until the last rate
        wide = _products(rows, torch.float32)
        return Speed(
            device=measured_device(machine),
            float32=round(wide, 1),
            bfloat16=round(_products(rows, torch.bfloat16), 1),
            thin=round(_thin_products(rows, own), 1),
            blocks=round(_blocks(rows, own), 1),
            bandwidth=round(_bandwidth(rows, own), 2),
            passes=round(_passes(alone), 2),
            fresh=round(_fresh(alone), 2) if on_cpu else None,
            joint=round(_products(alone, torch.float32) / wide, 3),
            overhead=round(_overhead(alone), 2) if on_cpu else 0.0,
            draws=round(_draws(rows), 1) if on_cpu else None,
            unpacked=round(_unpacked(rows, own), 3) if on_cpu and _unpacks() else None,
            cold=round(min(first, _first_touch()), 2) if on_cpu else None,
        )


def estimate(machine: Machine) -> Speed:
    """A guess from two of numpy's figures in a third of a second; torch is not imported.

    The other figures are those figures' multiples on two machines: bfloat16 beside float32 with and
    without instructions for it, and the rest with AVX512-BF16.
    """
    import numpy as np

    left = np.ones((_TOKENS, _INPUTS), dtype=np.float32)
    right = np.ones((_INPUTS, _OUTPUTS), dtype=np.float32)
    wide = 2 * _TOKENS * _INPUTS * _OUTPUTS / _quickest(lambda: left @ right) / 1e9
    some = np.ones(_PART, dtype=np.float32)
    out = np.empty_like(some)
    bandwidth = 8 * _PART / _quickest(lambda: np.multiply(some, np.float32(2), out=out)) / 1e9
    has = precision("auto", machine.features, on_cpu=True) == "bfloat16"
    best = wide * (2.2 if has else 1.0)
    return Speed(
        device=measured_device(machine),
        float32=round(wide, 1),
        bfloat16=round(wide * (2.2 if has else 0.5), 1),
        thin=round(best * 0.6, 1),
        blocks=round(best * 0.8, 1),
        bandwidth=round(bandwidth, 2),
        passes=round(bandwidth, 2),
        fresh=round(bandwidth / 4, 2),
        cold=round(bandwidth / 40, 2),
        joint=0.85,
        overhead=2.5,
        draws=140.0,
        unpacked=6.0,
    )


def _quickest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of many runs: at start-up other threads still stir."""
    times: list[float] = []
    until = time.perf_counter() + _SECONDS
    while len(times) < 4 or time.perf_counter() < until:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


class _Rows:
    """Runs the same work in so many threads, each with its share of the cores, and times it."""

    def __init__(self, device: torch.device, most: int) -> None:
        import torch

        self.device = device
        self._cores = torch.get_num_threads()
        self.number = max(1, min(most, self._cores)) if device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self.number)
        self._wait: Callable[[], object] = {
            "cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize,
        }.get(device.type, lambda: None)  # fmt: skip

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        self._pool.shutdown()
        torch.set_num_threads(self._cores)

    def seconds(self, works: Sequence[Callable[[], object]]) -> float:
        """The median time of one call, when every thread calls its own work again and again."""
        times = list(self._pool.map(self._timed, works))
        return sum(times) / len(times)

    def _timed(self, work: Callable[[], object]) -> float:
        import torch

        if self.device.type == "cpu":
            torch.set_num_threads(self._cores // self.number)
        times: list[float] = []
        for _ in range(_UNTIMED):
            work()
        until = time.perf_counter() + _SECONDS
        while len(times) < 5 or time.perf_counter() < until:
            began = time.perf_counter()
            work()
            self._wait()
            times.append(time.perf_counter() - began)
        return sorted(times)[len(times) // 2]


def _products(rows: _Rows, dtype: torch.dtype) -> float:
    """GFLOP/s of layers' products, forward and the gradient of the input, into memory at hand."""
    import torch

    def work() -> Callable[[], object]:
        pairs = []
        for inputs, outputs in _SHAPES * _TIMES:
            x = torch.ones(_TOKENS, inputs, dtype=dtype, device=rows.device)
            given = torch.ones(_TOKENS, outputs, dtype=dtype, device=rows.device)
            weight = torch.ones(outputs, inputs, dtype=dtype, device=rows.device)
            pairs.append((x, given, weight, torch.empty_like(given), torch.empty_like(x)))
        return lambda: [
            (torch.mm(x, weight.T, out=forward), torch.mm(given, weight, out=back))
            for x, given, weight, forward, back in pairs
        ]

    each = sum(inputs * outputs for inputs, outputs in _SHAPES)
    flops = rows.number * _TIMES * 4 * _TOKENS * each
    return flops / rows.seconds([work() for _ in range(rows.number)]) / 1e9


def _thin_products(rows: _Rows, dtype: torch.dtype) -> float:
    """GFLOP/s of an adapter's three kinds of products: down, up, and the gradient of a matrix."""
    import torch

    def work() -> Callable[[], object]:
        x = torch.ones(_TOKENS, _INPUTS, dtype=dtype, device=rows.device)
        down = torch.ones(_RANK, _INPUTS, dtype=dtype, device=rows.device)
        inner = torch.ones(_TOKENS, _RANK, dtype=dtype, device=rows.device)
        return lambda: [(x @ down.T, inner @ down, inner.T @ x) for _ in range(_LAYERS)]

    flops = rows.number * _LAYERS * 3 * 2 * _TOKENS * _INPUTS * _RANK
    return flops / rows.seconds([work() for _ in range(rows.number)]) / 1e9


def _blocks(rows: _Rows, dtype: torch.dtype) -> float:
    """GFLOP/s of products of a block of queries: with its keys, and of its scores with values."""
    import torch

    groups, queries, size = 4, 3 * 64, 64
    seen = _TOKENS // 2

    def work() -> Callable[[], object]:
        query = torch.ones(groups, queries, size, dtype=dtype, device=rows.device)
        keys = torch.ones(groups, seen, size, dtype=dtype, device=rows.device)
        scores = torch.ones(groups, queries, seen, dtype=dtype, device=rows.device)
        return lambda: [
            (
                torch.bmm(query, keys.transpose(1, 2)),
                torch.bmm(scores, keys),
                torch.bmm(scores.transpose(1, 2), query),
            )
            for _ in range(_LAYERS)
        ]

    flops = rows.number * _LAYERS * 3 * 2 * groups * queries * size * seen
    return flops / rows.seconds([work() for _ in range(rows.number)]) / 1e9


def _bandwidth(rows: _Rows, dtype: torch.dtype) -> float:
    """GB/s that passes over activations read and write: a gate's, and a norm's in float32."""
    import torch

    def work() -> Callable[[], object]:
        parts = [torch.ones(_PART, dtype=dtype, device=rows.device) for _ in range(2 * _LAYERS)]
        wide = torch.ones(_PART, device=rows.device)

        def passes(part: torch.Tensor) -> torch.Tensor:
            gated = torch.nn.functional.silu(part).mul_(part)
            wide.copy_(gated).mul_(1.0)
            return torch.mul(wide, 1.0, out=torch.empty_like(part))

        return lambda: [passes(part) for part in parts]

    an_element = 7 * dtype.itemsize + 4 * 4
    moved = rows.number * 2 * _LAYERS * _PART * an_element
    return moved / rows.seconds([work() for _ in range(rows.number)]) / 1e9


def _passes(alone: _Rows) -> float:
    """GB/s read and written by passes over weights in motion and their gradients, in place."""
    import torch

    weights = torch.ones(_TABLE, device=alone.device)
    gradients = torch.ones_like(weights)
    return 12 * _TABLE / alone.seconds([lambda: weights.add_(gradients)]) / 1e9


def _fresh(alone: _Rows) -> float:
    """GB/s of zeros for a table, in memory that another table has just left."""
    import torch

    return 4 * _TABLE / alone.seconds([lambda: torch.empty(_TABLE).fill_(0.0)]) / 1e9


def _first_touch() -> float:
    """GB/s of zeros for the slowest of some tables that are held at the same time."""
    import torch

    held, times = [], []
    for _ in range(_TABLES):
        began = time.perf_counter()
        held.append(torch.empty(_TABLE).fill_(0.0))
        times.append(time.perf_counter() - began)
    return 4 * _TABLE / max(times) / 1e9


def _overhead(alone: _Rows) -> float:
    """Microseconds of an operation that has next to nothing to do."""
    import torch

    few = torch.ones(8)
    return alone.seconds([lambda: [few.mul_(1.0) for _ in range(1000)]]) / 1000 * 1e6


def _draws(rows: _Rows) -> float:
    """Millions of draws a second, of gaps and their sums (burnish.train.dropout)."""
    import torch

    count = 20_000

    def work() -> Callable[[], object]:
        own = torch.Generator().manual_seed(0)
        fresh = torch.empty(count, dtype=torch.float64)
        return lambda: fresh.geometric_(0.05, generator=own).cumsum(0).long()

    seconds = rows.seconds([work() for _ in range(rows.number)])
    return rows.number * count / seconds / 1e6


def _unpacks() -> bool:
    return find_spec("bitsandbytes") is not None


def _unpacked(rows: _Rows, dtype: torch.dtype) -> float:
    """Billions of weights a second from 4 bits, their scales unpacked too."""
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    weight = torch.randn(_OUTPUTS, _INPUTS, dtype=dtype)
    packed = [
        quantize_4bit(weight, quant_type="nf4", compress_statistics=True) for _ in range(_LAYERS)
    ]

    def work() -> object:
        return [dequantize_4bit(*one) for one in packed]

    seconds = rows.seconds([work] * rows.number)
    return rows.number * _LAYERS * weight.numel() / seconds / 1e9


def measured_device(machine: Machine) -> str:
    """What a Speed says it is of."""
    return machine.devices[0].name if machine.devices else f"{machine.cpu}, {machine.cores} cores"
