"""The HTTP engine against a server on loopback: order, faults of every kind, and the key."""

import logging
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from openai_server import OpenAIServer

from burnish.engines.client import Patience
from burnish.engines.engine import ChatEngine, Said
from burnish.engines.http import HttpEngine
from burnish.engines.server import PREFIX, Server, read_server, require_consent
from burnish.errors import BriefError, ServerError
from burnish.records import Message, ProviderSettings

CHAT = "POST /v1/chat/completions"
QUICK = Patience(tries=4, seconds=5.0, first_wait=0.01, longest_wait=0.05)
SECRET = "sk-planted-5ecret-value"


def echo(model: str, messages: list[dict[str, str]]) -> str:
    return f"{model}: {messages[-1]['content']}"


def server_of(served: OpenAIServer, **changes: Any) -> Server:
    server = Server(url=served.url, host="127.0.0.1", model="base", timeout=1.0)
    return replace(server, **changes)


def chats(n: int) -> list[list[Message]]:
    return [
        [Message(role="system", content="Echo."), Message(role="user", content=f"number {i}")]
        for i in range(n)
    ]


def ask(served: OpenAIServer, n: int = 1, patience: Patience = QUICK, **changes: Any) -> list[str]:
    with HttpEngine(server_of(served, **changes), patience) as engine:
        return [said.text for said in engine.answer(chats(n), max_new_tokens=50)]


def test_answers_keep_the_order_of_the_chats_and_tell_what_they_took() -> None:
    def slowest_first(model: str, messages: list[dict[str, str]]) -> str:
        time.sleep(0.1 if messages[-1]["content"] == "number 0" else 0.01)
        return echo(model, messages)

    heard: list[tuple[int, Said]] = []
    with (
        OpenAIServer(answer=slowest_first) as served,
        HttpEngine(server_of(served, requests=3), QUICK) as engine,
    ):
        assert isinstance(engine, ChatEngine)
        answers = engine.answer(
            chats(12), max_new_tokens=50, stop=["\n"], heard=lambda *one: heard.append(one)
        )
        assert served.most_under_way == 3
        assert engine.answer([], max_new_tokens=1) == []
    assert [said.text for said in answers] == [f"base: number {i}" for i in range(12)]
    assert sorted(place for place, _ in heard) == list(range(12))
    assert heard[0][0] != 0
    assert answers[0].usage.seconds >= 0.1
    assert (answers[0].usage.prompt_tokens, answers[0].usage.answer_tokens) == (3, 3)
    body = served.requests[0].body
    assert body["messages"][0] == {"role": "system", "content": "Echo."}
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0, 50, ["\n"])


def test_an_answer_cut_at_its_longest_length_has_not_stopped() -> None:
    with OpenAIServer(answer=echo) as served, HttpEngine(server_of(served), QUICK) as engine:
        (cut,) = engine.answer(chats(1), max_new_tokens=2)
        (whole,) = engine.answer(chats(1), max_new_tokens=3)
    assert (cut.text, cut.stopped) == ("base: number", False)
    assert (whole.text, whole.stopped) == ("base: number 0", True)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 500},
        {"status": 503, "headers": {"retry-after": "0"}},
        {"drop": True},
        {"hang": 0.6},
        {"status": 200, "body": b"<html>busy</html>"},
        {"status": 200, "body": b"\xff\xfe\x00"},
        {"status": 200, "body": {"choices": []}},
        {"status": 200, "body": {"choices": [{"message": {"content": 7}}]}},
        {"status": 200, "body": ["choices"]},
        {"status": 200, "body": b"[" * 100_000},
    ],
    ids=str,
)
def test_what_passes_is_tried_again(fault: dict[str, Any]) -> None:
    with OpenAIServer(answer=echo) as served:
        served.fail(CHAT, times=2, **fault)
        assert ask(served, timeout=0.4) == ["base: number 0"]
        assert len(served.asked(CHAT)) == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 429, "body": {"error": {"message": "slow down"}}}, "rate (429: slow down)"),
        ({"status": 500, "body": b"oops"}, "127.0.0.1 failed (500: oops)"),
        ({"drop": True}, "broke the connection off"),
        ({"hang": 0.6}, "did not answer within 0.3 s"),
        ({"trickle": 0.1}, "did not answer within 0.3 s"),
        ({"status": 200, "body": b"<html>"}, "answered with no JSON, but '<html>'"),
        ({"status": 200, "body": {"choices": []}}, "form than the OpenAI API's (choices: list"),
        ({"status": 200, "body": {"choices": [{"message": {"content": 7}}]}}, "content: input"),
    ],
    ids=str,
)
def test_what_does_not_pass_is_given_up_with_its_reason(fault: dict[str, Any], says: str) -> None:
    with OpenAIServer(answer=echo) as served:
        served.fail(CHAT, times=9, **fault)
        with pytest.raises(ServerError) as error:
            ask(served, timeout=0.3)
        assert says in error.value.message
        assert "tried 4 times" in error.value.message
        assert len(served.asked(CHAT)) == 4


