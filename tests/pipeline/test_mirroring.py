"""The mirror in MLflow's model registry, read back from the files or the server that hold it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from gateways import until
from past import Past, three_runs

from burnish import pipeline
from burnish.errors import WorkspaceError
from burnish.pipeline.history.mirroring import shown
from burnish.records import Event

SECRET = "planted-5ecret-value"
needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def client_of(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def at(past: Past, folder: str = "mlflow") -> Any:
    return client_of(f"sqlite:///{past.folder / folder / 'mlflow.db'}")


def versions(client: Any) -> dict[str, Any]:
    found = client.search_model_versions("name='short'")
    runs = [version.tags["burnish.run"] for version in found]
    assert len(runs) == len(set(runs))
    return dict(zip(runs, found, strict=True))


@needs_mlflow
def test_every_run_is_a_version_with_its_verdict_data_and_brief(tmp_path: Path) -> None:
    past = three_runs(tmp_path, mlflow="mlflow")
    past.run("ddd4", past.data("data1"), status="failed", train={"r": 2})
    done = pipeline.mirror(past.workspace)
    assert (done.model, done.made, set(done.versions)) == ("short", 3, {"aaa1", "bbb2", "ccc3"})
    found = versions(at(past))
    assert {run: int(version.version) for run, version in found.items()} == done.versions
    tags = found["bbb2"].tags
    assert tags["burnish.verdict"] == "ship"
    assert tags["burnish.dataset"] == "data1"
    assert tags["burnish.score"] == "0.5000 [0.4000, 0.6000], n = 4"
    assert json.loads(tags["burnish.brief.train"])["learning_rate"] == 1e-3
    assert json.loads(tags["burnish.brief.prompt"])["system"] == "Shorten."
    assert tags["burnish.role"] == "champion"
    assert found["ccc3"].tags["burnish.share"] == "0.1"
    weights = tmp_path / "runs" / "bbb2" / "adapter"
    assert found["bbb2"].source == weights.resolve().as_uri()


@needs_mlflow
def test_aliases_follow_the_traffic(tmp_path: Path) -> None:
    past = three_runs(tmp_path, mlflow="mlflow")
    pipeline.mirror(past.workspace)
    client = at(past)

    def named(alias: str) -> str:
        return str(client.get_model_version_by_alias("short", alias).tags["burnish.run"])

    assert (named("champion"), named("challenger")) == ("bbb2", "ccc3")
    past.traffic((past.deployments[2], 1), day=24)
    done = pipeline.mirror(past.workspace)
    assert done.made == 0
    assert done.aliases == {"champion": done.versions["ccc3"]}
    assert named("champion") == "ccc3"
    assert set(client.get_registered_model("short").aliases) == {"champion"}
    assert versions(client)["bbb2"].tags["burnish.role"] == "none"
    # Another's alias is not touched.
    client.set_registered_model_alias("short", "mine", "1")
    past.traffic((past.deployments[2], 1), (past.deployments[0], 0), day=25)
    pipeline.mirror(past.workspace)
    assert named("challenger") == "aaa1"
    assert named("mine") == "aaa1"


@needs_mlflow
def test_repeated_it_changes_nothing(tmp_path: Path) -> None:
    past = three_runs(tmp_path, mlflow="mlflow")
    first = pipeline.mirror(past.workspace)
    again = pipeline.mirror(past.workspace)
    assert (again.made, again.changed) == (0, 0)
    assert again.versions == first.versions
    past.report("report4", past.run_of("aaa1"), past.data("data1"), decision="don't ship")
    assert pipeline.mirror(past.workspace).changed == 1
    assert versions(at(past))["aaa1"].tags["burnish.verdict"] == "don't ship"
    pipeline.prune(past.workspace)
    (tmp_path / "runs" / "aaa1" / "adapter" / "adapter_model.safetensors").unlink()
    pipeline.mirror(past.workspace)
    assert versions(at(past))["aaa1"].tags["burnish.weights"] == "missing"


@needs_mlflow
def test_cut_off_between_two_versions_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    past = three_runs(tmp_path, mlflow="mlflow")
    create, calls = MlflowClient.create_model_version, []

    def cut_off(*args: Any, **given: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return create(*args, **given)

    monkeypatch.setattr(MlflowClient, "create_model_version", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pipeline.mirror(past.workspace)
    assert len(versions(at(past))) == 2
    assert pipeline.mirror(past.workspace).made == 1
    assert len(versions(at(past))) == 3


@needs_mlflow
def test_a_copy_of_the_workspace_makes_no_versions_of_its_own(tmp_path: Path) -> None:
    import shutil

    past = three_runs(tmp_path / "one", mlflow=str(tmp_path / "registry"))
    pipeline.mirror(past.workspace)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    done = pipeline.mirror(type(past.workspace)(tmp_path / "two"))
    assert (done.made, done.changed) == (0, 0)


@needs_mlflow
def test_the_environment_may_name_it_and_a_password_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = three_runs(tmp_path / "task", mlflow="environment")
    with pytest.raises(WorkspaceError, match="No registry is configured"):
        pipeline.mirror(past.workspace)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'there.db'}")
    assert pipeline.mirror(past.workspace).made == 3
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@127.0.0.1:9/x")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    from burnish.errors import ServerError

    with pytest.raises(ServerError, match=r"MLflow at http://127.0.0.1:9/x refused") as caught:
        pipeline.mirror(past.workspace)
    assert SECRET not in str(caught.value)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@needs_mlflow
def test_promotions_are_told_by_themselves_and_a_fault_stops_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = three_runs(tmp_path / "task", mlflow=str(tmp_path / "registry"))
    told: list[Event] = []
    pipeline.rollback(past.workspace, progress=told.append)
    assert any("was told" in event.message for event in told)
    client = client_of(f"sqlite:///{tmp_path / 'registry' / 'mlflow.db'}")
    champion = client.get_model_version_by_alias("short", "champion")
    assert champion.tags["burnish.run"] == "bbb2"
    assert set(client.get_registered_model("short").aliases) == {"champion"}
    (tmp_path / "registry" / "mlflow.db").write_bytes(b"no database at all" * 100)
    told.clear()
    state = pipeline.rollback(past.workspace, progress=told.append)
    assert state.number == 6
    assert any("was not told" in event.message for event in told)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a tracking server of MLflow."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1",
        ],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), seconds=120)
        yield url
    finally:
        os.killpg(process.pid, 9)
        process.wait(30)


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@needs_mlflow
def test_a_server_is_told_without_paths_of_this_machine(tmp_path: Path, server: str) -> None:
    past = three_runs(tmp_path, mlflow=server)
    assert pipeline.mirror(past.workspace).made == 3
    again = pipeline.mirror(past.workspace)
    assert (again.made, again.changed) == (0, 0)
    client = client_of(server)
    found = versions(client)
    assert found["aaa1"].source == "burnish://short/runs/aaa1"
    assert client.get_model_version_by_alias("short", "champion").tags["burnish.run"] == "bbb2"
    past.traffic((past.deployments[0], 1), day=24)
    pipeline.mirror(past.workspace)
    assert client.get_model_version_by_alias("short", "champion").tags["burnish.run"] == "aaa1"
    assert not [value for version in found.values() for value in version.tags.values()
                if str(tmp_path) in value]  # fmt: skip


@needs_mlflow
def test_a_tracked_run_is_linked(tmp_path: Path) -> None:
    past = three_runs(tmp_path, mlflow="mlflow")
    (tmp_path / "mlflow").mkdir()
    client = at(past)
    tracked = client.create_run(client.create_experiment("short")).info.run_id
    for run, name in (("aaa1", tracked), ("bbb2", "0" * 32)):
        notes = json.dumps({"mlflow": {"id": name}})
        (tmp_path / "runs" / run / "trackers.json").write_text(notes)
    pipeline.mirror(past.workspace)
    found = versions(client)
    assert found["aaa1"].run_id == tracked
    assert not found["bbb2"].run_id


def test_without_mlflow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from burnish.pipeline.history import mirroring

    monkeypatch.setattr(mirroring, "find_spec", lambda name: None)
    past = three_runs(tmp_path, mlflow="mlflow")
    with pytest.raises(WorkspaceError, match="not installed") as caught:
        pipeline.mirror(past.workspace)
    assert "mlflow-skinny" in caught.value.hint
    # Nothing else waits for it.
    assert pipeline.rollback(past.workspace).number == 5


def test_addresses_are_shown_without_what_is_secret() -> None:
    assert shown(f"https://me:{SECRET}@host:5000/a?token={SECRET}") == "https://host:5000/a"
    assert shown("sqlite:///a/b.db") == "sqlite:///a/b.db"
    assert shown(f"postgresql://me:{SECRET}@host/db") == "postgresql://host/db"
