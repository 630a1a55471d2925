"""A judge on loopback with known biases over real pairs: each bias found, the verdict withheld."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai_server import Fault, OpenAIServer

from burnish.engines.client import Patience
from burnish.engines.http import HttpEngine
from burnish.engines.server import PREFIX, read_server
from burnish.errors import ServerError
from burnish.evaluate.judge import Judge, Pair, judge_pairs
from burnish.evaluate.judging import judge_report
from burnish.records import Answer, AnsweredExample, JudgeReport, JudgeSettings, Vote

CHAT = "POST /v1/chat/completions"
QUICK = Patience(tries=3, seconds=4.0, first_wait=0.01, longest_wait=0.02)
DATA = Path(os.environ.get("BURNISH_DATA", "")) / "preferences-pandalm"
REPORT = "r" * 64
N = 150

Verdict = Callable[[dict[str, str]], str]


def judging(decide: Verdict) -> Callable[[str, list[dict[str, str]]], str]:
    """A judge's answer from the JSON it is given first."""

    def answer(model: str, messages: list[dict[str, str]]) -> str:
        material = json.loads(messages[1]["content"])
        return json.dumps({"reason": "Because.", "verdict": decide(material)})

    return answer


def first(material: dict[str, str]) -> str:
    return "1"


def longer(material: dict[str, str]) -> str:
    one, other = len(material["answer_1"]), len(material["answer_2"])
    return "tie" if one == other else "1" if one > other else "2"


def shorter(material: dict[str, str]) -> str:
    return {"1": "2", "2": "1", "tie": "tie"}[longer(material)]


def lot(material: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(material).encode()).digest()
    return "12"[digest[0] % 2]


def made_up() -> tuple[list[AnsweredExample], list[Vote]]:
    """Pairs of answers whose better one is the one that says so; length plays no part in it."""
    lines, votes = [], []
    for at in range(N):
        lengths = (3 + at % 7, 3 + (at * 3 + 1) % 7)
        better = hashlib.sha256(f"b{at}".encode()).digest()[0] % 2
        texts = [f"{'good' if side == better else 'poor'}{at} " + "word " * lengths[side]
                 for side in range(2)]  # fmt: skip
        lines.append(line_of(str(at), f"question {at}", texts))
        votes += votes_of(str(at), ["few-shot" if better == 0 else "tuned"] * 3)
    return lines, votes


def line_of(name: str, asked: str, texts: list[str]) -> AnsweredExample:
    answers = dict(zip(("few-shot", "tuned"), (Answer(text=text) for text in texts), strict=True))
    return AnsweredExample(
        id=name, row=1, inputs={"text": asked}, references=("REFERENCE",), answers=answers
    )


def votes_of(name: str, values: list[str]) -> list[Vote]:
    return [
        Vote(report=REPORT, sheet="pairwise", example=name, systems=("few-shot", "tuned"),
             rater=f"p{at}", value=value, at="2026-11-01T00:00:00Z")
        for at, value in enumerate(values)
    ]  # fmt: skip


def right(material: dict[str, str]) -> str:
    return "1" if material["answer_1"].startswith("good") else "2"


def judge_them(
    served: OpenAIServer, folder: Path, lines: list[AnsweredExample], votes: list[Vote], **more: Any
) -> JudgeReport:
    model = f"{PREFIX}{served.url}:base"
    settings = JudgeSettings(**{"model": model, "timeout": 1.0, "examples": N} | more)
    server = read_server(model, settings)
    votes = [vote for vote in votes if vote.example in {line.id for line in lines}]
    with HttpEngine(server, QUICK) as engine:
        judge = Judge(engine, f"{server.url}:base", "Answer.", "Be right.", folder / "judge.jsonl")
        return judge_report(
            judge, settings, report=REPORT, other="few-shot", lines=lines, votes=votes,
            resamples=400, seed=0, tell=lambda what, done, total: None,
        )  # fmt: skip


