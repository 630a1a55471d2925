"""The splits that training sees, rendered: token ids and loss masks, and what had to be left out.

Reads the training and validation splits of a data set; writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from burnish.chat.render import Encoded, Renderer
from burnish.errors import TrainingError
from burnish.records import Dataset, Example
from burnish.store import Workspace, read_split


@dataclass(frozen=True)
class RenderedSplit:
    """What can be trained on, and the ids of what was cut or left out.

    Attributes:
        ids: names of `examples`, in the same order.
        truncated: of these, those whose input was cut to fit.
        untrained: not among these: no token of the answer fits.
    """

    ids: tuple[str, ...]
    examples: list[Encoded]
    truncated: tuple[str, ...]
    untrained: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """True tokens of an epoch."""
        return sum(len(example.ids) for example in self.examples)

    @property
    def trained_tokens(self) -> int:
        """Of these, the ones with a loss."""
        return sum(sum(example.trained) for example in self.examples)


@dataclass(frozen=True)
class RenderedSplits:
    """Both splits, the hash of the rendered validation prompts, and the data set's id."""

    train: RenderedSplit
    validation: RenderedSplit
    prompt_hash: str
    dataset: str


def render_splits(
    workspace: Workspace, dataset: Dataset, renderer: Renderer, *, max_length: int
) -> RenderedSplits:
    """Render the training and validation splits.

    Raises:
        TrainingError: a split has no example whose answer fits into `max_length` tokens.
    """
    train = _render(renderer, read_split(workspace, dataset, "train"), dataset.weights)
    held_out = read_split(workspace, dataset, "validation")
    validation = _render(renderer, held_out)
    for name, split in (("training", train), ("validation", validation)):
        if not split.examples:
            raise TrainingError(
                f"No {name} example has an answer that fits into {max_length} tokens "
                f"beside its prompt ({len(split.untrained)} examples).",
                hint="raise train.max_length in burnish.yaml",
            )
    return RenderedSplits(train, validation, renderer.prompt_hash(held_out), dataset.id)


def _render(
    renderer: Renderer, examples: Sequence[Example], weights: Mapping[str, float] | None = None
) -> RenderedSplit:
    """Render a split; `weights` gives the weight of a label's examples in the loss."""
    encoded = []
    for example in examples:
        weight = (weights or {}).get(example.answer, 1.0)
        encoded.append((example.id, replace(renderer.encode(example), weight=weight)))
    kept = [(name, one) for name, one in encoded if any(one.trained)]
    return RenderedSplit(
        ids=tuple(name for name, _ in kept),
        examples=[one for _, one in kept],
        truncated=tuple(name for name, one in kept if one.truncated),
        untrained=tuple(name for name, one in encoded if not any(one.trained)),
    )
