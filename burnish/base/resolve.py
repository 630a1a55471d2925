"""Where a base model is: a name becomes a folder of safetensors, or one clear refusal.

A name is looked for as a folder or GGUF file, then in the hub's cache, on the hub, and last in an
installed package that carries the weights. Short names are those of the catalogue; a hub id may
name a revision, as in org/name@revision. Weights are safetensors or GGUF, never pickles; code that
comes with a model is never run.
"""

import json
import os
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from burnish.base.catalogue import Catalogue, Model
from burnish.errors import BaseModelError
from burnish.records import canonical_hash
from burnish.store.files import sha256_file

Source = Literal["folder", "gguf", "hub-cache", "hub", "package"]

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5")
_WANTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "*.txt", "LICENSE*")
_HUB_SECONDS = 5.0


@dataclass(frozen=True)
class Found:
    """A base on disk.

    Attributes:
        path: a folder with config.json and safetensors, or a GGUF file.
        weights_sha256: of the GGUF file, or over the names and hashes of all safetensors files.
        revision: the commit on the hub, where it came from there.
        licence: a key of licences.toml or the hub's own word, else "unknown".
    """

    source: Source
    path: Path
    revision: str | None
    weights_sha256: str
    licence: str


def resolve(name: str, catalogue: Catalogue | None = None, *, fetch: bool = True) -> Found:
    """Find a base model by name, folder, GGUF file or hub id.

    Args:
        catalogue: with the workspace's own entries; None is the shipped one.
        fetch: from the hub, where it is not on this machine.

    Raises:
        BaseModelError: it is nowhere to be had, or its weights are pickles.
    """
    path = Path(name).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return Found("gguf", path.resolve(), None, sha256_file(path), "unknown")
    if path.is_dir():
        return _folder("folder", path.resolve(), None, "unknown")
    if path.is_file() or path.suffix == ".gguf" or name.startswith((".", "/", "~")):
        raise BaseModelError(
            f"{name} is neither a model folder nor a GGUF file.",
            hint="name one under base:, or a name that burnish base --list shows",
        )
    catalogue = catalogue or Catalogue()
    name, _, revision = name.partition("@")
    known = catalogue.get(name)
    hub_id = (known.hub if known else "") or name
    if known is None and hub_id.count("/") != 1:
        near = catalogue.nearest(name)
        also = f"did you mean {' or '.join(near)}? Otherwise " if near else ""
        raise BaseModelError(
            f"There is no base model called {name!r}.",
            hint=f"{also}use a name that burnish base --list shows, such as smollm2-135m, a hub id "
            "like org/name, a folder or a GGUF file",
        )
    licence = known.licence if known else "unknown"
    found = _from_cache(hub_id, revision, licence)
    if found is None:
        found, reason = (
            _from_hub(hub_id, revision, licence) if fetch else (None, "nothing was to be fetched")
        )
        if found is None and known is not None and not revision:
            found = _from_package(known)
        if found is None:
            raise BaseModelError(
                f"{hub_id} is not in the hub's cache and could not be fetched: {reason}.",
                hint="check the name and the network, or name a local folder or GGUF file",
            )
    return found


def is_here(model: Model) -> bool:
    """Whether a model's weights are on this machine, by the look of its folders."""
    if model.package and find_spec(model.package):
        return True
    own = Path(model.name).expanduser()
    if own.is_dir() or (own.suffix == ".gguf" and own.is_file()):
        return True
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"models--{model.hub.replace('/', '--')}" / "snapshots"
    return bool(model.hub) and any(folder.glob("*/*.safetensors"))


def local_fingerprint(name: str) -> str | None:
    """Hash of a local model's weights, so that a change is noticed; None for a name."""
    path = Path(name).expanduser()
    if path.is_file():
        return sha256_file(path)
    if path.is_dir():
        return _weights_hash(path)
    return None


def count_parameters(folder: Path) -> int:
    """Number of stored parameters, from the headers of the safetensors files."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for extent in tensor["shape"]:
                    size *= extent
                total += size
    return total


def _folder(source: Source, folder: Path, revision: str | None, licence: str) -> Found:
    """A folder, if it holds a model without pickles."""
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise BaseModelError(
            f"{folder} holds {', '.join(pickles[:3])}: such files can run code when they are "
            "loaded, and Burnish reads safetensors or GGUF alone.",
            hint="convert the model to safetensors and remove these files",
        )
    if not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{folder} is not a model folder: config.json and *.safetensors were expected.",
            hint="name the folder that save_pretrained wrote, or a GGUF file",
        )
    return Found(source, folder, revision, _weights_hash(folder), licence)


def _weights_hash(folder: Path) -> str:
    return canonical_hash({path.name: sha256_file(path) for path in folder.glob("*.safetensors")})


def _from_cache(hub_id: str, revision: str, licence: str) -> Found | None:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                hub_id,
                revision=revision or None,
                local_files_only=True,
                allow_patterns=list(_WANTED),
            )
        )
    except OSError:  # huggingface_hub's own errors for "not there" derive from it
        return None
    if not any(folder.glob("*.safetensors")):
        return None
    return _folder("hub-cache", folder, folder.name, licence)


def _from_hub(hub_id: str, revision: str, licence: str) -> tuple[Found | None, str]:
    """The model from the hub, at one commit, or None and the reason."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.constants import is_offline_mode

    if is_offline_mode():
        return None, "HF_HUB_OFFLINE is set"
    try:
        info = HfApi().model_info(hub_id, revision=revision or None, timeout=_HUB_SECONDS)
        names = [file.rfilename for file in info.siblings or []]
        if not any(name.endswith(".safetensors") for name in names):
            return None, "it has no safetensors"
        folder = Path(snapshot_download(hub_id, revision=info.sha, allow_patterns=list(_WANTED)))
    except Exception as error:  # the hub's client raises many kinds; all mean the same here
        first = str(error).strip().split("\n")[0]
        return None, f"{type(error).__name__}: {first[:160]}" if first else type(error).__name__
    card = info.card_data
    return _folder("hub", folder, info.sha, _licence(card, licence)), ""


def _licence(card: Any, known: str) -> str:
    """What the catalogue says, or else the model card; "other" there has a name beside it."""
    if known != "unknown" or not card:
        return known
    named = card.get("license") or known
    return str(card.get("license_name") or named) if named == "other" else str(named)


def _from_package(known: Model) -> Found | None:
    spec = find_spec(known.package) if known.package else None
    if spec is None or spec.origin is None:
        return None
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        return None
    return Found("package", files[0], None, sha256_file(files[0]), known.licence)


def cache_folder() -> Path:
    """Where converted models are kept: $BURNISH_CACHE, or burnish/ in the user's cache."""
    named = os.environ.get("BURNISH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "burnish"
