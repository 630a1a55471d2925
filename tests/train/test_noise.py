"""NEFTune: the noise follows each example's own length, and is there in training alone."""

import pytest
import torch
from tiny import tiny_model

from burnish.chat.render import Encoded
from burnish.engines.rows import Row, make_rows, use_rows
from burnish.train.noise import add_noise

ALPHA = 5.0
SHORT = Encoded([5, 6, 7, 8], [False, False, True, True], truncated=False)
LONG = Encoded([9, *range(20, 59)], [False] * 20 + [True] * 20, truncated=False)


def embedded(row: Row, draws: int) -> torch.Tensor:
    """What the first layer is given, less the embeddings, [draws, tokens, width]."""
    model = tiny_model("llama")
    use_rows(model)
    add_noise(model, ALPHA)
    model.train()
    plain = model.get_input_embeddings().weight[row.input_ids[0]]
    seen: list[torch.Tensor] = []
    model.model.layers[0].register_forward_pre_hook(
        lambda _, given: seen.append(given[0][0].detach() - plain)
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(draws):
            model(input_ids=row.input_ids, position_ids=row.position_ids, layout=row.layout)
    return torch.stack(seen).detach()


@pytest.mark.parametrize("examples", [[SHORT], [LONG], [SHORT, LONG]])
def test_noise_is_uniform_within_alpha_over_root_of_length_times_width(
    examples: list[Encoded],
) -> None:
    (row,) = make_rows(examples, 64, share=True)
    assert row.layout.prefix == 0
    noise = embedded(row, draws=200)
    for span in row.layout.spans:
        length = span.stop - span.start
        most = ALPHA / (length * noise.shape[2]) ** 0.5
        part = noise[:, span.start : span.stop]
        assert float(part.abs().max()) <= most * (1 + 1e-4)
        assert float(part.abs().max()) > 0.99 * most
        assert float(part.std()) == pytest.approx(most / 3**0.5, rel=0.03)
        assert abs(float(part.mean())) < 0.03 * most


def test_there_is_no_noise_outside_training() -> None:
    (row,) = make_rows([LONG], 64, share=True)
    model = tiny_model("llama")
    use_rows(model)
    options = {"input_ids": row.input_ids, "position_ids": row.position_ids, "layout": row.layout}
    with torch.no_grad():
        before = model(**options).logits
        add_noise(model, ALPHA)
        assert torch.equal(model(**options).logits, before)
        model.train()
        assert not torch.equal(model(**options).logits, before)


def test_a_shared_prefix_is_refused() -> None:
    (row,) = make_rows([LONG, LONG], 128, share=True)
    assert row.layout.prefix
    with pytest.raises(ValueError, match="share no prefix"):
        embedded(row, draws=1)


def test_an_ordinary_batch_of_one_example_has_noise_of_its_length() -> None:
    model = tiny_model("llama")
    add_noise(model, ALPHA)
    model.train()
    ids = torch.tensor([LONG.ids])
    layer = model.get_input_embeddings()
    seen: list[torch.Tensor] = []
    model.model.layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(input_ids=ids)
    most = ALPHA / (len(LONG.ids) * 32) ** 0.5
    assert (
        0.9 * most < float((seen[0] - layer.weight[ids]).detach().abs().max()) <= most * (1 + 1e-4)
    )
