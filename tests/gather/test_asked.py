"""Exchanges as the brief of today reads them: inputs, chats, and why some are left out."""

import json
from typing import Any

import pytest

from burnish.gather.asked import NO_INPUTS, NO_TEXTS, NOT_ANSWERED, asked, exchange_id
from burnish.records import Exchange, Task


def task(**data: Any) -> Task:
    given = {"source": "a.csv", "inputs": ["title", "text"], "output": ["label"], **data}
    return Task.model_validate(
        {"name": "t", "kind": "classify", "metric": "macro_f1", "data": given}
    )


CHATS = {"inputs": [], "output": [], "messages": "chat"}


def exchange(request: Any, **fields: Any) -> Exchange:
    known = {
        "id": "ex-1", "at": "2026-10-01T08:00:00.000Z", "endpoint": "t", "status": 200,
        "seconds": 0.1, "request": None if request is None else json.dumps(request),
        "answer": "yes",
    }  # fmt: skip
    return Exchange.model_validate(known | fields)


def test_the_columns_of_the_brief_are_read_and_others_are_not() -> None:
    read = asked(task(), exchange({"title": "a", "text": "b", "language": "en"}))
    assert not isinstance(read, str)
    assert read.inputs == {"title": "a", "text": "b"}
    assert (read.answer, read.time) == ("yes", "2026-10-01")
    assert exchange_id(read.id) == "ex-1"
    assert exchange_id("visit-12") == ""


@pytest.mark.parametrize(
    ("request_", "fields", "reason"),
    [
        ({"text": "b"}, {}, 'without the brief\'s column "title"'),
        ({}, {}, 'without the brief\'s columns "title", "text"'),
        ({"title": 3, "text": "b"}, {}, 'without the brief\'s column "title"'),
        ({"title": " ", "text": ""}, {}, NO_INPUTS),
        ({"title": "a", "text": "b"}, {"status": 503}, NOT_ANSWERED),
        (None, {}, NO_TEXTS),
        ({"title": "a", "text": "b"}, {"answer": None}, NO_TEXTS),
        ([{"role": "user", "content": "b"}], {"endpoint": "chat"},
         "asked at the chat endpoint, not by the brief's columns"),
        ([{"role": "user", "content": "b"}], {}, "a chat, where the brief has columns"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_brief_is_left_out_with_its_reason(
    request_: Any, fields: dict[str, Any], reason: str
) -> None:
    assert asked(task(), exchange(request_, **fields)) == reason


def test_a_chat_is_read_from_the_task_and_from_the_chat_endpoint() -> None:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    for endpoint in ("t", "chat"):
        read = asked(task(**CHATS), exchange(turns, endpoint=endpoint))
        assert not isinstance(read, str)
        assert [turn.content for turn in read.history] == ["s", "u"]
        assert read.inputs == {}


@pytest.mark.parametrize(
    "turns", [[{"role": "tool", "content": "u"}], ["u"], [{"role": "user", "content": None}]]
)
def test_a_chat_of_another_kind_is_left_out(turns: Any) -> None:
    assert asked(task(**CHATS), exchange(turns)) == "a chat with turns of another kind"
    assert asked(task(**CHATS), exchange({"text": "b"})) == "columns, where the brief has chats"
