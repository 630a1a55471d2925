"""A deployment as it is planned: what is served, with what, where, and why each choice was made."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from burnish.records.shortlist import MemoryEstimate
from burnish.records.steps import Decision

DeployTarget = Literal[
    "docker", "compose", "kubernetes", "kserve", "skypilot", "sagemaker", "vertex", "azureml", "tgi"
]
Every = Literal["hour", "day"]
SourceKind = Literal["folder", "pvc", "s3", "gs", "az", "hf"]
EngineName = Literal["vllm", "transformers", "tgi"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSource(_Part):
    """Where the merged model lies.

    Attributes:
        kind: a folder of this machine, a volume claim, S3, Google or Azure storage, or the hub.
        place: the folder, the claim, the bucket, account/container, or org/name.
        path: below it, without slashes at its ends; "" is its root.
        revision: of the hub.
    """

    kind: SourceKind
    place: str
    path: str = ""
    revision: str = ""

    @property
    def uri(self) -> str:
        """As `--model` names it."""
        if self.kind == "folder":
            return self.place
        path = f"/{self.path}" if self.path else ""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.kind}://{self.place}{path}{revision}"


class Resources(_Part):
    """What the engine gets.

    Attributes:
        memory: the estimate it follows from, GiB; on the card, or else in the process.
        answers: answered at once, as the estimate counts them.
        cpus, memory_gib, disk_gib: of the engine's container; the disk holds a copy of the model.
        card: the smallest card that holds it; "" is none.
        card_gib: its memory.
        fitting: all cards that hold it, the smallest first.
        starts_within: seconds to load the weights and to warm up, at most.
    """

    memory: MemoryEstimate
    answers: int
    cpus: int
    memory_gib: int
    disk_gib: int
    card: str = ""
    card_gib: float = 0.0
    fitting: tuple[str, ...] = ()
    starts_within: int


class Choice(_Part):
    """One decision: what it is about, what was chosen, and why."""

    about: str
    chosen: str
    why: str


class DeployPlan(_Part):
    """All that the files of a deployment follow from.

    Attributes:
        name: the task's name as a label (RFC 1123); of every object, and of the served model.
        image: of the gateway, as the user's registry will know it.
        packages: name → version that the verdict was measured with; the image is built with them.
        run, report: ids; the report's verdict is `decision`, with its `reason`.
        overruled: why it is deployed although the verdict is not ship; "" where it is.
        context: tokens of prompt and answer together, at most.
        replicas: fewest and most engines.
        schedule: of `burnish watch`, as cron reads it; "" where the target does not run it.
        webhook_port: of the address that alarms are posted to; None where there is none.
        choices: every decision with its reason.
        output: the folder that was written; "" for a dry run.
        files: name → size in bytes, of what was (or would be) written.
        commands: what to type next.
    """

    schema_version: Literal[1] = 1
    target: DeployTarget
    task_name: str
    name: str
    image: str
    burnish: str
    packages: dict[str, str] = {}
    run: str
    report: str
    decision: Decision
    reason: str
    overruled: str = ""
    model: ModelSource
    parameters: int
    engine: EngineName
    context: int
    replicas: tuple[int, int]
    schedule: str = ""
    webhook_port: int | None = None
    resources: Resources
    choices: tuple[Choice, ...] = ()
    output: str = ""
    files: dict[str, int] = {}
    commands: tuple[str, ...] = ()


class WatchPlan(_Part):
    """How `burnish watch` is run again and again on the machine that has the workspace.

    Attributes:
        name: the task's name as a label; of the systemd units.
        workspace: the folder, absolute.
        program: the burnish that is run, absolute.
        schedule: as cron reads it; `calendar` as systemd does.
        mirror: MLflow's registry is told of who answers, after each look.
        folder: where the files have to stay.
        choices, output, files, commands: as of a DeployPlan.
    """

    schema_version: Literal[1] = 1
    target: Literal["cron"] = "cron"
    task_name: str
    name: str
    burnish: str
    workspace: str
    program: str
    schedule: str
    calendar: str
    mirror: bool
    folder: str
    choices: tuple[Choice, ...] = ()
    output: str = ""
    files: dict[str, int] = {}
    commands: tuple[str, ...] = ()
