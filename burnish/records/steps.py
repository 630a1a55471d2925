"""The records that the steps make: Dataset, BaseChoice, Run and Report."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from burnish.records.finding import FindingKind
from burnish.records.forgetting import Forgetting
from burnish.records.measures import Reliability, Writing
from burnish.records.record import Record
from burnish.records.shortlist import LicenceVerdict
from burnish.records.slices import Slices
from burnish.records.task import EvaluateSettings, PassMark, PromptSettings, TaskKind, TrainSettings

SplitName = Literal["train", "validation", "test", "fresh"]
"""`fresh` is a later test split, of gathered examples; sealed like the first."""
Decision = Literal["ship", "don't ship", "not enough data"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Split(_Part):
    """One split: `n` examples in a JSONL file with the given SHA-256."""

    file: str
    n: int
    sha256: str
    labels: dict[str, int] = {}


class Dataset(Record):
    """Examples, split and sealed.

    Attributes:
        dropped: reason → number of rows; each row stands in dropped.jsonl.
        findings: kind → number of findings; each stands in findings.jsonl.
        cleaned: cleaning rule → texts it changed; each stands in changes.jsonl.
        weights: label → weight of its examples in the loss; empty where all count alike.
        advice: sentences about size and balance, worst first.
        labels: the label set (classify), in sorted order.
        json_schema: of the answers (extract), as given or inferred from the training split.
    """

    splits: dict[SplitName, Split]
    rows_read: int
    dropped: dict[str, int]
    findings: dict[FindingKind, int] = {}
    cleaned: dict[str, int] = {}
    weights: dict[str, float] = {}
    labels: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    advice: tuple[str, ...] = ()


class BaseChoice(Record):
    """The base model: where it was found and exactly which weights they are.

    Attributes:
        source: where it was found: a folder, a GGUF file, the hub's cache, the hub, a package; or
            "provider", a server that tunes and serves it: then path, hashes and sizes are empty.
        path: the folder transformers loads (a GGUF is converted once into the base cache).
        revision: the commit on the hub; the same is loaded again, as its weights are hashed.
        weights_sha256: of the weight files, so that another model of the same name is noticed.
        template: the tokenizer's own chat template, or the name of the one that stands in for it.
        verdict: what the licence says to the use in the brief.
        licence_overruled: it forbids that use, and `allow_licence` stood in the brief.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {
        "path", "source", "verdict", "licence_overruled",
    }  # fmt: skip

    name: str
    source: Literal["folder", "gguf", "hub-cache", "hub", "package", "provider"]
    path: str
    revision: str | None = None
    weights_sha256: str
    template: str = "its own"
    template_sha256: str
    architecture: str
    parameters: int
    context_length: int
    vocabulary: int
    licence: str
    verdict: LicenceVerdict | None = None
    licence_overruled: bool = False


class ProviderJob(_Part):
    """A tuning job at a provider, which stands in a run where the adapter of a local one lies.

    Attributes:
        host: of the server.
        consent: the user's, as it stood in the brief.
        files: split → id of the uploaded file.
        job: id of the tuning job.
        model: name of the tuned model at the provider.
        billed_tokens: what the provider says it trained on, all epochs together.
    """

    host: str
    consent: str
    files: dict[str, str]
    job: str
    model: str
    billed_tokens: int | None = None


class Run(Record):
    """A tuned adapter or model, or one tuned at a provider, and how it came about.

    Attributes:
        provider: the tuning job at a provider; then there is no adapter, and what the provider
            does not tell (steps, losses, speed, memory) is empty.
        prompt_hash: of the rendered validation prompts; evaluation must render the same.
        truncated: ids of examples whose input was cut to fit max_length.
        untrained: ids of examples left out because no answer token fits.
        trained_tokens: answer tokens with a loss, per epoch.
        validation_loss: per finished epoch, mean negative log-likelihood per answer token, nats.
        tokens_per_row: as in the settings, or less where memory ran out.
        device, dtype, seconds, tokens_per_second, peak_memory_gib, resumed: of this machine; all
            but dtype are not hashed.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {
        "seconds", "tokens_per_second", "peak_memory_gib", "resumed", "device", "tokens_per_row",
    }  # fmt: skip

    settings: TrainSettings
    prompt: PromptSettings
    prompt_hash: str = ""
    base: str = ""
    provider: ProviderJob | None = None
    train_examples: int = 0
    validation_examples: int = 0
    truncated: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    tokens_per_epoch: int = 0
    trained_tokens: int = 0
    parameters_trained: int = 0
    steps: int = 0
    best_epoch: int = 0
    validation_loss: tuple[float, ...] = ()
    seconds: float = 0.0
    tokens_per_second: float = 0.0
    peak_memory_gib: float = 0.0
    tokens_per_row: int = 0
    resumed: int = 0
    device: str = ""
    dtype: str = ""

    @property
    def weights(self) -> Literal["adapter", "model"]:
        """The run's folder that holds what was trained."""
        return "model" if self.settings.method == "full" else "adapter"


