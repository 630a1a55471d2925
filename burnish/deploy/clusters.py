"""Kubernetes and KServe: the files and commands of a cluster."""

import shlex
from math import ceil

from burnish.deploy import versions
from burnish.deploy.containers import engine_values, image_files
from burnish.deploy.engines import (
    CARD_SHARE,
    WATCH_GIB,
    gateway_words,
)
from burnish.deploy.rendering import render
from burnish.records.deploy_plan import DeployPlan

KUBERNETES_NEEDS = (
    f"The cluster runs Kubernetes {versions.KUBERNETES} or newer, with a network that keeps to "
    "NetworkPolicies.",
    "A PostgreSQL database holds keys, traffic and the request log, since there are two gateways.",
    "Prometheus and prometheus-adapter are there, for more than the fewest engines: merge "
    "monitoring/prometheus-adapter.values.yaml into the adapter's values.",
)
KSERVE_NEEDS = (
    "The cluster has KServe 0.16 or newer with its Hugging Face runtime.",
    "On GPUs, KEDA and Prometheus are there, for more than the fewest engines; put Prometheus' "
    "address into the file.",
    "Credentials of an object store or the hub are given to KServe as its documentation says.",
)


def kubernetes_files(plan: DeployPlan) -> dict[str, str]:
    """Manifests of engine, gateway, autoscaler and watch, the image of the gateway, and what
    surrounds them.
    """
    given = _values(plan)
    names = ["engine.yaml", "gateway.yaml", "autoscaling.yaml", "watch.yaml"]
    files = {f"manifests/{name}": render(f"kubernetes/{name}.jinja", **given) for name in names}
    adapter = "prometheus-adapter.values.yaml"
    files[f"monitoring/{adapter}"] = render(f"kubernetes/{adapter}.jinja", **given)
    files["secrets.env.example"] = render("kubernetes/secrets.env.example.jinja", **given)
    if plan.model.kind == "folder":
        files["model.yaml"] = render("kubernetes/model.yaml.jinja", **given)
    if given["fetch"]:
        files["model.env.example"] = render("shared/model.env.example.jinja", **given)
    return files | image_files(plan, "image/")


def kubernetes_commands(plan: DeployPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Image, secrets, (model,) manifests."""
    secrets = [
        "cp secrets.env.example secrets.env   # and fill it in",
        f"kubectl create secret generic {plan.name}-gateway --from-env-file=secrets.env",
    ]
    if plan.model.kind not in ("folder", "pvc"):
        secrets += [
            "cp model.env.example model.env   # only where the model is not public",
            f"kubectl create secret generic {plan.name}-model --from-env-file=model.env",
        ]
    return (
        (
            "Build the gateway's image and push it to a registry that the cluster reads:",
            (f"docker build --tag {plan.image} image && docker push {plan.image}",),
        ),
        ("Make the secrets, which stand in no file here:", tuple(secrets)),
        *_copy(plan),
        (
            "Make an API key, which is shown once, in the database of secrets.env, and apply the "
            "manifests:",
            (
                "(set -a && . ./secrets.env && burnish keys add me --workspace WORKSPACE)",
                "kubectl apply --filename manifests",
            ),
        ),
        (
            "Look at what the watch found; a Job that failed is an alarm:",
            (f"kubectl logs --selector app.kubernetes.io/name={plan.name}-watch --tail=100",),
        ),
    )


def kserve_files(plan: DeployPlan) -> dict[str, str]:
    """An InferenceService, and for a folder a volume to copy it to."""
    given = _values(plan)
    # Only the name is in the query: it is a label, so no quote can end it.
    query = f'sum(vllm:num_requests_waiting{{model_name="{plan.name}"}})'
    given |= {"storage_uri": storage_uri(plan), "words": _runtime_words(plan), "query": query}
    files = {"inference-service.yaml": render("kserve/inference-service.yaml.jinja", **given)}
    if plan.model.kind == "folder":
        given |= {"engine_user": _KSERVE_USER, "engine_group": _KSERVE_USER}
        files["model.yaml"] = render("kubernetes/model.yaml.jinja", **given)
    return files


def kserve_commands(plan: DeployPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(Model,) apply, wait, ask."""
    return (
        *_copy(plan),
        ("Apply the service:", ("kubectl apply --filename inference-service.yaml",)),
        (
            "Wait until it answers:",
            (
                f"kubectl wait --for=condition=Ready --timeout={plan.resources.starts_within + 600}"
                f"s inferenceservice/{plan.name}",
            ),
        ),
        (
            "Put Burnish's gateway before it, which renders the brief's prompt and checks keys:",
            (
                f"kubectl port-forward service/{plan.name}-predictor 8080:80 &",
                "burnish serve --engine "
                f"openai-compatible:http://127.0.0.1:8080/openai/v1:{plan.name}",
            ),
        ),
    )


def storage_uri(plan: DeployPlan) -> str:
    """The model's place as KServe spells it."""
    source = plan.model
    path = f"/{source.path}" if source.path else ""
    if source.kind == "folder":
        return f"pvc://{plan.name}-model/"
    if source.kind == "az":
        account, container = source.place.split("/")
        return f"https://{account}.blob.core.windows.net/{container}{path}"
    if source.kind == "hf":
        return f"hf://{source.place}" + (f":{source.revision}" if source.revision else "")
    return f"{source.kind}://{source.place}{path}"


_KSERVE_USER = 1000
"""Of the image of KServe's Hugging Face runtime."""


def _values(plan: DeployPlan) -> dict[str, object]:
    """What the templates of a cluster may use."""
    source, given = plan.model, plan.resources
    claim = source.place if source.kind == "pvc" else ""
    return {
        **engine_values(plan),
        "gateway_words": [word.replace("$(", "$$(") for word in gateway_words(plan)],
        "watch_gib": WATCH_GIB,
        "claim": f"{plan.name}-model" if source.kind == "folder" else claim,
        "sub_path": source.path if source.kind == "pvc" else "",
        # An integer that the label must be greater than; the card's own label is in MiB.
        "card_mib": ceil(given.memory.total / CARD_SHARE * 1024) - 1,
        # A policy of an autoscaler spans half an hour at most.
        "start_period": min(given.starts_within, 1800),
    }


def _runtime_words(plan: DeployPlan) -> tuple[str, ...]:
    """Arguments of KServe's Hugging Face runtime."""
    common = (f"--model_name={plan.name}", "--model_dir=/mnt/models")
    if plan.engine == "transformers":
        return (*common, "--backend=huggingface")
    return (
        *common,
        "--backend=vllm",
        f"--max-model-len={plan.context}",
        f"--gpu-memory-utilization={CARD_SHARE}",
    )


def _copy(plan: DeployPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """How a folder of this machine gets into the cluster."""
    if plan.model.kind != "folder":
        return ()
    pod = f"{plan.name}-model-loader"
    return (
        (
            "Copy the model into a volume of the cluster, once:",
            (
                "kubectl apply --filename model.yaml",
                f"kubectl wait --for=condition=Ready --timeout=300s pod/{pod}",
                f"kubectl cp {shlex.quote(plan.model.place + '/.')} {pod}:/models",
                f"kubectl delete pod {pod}",
            ),
        ),
    )
