"""A compiled pass equals torch's operators."""

import pytest
import torch
from torch.nn import functional

from burnish.train import passes

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 4e-3}  # half a unit of bfloat16's last place
precisions = pytest.mark.parametrize("dtype", list(TOLERANCE))


def random(*shape: int, dtype: torch.dtype, seed: int = 0, spread: float = 2.0) -> torch.Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return (spread * drawn).to(dtype)


def close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """To the precision of what was found, and nowhere further than that off its own size."""
    tolerance = TOLERANCE[found.dtype]
    return torch.allclose(found.double(), wanted.double(), rtol=tolerance, atol=tolerance / 4)


def known(*tensors: torch.Tensor) -> list[torch.Tensor]:
    return [tensor.double().requires_grad_() for tensor in tensors]


@precisions
def test_gate_and_its_gradients(dtype: torch.dtype) -> None:
    opened, passed, grad = (random(7, 33, dtype=dtype, seed=seed) for seed in range(3))
    wide_opened, wide_passed = known(opened, passed)
    wanted = functional.silu(wide_opened) * wide_passed
    wanted.backward(grad.double())
    assert close(passes.gate(opened, passed, torch.empty_like(opened)), wanted)
    again = torch.empty_like(opened)
    passes.gate_gradients(opened, passed, grad, again)
    assert close(again, wanted)
    assert close(opened, wide_opened.grad)  # type: ignore[arg-type]
    assert close(passed, wide_passed.grad)  # type: ignore[arg-type]


@precisions
def test_a_gate_far_from_zero_and_one_that_is_no_number(dtype: torch.dtype) -> None:
    opened = torch.tensor([-1e4, -90.0, 0.0, 90.0, 1e4, torch.nan], dtype=dtype)
    found = passes.gate(opened, torch.ones_like(opened), torch.empty_like(opened))
    wanted = torch.tensor([0.0, 0.0, 0.0, 90.0, 1e4]).to(dtype)
    assert torch.allclose(found[:5], wanted, atol=1e-30)
    assert found[5].isnan()


@precisions
@pytest.mark.parametrize("size", [8, 577])
def test_norm_and_its_gradient(dtype: torch.dtype, size: int) -> None:
    x, grad = (random(2, 5, size, dtype=dtype, seed=seed) for seed in range(2))
    weight = random(size, dtype=torch.float32, seed=2)
    (wide,) = known(x)
    scale = (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    wanted = weight.double() * wide * scale
    wanted.backward(grad.double())
    found, inverse = passes.norm(x, weight, 1e-5)
    assert close(found, wanted)
    assert close(inverse, scale)
    assert close(passes.norm_gradient(x, weight, inverse, grad), wide.grad)  # type: ignore[arg-type]


@precisions
def test_turned_heads_and_their_gradient(dtype: torch.dtype) -> None:
    x, angles = random(5, 3, 12, dtype=dtype), random(5, 6, dtype=torch.float32, seed=1)
    cos, sin = (torch.cat([turn, turn], -1).to(dtype) for turn in (angles.cos(), angles.sin()))
    (wide,) = known(x)
    low, high = wide.split(6, -1)
    halves = torch.cat([-high, low], -1)
    wanted = (wide * cos.double()[:, None] + halves * sin.double()[:, None]).transpose(0, 1)
    grad = random(3, 5, 12, dtype=dtype, seed=2)
    wanted.backward(grad.double())
    assert close(passes.turn(x, cos, sin), wanted)
    assert close(passes.turn_back(grad, cos, sin), wide.grad)  # type: ignore[arg-type]


def test_numbers_are_rounded_as_torch_rounds_them() -> None:
    """To the nearest bfloat16, ties to even: a norm of weight 1 leaves rows of ±1 as they are."""
    weight = random(512, dtype=torch.float32)
    weight[:4] = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20])
    found, _ = passes.norm(torch.ones(1, 512, dtype=torch.bfloat16), weight, 0.0)
    assert torch.equal(found[0], weight.to(torch.bfloat16))


def test_a_view_with_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        passes.norm(torch.ones(4, 8)[:, ::2], torch.ones(4), 1e-5)
