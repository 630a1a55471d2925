"""A fixed plan for every target, so that its files can be compared letter by letter.

`python tests/deploy/plans.py` writes tests/deploy/expected/ anew; read the difference before you
commit it.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from burnish.deploy.plan import Facts, make_plan
from burnish.deploy.watching import WatchFacts, make_watch_files
from burnish.deploy.writing import make_files
from burnish.records import MemoryEstimate
from burnish.records.deploy_plan import DeployTarget, ModelSource

EXPECTED = Path(__file__).with_name("expected")
CARDS = (
    ("L4", 24.0), ("RTX 4090", 24.0), ("RTX 5090", 32.0), ("A100 40GB", 40.0), ("L40S", 48.0),
    ("A100 80GB", 80.0), ("H100", 80.0), ("H200", 141.0),
)  # fmt: skip
WORKSPACE = {"burnish.yaml": b"name: visit notes\n", "runs/0a1b2c3d4e/record.json": b"{}\n"}
FOLDER = ModelSource(kind="folder", place="/srv/visit notes/exports/5f6e7d8c9b/model")
SOURCES: dict[DeployTarget, ModelSource] = {
    "docker": FOLDER,
    "compose": FOLDER,
    "kubernetes": ModelSource(kind="s3", place="clinic-models", path="visit-notes/1"),
    "kserve": ModelSource(kind="gs", place="clinic-models", path="visit-notes/1"),
    "skypilot": ModelSource(kind="s3", place="clinic-models", path="visit-notes/1"),
    "sagemaker": ModelSource(kind="s3", place="clinic-models", path="visit-notes/1"),
    "vertex": ModelSource(kind="gs", place="clinic-models", path="visit-notes/1"),
    "azureml": ModelSource(kind="az", place="clinic/models", path="visit-notes/1"),
    "tgi": ModelSource(kind="hf", place="clinic/visit-notes", revision="v1"),
}


def facts(target: DeployTarget, **changes: Any) -> Facts:
    """An eight-billion model that may ship; on docker and compose a small one, without a GPU."""
    small = target in ("docker", "compose")
    weights = 0.25 if small else 14.96
    found = Facts(
        target=target,
        task_name="Visit notes",
        burnish="0.1.0",
        packages={"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.0"},
        run="0a1b2c3d4e",
        report="1b2c3d4e5f",
        decision="ship",
        reason="rougeL 0.62 is above the mark of 0.55, and above every alternative.",
        model=SOURCES[target],
        parameters=134_515_008 if small else 8_030_261_248,
        context=1280,
        answers=8,
        on_card=MemoryEstimate(weights=weights, cache=1.25, logits=0.004, slack=0.56),
        in_process=MemoryEstimate(weights=2 * weights, cache=0.44, logits=0.002, slack=0.97),
        cards=CARDS,
    )
    return replace(found, **changes)


def files_of(target: DeployTarget, **changes: Any) -> dict[str, bytes]:
    """The files of the fixed plan, with some facts changed."""
    return make_files(make_plan(facts(target, **changes)), WORKSPACE)[1]


def watch_files(**changes: Any) -> dict[str, bytes]:
    """The files of a fixed watch by cron, with some facts changed."""
    found = WatchFacts(
        task_name="Visit notes",
        burnish="0.1.0",
        workspace=Path("/srv/visit notes"),
        program=Path("/opt/burnish/bin/burnish"),
        folder=Path("/srv/visit notes watched"),
        every="hour",
        mirror=False,
    )
    return make_watch_files(replace(found, **changes))[1]


def variants() -> dict[str, dict[str, bytes]]:
    """Folder below expected/ → files: each target, Kubernetes from a folder without a GPU, cron."""
    small: dict[str, Any] = {"parameters": 134_515_008, "model": FOLDER}
    small["in_process"] = MemoryEstimate(weights=0.5, cache=0.44, logits=0.002, slack=0.97)
    found: dict[str, dict[str, bytes]] = {target: files_of(target) for target in SOURCES}
    found["kubernetes-cpu"] = files_of("kubernetes", **small)
    found["kserve-cpu"] = files_of("kserve", **small)
    overruled = {"decision": "not enough data", "overruled": "a pilot with two wards"}
    claim = ModelSource(kind="pvc", place="models", path="visit-notes")
    overruled |= {"every": "day", "webhook": "https://alarms.example:8443/burnish"}
    found["kubernetes-overruled"] = files_of("kubernetes", model=claim, **overruled)
    found["cron"] = watch_files()
    found["cron-mirrored"] = watch_files(mirror=True, every="day")
    return found


def write() -> None:
    """Write expected/ anew."""
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for folder, files in variants().items():
        for name, content in files.items():
            path = EXPECTED / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    write()
