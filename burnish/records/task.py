"""The brief: what the model should do, on which data, and what counts as good enough.

Every setting is declared here, once; the YAML keys, their descriptions and the JSON Schema that
editors use are derived from these fields.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from burnish.records.watch_settings import HistorySettings, RetuneSettings, WatchSettings

TaskKind = Literal["classify", "summarize", "answer", "extract", "generate"]
MetricName = Literal[
    "accuracy", "macro_f1", "micro_f1",
    "rouge1", "rouge2", "rougeL", "rougeLsum",
    "exact_match", "token_f1",
    "valid_json", "field_f1",
    "chrf", "bleu",
]  # fmt: skip
SystemName = Literal[
    "zero-shot", "few-shot", "few-shot-similar", "improved-prompt", "classic", "tuned"
]
Sheet = Literal["pairwise", "rubric"]
"""A choice between two answers, or a grade from 1 to 5 for one."""
Use = Literal["commercial", "research", "any"]
TrainMethod = Literal["lora", "qlora", "adalora", "dora", "full"]
CleaningRule = Literal["mojibake", "html", "control", "unicode", "boilerplate", "whitespace"]
CLEANING_RULES: tuple[CleaningRule, ...] = (
    "mojibake", "html", "control", "unicode", "boilerplate", "whitespace",
)  # fmt: skip
"""The repairs of texts, in the order they run."""

METRICS: dict[TaskKind, tuple[MetricName, ...]] = {
    "classify": ("macro_f1", "micro_f1", "accuracy"),
    "summarize": ("rougeL", "rouge1", "rouge2", "rougeLsum"),
    "answer": ("token_f1", "exact_match"),
    "extract": ("field_f1", "valid_json", "exact_match"),
    "generate": ("chrf", "bleu", "rougeL", "exact_match"),
}
"""The metrics of each kind of task; the first is the default primary metric."""

WRITTEN_KINDS: tuple[TaskKind, ...] = ("summarize", "answer", "generate")
"""Kinds of task whose answers are free text."""

Columns = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
"""Column names; in YAML a single name may stand without brackets."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(_Settings):
    """Where the examples come from and how they are split. Paths are relative to the brief."""

    source: str | None = Field(None, description="One file or data set, to be split by Burnish.")
    train: str | None = Field(None, description="Your own training file, used as it is.")
    validation: str | None = Field(None, description="Your own validation file, used as it is.")
    test: str | None = Field(None, description="Your own test file, sealed as it is.")
    inputs: Columns = Field((), description="Columns the model reads, in prompt order.")
    output: Columns = Field(
        (), description="Column the model learns to write; extract may join several to one JSON."
    )
    messages: str | None = Field(None, description="Column of chat messages, for chats.")
    group: str | None = Field(None, description="Column whose equal values stay in one split.")
    id: str | None = Field(None, description="Column that names an example.")
    time: str | None = Field(
        None, description="Column of dates (2024-03-01); the report then compares periods."
    )
    train_fraction: float = Field(0.8, gt=0, lt=1, description="Share of examples to learn from.")
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="Share to choose with.")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="Share sealed for the verdict.")
    max_rows: int | None = Field(None, ge=1, description="Use at most this many rows, by content.")
    labels: tuple[str, ...] = Field((), description="Keep only rows with these labels.")
    allow_small: bool = Field(False, description="Go on with fewer than 50 examples.")


