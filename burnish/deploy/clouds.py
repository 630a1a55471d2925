"""SkyPilot, SageMaker, Vertex AI and Azure ML: the files and commands of the large clouds.

None of them runs Burnish's gateway: their own endpoints check credentials, and the gateway may be
put before them anywhere.
"""

import json
import re

from burnish.deploy import versions
from burnish.deploy.engines import PORTS, SHARED_GIB, vllm_words
from burnish.deploy.machines import rented, sky_cards
from burnish.deploy.rendering import render
from burnish.errors import DeployError
from burnish.records.deploy_plan import DeployPlan

Commands = tuple[tuple[str, tuple[str, ...]], ...]
_TAG = re.compile(r"[^\w .:/=+@-]")
_AZURE_NAME = 32
_WAIT = 900
"""Seconds until a cloud has a machine."""


def skypilot_files(plan: DeployPlan) -> dict[str, str]:
    """A SkyServe service: of each cloud, the smallest card that holds the model."""
    cards = sky_cards(plan.resources.fitting)
    if not cards:
        raise DeployError(
            f"SkyPilot rents none of {', '.join(plan.resources.fitting)} from a large cloud.",
            hint="name another card with --gpu",
        )
    source = plan.model
    path = f"/{source.path}" if source.path else ""
    mounts = {
        "folder": source.place,
        "s3": f"s3://{source.place}{path}",
        "gs": f"gs://{source.place}{path}",
        "az": _blob(plan),
    }
    given = {
        **dict(plan),
        "ports": PORTS,
        "cards": [(cloud, card.name) for cloud, card in cards],
        "mount": mounts.get(source.kind, ""),
        "vllm": versions.VLLM_PACKAGE,
        "words": vllm_words(plan),
        "wait": _WAIT,
    }
    return {"service.yaml": render("skypilot/service.yaml.jinja", **given)}


def skypilot_commands(plan: DeployPlan) -> Commands:
    """Up, look, before it the gateway."""
    return (
        (
            "Make a key for the engine, and start the service:",
            (
                'export ENGINE_KEY="$(openssl rand -hex 32)"',
                f"sky serve up --service-name {plan.name} --secret ENGINE_KEY service.yaml",
            ),
        ),
        (
            "Wait until a replica is READY, and copy the endpoint:",
            (f"sky serve status {plan.name}",),
        ),
        (
            "Ask it (or put Burnish's gateway before it, which renders the brief's prompt):",
            ('curl --fail --header "Authorization: Bearer $ENGINE_KEY" http://ENDPOINT/v1/models',),
        ),
    )


def sagemaker_files(plan: DeployPlan) -> dict[str, str]:
    """What the AWS command line takes: model, endpoint configuration, endpoint and scaling."""
    card, machine = rented("sagemaker", plan.resources.fitting)
    registry = f"{versions.SAGEMAKER_ACCOUNT}.dkr.ecr.AWS_REGION.amazonaws.com"
    environment = {
        "SM_VLLM_HOST": "0.0.0.0",
        "SM_VLLM_SERVED_MODEL_NAME": plan.name,
        "SM_VLLM_MAX_MODEL_LEN": str(plan.context),
        "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.9",
    }
    container: dict[str, object] = {"Image": f"{registry}/{versions.SAGEMAKER_VLLM}"}
    source = plan.model
    if source.kind == "s3":
        uri = f"s3://{source.place}/{source.path}".rstrip("/") + "/"
        place = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
        container["ModelDataSource"] = {"S3DataSource": place}
        environment["SM_VLLM_MODEL"] = "/opt/ml/model"
    else:
        environment["SM_VLLM_MODEL"] = source.place
        if source.revision:
            environment["SM_VLLM_REVISION"] = source.revision
    container["Environment"] = environment
    tags = [{"Key": f"burnish:{key}", "Value": _tag(value)} for key, value in _facts(plan).items()]
    low, high = plan.replicas
    starts = min(max(plan.resources.starts_within, 60), 3600)
    variant = {
        "VariantName": "main",
        "ModelName": plan.name,
        "InstanceType": machine.machine,
        "InitialInstanceCount": low,
        "InferenceAmiVersion": versions.SAGEMAKER_AMI,
        "ModelDataDownloadTimeoutInSeconds": 1800,
        "ContainerStartupHealthCheckTimeoutInSeconds": starts,
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{plan.name}/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    metric = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    policy = {
        "PolicyName": f"{plan.name}-requests",
        **target,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(plan.resources.answers),
            "PredefinedMetricSpecification": metric,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": 60,
        },
    }
    model = {
        "ModelName": plan.name,
        "ExecutionRoleArn": "ROLE_ARN",
        "EnableNetworkIsolation": source.kind == "s3",
        "PrimaryContainer": container,
        "Tags": tags,
    }
    config = {"EndpointConfigName": plan.name, "ProductionVariants": [variant], "Tags": tags}
    endpoint = {"EndpointName": plan.name, "EndpointConfigName": plan.name, "Tags": tags}
    return {
        "model.json": _json(model),
        "endpoint-config.json": _json(config),
        "endpoint.json": _json(endpoint),
        "scalable-target.json": _json({**target, "MinCapacity": low, "MaxCapacity": high}),
        "scaling-policy.json": _json(policy),
        "CHOICES.md": _machine_note("Amazon SageMaker", machine.machine, card, machine.several),
    }