class Score(_Part):
    """A metric with its 95% interval over `n` examples; from 0 to 1, perplexity from 1."""

    metric: str
    value: float
    low: float
    high: float
    n: int


class Difference(_Part):
    """The tuned system minus another on one metric, paired over the same `n` examples.

    Attributes:
        test: that the p-value is of.
        p_adjusted: the p-value after Holm's correction over all systems compared on this metric.
        smallest: the smallest true difference that n examples like these show four times in five.
    """

    metric: str
    other: str
    value: float
    low: float
    high: float
    p_value: float
    n: int
    test: str = ""
    p_adjusted: float | None = None
    smallest: float | None = None


class LabelScore(_Part):
    """Precision, recall and F1 of one label; `n` is its number of references."""

    label: str
    precision: float
    recall: float
    f1: float
    n: int


class Tried(_Part):
    """One of several forms of a system, compared on validation: its score there, and the choice."""

    name: str
    score: Score
    chosen: bool


class SystemResult(_Part):
    """How one system did on the test split.

    Attributes:
        name: as in `evaluate.systems`, or of a compared model.
        description: what it is, in a sentence.
        tried: the forms it might have had, where one was chosen on validation.
        reliability: whether its probabilities mean what they say, where it gives them.
        writing: empty answers, refusals, length and repetition.
        scores: metric → score.
        per_label, confusion: classify alone; confusion[reference][prediction] is a count.
        novelty: summarize and answer; share of its word pairs that the inputs do not have.
        seconds: to answer all examples on this machine; not hashed.
    """

    name: str
    description: str
    scores: dict[str, Score]
    tried: tuple[Tried, ...] = ()
    reliability: Reliability | None = None
    writing: Writing | None = None
    per_label: tuple[LabelScore, ...] = ()
    confusion: dict[str, dict[str, int]] = {}
    novelty: float | None = None


class UsageSummary(_Part):
    """What the `n` answers of a server took, all together.

    Attributes:
        mean_seconds, median_seconds, p95_seconds: of one answer, from the first try to the answer.
        prompt_tokens, answer_tokens: as the server counted them; None where it did not for all.
        prompt_price, answer_price: of a million tokens, as the brief had them, in its currency.
        cost: of all answers; None without prices or counts.
    """

    n: int
    mean_seconds: float
    median_seconds: float
    p95_seconds: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    prompt_price: float | None = None
    answer_price: float | None = None
    cost: float | None = None


class Verdict(_Part):
    """The decision and why.

    Attributes:
        mark: the score that was to be reached, on the primary metric.
        needed: test examples that would probably decide it ("not enough data" alone).
    """

    decision: Decision
    reason: str
    metric: str
    mark: float
    strongest: str | None = None
    needed: int | None = None


class SeedSpread(_Part):
    """The tuned score over runs that differ in the seed alone.

    Attributes:
        deviation: standard deviation over the seeds.
        low, high: the lowest and the highest score.
        same_test: all were scored on the same test split; else each seed split the data anew.
    """

    seeds: tuple[int, ...]
    metric: str
    mean: float
    deviation: float
    low: float
    high: float
    same_test: bool


class Opening(_Part):
    """One opening of the sealed test split."""

    at: str
    reason: str
    dataset_hash: str


class MeasuringModel(_Part):
    """A model that the brief names to measure written answers.

    Attributes:
        name: as the brief has it.
        revision: the commit on the hub, where it came from there.
        layer: bertscore; the hidden layer that was compared, counted from 1.
        cut: bertscore; texts that were longer than it reads, and were cut there.
    """

    measure: Literal["bertscore", "nli"]
    name: str
    revision: str | None
    weights_sha256: str
    layer: int | None = None
    cut: int = 0


class Report(Record):
    """Every system on the same sealed examples, and the verdict.

    Attributes:
        measuring: the models that measured answers; none unless the brief names one.
        openings: every time the test split was opened so far, this one included.
        forgetting: the tuned model against its base on general texts and prompts.
        slices: the tuned system on parts of the test split, worst first.
        caution: what several openings do to the verdict, in a sentence; "" at the first. Not
            hashed.
        seeds: the spread over other seeds in the workspace, if there are any; not hashed.
        seconds: system → seconds to answer on this machine; not hashed.
        usage: system → what its answers took, where a server gave them; not hashed.
    """

    volatile: ClassVar[frozenset[str]] = Record.volatile | {
        "openings", "caution", "seeds", "seconds", "usage",
    }  # fmt: skip

    task_name: str
    task_kind: TaskKind
    metric: str
    pass_mark: PassMark
    settings: EvaluateSettings
    measuring: tuple[MeasuringModel, ...] = Field((), exclude_if=lambda models: not models)
    prompt_hash: str = ""
    n: int = 0
    systems: tuple[SystemResult, ...] = ()
    differences: tuple[Difference, ...] = ()
    verdict: Verdict | None = None
    forgetting: Forgetting | None = None
    slices: Slices | None = None
    openings: tuple[Opening, ...] = ()
    caution: str = ""
    seeds: SeedSpread | None = None
    seconds: dict[str, float] = {}
    usage: dict[str, UsageSummary] = {}