def verdict_of(decide: Verdict, folder: Path, **more: Any) -> JudgeReport:
    lines, votes = made_up()
    with OpenAIServer(answer=judging(decide)) as served:
        return judge_them(served, folder, lines, votes, **more)


def test_a_good_judge_may_decide(tmp_path: Path) -> None:
    found = verdict_of(right, tmp_path, prompt_price=1.0, answer_price=2.0)
    assert found.withheld == ()
    assert found.decision == "not enough data"  # the better ones were drawn by lot
    assert found.pairs is not None
    assert found.pairs.kappa is not None
    assert (found.pairs.kappa.value, found.pairs.kappa.n) == (1.0, N)
    assert found.biases is not None
    assert found.biases.found == ()
    assert found.usage is not None
    assert found.usage.n == 2 * N
    assert found.usage.cost is not None
    assert found.usage.cost > 0


@pytest.mark.parametrize(
    ("decide", "bias"),
    [(first, "Position"), (longer, "Length"), (shorter, "Length"), (lot, "Chance")],
)
def test_each_bias_is_found_and_the_verdict_withheld(
    tmp_path: Path, decide: Verdict, bias: str
) -> None:
    found = verdict_of(decide, tmp_path)
    assert found.biases is not None
    assert [sentence.partition(":")[0] for sentence in found.biases.found] == [bias]
    assert any("`judge.least_kappa`" in reason for reason in found.withheld)
    assert found.decision is None


def test_a_lean_to_a_place_is_found_in_a_judge_that_is_mostly_right(tmp_path: Path) -> None:
    def leaning(material: dict[str, str]) -> str:
        return (
            "1"
            if lot(material) == "1" and lot({"x": lot(material), **material}) == "1"
            else right(material)
        )

    found = verdict_of(leaning, tmp_path)
    assert found.biases is not None
    assert found.biases.found[0].startswith("Position")
    assert found.decision is None


@pytest.fixture(scope="module")
def panda() -> tuple[list[AnsweredExample], list[Vote]]:
    if not DATA.is_dir():
        pytest.skip("needs BURNISH_DATA/preferences-pandalm")
    names = {"1": "few-shot", "2": "tuned", "tie": "tie"}
    lines, votes = [], []
    for source in (DATA / "test.jsonl").read_text(encoding="utf-8").splitlines()[:N]:
        row = json.loads(source)
        texts = [str(row["response_1"]), str(row["response_2"])]
        lines.append(line_of(str(row["id"]), f"{row['instruction']}\n{row['input']}", texts))
        votes += votes_of(str(row["id"]), [names[vote] for vote in row["annotators"]])
    return lines, votes


@pytest.mark.parametrize(
    ("decide", "bias"), [(first, "Position"), (longer, "Length"), (lot, "Chance")]
)
def test_each_bias_is_found_on_real_pairs_and_votes(
    tmp_path: Path, panda: tuple[list[AnsweredExample], list[Vote]], decide: Verdict, bias: str
) -> None:
    with OpenAIServer(answer=judging(decide)) as served:
        found = judge_them(served, tmp_path, *panda)
    assert found.biases is not None
    assert [sentence.partition(":")[0] for sentence in found.biases.found] == [bias]
    assert found.decision is None


def test_recorded_agreement_with_people_is_reproduced_exactly() -> None:
    if not DATA.is_dir():
        pytest.skip("needs BURNISH_DATA/preferences-pandalm")
    from burnish.evaluate.agreement import agreement, cohen_kappa
    from burnish.evaluate.people import majority

    rows = [json.loads(line) for line in (DATA / "test.jsonl").open(encoding="utf-8")]
    verdicts: dict[str, dict[int, str]] = {}
    for line in (DATA / "judges.jsonl").open(encoding="utf-8"):
        said = json.loads(line)
        verdicts.setdefault(said["judge"], {})[said["id"]] = said["verdict"]
    most = [majority(dict(enumerate(map(str, row["annotators"])))) for row in rows]  # type: ignore[arg-type]
    assert most == [row["preferred"] for row in rows]
    assert sum(len(set(row["annotators"])) == 1 for row in rows) == 879
    for judge, right_ones in (("gpt-3.5-turbo", 697), ("pandalm-7b", 667)):
        found = agreement([verdicts[judge][row["id"]] for row in rows], most, resamples=200)
        assert found is not None
        assert round(found.value * 999) == right_ones
    # The authors' README gives Cohen's kappa between annotators 1-2, 1-3 and 2-3.
    for (one, other), published in {(0, 1): 0.85, (0, 2): 0.88, (1, 2): 0.86}.items():
        columns = [[row["annotators"][at] for row in rows] for at in (one, other)]
        kappa = cohen_kappa(*columns, resamples=200)
        assert kappa is not None
        assert round(kappa.value, 2) == published