class CheckSettings(_Settings):
    """What is looked for in the examples, and what is done about it."""

    cleaning: tuple[CleaningRule, ...] = Field(
        CLEANING_RULES, description="Repairs of texts; leave one out to switch it off."
    )
    near_duplicates: Literal["drop", "report", "off"] = Field(
        "drop", description="Rows whose inputs share most of their word runs and whose answers fit."
    )
    similarity: float = Field(
        0.7, gt=0, le=1, description="Share of word runs (Jaccard) from which rows are near."
    )
    meaning: str | None = Field(
        None, description="sentence-transformers model that also compares inputs by meaning."
    )
    meaning_similarity: float = Field(
        0.5, gt=0, le=1, description="Mean cosine of words and meaning from which inputs match."
    )
    personal_data: Literal["report", "mask", "replace", "drop", "off"] = Field(
        "report", description="What is done about names, numbers and addresses of people."
    )
    ner_model: str | None = Field(
        None, description="spaCy model that also finds names and places, such as en_core_web_sm."
    )
    keep_mapping: bool = Field(
        False, description="Store what was masked or replaced, in a file only you can read."
    )
    label_errors: Literal["report", "base", "off"] = Field(
        "report",
        description="Labels and answers that are probably wrong; base also asks the base model.",
    )
    balance: Literal["none", "oversample", "undersample", "weights"] = Field(
        "none", description="classify: even out the labels of the training split, and of no other."
    )
    most_rows: int = Field(
        20_000, ge=100, description="Rows that slow checks look at; of more, a sample by content."
    )


class NeedsSettings(_Settings):
    """What a base must meet for this task; `burnish base --list` ranks by it."""

    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = Field(
        (), description="Languages of the texts, as ISO 639-1 codes such as en or de."
    )
    private: bool = Field(False, description="Texts may not leave this machine: nothing rented.")
    hours: float = Field(12.0, gt=0, description="Longest that training may take, in hours.")
    seconds_per_answer: float | None = Field(
        None, gt=0, description="Longest that one answer may take, in seconds."
    )
    price_per_hour: float | None = Field(
        None, gt=0, description="Price of a rented card for an hour, in your currency."
    )


class PromptSettings(_Settings):
    """What the model is told. `{column}` in the template stands for an input column."""

    system: str = Field("", description="The instruction; the same for every example.")
    template: str = Field("", description="The user's turn, with {column} for each input.")
    shots: int = Field(3, ge=0, description="Examples shown to the few-shot alternative.")


class PassMark(_Settings):
    """What counts as good enough on the primary metric."""

    at_least: float = Field(0.0, description="A score from 0 to 1, or a share over `over`.")
    over: SystemName | None = Field(
        "zero-shot",
        description="The system to beat: 0.2 over zero-shot is 20% above it; null is a score.",
    )


