"""Compared models over HTTP: faults lose nothing, and the report shows what they took."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from openai_server import OpenAIServer

from burnish import pipeline
from burnish.brief.file import read_brief, write_brief
from burnish.chat.messages import MessageRenderer
from burnish.engines.client import Patience
from burnish.engines.engine import ChatEngine
from burnish.engines.http import HttpEngine
from burnish.engines.server import PREFIX, on_this_machine, read_server
from burnish.errors import BriefError, ServerError
from burnish.evaluate.compared import Compared, ask_compared
from burnish.records import (
    CompareSettings,
    DataSettings,
    EvaluateSettings,
    Example,
    ProviderSettings,
    Report,
    Task,
    TrainSettings,
)
from burnish.store import Workspace

CHAT = "POST /v1/chat/completions"
QUICK = Patience(tries=3, seconds=4.0, first_wait=0.01, longest_wait=0.02)
EXAMPLES = [
    Example(
        id=f"e{i}", source="a", row=i, inputs={"text": f"text {i}"}, answer=f"text {i}",
        references=(f"text {i}",),
    )
    for i in range(12)
]  # fmt: skip


def echo(model: str, messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"]


def task_for(*servers: OpenAIServer, **settings: Any) -> Task:
    compare = tuple(
        CompareSettings(
            name=f"m{place}",
            model=f"{PREFIX}{server.url}:base",
            timeout=0.5,
            requests=2,
            **settings,
        )
        for place, server in enumerate(servers, start=1)
    )
    data = DataSettings(source="a", inputs=("text",), output=("out",))
    return Task(name="t", kind="generate", metric="chrf", data=data, compare=compare)


def quick(compared: CompareSettings) -> AbstractContextManager[ChatEngine]:
    return HttpEngine(read_server(compared.model, compared), QUICK)


def ask(
    task: Task, parts: Path, engine_of: Callable[[CompareSettings], Any] = quick
) -> dict[str, Compared]:
    return ask_compared(
        task, (), EXAMPLES[:4], EXAMPLES, engine_of=engine_of, renderer=MessageRenderer(task),
        parts=parts, tell=lambda name, done: None,
    )  # fmt: skip


FAULTS: dict[str, dict[str, Any]] = {
    "hangs": {"hang": 1.0},
    "limits the rate": {"status": 429, "headers": {"retry-after": "0.05"}},
    "fails": {"status": 500},
    "breaks off": {"drop": True},
    "trickles": {"trickle": 0.3},
    "html": {"status": 200, "body": b"<html>busy</html>"},
    "other json": {"status": 200, "body": {"choices": []}},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_passing_fault_costs_no_answer(tmp_path: Path, fault: str) -> None:
    with OpenAIServer(answer=echo) as server:
        server.fail(CHAT, times=2, **FAULTS[fault])
        found = ask(task_for(server), tmp_path)
    assert [answer.text for answer in found["m1"].answers] == [e.answer for e in EXAMPLES]
    assert len(server.asked(CHAT)) == len(EXAMPLES) + 2


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_lasting_fault_is_told_and_what_was_answered_is_kept(tmp_path: Path, fault: str) -> None:
    with OpenAIServer(answer=echo) as bad, OpenAIServer(answer=echo) as good:
        task = task_for(bad, good)
        bad.after = lambda request: (
            bad.fail(CHAT, times=40, **FAULTS[fault]) if len(bad.asked(CHAT)) == 5 else None
        )
        with pytest.raises(
            ServerError, match=r"compared model 'm1'.*of 12 answers are kept"
        ) as told:
            ask(task, tmp_path)
        assert "take it out of compare" in told.value.hint
        kept = (tmp_path / "m1.jsonl").read_text().splitlines()
        assert 3 <= len(kept) < 12
        assert len(good.asked(CHAT)) == 12  # the model after it was asked all the same
        bad.faults.clear()
        bad.after = lambda request: None
        before = len(bad.asked(CHAT))
        found = ask(task, tmp_path)
        assert len(bad.asked(CHAT)) - before == 12 - len(kept)
        assert len(good.asked(CHAT)) == 12
    assert [answer.text for answer in found["m1"].answers] == [e.answer for e in EXAMPLES]


def test_worked_examples_are_as_many_as_the_model_is_to_see(tmp_path: Path) -> None:
    with OpenAIServer(answer=echo) as server:
        found = ask(task_for(server, shots=2), tmp_path)
        assert {len(request.body["messages"]) for request in server.asked(CHAT)} == {5}
    assert "2 worked examples" in found["m1"].description


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("127.8.9.1", True),
     ("10.0.0.1", False), ("localhost.example.org", False), ("h.org", False)],
)  # fmt: skip
def test_what_is_this_machine(host: str, own: bool) -> None:
    server = read_server(f"{PREFIX}http://{host}:80:m", ProviderSettings())
    assert on_this_machine(server) is own


def workspace_for(folder: Path, base: Path, *compare: CompareSettings) -> Workspace:
    folder.mkdir()
    colours = ("red", "green", "blue")
    rows = [{"text": f"the {colours[i % 3]} one {i}", "label": colours[i % 3]} for i in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = Task(
        name="colours", kind="classify", metric="accuracy", base=str(base), compare=compare,
        data=DataSettings(
            source="rows.jsonl", inputs=("text",), output=("label",),
            train_fraction=0.5, validation_fraction=0.1, test_fraction=0.4,
        ),
        train=TrainSettings(epochs=1, max_length=256),
        evaluate=EvaluateSettings(max_new_tokens=8, resamples=200, systems=("zero-shot", "tuned")),
    )  # fmt: skip
    write_brief(folder / "burnish.yaml", task)
    assert read_brief(folder / "burnish.yaml") == task
    return Workspace(folder)


def test_a_large_prompted_model_is_an_alternative_with_cost_and_latency(
    tmp_path: Path, tiny_base: Path
) -> None:
    def knows(model: str, messages: list[dict[str, str]]) -> str:
        return messages[-1]["content"].split()[1]

    with OpenAIServer(answer=knows) as server:
        compared = CompareSettings(
            name="large", model=f"{PREFIX}{server.url}:base", prompt_price=2.0, answer_price=8.0
        )
        workspace = workspace_for(tmp_path / "task", tiny_base, compared)
        report = pipeline.run(workspace)
        asked = server.asked(CHAT)
        assert len(asked) == report.n
        assert pipeline.run(workspace) == report
        assert len(server.asked(CHAT)) == report.n
        changed = workspace.brief.read_text().replace("prompt_price: 2.0", "prompt_price: 4.0")
        workspace.brief.write_text(changed)
        assert pipeline.run(workspace) == report  # a new price is not worth asking again
    scores = {system.name: system.scores["accuracy"].value for system in report.systems}
    assert scores["large"] == 1.0
    assert report.verdict is not None
    assert (report.verdict.strongest, report.verdict.decision) == ("large", "don't ship")
    assert {difference.other for difference in report.differences} == {"zero-shot", "large"}
    used = report.usage["large"]
    words = sum(len(turn["content"].split()) for one in asked for turn in one.body["messages"])
    assert used.cost == pytest.approx((words * 2.0 + report.n * 8.0) / 1e6)
    assert used.mean_seconds > 0
    page = workspace.path(report, "report.html").read_text()
    assert "What the servers' answers took" in page
    assert f"{used.cost / used.n * 1000:.4f}" in page


def test_nothing_is_begun_without_consent_for_a_host_that_is_not_this_machine(
    tmp_path: Path, tiny_base: Path
) -> None:
    far = CompareSettings(name="far", model=f"{PREFIX}https://far.example/v1:m")
    workspace = workspace_for(tmp_path / "task", tiny_base, far)
    with pytest.raises(BriefError, match=r"`compare\[1\].consent` is missing, so nothing") as told:
        pipeline.run(workspace)
    assert '"examples may leave this machine for far.example"' in told.value.hint
    assert not (workspace.folder / "datasets").exists()
    agreed = far.model_copy(
        update={
            "consent": "examples may leave this machine for far.example",
            "key_variable": "NOT_SET_ANYWHERE",
        }
    )
    workspace = workspace_for(tmp_path / "other", tiny_base, agreed)
    with pytest.raises(BriefError, match="NOT_SET_ANYWHERE is not set"):
        pipeline.run_evaluate(workspace)
    assert workspace.records(Report) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{model: 'openai-compatible:http://h:m'}", "line 10: `compare[1].name` is missing"),
        ("{name: tuned, model: 'openai-compatible:http://h:m'}", "another system is called"),
        ("{name: a b, model: 'openai-compatible:http://h:m'}", "`compare[1].name` is 'a b'"),
        ("{name: a, model: gpt}", "openai-compatible:URL:MODEL"),
        ("{name: a, model: 'openai-compatible:http://h:m', prise: 3}", "`compare[1].prise`"),
        ("{name: a, model: 'openai-compatible:http://h:m', shots: -1}", "at least 0"),
        ("gpt", "`compare[1]` is 'gpt'"),
    ],
)
def test_faults_of_a_compared_model_name_its_entry(tmp_path: Path, entry: str, fault: str) -> None:
    path = tmp_path / "burnish.yaml"
    path.write_text(
        "name: t\nkind: classify\nmetric: accuracy\ndata:\n  source: a.csv\n  inputs: x\n"
        f"  output: y\n\n\ncompare:\n- {entry}\n"
    )
    with pytest.raises(BriefError) as told:
        read_brief(path)
    assert any(fault in one for one in told.value.faults), told.value.faults