def test_without_votes_a_judge_decides_nothing(tmp_path: Path) -> None:
    lines, votes = made_up()
    with OpenAIServer(answer=judging(right)) as served:
        none = judge_them(served, tmp_path, lines[:20], [])
        few = judge_them(served, tmp_path, lines[:20], votes[:30])
        asked = len(served.asked(CHAT))
    assert "on 0 items" in none.withheld[0]
    assert "on 10 items" in few.withheld[0]
    assert (none.decision, few.decision) == (None, None)
    assert asked == 40  # the second time everything came from the cache


def test_the_reference_is_sent_only_where_the_brief_says_so(tmp_path: Path) -> None:
    lines, votes = made_up()
    with OpenAIServer(answer=judging(right)) as served:
        judge_them(served, tmp_path / "a", lines[:3], votes)
        assert not any("REFERENCE" in str(request.body) for request in served.asked(CHAT))
        judge_them(served, tmp_path / "b", lines[:3], votes, show_reference=True)
        assert "REFERENCE" in str(served.asked(CHAT)[-1].body)


FAULTS: dict[str, dict[str, Any]] = {
    "hangs": {"hang": 1.5},
    "limits the rate": {"status": 429, "headers": {"retry-after": "0.05"}},
    "fails": {"status": 500},
    "breaks off": {"drop": True},
    "html": {"status": 200, "body": b"<html>busy</html>"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_judge_that_fails_is_told_and_asked_no_reply_twice(tmp_path: Path, fault: str) -> None:
    lines, votes = made_up()
    with OpenAIServer(answer=judging(right)) as served:
        served.after = lambda request: (
            served.faults.extend(Fault(CHAT, **FAULTS[fault]) for _ in range(40))
            if len(served.asked(CHAT)) == 21
            else None
        )
        with pytest.raises(ServerError):
            judge_them(served, tmp_path, lines[:20], votes)
        kept = len((tmp_path / "judge.jsonl").read_text().splitlines())
        assert 16 <= kept < 40
        served.faults.clear()
        served.after = lambda request: None
        with (tmp_path / "judge.jsonl").open("ab") as file:
            file.write(b'{"key": "cut o')
        before = len(served.asked(CHAT))
        found = judge_them(served, tmp_path, lines[:20], votes)
        assert len(served.asked(CHAT)) - before == 40 - kept
        calm = judge_them(served, tmp_path / "calm", lines[:20], votes)
    assert found.preferred == calm.preferred
    assert found.usage is not None
    assert found.usage.n == 40


def test_rubbish_is_asked_again_counted_and_never_a_verdict(tmp_path: Path) -> None:
    lines, votes = made_up()
    replies = ["I like them both.", '{"verdict": "3", "reason": "r"}', '{"verdict": "1"}', "{", ""]

    def rubbish(model: str, messages: list[dict[str, str]]) -> str:
        if len(messages) == 2 or "question 1" in messages[1]["content"]:
            return replies[len(messages[1]["content"]) % len(replies)]
        return judging(right)(model, messages)

    with OpenAIServer(answer=rubbish) as served:
        found = judge_them(served, tmp_path, lines[:40], votes)
        asked = served.asked(CHAT)
    never = 2 * sum("question 1" in line.inputs["text"] for line in lines[:40])
    assert found.unread == never == 22
    assert len(asked) == 80 + 80 + never  # once, once more, and a third time where it must be
    assert "Reply with the JSON object alone" in asked[-1].body["messages"][-1]["content"]
    assert any("could not be read" in reason for reason in found.withheld)
    assert found.preferred is not None
    assert found.preferred.n == 40 - never // 2
    lines_kept = (tmp_path / "judge.jsonl").read_text().splitlines()
    assert len(lines_kept) == 80 - never


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ('{"reason": "r", "verdict": "1"}', "a"),
        ('```json\n{"reason": "r", "verdict": 2}\n```', "b"),
        ('<think>{1 is fine}</think> {"reason": "r", "verdict": "Tie "}', "tie"),
        ('{"reason": "r", "verdict": true}', None),
        ('{"reason": "r", "verdict": "both"}', None),
        ('["1"]', None),
        ("{" * 50_000, None),
    ],
)
def test_replies_and_what_they_mean(tmp_path: Path, reply: str, side: str | None) -> None:
    with OpenAIServer(answer=lambda model, messages: reply) as served:
        server = read_server(f"{PREFIX}{served.url}:base", JudgeSettings())
        with HttpEngine(server, QUICK) as engine:
            judge = Judge(engine, "x", "", "c", tmp_path / "c.jsonl", tries=1)
            (verdict,) = judge_pairs(judge, [Pair("p", "i", "one", "two")]).verdicts
    other = {"a": "b", "b": "a"}.get(str(side), side)
    assert (verdict.forward, verdict.backward) == (side, other)


