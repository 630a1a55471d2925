"""Passes over memory that torch would make several of, each one loop compiled by numba.

On a CPU small layers spend a fifth of a step between the products, where every operator of torch
reads and writes its tensors whole. Numbers are bfloat16 or float32 in memory and float32 between.
A loop is compiled when it is first needed, and kept on disk as numba keeps what it compiles.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

READY_FOR = frozenset({torch.bfloat16, torch.float32})
"""Precisions that the loops know."""


def gate(opened: torch.Tensor, passed: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """silu(opened) · passed into `out`; all contiguous, of one shape and type."""
    _loop("gate", out.dtype)(*_places(opened, passed, out), out.numel())
    return out


def gate_gradients(
    opened: torch.Tensor, passed: torch.Tensor, grad: torch.Tensor, gated: torch.Tensor
) -> None:
    """The gradients of `opened` and `passed` in their own places, from that of the product; and
    the product again into `gated`."""
    _loop("gate_gradients", gated.dtype)(*_places(opened, passed, grad, gated), gated.numel())


def norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """weight · x / sqrt(mean(x²) + eps), over the last dimension.

    Args:
        x: contiguous [..., size].
        weight: float32 [size].

    Returns:
        the same shape as x, and 1 / sqrt(…), float32 [..., 1].
    """
    out, inverse = torch.empty_like(x), x.new_empty((*x.shape[:-1], 1), dtype=torch.float32)
    size = x.shape[-1]
    _loop("norm", x.dtype)(*_places(x, weight, out, inverse), inverse.numel(), size, eps)
    return out, inverse


def norm_gradient(
    x: torch.Tensor, weight: torch.Tensor, inverse: torch.Tensor, grad: torch.Tensor
) -> torch.Tensor:
    """The gradient of the x that `norm` was given, from that of its output; both contiguous."""
    out = torch.empty_like(x)
    size = x.shape[-1]
    _loop("norm_gradient", x.dtype)(*_places(x, weight, inverse, grad, out), inverse.numel(), size)
    return out


def turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """x · cos + rotate_half(x) · sin, and heads before tokens.

    Args:
        x: contiguous [tokens, heads, size].
        cos, sin: contiguous [tokens, size], in the type of x; both halves of each are the same.

    Returns:
        [heads, tokens, size].
    """
    tokens, heads, size = x.shape
    out = x.new_empty(heads, tokens, size)
    _loop("turn", x.dtype)(*_places(x, cos, sin, out), heads, tokens, size)
    return out


def turn_back(grad: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """The gradient of the x that `turn` was given, from that of its output, contiguous."""
    heads, tokens, size = grad.shape
    out = grad.new_empty(tokens, heads, size)
    _loop("turn_back", grad.dtype)(*_places(grad, cos, sin, out), heads, tokens, size)
    return out


def _places(*tensors: torch.Tensor) -> list[int]:
    """Where tensors begin; a loop would read past the end of one that is not contiguous."""
    if not all(tensor.is_contiguous() for tensor in tensors):
        raise ValueError("a compiled pass needs contiguous tensors")
    return [tensor.data_ptr() for tensor in tensors]


@cache
def _loop(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """A loop for tensors of a type; called from several threads it holds no lock of Python's."""
    from numba import cfunc, types

    from burnish.train.loops import LIBERTIES, LOOPS

    body, kinds = LOOPS[name]
    number = types.uint16 if dtype is torch.bfloat16 else types.float32
    stands_for: dict[str, tuple[Any, Any]] = {
        "x": (types.CPointer(number), ctypes.c_void_p),
        "wide": (types.CPointer(types.float32), ctypes.c_void_p),
        "n": (types.int64, ctypes.c_int64),
        "f": (types.float32, ctypes.c_float),
    }
    compiled_for, called_with = zip(*(stands_for[kind] for kind in kinds), strict=True)
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": LIBERTIES}
    try:
        compiled: Any = cfunc(types.void(*compiled_for), cache=True, **options)(body)
    except RuntimeError:  # there is no folder to keep it in: a second, once for each process
        compiled = cfunc(types.void(*compiled_for), **options)(body)
    _compiled.append(compiled)
    function: Callable[..., None] = ctypes.CFUNCTYPE(None, *called_with)(compiled.address)
    return function


_compiled: list[Any] = []
"""What has to live as long as its addresses are in use."""
