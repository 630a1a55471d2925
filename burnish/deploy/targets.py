"""The targets: where each can fetch a model from, whether it needs a GPU, and what to type next."""

from collections.abc import Callable
from dataclasses import dataclass

from burnish.deploy import clouds, clusters, containers
from burnish.records.deploy_plan import DeployPlan, DeployTarget, SourceKind

Files = dict[str, str]
"""Path below the output → text."""
Commands = tuple[tuple[str, tuple[str, ...]], ...]
"""(What they do, the lines), in the order in which they are typed."""


@dataclass(frozen=True)
class Target:
    """One way to deploy.

    Attributes:
        title: as a heading.
        sources: kinds of sources it can fetch a model from.
        files: its files for a plan.
        commands: what a user types next, for a plan.
        grows: it has more engines as requests wait.
        gateway: Burnish's gateway is deployed with the engine; else clients ask the engine.
        watches: it runs `burnish watch`, too.
        needs_card: its container runs on a GPU alone.
        copy_first: how a model gets to where the target can fetch it.
        before: what must be there before the first command, in sentences.
    """

    title: str
    sources: tuple[SourceKind, ...]
    files: Callable[[DeployPlan], Files]
    commands: Callable[[DeployPlan], Commands]
    gateway: bool
    grows: bool = True
    watches: bool = False
    needs_card: bool = False
    copy_first: str = ""
    before: tuple[str, ...] = ()


TARGETS: dict[DeployTarget, Target] = {
    "docker": Target(
        title="Docker",
        sources=("folder",),
        files=containers.docker_files,
        commands=containers.docker_commands,
        gateway=True,
        grows=False,
        copy_first="--to compose fetches from the hub and from object stores",
    ),
    "compose": Target(
        title="Docker Compose",
        sources=("folder", "hf", "s3", "gs", "az"),
        files=containers.compose_files,
        commands=containers.compose_commands,
        gateway=True,
        grows=False,
        before=("Docker Compose 2.20 or newer is installed.",),
    ),
    "tgi": Target(
        title="Text Generation Inference",
        sources=("folder", "hf", "s3", "gs", "az"),
        files=containers.compose_files,
        commands=containers.compose_commands,
        gateway=True,
        grows=False,
        needs_card=True,
        before=("Docker Compose 2.20 or newer is installed, with the NVIDIA container toolkit.",),
    ),
    "kubernetes": Target(
        title="Kubernetes",
        sources=("pvc", "s3", "gs", "az", "hf", "folder"),
        files=clusters.kubernetes_files,
        commands=clusters.kubernetes_commands,
        gateway=True,
        watches=True,
        before=clusters.KUBERNETES_NEEDS,
    ),
    "kserve": Target(
        title="KServe",
        sources=("pvc", "s3", "gs", "az", "hf", "folder"),
        files=clusters.kserve_files,
        commands=clusters.kserve_commands,
        gateway=False,
        before=clusters.KSERVE_NEEDS,
    ),
    "skypilot": Target(
        title="SkyPilot",
        sources=("s3", "gs", "az", "hf", "folder"),
        files=clouds.skypilot_files,
        commands=clouds.skypilot_commands,
        gateway=False,
        needs_card=True,
        before=("sky check shows the clouds as enabled.",),
    ),
    "sagemaker": Target(
        title="Amazon SageMaker",
        sources=("s3", "hf"),
        files=clouds.sagemaker_files,
        commands=clouds.sagemaker_commands,
        gateway=False,
        needs_card=True,
        copy_first="copy a folder with aws s3 cp --recursive FOLDER s3://BUCKET/PATH",
        before=("The role named in the files exists and may read the bucket.",),
    ),
    "vertex": Target(
        title="Vertex AI",
        sources=("gs", "hf"),
        files=clouds.vertex_files,
        commands=clouds.vertex_commands,
        gateway=False,
        needs_card=True,
        copy_first="copy a folder with gcloud storage cp --recursive FOLDER gs://BUCKET/PATH",
        before=("gcloud is logged in, and its project has the Vertex AI API enabled.",),
    ),
    "azureml": Target(
        title="Azure Machine Learning",
        sources=("folder", "az", "hf"),
        files=clouds.azureml_files,
        commands=clouds.azureml_commands,
        gateway=False,
        needs_card=True,
        before=("az has the extension ml, and a default group and workspace are set.",),
    ),
}
