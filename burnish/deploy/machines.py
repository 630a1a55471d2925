"""Which machine of a cloud has a card; read from clouds.toml beside this module."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.errors import DeployError

Cloud = Literal["sagemaker", "vertex", "azureml"]
_FILE = Path(__file__).with_name("clouds.toml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rented(_Part):
    """A machine with a card.

    Attributes:
        several: cards it has, of which one is used.
    """

    machine: str
    accelerator: str = ""
    several: int = 1


class SkyCard(_Part):
    """A card as SkyPilot knows it."""

    name: str
    clouds: tuple[Literal["aws", "gcp", "azure"], ...] = Field(min_length=1)


class _Offer(_Part):
    skypilot: SkyCard
    sagemaker: Rented | None = None
    vertex: Rented | None = None
    azureml: Rented | None = None


def rented(cloud: Cloud, fitting: tuple[str, ...]) -> tuple[str, Rented]:
    """The smallest of the cards that hold the model which a cloud offers, and its machine.

    A machine with one card goes before one that has several.

    Raises:
        DeployError: it offers none of them.
    """
    offers = [(card, getattr(_offers()[card], cloud)) for card in fitting if card in _offers()]
    known = [(card, machine) for card, machine in offers if machine is not None]
    if not known:
        raise DeployError(
            f"No machine of {cloud} that Burnish knows has a card that holds this model "
            f"({', '.join(fitting) or 'none does'}).",
            hint="deploy it with --to skypilot or --to kubernetes, or answer less at once with "
            "--answers 1",
        )
    return min(known, key=lambda offer: offer[1].several > 1)


def sky_cards(fitting: tuple[str, ...]) -> list[tuple[str, SkyCard]]:
    """The cards that hold the model, as SkyPilot names them: the smallest for each cloud.

    Returns:
        (cloud, card), in the order of the cards.
    """
    found: dict[str, SkyCard] = {}
    for card in fitting:
        if card in _offers():
            for cloud in _offers()[card].skypilot.clouds:
                found.setdefault(cloud, _offers()[card].skypilot)
    return list(found.items())


@cache
def _offers() -> dict[str, _Offer]:
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {card: _Offer.model_validate(entry) for card, entry in entries.items()}
