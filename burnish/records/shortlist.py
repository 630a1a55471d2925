"""The shortlist of bases: which would do, what each would cost, and why the others would not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.task import Use

Allowed = Literal["yes", "conditions", "no", "unknown"]
"""Whether a licence allows a use: freely, under conditions, not at all, or nobody here knows."""

ConditionKind = Literal["access", "naming", "notice", "outputs", "users", "use", "purpose"]
Method = Literal["full", "lora", "qlora"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Part):
    """One thing that a licence asks.

    Attributes:
        kind: access (accept terms first), naming, notice, outputs (what answers may be used for),
            users (a limit on their number), use (a policy), purpose (research alone, say).
        text: what it asks, in plain words.
        clause: where it stands in the licence.
        when: always, or only if the model or a service over it goes to others.
    """

    kind: ConditionKind
    text: str
    clause: str
    when: Literal["always", "distributed"] = "always"


class LicenceVerdict(_Part):
    """What a licence says to the use that the brief names.

    Attributes:
        licence: its key.
        name, source: its name, and where its text is.
        use: of the brief; "any" is judged as commercial, and never refused.
        allowed: the verdict.
        conditions: what it asks, for this use.
    """

    licence: str
    name: str
    use: Use
    allowed: Allowed
    conditions: tuple[Condition, ...] = ()
    source: str = ""

    @property
    def contradicts(self) -> bool:
        """Whether the licence forbids what the brief says the model is for."""
        return self.use != "any" and self.allowed == "no"
