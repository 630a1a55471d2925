"""The loops of `burnish.train.passes`, in the part of Python that numba compiles.

A bfloat16 is the upper half of a float32: it is read as an unsigned number of 16 bits, widened,
computed with, and rounded to the nearest, ties to even.
"""

from typing import Any

import numpy as np
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import overload

LIBERTIES = {"nsz", "arcp", "contract", "reassoc", "afn"}
"""Sums in any order and the like; numbers that are not finite stay what they are."""


def _get(numbers: Any, at: int) -> Any:
    """One number, as float32."""


def _put(numbers: Any, at: int, value: Any) -> Any:
    """Store a float32."""


@overload(_get, jit_options={"fastmath": LIBERTIES})
def _get_as(numbers: Any, at: Any) -> Any:
    def narrow(numbers: Any, at: Any) -> Any:
        return np.uint32(np.uint32(numbers[at]) << np.uint32(16)).view(np.float32)

    def wide(numbers: Any, at: Any) -> Any:
        return numbers[at]

    return narrow if numbers.dtype == types.uint16 else wide


@overload(_put, jit_options={"fastmath": LIBERTIES})
def _put_as(numbers: Any, at: Any, value: Any) -> Any:
    def narrow(numbers: Any, at: Any, value: Any) -> Any:
        bits = np.float32(value).view(np.uint32)
        odd = np.uint32((bits >> np.uint32(16)) & np.uint32(1))
        numbers[at] = np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))

    def wide(numbers: Any, at: Any, value: Any) -> Any:
        numbers[at] = value

    return narrow if numbers.dtype == types.uint16 else wide


@njit(fastmath=LIBERTIES, error_model="numpy")
def _exp(x: Any) -> Any:
    """e to the x within 2 units of the last place, for |x| up to 87, beyond which it is held.

    x = n · ln 2 + r; a Taylor polynomial of r, times 2 to the n (Cody and Waite 1980, chapter 6).
    """
    x = np.float32(-87) if x < np.float32(-87) else x
    x = np.float32(87) if x > np.float32(87) else x
    shifted = np.int32(x * np.float32(1.4426950408889634) + np.float32(127.5))
    n = np.float32(np.int32(shifted - np.int32(127)))  # or numba would count in 64 bits
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    series = r * np.float32(1 / 5040) + np.float32(1 / 720)
    series = r * series + np.float32(1 / 120)
    series = r * series + np.float32(1 / 24)
    series = r * series + np.float32(1 / 6)
    series = r * series + np.float32(1 / 2)
    series = r * (r * series + np.float32(1)) + np.float32(1)
    return series * np.int32(shifted * np.int32(2**23)).view(np.float32)


def _gate(opened: Any, passed: Any, out: Any, n: int) -> None:
    opened, passed, out = carray(opened, n), carray(passed, n), carray(out, n)
    for at in range(n):
        x = _get(opened, at)
        _put(out, at, x / (np.float32(1) + _exp(-x)) * _get(passed, at))


def _gate_gradients(opened: Any, passed: Any, grad: Any, gated: Any, n: int) -> None:
    opened, passed, grad, gated = (
        carray(opened, n), carray(passed, n), carray(grad, n), carray(gated, n),
    )  # fmt: skip
    for at in range(n):
        x, up, given = _get(opened, at), _get(passed, at), _get(grad, at)
        share = np.float32(1) / (np.float32(1) + _exp(-x))
        silu = x * share
        _put(gated, at, silu * up)
        _put(passed, at, silu * given)
        _put(opened, at, given * up * share * (np.float32(1) + x - silu))


def _norm(x: Any, weight: Any, out: Any, inverse: Any, rows: int, size: int, eps: float) -> None:
    x, out = carray(x, (rows, size)), carray(out, (rows, size))
    weight, inverse = carray(weight, size), carray(inverse, rows)
    for row in range(rows):
        here, there = x[row], out[row]
        total = np.float32(0)
        for at in range(size):
            value = _get(here, at)
            total += value * value
        scale = np.float32(1) / np.sqrt(total / np.float32(size) + eps)
        inverse[row] = scale
        for at in range(size):
            _put(there, at, _get(here, at) * scale * weight[at])


def _norm_gradient(
    x: Any, weight: Any, inverse: Any, grad: Any, out: Any, rows: int, size: int
) -> None:
    x, grad, out = carray(x, (rows, size)), carray(grad, (rows, size)), carray(out, (rows, size))
    weight, inverse = carray(weight, size), carray(inverse, rows)
    for row in range(rows):
        here, given, there = x[row], grad[row], out[row]
        scale = inverse[row]
        along = np.float32(0)
        for at in range(size):
            along += _get(here, at) * _get(given, at) * weight[at]
        along *= scale * scale / np.float32(size)
        for at in range(size):
            value = _get(given, at) * weight[at] - _get(here, at) * along
            _put(there, at, value * scale)


@njit(fastmath=LIBERTIES, error_model="numpy")
def _rotate(here: Any, cos: Any, sin: Any, there: Any, half: int, way: Any) -> None:
    """One head of one token; `way` is 1, or -1 for back."""
    for at in range(half):
        low, high, across = _get(here, at), _get(here, at + half), way * _get(sin, at)
        _put(there, at, low * _get(cos, at) - high * across)
        _put(there, at + half, high * _get(cos, at) + low * across)


def _turn(x: Any, cos: Any, sin: Any, out: Any, heads: int, tokens: int, size: int) -> None:
    x, out = carray(x, (tokens, heads, size)), carray(out, (heads, tokens, size))
    cos, sin = carray(cos, (tokens, size)), carray(sin, (tokens, size))
    for token in range(tokens):
        for head in range(heads):
            there = out[head, token]
            _rotate(x[token, head], cos[token], sin[token], there, size // 2, np.float32(1))


def _turn_back(grad: Any, cos: Any, sin: Any, out: Any, heads: int, tokens: int, size: int) -> None:
    grad, out = carray(grad, (heads, tokens, size)), carray(out, (tokens, heads, size))
    cos, sin = carray(cos, (tokens, size)), carray(sin, (tokens, size))
    for token in range(tokens):
        for head in range(heads):
            there = out[token, head]
            _rotate(grad[head, token], cos[token], sin[token], there, size // 2, np.float32(-1))


LOOPS: dict[str, tuple[Any, list[str]]] = {
    "gate": (_gate, ["x", "x", "x", "n"]),
    "gate_gradients": (_gate_gradients, ["x", "x", "x", "x", "n"]),
    "norm": (_norm, ["x", "wide", "x", "wide", "n", "n", "f"]),
    "norm_gradient": (_norm_gradient, ["x", "wide", "wide", "x", "x", "n", "n"]),
    "turn": (_turn, ["x", "x", "x", "x", "n", "n", "n"]),
    "turn_back": (_turn_back, ["x", "x", "x", "x", "n", "n", "n"]),
}
"""Each loop, and what its arguments are: "x" points to numbers of the model's type, "wide" to
float32, "n" is a count, "f" a float32."""
