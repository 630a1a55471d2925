"""Every file of every target, written anew and compared letter by letter; and all of them parse."""

import json

import pytest
import yaml
from deploy.plans import EXPECTED, variants

from burnish.deploy.targets import TARGETS

VARIANTS = variants()


@pytest.mark.parametrize("name", VARIANTS)
def test_files_are_those_expected(name: str) -> None:
    folder = EXPECTED / name
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(VARIANTS[name])
    for file, content in VARIANTS[name].items():
        assert content.decode() == (folder / file).read_text(encoding="utf-8"), (
            f"{name}/{file}: type python tests/deploy/plans.py, and read the difference"
        )


def test_every_target_is_there() -> None:
    assert set(TARGETS) <= set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_yaml_and_json_parse(name: str) -> None:
    for file, content in VARIANTS[name].items():
        if file.endswith((".yaml", ".yml")):
            assert all(one is not None for one in yaml.safe_load_all(content)), file
        elif file.endswith(".json"):
            json.loads(content)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_image_floats(name: str) -> None:
    for file, content in VARIANTS[name].items():
        assert b":latest" not in content, file


@pytest.mark.parametrize("name", VARIANTS)
def test_the_plan_lists_what_was_written(name: str) -> None:
    plan = json.loads(VARIANTS[name]["plan.json"])
    assert plan["files"] == {
        file: len(content) for file, content in VARIANTS[name].items() if file != "plan.json"
    }
    assert plan["commands"]
    readme = VARIANTS[name]["README.md"].decode()
    assert all(line in readme for line in plan["commands"])


def test_an_overruled_verdict_stands_in_every_manifest() -> None:
    files = VARIANTS["kubernetes-overruled"]
    for file in ("engine", "gateway", "autoscaling", "watch"):
        for one in yaml.safe_load_all(files[f"manifests/{file}.yaml"]):
            notes = one["metadata"]["annotations"]
            assert notes["burnish.dev/overruled"] == "a pilot with two wards"
            assert notes["burnish.dev/verdict"] == "not enough data"
    gateway = next(one for one in yaml.safe_load_all(files["manifests/gateway.yaml"])
                   if one["kind"] == "Deployment")  # fmt: skip
    words = gateway["spec"]["template"]["spec"]["containers"][0]["args"]
    assert words[words.index("--overrule") + 1] == "a pilot with two wards"
    assert b"overruled: a pilot with two wards" in files["README.md"]
