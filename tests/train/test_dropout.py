"""Dropout by gaps has the distribution of independent trials."""

import pytest
import torch

from burnish.train.dropout import GapDropout, draw_places


@pytest.mark.parametrize("p", [0.01, 0.05, 0.5])
def test_elements_drop_independently_with_probability_p(p: float) -> None:
    torch.manual_seed(0)
    n = 400_000
    out = GapDropout(p)(torch.ones(n))
    dropped = (out == 0).double()
    assert torch.allclose(out[out != 0], torch.tensor(1 / (1 - p)))
    assert abs(float(dropped.mean()) - p) < 5 * (p * (1 - p) / n) ** 0.5
    for lag in (1, 2, 7):
        both = float((dropped[:-lag] * dropped[lag:]).mean())
        assert abs(both - p * p) < 6 * (p * p / n) ** 0.5
    assert dropped[0] in (0, 1)


def test_the_first_and_last_elements_drop_as_often_as_others() -> None:
    torch.manual_seed(1)
    outs = torch.stack([GapDropout(0.3)(torch.ones(5)) for _ in range(4000)])
    shares = (outs == 0).double().mean(0)
    assert torch.all((shares - 0.3).abs() < 5 * (0.21 / 4000) ** 0.5)


def test_nothing_drops_nothing() -> None:
    assert draw_places(0, 0.1).tolist() == []
    assert GapDropout(0.1)(torch.empty(1, 0, 8)).shape == (1, 0, 8)


def test_gradients_are_zero_where_outputs_are() -> None:
    torch.manual_seed(2)
    x = torch.randn(50, 40, requires_grad=True)
    out = GapDropout(0.2)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, out == 0)
    assert torch.allclose(x.grad[x.grad != 0], torch.tensor(1.25))


def test_evaluation_changes_nothing_and_seeds_repeat() -> None:
    layer, x = GapDropout(0.2), torch.randn(30, 30)
    assert layer.eval()(x) is x
    layer.train()
    torch.manual_seed(3)
    first = layer(x)
    torch.manual_seed(3)
    assert torch.equal(first, layer(x))
