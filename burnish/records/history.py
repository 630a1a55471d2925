"""The history of a workspace: what was made from what, who answered, what went, what is mirrored.

These are views, put together anew each time from the records and the database; `Pruned` alone is
written, as pruned.json beside the record whose weights went.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.export import ExportForm
from burnish.records.record import Status
from burnish.records.retune import Compared, StageDecision
from burnish.records.serving import EngineKind
from burnish.records.steps import Decision, Difference, Score
from burnish.records.task import TrainMethod

WeightsState = Literal["there", "pruned", "missing", "at a provider", "unfinished"]
Role = Literal["champion", "challenger"]
"""The champion answers the largest share; a challenger another one, or gets copies alone."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pruned(_Part):
    """The weights of a record were removed, and its figures stay.

    Attributes:
        why: no rule kept them, in words.
        files: path below the record's folder → bytes.
    """

    at: str
    why: str
    files: dict[str, int]


class DatasetLine(_Part):
    """One version of the data set.

    Attributes:
        splits: split → examples.
        extends: id of the version that it grew out of; "" where it came from the brief's files.
    """

    id: str
    at: str
    status: Status
    error: str | None = None
    splits: dict[str, int]
    extends: str = ""


class RunLine(_Part):
    """One run.

    Attributes:
        dataset: id of its data set; "" where that is not in the workspace any more.
        continues: id of the run whose adapter it went on from; "" where it began at the base.
        best_loss: the lowest validation loss; None where there is none.
        bytes: of its weights.
        share: of the requests, now; 0 for one that gets copies alone, and for one that does not
            answer.
        shadow: it gets copies of all requests.
    """

    id: str
    at: str
    status: Status
    error: str | None = None
    dataset: str
    continues: str = ""
    base: str
    method: TrainMethod
    seed: int
    best_loss: float | None = None
    seconds: float = 0.0
    weights: WeightsState
    bytes: int = 0
    pruned: Pruned | None = None
    role: Role | None = None
    share: float = 0.0
    shadow: bool = False


class ReportLine(_Part):
    """One report: the verdict on a run.

    Attributes:
        score: of the tuned model on the primary metric.
        openings: of the test split, as the report counted them.
    """

    id: str
    at: str
    status: Status
    error: str | None = None
    run: str
    dataset: str
    decision: Decision | None = None
    reason: str = ""
    score: Score | None = None
    openings: int = 0


class ExportLine(_Part):
    """One export of a run; `weights` says whether its files are still there."""

    id: str
    at: str
    status: Status
    error: str | None = None
    run: str
    form: ExportForm
    precision: str
    bytes: int = 0
    weights: WeightsState
    pruned: Pruned | None = None


class DeploymentLine(_Part):
    """A run on an engine, and the share of the requests that it has now."""

    id: str
    at: str
    status: Status
    error: str | None = None
    run: str
    report: str | None = None
    retune: str | None = None
    engine: EngineKind
    decision: Decision | None = None
    overruled: str = ""
    share: float = 0.0
    shadow: bool = False


class Answering(_Part):
    """A deployment, its run, and the share of the requests; 0 for one that got copies alone."""

    deployment: str
    run: str
    share: float = 0.0


class Period(_Part):
    """Who answered from one change of the traffic to the next.

    Attributes:
        number: of the state of the traffic.
        until: None for the one that holds.
        champion: run with the largest share; of equal ones the one that had it before.
        shadows: those that got copies of all requests.
        reason: in the words of whoever changed it.
        back_to: number of the state that a roll-back brought back; None where it was none.
        applied_at: when a gateway first answered by it; None where none did.
    """

    number: int
    since: str
    until: str | None = None
    champion: str
    answering: tuple[Answering, ...]
    shadows: tuple[Answering, ...] = ()
    reason: str = ""
    back_to: int | None = None
    applied_at: str | None = None


class WatchLine(_Part):
    """One window of the request log; `sentences` say what moved where it raised an alarm."""

    id: str
    status: Status
    error: str | None = None
    since: str
    until: str
    run: str = ""
    requests: int = 0
    alarm: bool = False
    p_value: float = 1.0
    threshold: float = 0.0
    sentences: tuple[str, ...] = ()


class RetuneLine(_Part):
    """One proposal to tune again, and what came of it."""

    id: str
    at: str
    status: Status
    error: str | None = None
    why: tuple[str, ...] = ()
    serving: str = ""
    run: str = ""
    new_examples: int = 0
    compared: tuple[Compared, ...] = ()
    decision: Decision | None = None
    reason: str = ""
    promoted: str = ""


