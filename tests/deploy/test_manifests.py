"""What the manifests must hold: schemas of Kubernetes and KServe, and what makes them safe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from deploy.plans import FOLDER, SOURCES, files_of, variants

from burnish.deploy import versions
from burnish.records.deploy_plan import ModelSource

kubernetes_validate = pytest.importorskip("kubernetes_validate")

SCHEMA = Path(__file__).with_name("schemas") / "inferenceservice-v1beta1.json"
CLUSTERS = [name for name in variants() if name.startswith("kubernetes")]
KUBERNETES = {name: variants()[name] for name in CLUSTERS}


def objects(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """All objects that kubectl would apply."""
    names = [name for name in files if name.startswith("manifests/") or name == "model.yaml"]
    return [one for name in names for one in yaml.safe_load_all(files[name])]


def pods(files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    for one in objects(files):
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]["spec"]
        elif one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif one["kind"] == "Pod":
            yield one["spec"]


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("version", [versions.KUBERNETES, "1.37"])
def test_kubernetes_accepts_every_object(name: str, version: str) -> None:
    found = objects(KUBERNETES[name])
    assert len(found) >= 15
    for one in found:
        kubernetes_validate.validate(one, f"{version}.0", strict=True)


def test_the_strict_check_can_fail() -> None:
    one = objects(KUBERNETES["kubernetes"])[1]
    one["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, "1.37.0", strict=True)


@pytest.mark.parametrize("kind", ["pvc", "s3", "gs", "az", "hf", "folder"])
@pytest.mark.parametrize("gpu", [None, "none"])
def test_every_source_gives_sound_objects(kind: str, gpu: str | None) -> None:
    sources = {
        "pvc": ModelSource(kind="pvc", place="models"),
        "s3": SOURCES["kubernetes"],
        "gs": SOURCES["vertex"],
        "az": SOURCES["azureml"],
        "hf": SOURCES["tgi"],
        "folder": FOLDER,
    }
    for one in objects(files_of("kubernetes", model=sources[kind], gpu=gpu)):
        kubernetes_validate.validate(one, "1.37.0", strict=True)
    service = yaml.safe_load(files_of("kserve", model=sources[kind], gpu=gpu)[_SERVICE])
    jsonschema.validate(service, json.loads(SCHEMA.read_text()))


_SERVICE = "inference-service.yaml"


@pytest.mark.parametrize("name", ["kserve", "kserve-cpu"])
def test_kserve_service_is_of_the_schema(name: str) -> None:
    service = yaml.safe_load(variants()[name][_SERVICE])
    jsonschema.validate(service, json.loads(SCHEMA.read_text()))
    service["spec"]["predictor"]["model"]["storageURI"] = "s3://a/b"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(service, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_container_is_locked_down(name: str) -> None:
    """The restricted Pod Security Standard, a read-only root, and limits of memory."""
    for pod in pods(KUBERNETES[name]):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["capabilities"] == {"drop": ["ALL"]}
            given = container["resources"]
            assert given["limits"]["memory"]
            assert given["requests"]["cpu"]
            assert given["requests"]["memory"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_probes_wait_for_the_weights_and_stops_for_the_answers(name: str) -> None:
    plan = json.loads(KUBERNETES[name]["plan.json"])
    engine, gateway = (
        next(pod for pod in pods(KUBERNETES[name]) if pod["containers"][0]["name"] == part)
        for part in ("engine", "gateway")
    )
    start = engine["containers"][0]["startupProbe"]
    waits = start["periodSeconds"] * start["failureThreshold"]
    assert waits >= plan["resources"]["starts_within"]
    for pod in (engine, gateway):
        container = pod["containers"][0]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        sleeps = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] >= sleeps + 30
    # An engine outlasts the gateway's sleep and drain.
    assert engine["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5 + 30


@pytest.mark.parametrize("name", CLUSTERS)
def test_selectors_fit_the_pods_and_the_autoscaler_its_deployment(name: str) -> None:
    found = objects(KUBERNETES[name])
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in found
        if one["kind"] == "Deployment"
    } | {
        one["metadata"]["name"]: job["template"]["metadata"]["labels"]
        for one in found
        if one["kind"] == "CronJob" and (job := one["spec"]["jobTemplate"]["spec"])
    }
    for one in found:
        spec = one.get("spec", {})
        chosen = {
            "Service": spec.get("selector"),
            "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels"),
            "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
            "Deployment": spec.get("selector", {}).get("matchLabels"),
        }.get(one["kind"])
        if chosen is not None:
            assert chosen.items() <= labels[one["metadata"]["name"]].items()
    scaler = next(one for one in found if one["kind"] == "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] in labels
    assert scaler["spec"]["metrics"][0]["external"]["metric"]["name"] == "burnish_queue_length"
    deployment = next(one for one in found if one["metadata"]["name"].endswith("-engine")
                      and one["kind"] == "Deployment")  # fmt: skip
    assert "replicas" not in deployment["spec"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_secret_is_written_and_every_one_is_referred_to(name: str) -> None:
    assert all(one["kind"] != "Secret" for one in objects(KUBERNETES[name]))
    gateway = next(pod for pod in pods(KUBERNETES[name])
                   if pod["containers"][0]["name"] == "gateway")  # fmt: skip
    assert gateway["containers"][0]["env"] == [
        {
            "name": "BURNISH_DATABASE",
            "valueFrom": {
                "secretKeyRef": {"name": "visit-notes-gateway", "key": "BURNISH_DATABASE"}
            },
        }
    ]


def test_the_engine_is_reached_by_the_gateway_alone() -> None:
    policy = next(one for one in objects(KUBERNETES["kubernetes-overruled"])
                  if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("engine")
                  )  # fmt: skip
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["egress"] == []
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == (
        "visit-notes-gateway"
    )


def watch_job(name: str) -> dict[str, Any]:
    return next(one for one in objects(KUBERNETES[name]) if one["kind"] == "CronJob")


@pytest.mark.parametrize("name", CLUSTERS)
def test_an_alarm_is_a_job_that_failed_and_is_not_tried_again(name: str) -> None:
    job = watch_job(name)["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    # podFailurePolicy is refused by the API server with any other restartPolicy.
    assert pod["restartPolicy"] == "Never"
    codes = job["podFailurePolicy"]["rules"][0]
    assert codes["action"] == "FailJob"
    assert codes["onExitCodes"] == {"containerName": "watch", "operator": "In", "values": [1, 2]}
    assert codes["onExitCodes"]["containerName"] in [one["name"] for one in pod["containers"]]


@pytest.mark.parametrize("name", CLUSTERS)
def test_looks_do_not_overlap_and_what_they_found_stays(name: str) -> None:
    spec = watch_job(name)["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["schedule"] == json.loads(KUBERNETES[name]["plan.json"])["schedule"]
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["watch", "--workspace", "/workspace", "--quiet"]
    volume = next(one for one in pod["volumes"] if one["name"] == "workspace")
    claims = [one["metadata"]["name"] for one in objects(KUBERNETES[name])
              if one["kind"] == "PersistentVolumeClaim"]  # fmt: skip
    assert volume["persistentVolumeClaim"]["claimName"] in claims
    assert container["env"] == [
        {
            "name": "BURNISH_DATABASE",
            "valueFrom": {
                "secretKeyRef": {"name": "visit-notes-gateway", "key": "BURNISH_DATABASE"}
            },
        }
    ]


def test_alarms_may_be_posted_where_the_brief_says_and_nowhere_else() -> None:
    for name, ports in (("kubernetes", {53, 5432}), ("kubernetes-overruled", {53, 5432, 8443})):
        policy = next(
            one
            for one in objects(KUBERNETES[name])
            if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-watch")
        )
        assert policy["spec"]["ingress"] == []
        assert {port["port"] for rule in policy["spec"]["egress"]
                for port in rule["ports"]} == ports  # fmt: skip
