"""The catalogue of open models: which there are, before anything is downloaded.

Reads catalogue.toml beside this module and catalogue.toml in the workspace, whose entries are
added or take the place of those of an equal name. A local folder or GGUF file becomes an entry of
its own.
"""

import difflib
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from burnish.base.figures import Figures, read_figures
from burnish.base.parameters import FAMILIES, count, count_active
from burnish.errors import BaseModelError

SHIPPED = Path(__file__).with_name("catalogue.toml")
ANY_LANGUAGE = "mul"
"""The language code of a model whose card claims more than a hundred languages."""


class Model(BaseModel):
    """One entry of the catalogue.

    Attributes:
        name: short name, as it may stand under `base:`.
        hub: its id on the hub; empty for a local folder or file.
        languages: ISO 639-1 codes that the model card lists; empty where not known.
        chat_template: whether the tokenizer brings one; None where not known.
        licence: a key of licences.toml, or "unknown".
        gated: whether the hub asks to accept terms first; None where not known.
        released: year and month; empty where not known.
        package: an installed Python package that may carry the weights.
        source, date: where the figures were read, and when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^\S+$")
    hub: str = Field("", pattern=r"^([\w.-]+/[\w.-]+)?$")
    figures: Figures
    languages: tuple[str, ...] = ()
    chat_template: bool | None = None
    licence: str = "unknown"
    gated: bool | None = None
    released: str = Field("", pattern=r"^(\d{4}-\d\d)?$")
    package: str | None = None
    source: str
    date: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$")

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return count(self.figures)

    @property
    def active_parameters(self) -> int:
        """The number of parameters that one token meets."""
        return count_active(self.figures)


class Catalogue:
    """All models, in the order of the files; of several with one name, the last.

    Args:
        own: catalogue.toml of the workspace; it need not exist.

    Raises:
        BaseModelError: with every fault of `own`.
    """

    def __init__(self, own: Path | None = None) -> None:
        models = {model.name: model for model in _shipped()}
        if own is not None and own.exists():
            models |= {model.name: model for model in _read(own)}
        self._models = models

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def get(self, name: str) -> Model | None:
        """The model of a short name or hub id."""
        found = self._models.get(name)
        return found or next((model for model in self if name and model.hub == name), None)

    def nearest(self, name: str) -> list[str]:
        """Short names that resemble one."""
        return difflib.get_close_matches(name.lower(), self._models, n=3, cutoff=0.5)


def local_model(path: Path) -> Model:
    """The entry of a model folder or GGUF file, whose licence nobody knows.

    Raises:
        BaseModelError: its figures cannot be read.
    """
    figures = read_figures(path)
    source = path.name if path.is_file() else "config.json"
    return Model(name=str(path).replace(" ", "_"), figures=figures, source=source)


@cache
def _shipped() -> tuple[Model, ...]:
    return tuple(_read(SHIPPED))


def _read(path: Path) -> list[Model]:
    """The entries of a file, or every fault of it at once."""
    hint = f"mend {path}; catalogue.toml of the package shows the form"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{path} cannot be read as TOML: {error}.", hint=hint) from error
    entries = data.pop("model", [])
    faults = [f"`{key}`: unknown; expected [[model]] alone." for key in data]
    if not isinstance(entries, list):
        faults.append("`model`: expected [[model]], with two brackets.")
        entries = []
    models = []
    for number, entry in enumerate(entries, start=1):
        found, wrong = _entry(entry)
        name = entry.get("name") if isinstance(entry, dict) else None
        label = f"entry {number}" + (f" ({name})" if name else "")
        faults += [f"{label}: {fault}" for fault in wrong]
        models += [found] if found else []
    if faults:
        many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise BaseModelError(f"{path} has {many}.", faults=faults, hint=hint)
    return models


def _entry(entry: Any) -> tuple[Model | None, list[str]]:
    """The model of one table, or what is wrong with it."""
    if not isinstance(entry, dict):
        return None, ["expected keys and values."]
    figures = {key: value for key, value in entry.items() if key in Figures.model_fields}
    rest = {key: value for key, value in entry.items() if key not in figures}
    if "figures" in rest:
        return None, ["`figures`: unknown; its figures stand in the entry itself."]
    try:
        model = Model.model_validate({**rest, "figures": figures})
    except ValidationError as error:
        return None, [_fault(each) for each in error.errors()]
    if figures["model_type"] not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        return None, [f"`model_type`: {figures['model_type']!r} is not one of {known}."]
    return model, []


def _fault(error: Any) -> str:
    key = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        known = [*Figures.model_fields, *Model.model_fields]
        near = difflib.get_close_matches(key, known, n=1)
        return f"`{key}`: unknown" + (f"; did you mean `{near[0]}`?" if near else ".")
    if error["type"] == "missing":
        return f"`{key}`: missing."
    return f"`{key}`: {error['input']!r}; {error['msg'][0].lower()}{error['msg'][1:]}."