def sagemaker_commands(plan: DeployPlan) -> Commands:
    """Role and region, create, wait."""
    create = "aws sagemaker create"
    scaling = "aws application-autoscaling"
    return (
        (
            "Name region and role, and put them into the model:",
            (
                "export AWS_REGION=eu-central-1 ROLE_ARN=arn:aws:iam::ACCOUNT:role/ROLE",
                'sed "s|AWS_REGION|$AWS_REGION|; s|ROLE_ARN|$ROLE_ARN|" model.json > here.json',
            ),
        ),
        (
            "Create model, configuration and endpoint, and wait:",
            (
                f"{create}-model --cli-input-json file://here.json",
                f"{create}-endpoint-config --cli-input-json file://endpoint-config.json",
                f"{create}-endpoint --cli-input-json file://endpoint.json",
                f"aws sagemaker wait endpoint-in-service --endpoint-name {plan.name}",
            ),
        ),
        (
            "Let it grow with the requests under way:",
            (
                f"{scaling} register-scalable-target --cli-input-json file://scalable-target.json",
                f"{scaling} put-scaling-policy --cli-input-json file://scaling-policy.json",
            ),
        ),
    )


def vertex_files(plan: DeployPlan) -> dict[str, str]:
    """Bodies for Vertex AI's API, and a script that sends them."""
    card, machine = rented("vertex", plan.resources.fitting)
    source, port = plan.model, 8080
    hub = source.kind == "hf"
    uri = source.place if hub else f"gs://{source.place}/{source.path}".rstrip("/")
    revision = [f"--revision={source.revision}"] if source.revision else []
    flags = vllm_words(plan)
    joined = [f"{name}={value}" for name, value in zip(flags[::2], flags[1::2], strict=True)]
    probe = {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 10, "timeoutSeconds": 5}
    labels = {key: _label(value) for key, value in _facts(plan).items() if key != "overruled"}
    container = {
        "imageUri": versions.VERTEX_VLLM,
        "args": [
            "python", "-m", "vllm.entrypoints.openai.api_server", "--host=0.0.0.0",
            f"--port={port}", f"--model={uri}", *revision, *joined,
        ],
        "ports": [{"containerPort": port}],
        "predictRoute": "/v1/chat/completions",
        "healthRoute": "/health",
        "sharedMemorySizeMb": str(SHARED_GIB * 1024),
        "deploymentTimeout": f"{plan.resources.starts_within + _WAIT}s",
        "startupProbe": {**probe, "failureThreshold": plan.resources.starts_within // 10},
        "healthProbe": {**probe, "failureThreshold": 3},
    }  # fmt: skip
    about = f"Run {plan.run}, report {plan.report}, verdict {plan.decision}."
    if plan.overruled:
        about += f" Overruled: {plan.overruled}"
    model = {
        "modelId": plan.name,
        "model": {
            "displayName": _short(plan.task_name, 128),
            "description": _short(about, 1024),
            "labels": labels,
            "containerSpec": container,
        },
    }
    endpoint = {
        "displayName": _short(plan.task_name, 128),
        "labels": labels,
        "dedicatedEndpointEnabled": True,
    }
    low, high = plan.replicas
    spec = {
        "machineType": machine.machine,
        "acceleratorType": machine.accelerator,
        "acceleratorCount": machine.several,
    }
    busy = "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle"
    deployed = {
        "displayName": _short(plan.task_name, 128),
        "model": f"projects/PROJECT/locations/REGION/models/{plan.name}",
        "dedicatedResources": {
            "machineSpec": spec,
            "minReplicaCount": low,
            "maxReplicaCount": high,
            "autoscalingMetricSpecs": [{"metricName": busy, "target": 80}],
        },
    }
    return {
        "model.json": _json(model),
        "endpoint.json": _json(endpoint),
        "deploy.json": _json({"deployedModel": deployed, "trafficSplit": {"0": 100}}),
        "deploy.sh": render("vertex/deploy.sh.jinja", **dict(plan)),
        "CHOICES.md": _machine_note("Vertex AI", machine.machine, card, machine.several),
    }


def vertex_commands(plan: DeployPlan) -> Commands:
    """Project and region, deploy, ask."""
    ask = '{"model": "' + plan.name + '", "messages": [{"role": "user", "content": "Hello"}]}'
    return (
        ("Name project and region:", ("export PROJECT=my-project REGION=europe-west4",)),
        ("Upload the model, make an endpoint and deploy:", ("sh deploy.sh",)),
        (
            "Ask it, at the dedicated address that deploy.sh prints:",
            (
                'curl --fail --header "Authorization: Bearer $(gcloud auth print-access-token)" '
                "--header 'Content-Type: application/json' \\",
                f"  --data '{ask}' \\",
                f"  https://ADDRESS/v1/projects/$PROJECT/locations/$REGION/endpoints/{plan.name}"
                ":rawPredict",
            ),
        ),
    )


def azureml_files(plan: DeployPlan) -> dict[str, str]:
    """Endpoint, deployment, and the image that carries vLLM's arguments."""
    card, machine = rented("azureml", plan.resources.fitting)
    source, port = plan.model, str(PORTS["engine"])
    words = (*vllm_words(plan), "--host", "0.0.0.0", "--port", port)
    if source.kind == "hf":
        revision = ("--revision", source.revision) if source.revision else ()
        words = (source.place, *revision, *words)
    given = {
        **dict(plan),
        "versions": versions,
        "ports": PORTS,
        "endpoint": plan.name[:_AZURE_NAME].rstrip("-"),
        "path": source.place if source.kind == "folder" else _blob(plan),
        "card": card,
        "machine": machine.machine,
        "words": words,
    }
    return {
        "endpoint.yaml": render("azureml/endpoint.yaml.jinja", **given),
        "deployment.yaml": render("azureml/deployment.yaml.jinja", **given),
        "image/Dockerfile": render("azureml/Dockerfile.jinja", **given),
    }


def azureml_commands(plan: DeployPlan) -> Commands:
    """Endpoint, deployment, key."""
    name = plan.name[:_AZURE_NAME].rstrip("-")
    return (
        ("Create the endpoint:", ("az ml online-endpoint create --file endpoint.yaml",)),
        (
            "Upload the model, build the image and deploy:",
            ("az ml online-deployment create --file deployment.yaml --all-traffic",),
        ),
        (
            "Read its address and its key:",
            (
                f"az ml online-endpoint show --name {name} --query scoring_uri",
                f"az ml online-endpoint get-credentials --name {name}",
            ),
        ),
    )


def _facts(plan: DeployPlan) -> dict[str, str]:
    """What every cloud object is marked with."""
    found = {"task": plan.task_name, "run": plan.run, "report": plan.report}
    found["verdict"] = plan.decision
    return found | ({"overruled": plan.overruled} if plan.overruled else {})


def _machine_note(cloud: str, machine: str, card: str, several: int) -> str:
    """Why this machine, as JSON has no comments."""
    note = f"{cloud} rents {machine} with {card}, the smallest card there that holds the model."
    if several > 1:
        note += (
            f" It has {several} of them and one is used; a smaller machine with one is not known."
        )
    return f"# The machine\n\n{note}\n"


def _blob(plan: DeployPlan) -> str:
    """An Azure container's address."""
    if plan.model.kind != "az":
        return ""
    account, container = plan.model.place.split("/")
    path = f"/{plan.model.path}" if plan.model.path else ""
    return f"https://{account}.blob.core.windows.net/{container}{path}"


def _tag(text: str) -> str:
    """A value of a tag of AWS: letters, digits, blanks and _ . : / = + - @, at most 256."""
    return _TAG.sub("_", text)[:256]


def _label(text: str) -> str:
    """A value of a label of Google Cloud: lower-case letters, digits, _ and -, at most 63."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:63]


def _short(text: str, most: int) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:most]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"
