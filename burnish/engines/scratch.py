"""Memory that a thread uses again and again, for what a function computes and does not return.

A CPU has no caching allocator: fresh memory for every passing result costs as much as the result.
"""

import math
import threading
from collections.abc import Sequence

import torch


class _Kept(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[tuple[str, torch.dtype], torch.Tensor] = {}


_kept = _Kept()


def scratch(name: str, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Uninitialised memory, the same for every call with this name in this thread.

    Args:
        name: of the use; what was there before under this name is lost.
        like: gives the type and the device; elsewhere than on a CPU the memory is new.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    kept = _kept.buffers
    size = math.prod(shape)
    buffer = kept.get((name, like.dtype))
    if buffer is None or buffer.numel() < size:
        buffer = kept[name, like.dtype] = torch.empty(size, dtype=like.dtype)
    return buffer[:size].view(*shape)
