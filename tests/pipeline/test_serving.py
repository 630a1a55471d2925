"""From a run to a deployment, its traffic and an answer, on a tiny base."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from gateways import until
from small_task import small_workspace

from burnish import pipeline
from burnish.brief.file import read_brief, write_brief
from burnish.errors import ServingError
from burnish.pipeline.masking import mask_texts
from burnish.records import Deployment, Report, Run
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import read_exchanges

CONSENTED = "openai-compatible:http://127.0.0.1:9/v1:m"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workspace:
    """A run with a report that does not say *ship*."""
    place = small_workspace(tmp_path_factory.mktemp("served"), tiny_base)
    pipeline.run_evaluate(place)
    task = read_brief(place.brief)
    consent = "examples may leave this machine for 127.0.0.1"
    serve = task.serve.model_copy(update={"consent": consent})
    write_brief(place.brief, task.model_copy(update={"serve": serve}))
    return place


def test_only_what_ships_is_served_unless_a_reason_is_on_record(workspace: Workspace) -> None:
    (report,) = workspace.records(Report)
    assert report.verdict is not None
    assert report.verdict.decision != "ship"
    with pytest.raises(ServingError, match=f"verdict .* is: {report.verdict.decision}"):
        pipeline.deploy(workspace, engine=CONSENTED)
    done = pipeline.deploy(workspace, engine=CONSENTED, overrule="to try it")
    assert (done.overruled, done.decision) == ("to try it", report.verdict.decision)
    assert done.parents["report"] == report.hash
    assert pipeline.deploy(workspace, engine=CONSENTED, overrule="to try it").id == done.id


def test_what_cannot_be_served_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="no engine 'sparks'"):
        pipeline.deploy(workspace, engine="sparks", overrule="x")
    with pytest.raises(ServingError, match="begins with 'zz'"):
        pipeline.deploy(workspace, run="zz", overrule="x")
    empty = Workspace(tmp_path)
    (tmp_path / "burnish.yaml").write_text(workspace.brief.read_text())
    with pytest.raises(ServingError, match="No run is complete"):
        pipeline.deploy(empty, overrule="x")


def test_shares_scale_and_the_states_stay(workspace: Workspace) -> None:
    (run,) = workspace.records(Run)
    other = CONSENTED.replace(":9/", ":8/")
    with pytest.raises(ServingError, match="no rest of the traffic"):
        pipeline.promote(workspace, None, share=0.5, engine=CONSENTED, overrule="x")
    first = pipeline.promote(workspace, run.id, engine=CONSENTED, overrule="x")
    second = pipeline.promote(workspace, run.id[:4], share=0.25, engine=other, overrule="x")
    assert [route.share for route in second.routes] == [0.25, 0.75]
    assert second.routes[1].deployment == first.routes[0].deployment
    more = pipeline.promote(workspace, None, share=0.5, engine=other, overrule="x")
    assert [route.share for route in more.routes] == [0.5, 0.5]
    shadow = pipeline.promote(workspace, None, shadow=True, engine=other, overrule="x")
    assert [route.share for route in shadow.routes] == [1.0]
    assert shadow.shadow == (second.routes[0].deployment,)
    alone = pipeline.promote(workspace, run.id, engine=CONSENTED, overrule="x")
    assert (alone.routes, alone.shadow) == (first.routes, ())
    back = pipeline.rollback(workspace, reason="worse")
    assert (back.routes, back.shadow) == (shadow.routes, shadow.shadow)
    assert [state.number for state in pipeline.traffic_states(workspace)] == [1, 2, 3, 4, 5, 6]


def test_texts_are_masked_alike_in_request_and_answer() -> None:
    request = json.dumps({"note": "Write to anna.smith@example.com", "role": "bob@example.com"})
    ((masked, answer),) = mask_texts([(request, "I wrote to anna.smith@example.com.")])
    assert masked is not None
    found = json.loads(masked)
    assert found == {"note": "Write to [EMAIL_ADDRESS_1]", "role": "[EMAIL_ADDRESS_2]"}
    assert answer == "I wrote to [EMAIL_ADDRESS_1]."
    chat = json.dumps([{"role": "user", "content": "x@example.com"}, {"a": [1, None, True]}])
    ((masked, _),) = mask_texts([(chat, None)])
    assert masked is not None
    assert json.loads(masked)[0] == {"role": "user", "content": "[EMAIL_ADDRESS_1]"}
    assert json.loads(masked)[1] == {"a": [1, None, True]}
    assert mask_texts([(None, None), ('"plain"', "plain")]) == [(None, None), ('"plain"', "plain")]


def test_a_run_answers_through_transformers_as_its_evaluation_did(
    tmp_path: Path, tiny_base: Path
) -> None:
    place = small_workspace(tmp_path, tiny_base)
    report = pipeline.run_evaluate(place)
    lines = place.path(report, "answers.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("burnish"), "serve", "--workspace", str(tmp_path),
            "--port", "0", "--overrule", "a test", "--quiet",
        ],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        told = next(line for line in process.stderr if line.startswith("Listening"))
        url = re.findall(r"http://[\d.:]+", told)[0]
        with httpx.Client(base_url=url, timeout=60) as client:
            until(lambda: client.get("/readyz").status_code == 200, seconds=180)
            for row in rows[:4]:
                answer = client.post("/v1/tasks/short", json=row["inputs"]).json()
                assert answer["text"] == row["answers"]["tuned"]["text"]
        engines = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0
    assert not psutil.wait_procs(engines, timeout=10)[1]
    (deployment,) = place.records(Deployment)
    assert (deployment.engine, deployment.overruled) == ("transformers", "a test")
    database = connect(place.database)
    assert [one.status for one in read_exchanges(database)] == [200] * 4
    database.dispose()
