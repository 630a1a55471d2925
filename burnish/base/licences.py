"""What a base's licence allows: a verdict for the brief's use, in plain words, with the clauses.

Reads licences.toml beside this module. None of it is legal advice.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.errors import BaseModelError
from burnish.records import Condition, LicenceVerdict, Use

_FILE = Path(__file__).with_name("licences.toml")
_SENTENCES = {"yes": "yes", "conditions": "yes, with conditions", "no": "no", "unknown": "unknown"}


class Licence(BaseModel):
    """One licence, as licences.toml has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: str
    commercial: Literal["yes", "conditions", "no"]
    research: Literal["yes", "conditions", "no"]
    read: str
    also: tuple[str, ...] = ()
    condition: tuple[Condition, ...] = ()


def judge(licence: str, use: Use, *, gated: bool | None = None) -> LicenceVerdict:
    """The verdict of a licence on a use.

    Args:
        licence: its key, in any spelling of letters; one that is not known is "unknown".
        use: of the brief; "any" is judged as commercial.
        gated: whether the hub asks to accept terms before the weights can be fetched.
    """
    key = known_key(licence)
    found = read_licences().get(key)
    access: tuple[Condition, ...] = ()
    if gated:
        text = "Accept the terms on the hub first, with an account; then set HF_TOKEN."
        access = (Condition(kind="access", text=text, clause="the model's page on the hub"),)
    if found is None:
        return LicenceVerdict(
            licence=licence, name=licence, use=use, allowed="unknown", conditions=access
        )
    allowed = found.research if use == "research" else found.commercial
    return LicenceVerdict(
        licence=key,
        name=found.name,
        use=use,
        allowed=allowed,
        conditions=access + found.condition,
        source=found.url,
    )


def refuse_contradiction(verdict: LicenceVerdict, base: str, *, overruled: bool) -> None:
    """Raise where a licence forbids what the brief says the model is for.

    Args:
        base: the name in the brief.
        overruled: `allow_licence` of the brief: someone has the right all the same.

    Raises:
        BaseModelError: the licence forbids the use, and nobody has overruled that.
    """
    if not verdict.contradicts or overruled:
        return
    reasons = [
        f"{each.text} ({verdict.name}, {each.clause})"
        for each in verdict.conditions
        if each.kind == "purpose"
    ]
    raise BaseModelError(
        f"The licence of {base} does not allow {verdict.use} use, which the brief names.",
        faults=reasons,
        hint="burnish base --list shows bases that allow it; if you have a licence of your own, "
        "set allow_licence: true in burnish.yaml",
    )


def sentence(verdict: LicenceVerdict) -> str:
    """The verdict in a line: "commercial use: yes, with conditions (Llama 3.1 …)"."""
    use = "commercial" if verdict.use == "any" else verdict.use
    return f"{use} use: {_SENTENCES[verdict.allowed]} ({verdict.name})"


def known_key(licence: str) -> str:
    """The key of a licence in licences.toml, or its name as it came."""
    wanted = licence.strip().lower().replace(" ", "-")
    for key, found in read_licences().items():
        if wanted in (key, found.name.lower().replace(" ", "-"), *found.also):
            return key
    return licence


@cache
def read_licences() -> dict[str, Licence]:
    """Every licence, by key."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {key: Licence.model_validate(value) for key, value in data.items()}