class History(_Part):
    """All of a workspace, each list oldest first.

    Attributes:
        champion: id of the run with the largest share of the requests; "" where none answers.
        challengers: ids of the runs with a smaller share, then of those that get copies.
        faults: what is damaged, gone or cannot be read, a sentence each.
    """

    task_name: str
    champion: str = ""
    challengers: tuple[str, ...] = ()
    datasets: tuple[DatasetLine, ...] = ()
    runs: tuple[RunLine, ...] = ()
    reports: tuple[ReportLine, ...] = ()
    exports: tuple[ExportLine, ...] = ()
    deployments: tuple[DeploymentLine, ...] = ()
    periods: tuple[Period, ...] = ()
    watches: tuple[WatchLine, ...] = ()
    retunes: tuple[RetuneLine, ...] = ()
    stages: tuple[StageDecision, ...] = ()
    faults: tuple[str, ...] = ()


class ReportScores(_Part):
    """The scores of a report: system → metric → score, and what tuned is over each other one."""

    report: str
    metric: str
    n: int
    systems: dict[str, dict[str, Score]]
    differences: tuple[Difference, ...] = ()


class RunHistory(_Part):
    """One run in full.

    Attributes:
        settings: every key of the brief that it was tuned with → its value.
        figures: what the run's record says of the training.
        whole: its weights are, byte for byte, those that were recorded; None where none are there.
        history: what belongs to this run: its data set, reports, exports, deployments, periods,
            windows in which it answered, re-tunes of it or to it.
    """

    run: RunLine
    settings: dict[str, Any]
    figures: dict[str, Any]
    whole: bool | None
    scores: tuple[ReportScores, ...]
    history: History


class Differing(_Part):
    """One setting that two runs do not share; None where a run has none."""

    key: str
    one: Any
    other: Any


class DataChange(_Part):
    """What changed from the data set of one run to that of another.

    Attributes:
        before, after: split → examples.
        counts: kind of change → examples; None where a file is gone or was changed.
        told: why there are no counts; "" where there are.
    """

    one: str
    other: str
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    unchanged: int = 0
    counts: dict[str, int] | None = None
    told: str = ""


class ScorePair(_Part):
    """Two tuned models on one metric; None where a report does not have it.

    Attributes:
        test: "fresh" is the later test split of a re-tune that compared them.
        difference: the first minus the second, paired over the same test examples; None where
            nobody has paired them.
    """

    metric: str
    test: Literal["test", "fresh"] = "test"
    one: Score | None = None
    other: Score | None = None
    difference: Difference | None = None


class RunComparison(_Part):
    """Two runs beside each other.

    Attributes:
        settings: those that differ.
        data: what differs between their data sets; None where it is the same one.
        reports: the newest report of each, on the same test where there are such; None where there
            is none.
        same_test: both were evaluated on the same test examples.
        reason: what the scores say, in a sentence.
    """

    one: RunLine
    other: RunLine
    settings: tuple[Differing, ...]
    data: DataChange | None
    reports: tuple[ReportLine | None, ReportLine | None]
    metric: str = ""
    scores: tuple[ScorePair, ...] = ()
    same_test: bool = False
    reason: str = ""
    faults: tuple[str, ...] = ()


class Weighed(_Part):
    """A run or an export, its weights, and why they go or stay.

    Attributes:
        kind: "trial" is a run of a search over settings.
        files: path below the record's folder → bytes; those that take room.
    """

    kind: Literal["run", "export", "trial"]
    id: str
    run: str
    at: str
    files: dict[str, int]
    why: str

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(self.files.values())


class Pruning(_Part):
    """What `burnish history --prune` takes away, or would.

    Attributes:
        done: it was done; else this is what would be.
        freed: bytes.
        notes: what a user should know before, a sentence each.
    """

    done: bool
    going: tuple[Weighed, ...]
    staying: tuple[Weighed, ...]
    freed: int
    notes: tuple[str, ...] = ()


class Mirrored(_Part):
    """What stands in MLflow's model registry.

    Attributes:
        registry: where it is, without credentials.
        model: name of the registered model.
        versions: run → version.
        made: versions that are new; `changed` of the others had a tag or an alias that was not so.
        aliases: alias → version.
    """

    registry: str
    model: str
    versions: dict[str, int]
    made: int
    changed: int
    aliases: dict[str, int]
    notes: tuple[str, ...] = ()