def test_equal_answers_are_a_tie_and_nobody_is_asked(tmp_path: Path) -> None:
    with OpenAIServer() as served:
        server = read_server(f"{PREFIX}{served.url}:base", JudgeSettings())
        with HttpEngine(server, QUICK) as engine:
            judge = Judge(engine, "x", "", "c", tmp_path / "c.jsonl")
            (verdict,) = judge_pairs(judge, [Pair("p", "i", "same ", "same")]).verdicts
        assert served.requests == []
    assert verdict.verdict == "tie"


def test_a_server_without_forms_is_asked_without(tmp_path: Path) -> None:
    lines, votes = made_up()
    with OpenAIServer(answer=judging(right)) as served:
        served.fail(CHAT, status=400, body={"error": {"message": "response_format is unknown"}})
        found = judge_them(served, tmp_path, lines[:4], votes, requests=1)
        sent = ["response_format" in request.body for request in served.asked(CHAT)]
    assert sent == [True] + [False] * 8
    assert found.unread == 0


def graded(wrong: int) -> Callable[[str, list[dict[str, str]]], str]:
    def answer(model: str, messages: list[dict[str, str]]) -> str:
        text = json.loads(messages[1]["content"])["answer"]
        grade = 4 if text.startswith("good") else 2
        return json.dumps({"reason": "r", "grade": min(5, grade + wrong)})

    return answer


def test_grades_are_calibrated_on_peoples_grades(tmp_path: Path) -> None:
    lines, _ = made_up()
    votes = [
        Vote(report=REPORT, sheet="rubric", example=line.id, systems=(system,), rater="p",
             value="4" if line.answers[system].text.startswith("good") else "2", at="t")
        for line in lines for system in ("tuned", "few-shot")
    ]  # fmt: skip
    with OpenAIServer(answer=graded(0)) as served:
        found = judge_them(served, tmp_path / "a", lines, votes, sheets=("rubric",))
    assert found.withheld == ()
    assert found.rubric is not None
    assert found.rubric.kappa is not None
    assert found.rubric.kappa.value == 1
    assert set(found.grades) == {"tuned", "few-shot"}
    with OpenAIServer(answer=graded(2)) as served:
        kind = judge_them(served, tmp_path / "b", lines, votes, sheets=("rubric",))
    assert kind.decision is None
    assert "weighted" not in kind.withheld[0]
    assert "grades agree with people's at a kappa of" in kind.withheld[0]