class TrainSettings(_Settings):
    """How the base model is tuned. Names are those of PEFT and transformers."""

    method: TrainMethod = Field(
        "lora",
        description="The tuning method; full trains all weights, in float32, without an adapter.",
    )
    r: int = Field(16, ge=1, description="Rank of the adapter matrices.")
    lora_alpha: int = Field(32, ge=1, description="Scale of the adapter: alpha / r.")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the adapter.")
    target_modules: str | tuple[str, ...] = Field("all-linear", description="Layers adapted.")
    modules_to_save: tuple[str, ...] = Field(
        (), description="Layers trained whole beside the adapters, such as embed_tokens."
    )
    use_rslora: bool = Field(False, description="Scale the adapter by alpha / √r instead.")
    init_lora_weights: Literal["default", "pissa"] = Field(
        "default",
        description="pissa begins with the largest singular values of each layer (lora alone).",
    )
    loraplus_lr_ratio: float | None = Field(
        None, ge=1, description="LoRA+: the matrices B learn so many times faster; null is alike."
    )
    target_r: int | None = Field(
        None, ge=1, description="adalora: mean rank that is left at the end; null is r."
    )
    init_r: int | None = Field(
        None, ge=2, description="adalora: rank at the start; null is half more than target_r."
    )
    tinit: int | None = Field(
        None, ge=0, description="adalora: steps before ranks fall; null is a tenth of all."
    )
    tfinal: int | None = Field(
        None, ge=0, description="adalora: steps after the ranks are final; null is 4 tenths of all."
    )
    deltaT: int | None = Field(  # noqa: N815
        None, ge=1, description="adalora: steps between allocations; null is a 50th of all."
    )
    epochs: int = Field(3, ge=1, description="Passes over the training split.")
    learning_rate: float = Field(
        5e-4, gt=0, description="Peak learning rate; full wants about a tenth, adalora more."
    )
    lr_scheduler_type: Literal[
        "linear",
        "cosine",
        "cosine_with_min_lr",
        "inverse_sqrt",
        "constant",
        "constant_with_warmup",
    ] = Field("linear", description="Schedule of the learning rate; constant has no warm-up.")
    min_lr_rate: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="cosine_with_min_lr: the last rate as a share of the peak; null is 0.1.",
    )
    warmup_ratio: float = Field(0.05, ge=0, lt=1, description="Share of steps spent warming up.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradient clipping.")
    label_smoothing_factor: float = Field(
        0.0, ge=0, lt=1, description="Share of the training target spread over all tokens."
    )
    neftune_noise_alpha: float | None = Field(
        None, gt=0, description="NEFTune: noise on the embeddings while training; null is none."
    )
    batch_size: int = Field(8, ge=1, description="Examples per optimiser step.")
    max_length: int = Field(1024, ge=32, description="Tokens of prompt and answer together.")
    tokens_per_row: int = Field(
        4096,
        ge=32,
        description="Tokens run at once, fewer where memory is short; changes no result.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations twice instead of keeping them: slower, smaller."
    )
    early_stopping_patience: int = Field(
        1, ge=0, description="Epochs without a better validation loss before stopping; 0 is never."
    )
    save_steps: int = Field(25, ge=1, description="Optimiser steps between checkpoints.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Precision of the base; auto is what this machine multiplies fastest."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to compute.")
    report_to: tuple[Literal["wandb", "mlflow", "tensorboard", "trackio"], ...] = Field(
        (), description="Trackers; their keys come from the environment only."
    )

    @property
    def final_r(self) -> int:
        """The mean rank that AdaLoRA leaves."""
        return self.r if self.target_r is None else self.target_r

    @property
    def initial_r(self) -> int:
        """The rank that AdaLoRA begins with; in its paper half more than the last."""
        return -(-3 * self.final_r // 2) if self.init_r is None else self.init_r


class EvaluateSettings(_Settings):
    """How the systems are compared on the sealed test split."""

    max_new_tokens: int = Field(256, ge=1, description="Longest answer, in tokens.")
    batch_size: int = Field(
        64, ge=1, description="Examples answered and kept together; a kill loses at most so many."
    )
    resamples: int = Field(2000, ge=200, description="Bootstrap resamples per interval.")
    systems: tuple[SystemName, ...] = Field(
        ("zero-shot", "few-shot", "classic", "tuned"),
        description="Systems compared. few-shot-similar shows each input the training examples "
        "most like it; improved-prompt has the best of several instructions on validation.",
    )
    forgetting: bool = Field(
        False, description="Compare the tuned model with its base on general texts and prompts."
    )
    most_forgetting: float = Field(
        0.25, ge=0, description="Rise of perplexity on general texts, as a share, that is allowed."
    )
    harness: tuple[str, ...] = Field(
        (),
        description="Tasks of EleutherAI's lm-evaluation-harness, such as arc_easy, that base and "
        "tuned model answer too. Naming one is forgetting: true.",
    )
    harness_limit: int = Field(200, ge=1, description="Examples of each such task: its first.")
    harness_tasks: str | None = Field(
        None, description="Folder of tasks of your own, as YAML files in the harness's form."
    )
    most_harness_loss: float = Field(
        0.02,
        ge=0,
        description="Loss on such a task, in the units of its metric, that is allowed; the 95% "
        "interval must lie beyond it for a warning.",
    )
    search: bool = Field(
        False,
        description="Choose the number of worked examples on validation, among 1, 3, 5, 8 and "
        "prompt.shots, instead of taking prompt.shots.",
    )
    search_examples: int = Field(
        40, ge=5, description="Validation examples on which prompts are compared."
    )
    bertscore: str | None = Field(
        None,
        description="Encoder that measures BERTScore of written answers: a folder or hub id, such "
        "as FacebookAI/roberta-large.",
        exclude_if=lambda model: model is None,
    )
    bertscore_layer: int | None = Field(
        None,
        ge=1,
        description="Layer whose embeddings BERTScore compares; null is bert_score's own for the "
        "models it knows, and the last for others.",
        exclude_if=lambda layer: layer is None,
    )
    nli: str | None = Field(
        None,
        description="Model that says which sentences of a written answer its input entails or "
        "contradicts: a folder or hub id of a classifier with these labels.",
        exclude_if=lambda model: model is None,
    )


class ProviderSettings(_Settings):
    """For a base at a provider, `openai-compatible:URL:MODEL`: what may be sent to it, and how.

    The provider trains the model; of the section train, `epochs` alone is sent there.
    """

    consent: str = Field(
        "",
        description='Your consent, in these words: "examples may leave this machine for HOST". '
        "Without it nothing is sent.",
    )
    key_variable: str | None = Field(
        None, description="Environment variable that holds the key; the key itself stands nowhere."
    )
    requests: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for one answer.")


class PeopleSettings(_Settings):
    """What people are asked about the answers, blind, by `burnish evaluate --human`."""

    criteria: str = Field(
        "The better answer does what was asked, correctly and completely, and adds nothing that "
        "is not so. Length is no merit.",
        description="What makes an answer good; people read it, and so does the judge.",
    )
    sheets: tuple[Sheet, ...] = Field(
        ("pairwise",),
        min_length=1,
        description="pairwise: which of two answers is better; rubric: a grade of 1 to 5 for each.",
    )
    systems: tuple[str, ...] = Field(
        (), description="Systems whose answers are shown; none named is tuned and the strongest."
    )
    examples: int = Field(50, ge=1, description="Test examples on the sheets, chosen by seed.")


class JudgeSettings(_Settings):
    """A model that compares or grades answers, for `burnish evaluate --judge`.

    Its verdict counts only where it agrees with people's votes. Prices are in your currency.
    """

    model: str | None = Field(None, description="The judge: openai-compatible:URL:MODEL.")
    consent: str = Field(
        "",
        description='Your consent, in these words: "examples may leave this machine for HOST". '
        "Needed unless HOST is this machine.",
    )
    key_variable: str | None = Field(
        None, description="Environment variable that holds the key; the key itself stands nowhere."
    )
    sheets: tuple[Sheet, ...] = Field(
        ("pairwise",),
        min_length=1,
        description="pairwise: which of two answers is better; rubric: a grade of 1 to 5 for each.",
    )
    against: str | None = Field(
        None, description="System that tuned is compared with; null is the strongest alternative."
    )
    examples: int = Field(200, ge=1, description="Most test examples judged, chosen by seed.")
    show_reference: bool = Field(False, description="Send the judge the reference answer too.")
    least_votes: int = Field(
        30, ge=1, description="Examples with people's votes without which it decides nothing."
    )
    least_kappa: float = Field(
        0.4,
        ge=-1,
        le=1,
        description="Cohen's kappa with most people that the 95% interval must reach with its "
        "lower end; 0.4 is moderate.",
    )
    most_bias: float = Field(
        0.1, ge=0, le=0.5, description="Lean to a place or a length beyond which it is withheld."
    )
    tries: int = Field(3, ge=1, le=10, description="Times it is asked for an answer in form.")
    prompt_price: float | None = Field(None, ge=0, description="Price of a million prompt tokens.")
    answer_price: float | None = Field(None, ge=0, description="Price of a million answer tokens.")
    requests: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for one answer.")


class CompareSettings(_Settings):
    """A further model to compare with, behind a URL; `compare` is a list of such entries.

    It gets the prompts of the tuned model and counts as an alternative in the verdict. Prices are
    in your currency.
    """

    name: str = Field(
        description="Its name in the report: letters, digits, - and _.", pattern=r"^[\w-]+$"
    )
    model: str = Field(description="Where it is: openai-compatible:URL:MODEL.")
    consent: str = Field(
        "",
        description='Your consent, in these words: "examples may leave this machine for HOST". '
        "Needed unless HOST is this machine.",
    )
    key_variable: str | None = Field(
        None, description="Environment variable that holds the key; the key itself stands nowhere."
    )
    shots: int = Field(0, ge=0, description="Worked examples put before each prompt.")
    prompt_price: float | None = Field(None, ge=0, description="Price of a million prompt tokens.")
    answer_price: float | None = Field(None, ge=0, description="Price of a million answer tokens.")
    requests: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    timeout: float = Field(120.0, gt=0, description="Seconds to wait for one answer.")


class ServeSettings(_Settings):
    """Who answers for `burnish serve`, what it takes on, and what it keeps of it."""

    engine: str = Field(
        "auto",
        description="auto, transformers, vllm, tgi, llamacpp, or openai-compatible:URL:MODEL for "
        "one that runs already. auto is vllm where there are it and a GPU, else transformers.",
    )
    engine_options: tuple[str, ...] = Field(
        (),
        description="More of the command line of an engine that Burnish starts, in its own words.",
    )
    consent: str = Field(
        "",
        description='For an engine on another machine, in these words: "examples may leave this '
        'machine for HOST".',
    )
    key_variable: str | None = Field(
        None, description="Environment variable that holds that engine's key."
    )
    log_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of exchanges whose texts are kept, masked.",
    )
    keep_days: int = Field(30, ge=1, description="Days after which logged exchanges are removed.")
    requests_per_minute: int = Field(
        6000, ge=1, description="Requests of one API key a minute; more are asked to wait."
    )
    at_once: int = Field(64, ge=1, description="Requests that the engines work on at once.")
    waiting: int = Field(256, ge=0, description="Requests that may wait for their turn.")
    longest_wait: float = Field(10.0, gt=0, description="Seconds that one may wait for its turn.")
    timeout: float = Field(120.0, gt=0, description="Seconds that one answer may take.")
    max_tokens: int = Field(1024, ge=1, description="Most tokens of an answer.")
    max_body_kib: int = Field(256, ge=1, description="Largest request, in KiB.")
    connections: int = Field(2048, ge=1, description="Open connections; more are refused.")
    drain: float = Field(
        30.0, ge=0, description="Seconds that answers under way may take after a TERM signal."
    )
    cors: tuple[str, ...] = Field(
        (), description="Web origins whose pages may ask, such as https://example.com; none is off."
    )

    @property
    def requests(self) -> int:
        """Requests under way at once, as a server's settings name them."""
        return self.at_once


class Task(_Settings):
    """The whole brief, as it stands in burnish.yaml."""

    schema_version: Literal[1] = 1
    name: str = Field(description="A short name: letters, digits, - and _.", pattern=r"^[\w-]+$")
    kind: TaskKind = Field(description="classify, summarize, answer, extract or generate.")
    goal: str = Field("", description="What the model should do, in a sentence.")
    multi_label: bool = Field(False, description="classify: an example may carry several labels.")
    json_schema: dict[str, Any] | None = Field(None, description="extract: schema of the answer.")
    metric: MetricName = Field(description="The primary metric, which decides the verdict.")
    pass_mark: PassMark = PassMark()
    use: Use = Field(
        "any", description="What the model is for; a base whose licence forbids it is refused."
    )
    base: str = Field(
        "smollm2-135m",
        description="Base model: a name, hub id, folder, GGUF, or openai-compatible:URL:MODEL.",
    )
    allow_licence: bool = Field(
        False, description="Use a base whose licence forbids this use; it stands on record."
    )
    seed: int = Field(0, ge=0, description="Seed of every random choice.")
    needs: NeedsSettings = NeedsSettings()
    data: DataSettings
    checks: CheckSettings = CheckSettings()
    prompt: PromptSettings = PromptSettings()
    provider: ProviderSettings = ProviderSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    people: PeopleSettings = PeopleSettings()
    judge: JudgeSettings = JudgeSettings()
    serve: ServeSettings = ServeSettings()
    watch: WatchSettings = WatchSettings()
    retune: RetuneSettings = RetuneSettings()
    history: HistorySettings = HistorySettings()
    compare: tuple[CompareSettings, ...] = Field(
        (), description="Further models to compare with, each as under compare below."
    )
