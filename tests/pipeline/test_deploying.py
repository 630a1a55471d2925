"""Deploying what a workspace proved: the verdict, the model, the figures, and what is carried."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline.test_pipeline import workspace_for

from burnish import pipeline
from burnish.brief.file import read_brief
from burnish.errors import DeployError
from burnish.pipeline import serving
from burnish.records import BaseChoice, Report, Run
from burnish.records.deploy_plan import DeployPlan
from burnish.store import Workspace
from burnish.store.carried import is_proved

REASON = "a trial on our own machine"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workspace:
    """A workspace with an evaluated run, whose verdict is not ship."""
    workspace = workspace_for(tmp_path_factory.mktemp("deploying"), tiny_base, "summarize")
    pipeline.run(workspace)
    return workspace


def deploy(workspace: Workspace, output: Path, target: Any = "compose", **more: Any) -> DeployPlan:
    given = {"model": str(base_of(workspace)), "overrule": REASON} | more
    return pipeline.run_deploy(workspace, target, output, **given)


def base_of(workspace: Workspace) -> Path:
    """The tiny base, which stands in for a merged model of the same shape."""
    return Path(workspace.records(BaseChoice)[0].path)


def test_a_verdict_that_is_not_ship_is_refused_unless_overruled(
    evaluated: Workspace, tmp_path: Path
) -> None:
    verdict = evaluated.records(Report)[0].verdict
    assert verdict is not None
    assert verdict.decision != "ship"
    with pytest.raises(DeployError, match=verdict.decision.replace("'", ".")) as caught:
        deploy(evaluated, tmp_path / "out", overrule=" ")
    assert "--overrule" in caught.value.hint
    assert not (tmp_path / "out").exists()
    plan = deploy(evaluated, tmp_path / "out")
    assert plan.overruled == REASON
    assert yaml.safe_load((tmp_path / "out" / "compose.yaml").read_text())["x-burnish"] == {
        "task": "summarize",
        "run": plan.run,
        "report": plan.report,
        "verdict": verdict.decision,
        "overruled": REASON,
    }


def test_without_a_run_or_a_report_it_says_what_to_type(
    evaluated: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(DeployError, match="No completed run") as caught:
        pipeline.run_deploy(Workspace(tmp_path / "none"), "docker", tmp_path / "out")
    assert "burnish run" in caught.value.hint
    alone = Workspace(tmp_path / "alone")
    alone.write(evaluated.records(Run)[0])
    with pytest.raises(DeployError, match="was evaluated") as caught:
        pipeline.run_deploy(alone, "docker", tmp_path / "out")
    assert "burnish evaluate" in caught.value.hint


def test_without_a_merged_export_it_says_what_to_type(evaluated: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="no merged export") as caught:
        deploy(evaluated, tmp_path / "out", model=None)
    assert "burnish export --form merged" in caught.value.hint


def test_figures_are_those_of_the_base_room(evaluated: Workspace, tmp_path: Path) -> None:
    from burnish.base.figures import read_figures
    from burnish.base.memory import in_process, serving_memory

    plan = deploy(evaluated, tmp_path / "out", answers=4)
    run, report = evaluated.records(Run)[0], evaluated.records(Report)[0]
    wanted = run.settings.max_length + report.settings.max_new_tokens
    assert plan.context == min(wanted, evaluated.records(BaseChoice)[0].context_length)
    memory = serving_memory(
        read_figures(base_of(evaluated)), context=plan.context, concurrency=4,
        precision="float32", cache="float32",
    )  # fmt: skip
    assert plan.resources.memory == in_process(memory)
    assert plan.parameters == evaluated.records(BaseChoice)[0].parameters
    assert plan.packages["torch"] == report.packages["torch"].partition("+")[0]


def test_a_dry_run_explains_and_writes_nothing(evaluated: Workspace, tmp_path: Path) -> None:
    before = sorted(path for path in evaluated.folder.rglob("*"))
    plan = deploy(evaluated, tmp_path / "out", "kubernetes", dry_run=True)
    assert not any(tmp_path.iterdir())
    assert sorted(path for path in evaluated.folder.rglob("*")) == before
    assert plan.output == ""
    about = {choice.about for choice in plan.choices}
    assert about >= {"verdict", "engine", "model", "context", "memory", "replicas", "start"}
    assert all(choice.why for choice in plan.choices)
    written = deploy(evaluated, tmp_path / "out", "kubernetes")
    assert written.files == plan.files
    assert written == plan.model_copy(update={"output": str(tmp_path / "out")})


def test_a_folder_with_something_in_it_is_not_touched(evaluated: Workspace, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    deploy(evaluated, output)
    with pytest.raises(DeployError, match="not empty"):
        deploy(evaluated, output)
    (output / "gateway.env").write_text("mine")
    deploy(evaluated, output, "kubernetes", force=True)
    assert (output / "manifests").is_dir()
    assert not (output / "compose.yaml").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    with pytest.raises(DeployError, match="did not write"):
        deploy(evaluated, other, force=True)
    assert (other / "thesis.txt").read_text() == "years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


def test_a_failure_leaves_what_stood(
    evaluated: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    deploy(evaluated, output)
    stood = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    from burnish.deploy import writing

    def fail(path: Path, data: bytes) -> None:
        if path.name == "plan.json":
            raise OSError(28, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(writing, "write_bytes", fail)
    with pytest.raises(Exception, match="disk is full"):
        deploy(evaluated, output, "kubernetes", force=True)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == stood
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_carried_holds_no_example_and_a_proof(evaluated: Workspace, tmp_path: Path) -> None:
    plan = deploy(evaluated, tmp_path / "out")
    carried = tmp_path / "out" / "workspace"
    names = {path.relative_to(carried).as_posix() for path in carried.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".jsonl", ".safetensors", ".csv"))]
    assert "base/tokenizer.json" in names
    brief = read_brief(carried / "burnish.yaml")
    assert brief.serve.engine == "openai-compatible:http://summarize-engine:8000/v1:/models"
    assert brief.serve.consent == "examples may leave this machine for summarize-engine"
    served = Workspace(carried)
    run = served.records(Run)[0]
    assert (run.id, run.hash) == (plan.run, evaluated.records(Run)[0].hash)
    assert served.records(BaseChoice)[0].path == "/workspace/base"
    assert is_proved(carried, run)
    assert not is_proved(carried, run.model_copy(update={"prompt_hash": "0"}))
    texts = [row["text"] for row in map(json.loads, (evaluated.folder / "rows.jsonl").open())]
    everything = b"".join(path.read_bytes() for path in carried.rglob("*") if path.is_file())
    assert not [text for text in texts if text.encode() in everything]
    base = served.records(BaseChoice)[0]
    served.write(base.model_copy(update={"path": str(carried / "base")}))
    answering = serving.deploy(served, overrule=REASON)
    assert serving._served(served, brief, answering.id).deployment.engine == "server"
    (carried / "base" / "tokenizer_config.json").write_text("{}")
    assert not is_proved(carried, run)


@pytest.mark.parametrize(
    ("target", "more", "found"),
    [
        ("docker", {"model": "s3://bucket/a"}, "cannot fetch"),
        ("sagemaker", {}, "cannot fetch"),
        ("vertex", {"model": "gs://bucket/a", "gpu": "none"}, "on a GPU alone"),
        ("compose", {"gpu": "L5"}, "no card called"),
        ("compose", {"replicas": (3, 1)}, "no range"),
        ("compose", {"image": "burnish:latest"}, "no fixed tag"),
        ("compose", {"context": 10**6}, "has a context of"),
        ("compose", {"overrule": "x" * 241}, "letters"),
        ("compose", {"model": "s3://bucket/../a"}, "does not name a model"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    evaluated: Workspace, tmp_path: Path, target: Any, more: dict[str, Any], found: str
) -> None:
    with pytest.raises(DeployError, match=found) as caught:
        deploy(evaluated, tmp_path / "out", target, **more)
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_on_a_cluster_requests_are_held_to_the_log(evaluated: Workspace, tmp_path: Path) -> None:
    assert read_brief(evaluated.brief).watch.reference == "examples"
    output = tmp_path / "out"
    plan = deploy(evaluated, output, "kubernetes", every="day")
    assert plan.schedule.split()[1] == "4"
    brief = output / "image" / "workspace" / "burnish.yaml"
    assert read_brief(brief).watch.reference == "log"
    assert "no examples are carried here" in brief.read_text()
    job = next(one for one in yaml.safe_load_all((output / "manifests" / "watch.yaml").read_text())
               if one["kind"] == "CronJob")  # fmt: skip
    assert job["spec"]["schedule"] == plan.schedule
