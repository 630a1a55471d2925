"""What is known of a training run before any weight moves."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.shortlist import LicenceVerdict, MemoryEstimate


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Piece(_Part):
    """Neighbouring tokens of a rendered example that all carry a loss, or all carry none."""

    text: str
    trained: bool


class ShownExample(_Part):
    """A rendered training example, as the model will see it.

    Attributes:
        which: why it is shown: of all examples, ordered by tokens.
        tokens, trained_tokens: all, and those with a loss.
        end_token: the last token's text, where it is trained; the model learns to stop from it.
        truncated: its input was cut to fit max_length.
    """

    id: str
    which: Literal["shortest", "median", "longest"]
    tokens: int
    trained_tokens: int
    end_token: str | None
    truncated: bool
    pieces: tuple[Piece, ...]


class Cost(_Part):
    """What training will take on this machine, by arithmetic.

    Attributes:
        device: that it will run on.
        memory: at its peak; None where the architecture is not known.
        available_gib: of the device.
        tokens_per_row: that fit its memory; None where those of the brief do, or nobody knows.
        seconds: of all epochs; None where the architecture is not known.
        watt_hours: at most; None where this machine does not tell its power.
        energy: where that figure is from, or why there is none.
    """

    device: str
    memory: MemoryEstimate | None = None
    available_gib: float
    tokens_per_row: int | None = None
    seconds: float | None = None
    watt_hours: float | None = None
    energy: str


class Preflight(_Part):
    """The picture before training: examples with their loss mask, sizes, cost, warnings.

    Attributes:
        base: its name.
        licence: what its licence says to the brief's use.
        shown: up to three training examples.
        truncated, untrained: examples cut to fit, and left out as no answer token fits; of both
            splits.
        steps: optimiser steps of all epochs.
        tokens_per_epoch, trained_tokens: of the training split.
        warnings: sentences, worst first.
    """

    schema_version: Literal[1] = 1
    task_name: str
    base: str
    licence: LicenceVerdict | None
    method: str
    learning_rate: float
    epochs: int
    train_examples: int
    validation_examples: int
    truncated: int
    untrained: int
    steps: int
    tokens_per_epoch: int
    trained_tokens: int
    longest: int
    cost: Cost
    warnings: tuple[str, ...] = ()
    shown: tuple[ShownExample, ...] = ()
