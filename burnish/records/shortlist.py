"""The shortlist of bases: which would do, what each would cost, and why the others would not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from burnish.records.task import TaskKind, Use

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


class Device(_Part):
    """A GPU of this machine."""

    kind: Literal["cuda", "mps"]
    name: str
    memory_gib: float


class Machine(_Part):
    """What this machine has.

    Attributes:
        cores: physical ones.
        features: of the CPU, those that make matrix products faster.
        memory_gib: of the whole machine.
        devices: GPUs that torch can use, the largest first.
    """

    cpu: str
    cores: int
    features: tuple[str, ...] = ()
    memory_gib: float
    devices: tuple[Device, ...] = ()


class DatasetFacts(_Part):
    """What the data step tells about the examples; of a brief without one, what is assumed.

    Attributes:
        measured: whether the data step has run.
        train_examples, labels: their numbers.
        prompt_tokens, answer_tokens: a typical (median) and a long (95th percentile) example.
        shared_tokens: at the start of every prompt; families that share rows run them once a row.
        mean_tokens: of prompt and answer together, where they were counted: of many short examples
            and a few long ones it is far above the typical.
    """

    measured: bool = False
    train_examples: int = 500
    labels: int = 0
    prompt_tokens: tuple[int, int] = (400, 1000)
    answer_tokens: tuple[int, int] = (60, 200)
    shared_tokens: int = 0
    mean_tokens: float | None = None


class Place(_Part):
    """Where a model can be trained.

    Attributes:
        device: this machine, or so many cards of a kind.
        cards: how many; 0 on this machine's CPU.
        here: whether it is this machine.
        memory: what training takes there, GiB.
        seconds: training takes, all epochs.
        cost: at the price per hour that the brief names; None without a price, or here.
    """

    device: str
    cards: int
    here: bool
    memory: MemoryEstimate
    seconds: float
    cost: float | None = None


class Candidate(_Part):
    """One way to do the task: tune a model, prompt a larger one, or train a classic classifier.

    Attributes:
        rank: from 1; None where it is rejected.
        way: "tune", "prompt" or "classic".
        name, hub: of the model.
        parameters, active_parameters: of the model, and of it what one token meets.
        on_disk: whether its weights are on this machine.
        method: how it would be tuned.
        place: where to train: this machine if it is done there in time, else a rented card.
        places: all of them: this machine if it has the memory, the smallest rented card that has.
        serving: memory to answer one request at a time.
        seconds_per_answer: of a long example, on the device it is trained on.
        reasons: why it stands where it stands, the most important first.
        rejected: why it is not on the list; empty for one that is.
    """

    rank: int | None
    way: Literal["tune", "prompt", "classic"]
    name: str
    hub: str = ""
    parameters: int = 0
    active_parameters: int = 0
    context_length: int = 0
    languages: tuple[str, ...] = ()
    licence: LicenceVerdict | None = None
    on_disk: bool = False
    method: Method | None = None
    place: Place | None = None
    places: tuple[Place, ...] = ()
    serving: MemoryEstimate | None = None
    seconds_per_answer: float | None = None
    reasons: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


class Shortlist(_Part):
    """What `burnish base --list` answers: candidates in order, then the rejected ones.

    Attributes:
        facts: the lengths and sizes that memory and time are counted for.
        assumptions: what was not known and was assumed, in sentences.
    """

    schema_version: Literal[1] = 1
    task_name: str
    task_kind: TaskKind
    use: Use
    machine: Machine
    facts: DatasetFacts
    assumptions: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
