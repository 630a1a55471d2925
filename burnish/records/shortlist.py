"""The shortlist of bases: which would do, what each would cost, and why the others would not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

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


class MemoryEstimate(_Part):
    """What training or serving needs, GiB, at the moment of its peak.

    Attributes:
        weights: of the base.
        adapters, gradients, optimiser: of training.
        activations, logits: of the tokens that run at once.
        cache: keys and values, of serving.
        buffers: passing ones: dequantised matrices, the optimiser's temporary tensors.
        slack: what the allocator and the libraries take beside the tensors.
    """

    weights: float = 0.0
    adapters: float = 0.0
    gradients: float = 0.0
    optimiser: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    cache: float = 0.0
    buffers: float = 0.0
    slack: float = 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> float:
        """All of it, GiB."""
        return round(
            self.weights + self.adapters + self.gradients + self.optimiser + self.activations
            + self.logits + self.cache + self.buffers + self.slack,
            4,
        )  # fmt: skip
