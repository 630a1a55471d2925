"""How each engine is started in a container: image, user, arguments, environment, and the model."""

from dataclasses import dataclass

from burnish.deploy import versions
from burnish.records.deploy_plan import DeployPlan, EngineName, ModelSource

PORTS = {"gateway": 8700, "engine": 8000}
SHARED_GIB = 2
"""Memory of the engine's /dev/shm, which its processes pass tensors through."""
GATEWAY_GIB = 2
"""Of the gateway, which loads no model."""
WATCH_GIB = 3
"""Of burnish watch: ten million logged requests are judged within two."""
CARD_SHARE = 0.9
"""Of a card's memory that the engine takes: vLLM's default."""
IMAGE: dict[EngineName, str] = {"vllm": versions.VLLM, "tgi": versions.TGI}
"""transformers is in the gateway's own image."""
USER: dict[EngineName, int] = {
    "vllm": versions.VLLM_USER,
    "transformers": versions.BURNISH_USER,
    "tgi": versions.BURNISH_USER,
}
GROUP: dict[EngineName, int] = {
    "vllm": 0,
    "transformers": versions.BURNISH_USER,
    "tgi": versions.BURNISH_USER,
}
MODEL = "/models"


@dataclass(frozen=True)
class Fetch:
    """A container that fetches the model to /models and ends.

    Attributes:
        image, entrypoint, words: what it runs.
    """

    image: str
    entrypoint: tuple[str, ...]
    words: tuple[str, ...]


def entrypoint(plan: DeployPlan) -> tuple[str, ...]:
    """The program; the images' own entry points have changed between versions."""
    programs: dict[EngineName, tuple[str, ...]] = {
        "vllm": ("vllm", "serve"),
        "transformers": ("transformers", "serve"),
        "tgi": ("text-generation-launcher",),
    }
    return programs[plan.engine]


def words(plan: DeployPlan, model: str = MODEL) -> tuple[str, ...]:
    """The engine's arguments, for a model in a folder of its container."""
    port = str(PORTS["engine"])
    if plan.engine == "tgi":
        return (
            "--model-id", model,
            "--hostname", "0.0.0.0",
            "--port", port,
            "--max-input-tokens", str(plan.context - 1),
            "--max-total-tokens", str(plan.context),
            "--max-concurrent-requests", str(16 * plan.resources.answers),
            "--cuda-memory-fraction", str(CARD_SHARE),
        )  # fmt: skip
    listens = ("--host", "0.0.0.0", "--port", port)
    if plan.engine == "transformers":
        return (model, "--continuous-batching", *listens)
    return (model, *vllm_words(plan), *listens)


def vllm_words(plan: DeployPlan) -> tuple[str, ...]:
    """vLLM's arguments beside the model, host and port."""
    return (
        "--served-model-name", plan.name,
        "--max-model-len", str(plan.context),
        "--gpu-memory-utilization", str(CARD_SHARE),
    )  # fmt: skip


def gateway_engine(plan: DeployPlan) -> str:
    """The engine as `burnish serve --engine` names it: by its host in the deployment."""
    knows: dict[EngineName, str] = {"vllm": plan.name, "transformers": MODEL, "tgi": "tgi"}
    return f"openai-compatible:http://{engine_host(plan)}:{PORTS['engine']}/v1:{knows[plan.engine]}"


def engine_host(plan: DeployPlan) -> str:
    """The engine's name in the network of the deployment."""
    return f"{plan.name}-engine"


def gateway_words(plan: DeployPlan) -> tuple[str, ...]:
    """Arguments of `burnish` in the gateway's container."""
    overrule = ("--overrule", plan.overruled) if plan.overruled else ()
    return (
        "serve",
        "--host", "0.0.0.0",
        "--port", str(PORTS["gateway"]),
        "--engine", gateway_engine(plan),
        "--run", plan.run,
        "--workspace", "/workspace",
        *overrule,
    )  # fmt: skip


def environment(plan: DeployPlan) -> dict[str, str]:
    """Caches below /tmp, the only place where the engine writes; no way to the hub, no reports."""
    own: dict[EngineName, dict[str, str]] = {
        "vllm": {
            "VLLM_CACHE_ROOT": "/tmp/vllm",
            "VLLM_NO_USAGE_STATS": "1",
            "TORCHINDUCTOR_CACHE_DIR": "/tmp/inductor",
            "TRITON_CACHE_DIR": "/tmp/triton",
        },
        "transformers": {"TRANSFORMERS_VERBOSITY": "error"},
        "tgi": {
            "USAGE_STATS": "off",
            "USER": "tgi",
            "TRITON_CACHE_DIR": "/tmp/triton",
            "HF_HOME": "/tmp/hub",
        },
    }
    return {"HOME": "/tmp", "HF_HUB_OFFLINE": "1", **own[plan.engine]}


def fetch(plan: DeployPlan) -> Fetch | None:
    """The container that fetches the model; None where it is there already."""
    source = plan.model
    if source.kind in ("folder", "pvc"):
        return None
    if source.kind == "hf":
        revision = ("--revision", source.revision) if source.revision else ()
        line = ("download", source.place, *revision, "--local-dir", MODEL)
        return Fetch(plan.image, ("env", "HF_HUB_OFFLINE=0", "hf"), line)
    return Fetch(versions.RCLONE, ("rclone",), ("copy", "--stats=30s", remote(source), MODEL))


def remote(source: ModelSource) -> str:
    """An object store's place as rclone spells it, with the credentials of the environment."""
    path = f"/{source.path}" if source.path else ""
    if source.kind == "az":
        account, container = source.place.split("/")
        return f":azureblob,env_auth=true,account={account}:{container}{path}"
    backend = {"s3": "s3", "gs": "gcs"}[source.kind]
    return f":{backend},env_auth=true:{source.place}{path}"
