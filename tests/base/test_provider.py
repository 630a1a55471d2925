"""Tuning at a provider: success, failure, rate limits, lost connections, resuming, and consent."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from openai_server import OpenAIServer, Request, wait_until

from burnish import pipeline
from burnish.base.hosted import Pace
from burnish.base.provider import cancel_hosted, chat_lines, choose_hosted, tune_hosted
from burnish.brief.file import read_brief, write_brief
from burnish.chat.messages import MessageRenderer
from burnish.cli.main import main
from burnish.engines.client import Patience
from burnish.engines.server import PREFIX, Server, consent_to, read_server
from burnish.errors import BaseModelError, BriefError, BurnishError, ServerError, TrainingError
from burnish.records import (
    BaseChoice,
    Dataset,
    DataSettings,
    EvaluateSettings,
    Event,
    Example,
    Message,
    PromptSettings,
    ProviderSettings,
    Report,
    Run,
    Task,
    TrainSettings,
)
from burnish.store import Workspace

FILES = "POST /v1/files"
JOBS = "POST /v1/fine_tuning/jobs"
JOB = "GET /v1/fine_tuning/jobs/ftjob-1"
CHAT = "POST /v1/chat/completions"
QUICK = Patience(tries=3, seconds=5.0, first_wait=0.01, longest_wait=0.02)
PACE = Pace(first=0.01, longest=0.02, seconds=20.0)
SECRET = "sk-planted-5ecret-value"
LABELS = ("billing", "delivery", "access")
HINTS = {"billing": "invoice", "delivery": "parcel", "access": "password"}


def learned(server: OpenAIServer) -> None:
    """Let the tuned model answer as its uploaded examples do, and the base always the same."""

    def answer(model: str, messages: list[dict[str, str]]) -> str:
        if not model.startswith("ft:"):
            return "Billing."
        words = Counter[tuple[str, str]]()
        for line in server.files["file-1"]["content"].splitlines():
            *_, user, assistant = json.loads(line)["messages"]
            for word in set(user["content"].split()):
                words[word, assistant["content"]] += 1
        asked = set(messages[-1]["content"].split())
        return max(LABELS, key=lambda label: sum(words[word, label] for word in asked))

    server.answer = answer


@pytest.fixture
def server() -> Any:
    with OpenAIServer() as served:
        learned(served)
        yield served


@pytest.fixture
def workspace(tmp_path: Path, server: OpenAIServer) -> Workspace:
    return workspace_for(tmp_path / "task", server)


def workspace_for(folder: Path, server: OpenAIServer, **provider: Any) -> Workspace:
    folder.mkdir()
    rows = [
        {"text": f"hello {i} about my {HINTS[LABELS[i % 3]]} é", "label": LABELS[i % 3]}
        for i in range(150)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = Task(
        name="My_Tickets",
        kind="classify",
        metric="macro_f1",
        base=f"{PREFIX}{server.url}:base",
        seed=7,
        data=DataSettings(source="rows.jsonl", inputs=("text",), output=("label",)),
        prompt=PromptSettings(system="Name the queue.", shots=2),
        provider=ProviderSettings(**{"consent": consent_to("127.0.0.1")} | provider),
        train=TrainSettings(epochs=2),
        evaluate=EvaluateSettings(max_new_tokens=8, resamples=200),
    )
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    return workspace


def tune(
    workspace: Workspace, *, patience: Patience = QUICK, pace: Pace = PACE, events: Any = None
) -> Run:
    """The step train, with less patience than the pipeline has."""
    dataset = pipeline.run_data(workspace)
    task = read_brief(workspace.brief)
    run = workspace.start(
        Run, "0" * 64, parents={}, seed=7, fields={"settings": task.train, "prompt": task.prompt}
    )
    return tune_hosted(
        workspace, task, dataset, run, server_of(workspace), events or (lambda _: None),
        patience=patience, pace=pace,
    )  # fmt: skip


def server_of(workspace: Workspace) -> Server:
    task = read_brief(workspace.brief)
    return read_server(task.base, task.provider)


def remembered(workspace: Workspace) -> dict[str, Any]:
    (path,) = (workspace.folder / "runs").glob("*/job.json")
    return json.loads(path.read_text())


def test_a_run_ends_with_the_name_of_the_tuned_model(
    workspace: Workspace, server: OpenAIServer
) -> None:
    events: list[Event] = []
    run = tune(workspace, events=events.append)
    assert run.status == "complete"
    assert run.provider is not None
    assert run.provider.model == "ft:base:org:my-tickets:ftjob-1"
    assert run.provider.files == {"train": "file-1", "validation": "file-2"}
    assert (run.provider.host, run.provider.billed_tokens) == ("127.0.0.1", 1234)
    assert run.provider.consent == consent_to("127.0.0.1")
    assert (run.train_examples, run.validation_examples, run.steps) == (120, 15, 6)
    assert (run.seconds, run.resumed) == (60.0, 0)
    (started,) = server.asked(JOBS)
    assert started.body == {
        "model": "base", "training_file": "file-1", "validation_file": "file-2",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        "seed": 7, "suffix": "my-tickets",
    }  # fmt: skip
    metrics = workspace.path(run, "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in metrics] == [1, 2, 3, 4, 5, 6]
    assert json.loads(metrics[1]) == {"step": 2, "loss": 0.5}
    assert any(event.figures == {"loss": "0.500"} and event.total == 8 for event in events)


def test_what_is_uploaded_is_train_and_validation_and_nothing_else(
    workspace: Workspace, server: OpenAIServer
) -> None:
    tune(workspace)
    assert len(server.asked(FILES)) == 2
    dataset = workspace.records(Dataset)[0]
    for split, file in (("train", "file-1"), ("validation", "file-2")):
        examples = [
            Example.model_validate_json(line)
            for line in workspace.path(dataset, f"{split}.jsonl").read_text().splitlines()
        ]
        lines = [json.loads(line) for line in server.files[file]["content"].splitlines()]
        assert lines == [
            {
                "messages": [
                    {"role": "system", "content": "Name the queue."},
                    {"role": "user", "content": example.inputs["text"]},
                    {"role": "assistant", "content": example.answer},
                ]
            }
            for example in examples
        ]
    sealed = workspace.path(dataset, "test.jsonl").read_text().splitlines()
    texts = [json.loads(line)["inputs"]["text"] for line in sealed]
    assert len(texts) == 15
    assert not [text for text in texts for request in server.requests if text in str(request.body)]


def test_chats_keep_their_turns() -> None:
    task = Task(name="chat", kind="generate", metric="chrf", data=DataSettings(source="a"))
    turns = [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    example = Example(
        id="1", source="a", row=1, answer="See you", references=("See you",),
        history=tuple(Message(role=role, content=text) for role, text in turns),  # type: ignore[arg-type]
    )  # fmt: skip
    line = json.loads(chat_lines(MessageRenderer(task), [example]))
    assert [turn["content"] for turn in line["messages"]] == ["Hi", "Hello", "Bye", "See you"]


@pytest.mark.parametrize("where", [FILES, JOBS, JOB])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"retry-after": "0"}},
        {"status": 500, "carried_out": True},
        {"status": 503},
        {"drop": True},
        {"drop": True, "carried_out": True},
        {"status": 200, "body": b"<html>", "carried_out": True},
        {"hang": 0.5, "carried_out": True},
    ],
    ids=str,
)
def test_rate_limits_and_lost_connections_start_nothing_twice(
    tmp_path: Path, server: OpenAIServer, where: str, fault: dict[str, Any]
) -> None:
    workspace = workspace_for(tmp_path / "task", server, timeout=0.3)
    server.fail(where, times=2, **fault)
    run = tune(workspace)
    assert run.provider is not None
    assert server.faults == [] or fault.get("carried_out")
    assert sorted(one["filename"].split("-")[2] for one in server.files.values()) == [
        "train",
        "validation",
    ]
    assert len(server.jobs) == 1


@pytest.mark.parametrize("where", [FILES, JOBS, JOB])
def test_a_connection_lost_for_good_is_taken_up_by_the_same_command(
    workspace: Workspace, server: OpenAIServer, where: str
) -> None:
    server.fail(where, times=9, drop=True, carried_out=where == JOB)
    with pytest.raises(ServerError, match="broke the connection off") as error:
        tune(workspace)
    assert "goes on where it stopped" in error.value.hint
    server.faults.clear()
    run = tune(workspace)
    assert run.resumed == 1
    assert len(server.files) == 2
    assert len(server.jobs) == 1


def test_a_server_that_goes_away_while_it_is_followed(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.fail(JOB, times=9, status=502)
    with pytest.raises(ServerError, match="502"):
        tune(workspace)
    assert remembered(workspace)["job"] == "ftjob-1"


def test_many_files_and_jobs_are_searched_page_after_page(
    workspace: Workspace, server: OpenAIServer
) -> None:
    def others_come_too(request: Request) -> None:
        for at in range(250):
            if request.where == FILES:
                name = f"other-{len(server.files)}-{at}"
                server.files[name] = {"filename": "x", "content": ""}
            if request.where == JOBS:
                server.jobs[f"other-{at}"] = {"id": f"other-{at}", "training_file": "x"}

    server.fail(FILES, drop=True, carried_out=True)
    server.fail(JOBS, drop=True, carried_out=True)
    server.after = others_come_too
    run = tune(workspace)
    assert run.provider is not None
    assert run.provider.files["train"] == "file-1"
    assert run.provider.job == "ftjob-1"
    assert len(server.asked(JOBS)) == 1
    assert len(server.asked(FILES)) == 2
    assert len(server.asked("GET /v1/files")) == len(server.asked(JOBS.replace("POST", "GET"))) == 3


def test_a_failed_job_shows_the_providers_reason_and_may_be_started_anew(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("validating_files", "failed")
    server.error = {"code": "invalid_training_file", "message": "Line 3\nhas no\tassistant turn."}
    with pytest.raises(
        TrainingError, match=r"ftjob-1 at 127\.0\.0\.1 failed: Line 3 has no assistant turn\."
    ) as error:
        tune(workspace)
    assert "starts another job" in error.value.hint
    server.course = ("queued", "succeeded")
    run = tune(workspace)
    assert run.provider is not None
    assert run.provider.job == "ftjob-2"
    assert len(server.asked(FILES)) == 2
    assert remembered(workspace)["ended"] == ["ftjob-1"]


def test_a_failed_job_without_a_reason(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("failed",)
    with pytest.raises(TrainingError, match="failed: no reason is given"):
        tune(workspace)


def test_a_cancelled_job_is_told_and_forgotten(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("queued", "running", "cancelled")
    with pytest.raises(TrainingError, match=r"Job ftjob-1 at 127\.0\.0\.1 was cancelled\."):
        tune(workspace)
    assert remembered(workspace)["job"] is None


def test_a_job_can_be_cancelled(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("running",)
    with pytest.raises(TrainingError, match="still running after 0 hours"):
        tune(workspace, pace=Pace(0.01, 0.02, 0.1))
    run = workspace.records(Run)[0]
    assert cancel_hosted(workspace, run, server_of(workspace)) == "ftjob-1"
    assert server.jobs["ftjob-1"]["status"] == "cancelled"
    with pytest.raises(TrainingError, match=r"no job at 127\.0\.0\.1 to cancel"):
        cancel_hosted(workspace, run, server_of(workspace))


def test_an_unknown_status_is_waited_out(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("paused", "warming up", "succeeded")
    assert tune(workspace).status == "complete"


def test_a_job_that_is_gone_is_not_started_again_unasked(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("running",)
    with pytest.raises(TrainingError, match="still running"):
        tune(workspace, pace=Pace(0.01, 0.02, 0.1))
    server.jobs.clear()
    for _ in range(2):
        with pytest.raises(TrainingError, match="does not know job ftjob-1") as error:
            tune(workspace)
    assert "job.json" in error.value.hint
    assert len(server.asked(JOBS)) == 1


def test_files_that_are_gone_say_what_to_remove(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("failed",)
    with pytest.raises(TrainingError):
        tune(workspace)
    server.files.clear()
    with pytest.raises(ServerError, match="invalid training_file: file-1") as error:
        tune(workspace)
    assert "job.json" in error.value.hint


def test_a_base_that_cannot_be_tuned_is_the_providers_word(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.models.clear()
    with pytest.raises(ServerError, match="base is not available for fine-tuning"):
        tune(workspace)
    assert remembered(workspace)["job"] is None


def test_what_cannot_be_looked_for_is_not_begun_again(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.fail(FILES, drop=True, carried_out=True)
    server.fail("GET /v1/files", status=405)
    with pytest.raises(TrainingError, match="cannot be told whether the train file reached"):
        tune(workspace)
    assert len(server.asked(FILES)) == 1


def test_a_job_file_changed_by_hand_is_refused(workspace: Workspace, server: OpenAIServer) -> None:
    server.course = ("failed",)
    with pytest.raises(TrainingError):
        tune(workspace)
    path = next((workspace.folder / "runs").glob("*/job.json"))
    path.write_text('{"job": 7}')
    with pytest.raises(TrainingError, match="changed by hand"):
        tune(workspace)


def test_the_base_must_be_among_the_listed_models(tmp_path: Path, server: OpenAIServer) -> None:
    workspace = workspace_for(tmp_path / "task", server)
    record = workspace.start(
        BaseChoice, "0" * 64, parents={}, seed=0,
        fields={
            "name": "x", "source": "folder", "path": "", "weights_sha256": "",
            "template_sha256": "", "architecture": "", "parameters": 0, "context_length": 0,
            "vocabulary": 0, "licence": "unknown",
        },
    )  # fmt: skip
    there = server_of(workspace)
    assert choose_hosted(workspace, record, there).licence == "terms of 127.0.0.1"
    server.models = ["bass", "other"]
    with pytest.raises(BaseModelError, match="no model 'base' among its 2") as error:
        choose_hosted(workspace, record, there)
    assert "bass" in error.value.hint
    server.fail("GET /v1/models", status=404)
    assert choose_hosted(workspace, record, there).source == "provider"


def test_the_whole_way_from_the_brief_to_the_verdict(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("queued", "succeeded")
    report = pipeline.run(workspace)
    scores = {system.name: system.scores["macro_f1"].value for system in report.systems}
    assert scores["tuned"] == 1.0
    assert scores["zero-shot"] < 0.4
    assert set(scores) == {"zero-shot", "few-shot", "classic", "tuned"}
    assert all(set(system.scores) == {"macro_f1", "micro_f1", "accuracy"} for system in
               report.systems)  # fmt: skip
    tuned = next(system for system in report.systems if system.name == "tuned")
    assert "no perplexity" in tuned.description
    assert report.verdict is not None
    models = Counter(request.body["model"] for request in server.asked(CHAT))
    assert models == {"base": 30, "ft:base:org:my-tickets:ftjob-1": 15}
    assert len(server.asked(CHAT)[-1].body["messages"]) == 2
    folder = workspace.path(report)
    page = (folder / "report.html").read_text()
    assert "ft:base:org:my-tickets:ftjob-1" in page
    assert consent_to("127.0.0.1") in page
    assert "weights of epoch" not in page
    usage = [json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines()]
    assert set(usage[0]["usage"]) == {"zero-shot", "few-shot", "tuned"}
    assert usage[0]["usage"]["few-shot"]["prompt_tokens"] > 15
    asked = len(server.requests)
    assert pipeline.run(workspace) == report
    assert len(server.requests) == asked


def test_answers_never_leave_with_the_test_examples(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("queued", "succeeded")
    pipeline.run(workspace)
    sealed = workspace.path(workspace.records(Dataset)[0], "test.jsonl").read_text().splitlines()
    texts = {json.loads(line)["inputs"]["text"] for line in sealed}
    for request in server.requests:
        turns = request.body.get("messages", []) if isinstance(request.body, dict) else []
        for turn, following in pairwise(turns):
            assert not (turn["content"] in texts and following["role"] == "assistant")
    assert not [text for text in texts if text in str([*server.files.values()])]


def test_a_tuned_model_that_is_gone_stops_the_evaluation(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("queued", "succeeded")
    pipeline.run_train(workspace)
    server.models.remove("ft:base:org:my-tickets:ftjob-1")
    with pytest.raises(ServerError, match="does not know the model") as error:
        pipeline.run_evaluate(workspace)
    assert "burnish train --force" in error.value.hint
    assert workspace.records(Report)[0].status == "failed"
    pipeline.run_train(workspace, force=True)
    assert pipeline.run_evaluate(workspace).status == "complete"
    models = Counter(request.body["model"] for request in server.asked(CHAT))
    assert len(server.jobs) == 2
    assert models["ft:base:org:my-tickets:ftjob-2"] == 15


@pytest.mark.parametrize("consent", ["", "yes", consent_to("api.openai.com")])
def test_nothing_is_sent_without_consent_for_this_host(
    tmp_path: Path, server: OpenAIServer, consent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = workspace_for(tmp_path / "task", server, consent=consent)
    with pytest.raises(SystemExit) as end:
        main(["run", "-w", str(workspace.folder)])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("Error: ") == 1
    wanted = consent_to("127.0.0.1")
    assert (
        f'Next: if this may be, write into burnish.yaml: provider: {{consent: "{wanted}"}}' in said
    )
    assert server.requests == []
    assert workspace.records(Run) == []


def test_consent_that_is_taken_back_stops_what_comes_after(
    workspace: Workspace, server: OpenAIServer
) -> None:
    server.course = ("queued", "succeeded")
    pipeline.run_train(workspace)
    asked = len(server.requests)
    text = workspace.brief.read_text().replace(consent_to("127.0.0.1"), "no more")
    workspace.brief.write_text(text)
    with pytest.raises(BriefError, match="nothing was sent"):
        pipeline.run_evaluate(workspace)
    assert len(server.requests) == asked


def test_consent_stands_on_record_before_anything_is_sent(
    workspace: Workspace, server: OpenAIServer
) -> None:
    found: list[str] = []
    server.before = lambda request: (
        found.append(remembered(workspace)["consent"]) if request.where == FILES else None
    )
    tune(workspace)
    assert found == [consent_to("127.0.0.1")] * 2


def test_the_key_is_sent_and_stands_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    with OpenAIServer(key=SECRET) as server:
        learned(server)
        server.course = ("queued", "succeeded")
        workspace = workspace_for(tmp_path / "task", server, key_variable="MY_KEY")
        with pytest.raises(SystemExit):
            main(["run", "-w", str(workspace.folder)])
        server.key = "another"
        (workspace.folder / "runs").rename(workspace.folder / "old")
        with pytest.raises(SystemExit) as end:
            main(["run", "-w", str(workspace.folder)])
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert "refuses the key in MY_KEY" in shown.err
    assert SECRET not in shown.out + shown.err
    assert len(list(tmp_path.rglob("*"))) > 15
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_brief_with_a_bad_name_tells_its_line(tmp_path: Path, server: OpenAIServer) -> None:
    workspace = workspace_for(tmp_path / "task", server)
    text = workspace.brief.read_text().replace(f"{server.url}:base", f"{server.url}")
    workspace.brief.write_text(text)
    with pytest.raises(BurnishError) as error:
        pipeline.run(workspace)
    (fault,) = error.value.faults
    assert fault.startswith("line ")
    assert "openai-compatible:URL:MODEL" in fault


RUN = """
import sys
from burnish.cli.main import main
try:
    main(["run", "--json", "-w", sys.argv[1]])
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def start(workspace: Workspace) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(workspace.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_killed_at_every_turn_uploads_starts_and_asks_once(
    tmp_path: Path, server: OpenAIServer
) -> None:
    """Each kill comes at the worst moment: when the server has done it and not yet answered."""
    workspace = workspace_for(tmp_path / "task", server)
    moments = [(FILES, 1), (JOBS, 1), (JOB, 2), (CHAT, 3), (CHAT, 40)]
    server.course = ("queued", "running", "succeeded")
    for where, nth in moments:
        child = start(workspace)

        def kill(request: Request, child: Any = child, where: str = where, nth: int = nth) -> None:
            if request.where == where and len(server.asked(where)) >= nth:
                os.kill(child.pid, signal.SIGKILL)

        server.after = kill
        child.communicate(timeout=60)
        assert child.returncode == -signal.SIGKILL, (where, nth)
        wait_until(lambda: server.under_way == 0)
    server.after = lambda request: None
    child = start(workspace)
    out, err = child.communicate(timeout=60)
    assert child.returncode in (0, 1), err
    assert err.splitlines()[-1] == "False"  # no torch
    assert len(server.files) == len(server.asked(FILES)) == 2
    assert len(server.jobs) == len(server.asked(JOBS)) == 1
    # Of each kill among the answers, at most those under way are asked again.
    assert 45 <= len(server.asked(CHAT)) <= 45 + 2 * 4
    report = Report.model_validate_json(out)
    (run,) = workspace.records(Run)
    assert run.resumed == 1
    calm = pipeline.run(workspace_for(tmp_path / "calm", server))
    assert [system.scores for system in report.systems] == [
        system.scores for system in calm.systems
    ]
    assert report.files == calm.files
