"""The loss of a head in parts equals the loss of its logits."""

import pytest
import torch

from burnish.engines import losses
from burnish.engines.scratch import scratch


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("at_once", [(256, 32), (3, 2)])
def test_losses_and_gradients_of_a_head_equal_those_of_its_logits(
    monkeypatch: pytest.MonkeyPatch, smoothing: float, bias: bool, at_once: tuple[int, int]
) -> None:
    monkeypatch.setattr(losses, "TARGETS_AT_ONCE", at_once[0])
    monkeypatch.setattr(losses, "WIDE_AT_ONCE", at_once[1])
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 50, bias=bias).requires_grad_(False)
    targets = torch.randint(50, (7,))
    weights = torch.rand(7)
    hidden, plain = (torch.arange(56.0).view(7, 8).sin().requires_grad_() for _ in range(2))
    wanted = losses.target_losses(head(plain), targets, smoothing)
    given = losses.head_losses(hidden, head, targets, smoothing)
    (wanted * weights).sum().backward()
    (given * weights).sum().backward()
    assert torch.allclose(given, wanted, rtol=1e-5)
    assert torch.allclose(hidden.grad, plain.grad, rtol=1e-4, atol=1e-6)  # type: ignore[arg-type]


def test_scratch_is_the_same_memory_and_grows() -> None:
    like = torch.empty(0)
    small = scratch("test", (2, 3), like)
    assert scratch("test", (3, 2), like).data_ptr() == small.data_ptr()
    assert scratch("another", (2, 3), like).data_ptr() != small.data_ptr()
    assert scratch("test", (5, 5), like).shape == (5, 5)
