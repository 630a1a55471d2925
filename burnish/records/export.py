"""A run in the form an engine wants, and the proof that it still answers like the run."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.record import Record
from burnish.records.steps import Decision

ExportForm = Literal["adapter", "merged", "gguf", "gptq", "awq", "fp8"]
ExportFolder = Literal["adapter", "model", "recipe"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(_Part):
    """How far an export may be from the tuned weights before it is refused.

    Attributes:
        max_logit_difference: the largest single one; None where rounding decides it.
        mean_kl: nats, averaged over positions.
        equal_answers: least share of greedy answers that are the same, letter for letter.
    """

    max_logit_difference: float | None = None
    mean_kl: float
    equal_answers: float


class Parity(_Part):
    """The files, loaded back from disk, against the tuned weights; both compute in float32.

    Attributes:
        n: validation prompts compared.
        prompt_hash: of all validation prompts, rendered with the exported tokenizer; the run's.
        positions: next-token distributions compared: after each prompt and along its reference.
        max_logit_difference, mean_logit_difference: absolute, over all positions and tokens.
        mean_kl: of the exported distributions from the tuned ones, nats.
        equal_answers: greedy answers, as evaluation asks for them, that are the same; of n.
        merge_difference: the largest logit difference of the merged weights before they were
            rounded or written; None where nothing is merged.
        bounds: what all this was held to.
    """

    n: int
    prompt_hash: str
    positions: int
    max_logit_difference: float
    mean_logit_difference: float
    mean_kl: float
    equal_answers: int
    merge_difference: float | None = None
    bounds: Bounds


class Export(Record):
    """A run's weights written for another engine, or a recipe to quantise them elsewhere.

    Attributes:
        run: id of the run.
        precision: how numbers are stored, as the form names it.
        size: bytes of all files.
        parity: the proof; None where there is none, and `unproved` says why.
        verdict: of the run's report; None where it has not been evaluated.
        notes: what a user should know of these files, a sentence each.
        seconds: writing and proving on this machine; not hashed.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {"seconds"}

    form: ExportForm
    precision: str
    run: str
    base: str
    size: int = 0
    parity: Parity | None = None
    unproved: str = ""
    verdict: Decision | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def folder(self) -> ExportFolder:
        """Where the files lie, within the record's folder."""
        if self.form == "adapter":
            return "adapter"
        return "model" if self.form in ("merged", "gguf") else "recipe"
