"""Reads config.json from the hub: is what the catalogue says still so, and what is this new id?

Writes entries to catalogue.toml of the workspace: for models whose figures have changed, and for
the hub id under `base:` where the catalogue does not know it. Weights are never fetched.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from burnish.base.catalogue import Catalogue, Model
from burnish.base.figures import Figures, figures_of
from burnish.base.licences import known_key
from burnish.base.parameters import FAMILIES
from burnish.errors import BaseModelError
from burnish.store.files import write_text

_SECONDS = 5.0


@dataclass(frozen=True)
class Refreshed:
    """What the hub said.

    Attributes:
        checked: number of models whose config.json was read.
        written: names of the entries that were written.
        unread: name → why its config.json could not be read (gated, say).
    """

    checked: int
    written: tuple[str, ...]
    unread: dict[str, str]


def refresh(own: Path, base: str) -> Refreshed:
    """Compare every model of the catalogue with the hub, and write what differs.

    Args:
        own: catalogue.toml of the workspace.
        base: what stands under `base:` in the brief.

    Raises:
        BaseModelError: the hub cannot be reached, or `own` has faults.
    """
    catalogue = Catalogue(own)
    known = [model for model in catalogue if model.hub]
    unread: dict[str, str] = {}
    fresh = []
    for model in known:
        try:
            figures = _read(model.hub)
        except BaseModelError as error:
            unread[model.name] = error.message
            continue
        told = figures.model_copy(update={"other_parameters": model.figures.other_parameters})
        if told != model.figures:
            fresh.append(model.model_copy(update={"figures": told, **_now()}))
    if unread and len(unread) == len(known):
        raise BaseModelError(
            f"The hub cannot be reached: {next(iter(unread.values()))}",
            hint="leave out --refresh; the catalogue answers without a network",
        )
    name, _, _ = base.partition("@")
    if name.count("/") == 1 and not Path(base).expanduser().exists() and not catalogue.get(name):
        fresh.append(_new(name))
    if fresh:
        text = own.read_text(encoding="utf-8") if own.exists() else ""
        write_text(own, text + "".join(_entry(model) for model in fresh))
        Catalogue(own)  # what was written can be read again
    return Refreshed(
        checked=len(known) - len(unread),
        written=tuple(model.name for model in fresh),
        unread=unread,
    )


def _read(hub_id: str) -> Figures:
    """The figures of a model on the hub."""
    from huggingface_hub import hf_hub_download

    try:
        file = hf_hub_download(hub_id, "config.json", etag_timeout=_SECONDS)
    except Exception as error:  # the hub's client raises many kinds; all mean the same here
        first = str(error).strip().split("\n")[0][:160]
        raise BaseModelError(f"{type(error).__name__}: {first}", hint="") from error
    return figures_of(json.loads(Path(file).read_text(encoding="utf-8")), hub_id)


def _new(hub_id: str) -> Model:
    """The entry of a hub id that the catalogue does not know."""
    from huggingface_hub import HfApi

    figures = _read(hub_id)
    if figures.model_type not in FAMILIES:
        raise BaseModelError(
            f"{hub_id} is a {figures.model_type} model, whose size cannot be told.",
            hint="choose a model that burnish base --list shows",
        )
    info = HfApi().model_info(hub_id, timeout=_SECONDS)
    card: Any = info.card_data or {}
    languages = card.get("language") or []
    licence = str(card.get("license") or "unknown")
    if licence == "other":
        licence = str(card.get("license_name") or licence)
    return Model(
        name=hub_id,
        hub=hub_id,
        figures=figures,
        languages=tuple([languages] if isinstance(languages, str) else languages),
        licence=known_key(licence),
        gated=bool(info.gated),
        **_now(),
    )


def _now() -> dict[str, str]:
    return {
        "source": "config.json on the hub",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _entry(model: Model) -> str:
    """A model as a table of catalogue.toml; JSON's texts, lists and numbers are TOML's too."""
    keys = {
        **model.model_dump(exclude={"figures"}, exclude_defaults=True),
        **model.figures.model_dump(exclude_defaults=True),
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return "\n".join(["", "[[model]]", *lines, ""])