@pytest.mark.parametrize(
    ("fault", "says", "then"),
    [
        ({"status": 401}, "asks for a key (401)", "provider.key_variable"),
        ({"status": 403, "body": {"detail": "no"}}, "asks for a key (403: no)", "key_variable"),
        (
            {"status": 404, "body": {"error": {"message": "no such model"}}},
            "know the model",
            "name",
        ),
        ({"status": 404, "body": b"Not Found"}, "has nothing at http://127.0.0.1", "ends in /v1"),
        ({"status": 400, "body": {"error": "context too long"}}, "(400: context too long)", ""),
        ({"status": 307, "headers": {"location": "https://x/v1"}}, "redirects", "the URL"),
        (
            {"status": 429, "body": {"error": {"message": "pay", "code": "insufficient_quota"}}},
            "refuses the request (429: pay)",
            "",
        ),
    ],
    ids=str,
)
def test_what_will_not_pass_is_not_tried_again(fault: dict[str, Any], says: str, then: str) -> None:
    with OpenAIServer(answer=echo) as served:
        served.fail(CHAT, times=9, **fault)
        with pytest.raises(ServerError) as error:
            ask(served)
        assert says in error.value.message
        assert then in error.value.hint
        assert len(served.asked(CHAT)) == 1


def test_a_model_that_is_not_there() -> None:
    with OpenAIServer() as served, pytest.raises(ServerError, match="does not know the model"):
        ask(served, model="another")


def test_a_server_that_is_not_there() -> None:
    with OpenAIServer() as served:
        pass
    began = time.monotonic()
    with pytest.raises(ServerError, match=r"cannot be reached .* tried 4 times"):
        ask(served)
    assert time.monotonic() - began < QUICK.seconds


def test_retry_after_is_honoured_by_all_requests() -> None:
    times: list[float] = []

    def before(_: Any) -> None:
        times.append(time.monotonic())
        if len(times) == 2:
            time.sleep(0.2)  # the one already under way ends after the refusal was read

    with OpenAIServer(answer=echo) as served:
        served.before = before
        served.fail(CHAT, status=429, headers={"retry-after": "0.5"})
        assert len(ask(served, 6, requests=2)) == 6
    first, *others = times
    assert sum(moment < first + 0.45 for moment in others) <= 1
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with OpenAIServer(answer=echo) as served:
        served.fail(CHAT, status=503, headers={"retry-after": date})
        began = time.monotonic()
        ask(served)
        assert time.monotonic() - began > 0.9  # dates are told to the second


def test_a_longer_wait_than_there_is_time_for_ends_at_once() -> None:
    with OpenAIServer() as served:
        served.fail(CHAT, status=429, headers={"retry-after": "3600"})
        began = time.monotonic()
        with pytest.raises(ServerError, match="wait 3,600 s more"):
            ask(served)
        assert time.monotonic() - began < 1


def test_total_time_is_bounded() -> None:
    with OpenAIServer() as served:
        served.fail(CHAT, times=50, hang=0.3, status=500)
        began = time.monotonic()
        with pytest.raises(ServerError):
            ask(served, patience=replace(QUICK, tries=50, seconds=1.0))
        assert time.monotonic() - began < 2.5


def test_an_error_hears_out_what_is_under_way() -> None:
    heard: list[int] = []

    def slow(model: str, messages: list[dict[str, str]]) -> str:
        time.sleep(0.2)
        return "late"

    with OpenAIServer(answer=slow) as served:
        served.fail(CHAT, status=400, hang=0.1)
        with (
            HttpEngine(server_of(served, requests=3), QUICK) as engine,
            pytest.raises(ServerError, match="refuses the request"),
        ):
            engine.answer(chats(50), max_new_tokens=5, heard=lambda at, _: heard.append(at))
        assert len(heard) == len(served.asked(CHAT)) - 1 == 2


def test_a_server_that_wants_max_completion_tokens_gets_them() -> None:
    told = "Unsupported parameter: 'max_tokens' is not supported with this model."
    with OpenAIServer(answer=echo) as served:
        served.fail(CHAT, status=400, body={"error": {"message": told, "param": "max_tokens"}})
        with HttpEngine(server_of(served), QUICK) as engine:
            assert engine.answer(chats(1), max_new_tokens=5)[0].text == "base: number 0"
            engine.answer(chats(1), max_new_tokens=5)
        sent = [set(request.body) & {"max_tokens", "max_completion_tokens"} for request in
                served.asked(CHAT)]  # fmt: skip
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


def test_refusals_and_odd_usage_are_answers_too() -> None:
    refusal = {"choices": [{"message": {"content": None, "refusal": "I cannot."}}], "usage": [1]}
    empty = {"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens": "many"}}
    with OpenAIServer() as served, HttpEngine(server_of(served), QUICK) as engine:
        served.fail(CHAT, status=200, body=refusal)
        served.fail(CHAT, status=200, body=empty)
        first = engine.answer(chats(1), max_new_tokens=5)[0]
        second = engine.answer(chats(1), max_new_tokens=5)[0]
    assert (first.text, first.usage.prompt_tokens) == ("I cannot.", None)
    assert (second.text, second.usage.prompt_tokens) == ("", None)


def test_the_key_is_sent_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    shown = []
    with OpenAIServer(answer=echo, key=SECRET) as served:
        server = server_of(served, key_variable="SOME_KEY")
        engine = HttpEngine(server, QUICK)
        assert engine.answer(chats(1), max_new_tokens=9)[0].text == "base: number 0"
        shown += [repr(server), repr(engine), repr(vars(engine)), repr(engine._client._http)]
        bodies = [SECRET.encode(), {"error": {"message": f"key {SECRET}", "param": SECRET}}]
        for status in (400, 401, 404, 429, 500, 200):
            for body in bodies:
                served.fail(CHAT, times=4, status=status, body=body)
                with pytest.raises(ServerError) as error:
                    engine.answer(chats(1), max_new_tokens=9)
                shown += [str(error.value), repr(error.value), repr(vars(error.value))]
                shown += traceback.format_exception(error.value)
                served.faults.clear()
    assert any("…" in text for text in shown)
    assert not [text for text in shown if SECRET in text]
    assert caplog.text
    assert SECRET not in caplog.text


def test_a_wrong_or_missing_key_is_told_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with OpenAIServer(key=SECRET) as served:
        with pytest.raises(BriefError, match="SOME_KEY is not set"):
            ask(served, key_variable="SOME_KEY")
        monkeypatch.setenv("SOME_KEY", "wrong\nkey")
        with pytest.raises(BriefError, match="SOME_KEY holds characters"):
            ask(served, key_variable="SOME_KEY")
        assert served.requests == []
        monkeypatch.setenv("SOME_KEY", "wrong")
        with pytest.raises(ServerError, match="refuses the key in SOME_KEY"):
            ask(served, key_variable="SOME_KEY")


@pytest.mark.parametrize(
    ("name", "url", "host", "model"),
    [
        ("https://api.openai.com/v1:gpt-4.1-mini", None, "api.openai.com", "gpt-4.1-mini"),
        ("http://h/v1/:ft:m:o::1", "http://h/v1", "h", "ft:m:o::1"),
        ("http://127.0.0.1:80:m", "http://127.0.0.1:80/v1", "127.0.0.1", "m"),
        ("http://[::1]:80/v1:@cf/m", "http://[::1]:80/v1", "[::1]", "@cf/m"),
    ],
)
def test_names_of_models_at_servers(name: str, url: str | None, host: str, model: str) -> None:
    server = read_server(PREFIX + name, ProviderSettings())
    assert (server.host, server.model) == (host, model)
    assert server.url == (url or "https://api.openai.com/v1")


@pytest.mark.parametrize(
    "name",
    ["", "model", "http://h", "http://h:80", "http://h/v1", "ftp://h:m", f"http://u:{SECRET}@h:m",
     f"https://h/v1?key={SECRET}:m", "http://h: m", f"http://{SECRET}@h/v1:m"],
)  # fmt: skip
def test_names_that_are_none_are_refused_without_repeating_them(name: str) -> None:
    with pytest.raises(BriefError, match="openai-compatible:URL:MODEL") as error:
        read_server(PREFIX + name, ProviderSettings())
    assert SECRET not in str(error.value)


def test_a_key_in_place_of_its_variable_is_refused_without_repeating_it() -> None:
    with pytest.raises(BriefError, match="not the name of an environment variable") as error:
        read_server(PREFIX + "http://h:m", ProviderSettings(key_variable=SECRET))
    assert SECRET not in str(error.value)


def test_consent_is_for_one_host() -> None:
    server = read_server(PREFIX + "https://h.org/v1:m", ProviderSettings())
    require_consent(server, ProviderSettings(consent="Examples may leave this machine for h.org"))
    for consent in ("", "yes", "examples may leave this machine for other.org"):
        with pytest.raises(BriefError, match="nothing was sent") as error:
            require_consent(server, ProviderSettings(consent=consent))
        assert '"examples may leave this machine for h.org"' in error.value.hint
