"""The voting page over real requests: blind, resumable, several raters, and closed to others."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import httpx
import pytest
from test_sheets import lines_of, report_of, sheets_of, task_for

from burnish.errors import EvaluationError
from burnish.evaluate.sheet import Sheets
from burnish.evaluate.voting import VotingServer
from burnish.records import Answer, Vote

N = 6


class Desk:
    """A running server and the votes it has taken."""

    def __init__(self, server: VotingServer, votes: dict[tuple[Any, ...], Vote]) -> None:
        self.server = server
        self.votes = votes
        self.http = httpx.Client(base_url=server.url)

    def page(self, rater: str, **more: str) -> str:
        answer = self.http.get("/", params={"rater": rater, **more})
        assert answer.status_code == 200
        return answer.text

    def form(self, page: str) -> dict[str, str]:
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
        return {name: unescape(value) for name, value in fields}

    def vote(self, fields: dict[str, str], origin: str | None = None) -> httpx.Response:
        origin = self.server.url.rstrip("/") if origin is None else origin
        return self.http.post("/", data=fields, headers={"Origin": origin} if origin else {})


@contextmanager
def desk(sheets: Sheets) -> Iterator[Desk]:
    votes: dict[tuple[Any, ...], Vote] = {}

    def save(vote: Vote) -> None:
        votes[vote.sheet, vote.example, vote.systems, vote.rater] = vote

    with VotingServer(
        sheets, title="Notes <b>", criteria="Be right.", read=lambda: list(votes.values()),
        save=save, now=lambda: "2026-11-01T00:00:00Z",
    ) as server:  # fmt: skip
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield Desk(server, votes)
        finally:
            server.stop()
            thread.join()


def test_two_raters_vote_through_to_the_end_each_in_their_own_order() -> None:
    with desk(sheets_of(N, sheets=("pairwise", "rubric"))) as one:
        orders = {}
        for rater in ("anna", "ben & co"):
            seen = []
            for step in range(3 * N):
                page = one.page(rater)
                assert f"{step} of {3 * N} done" in page
                fields = one.form(page)
                seen.append(fields["item"])
                pair = "Which answer is better?" in page
                said = "tie" if pair else "4"
                if pair and step % 2:
                    answers = re.findall(r'tabindex="0">(\w\w)\d', page)
                    said = str(answers.index("tu") + 1)
                answer = one.vote(fields | {"vote": said})
                assert answer.status_code == 303
                assert answer.next_request is not None
                one.http.send(answer.next_request)
            assert "That was all" in one.page(rater)
            orders[rater] = seen
        assert orders["anna"] != orders["ben & co"]
        said = [vote for vote in one.votes.values() if vote.sheet == "pairwise"]
    assert len(one.votes) == 2 * 3 * N
    assert {vote.value for vote in said} == {"tie", "tuned"}
    assert {vote.systems for vote in said} == {("few-shot", "tuned")}


def test_who_wrote_an_answer_stands_nowhere_on_the_page() -> None:
    with desk(sheets_of(N)) as one:
        page = one.page("anna")
    for hidden in ("tuned", "few-shot", "classic", ">e0<"):
        assert hidden not in page


def test_a_vote_can_be_looked_at_again_and_changed() -> None:
    with desk(sheets_of(N)) as one:
        fields = one.form(one.page("anna"))
        one.vote(fields | {"vote": "1"})
        after = one.page("anna")
        back = re.search(r'href="(/\?[^"]*item=[^"]*)"', after)
        assert back is not None
        page = one.http.get(unescape(back[1])).text
        assert one.form(page)["item"] == fields["item"]
        assert 'value="1" accesskey="1" class="chosen"' in page
        before = next(iter(one.votes.values())).value
        one.vote(fields | {"vote": "2"})
        assert len(one.votes) == 1
        assert {before, next(iter(one.votes.values())).value} == {"tuned", "few-shot"}


def test_planted_text_is_shown_and_never_run() -> None:
    lines = lines_of(1)
    planted = "<script>alert(1)</script>{{ 7 * 7 }}"
    answers = lines[0].answers | {"tuned": Answer(text=planted)}
    lines[0] = lines[0].model_copy(update={"answers": answers})
    with desk(Sheets(task_for(), report_of(), lines)) as one:
        answer = one.http.get("/", params={"rater": "<img src=x>"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in answer.text
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "Notes &lt;b&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_page_fetches_nothing() -> None:
    with desk(sheets_of(N)) as one:
        page = one.page("anna")
    assert not re.search(r"https?://|url\(|@import|src=", page)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("", 403), ("null", 403), ("http://evil.example", 403), ("https://127.0.0.1", 403)],
)
def test_a_vote_from_another_page_is_refused(origin: str, status: int) -> None:
    with desk(sheets_of(N)) as one:
        fields = one.form(one.page("anna")) | {"vote": "1"}
        assert one.vote(fields, origin).status_code == status
        assert one.votes == {}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "x"}, 403),
        ({"token": "é"}, 403),
        ({"vote": "3"}, 400),
        ({"vote": "tuned"}, 400),
        ({"item": "0" * 16}, 400),
        ({"rater": " "}, 400),
        ({"rater": "a" * 65}, 400),
        ({"rater": "a\nb"}, 400),
        ({"vote": "1" * 20_000}, 413),
    ],
)
def test_what_is_no_vote_is_refused(change: dict[str, str], status: int) -> None:
    with desk(sheets_of(N)) as one:
        fields = one.form(one.page("anna")) | {"vote": "1"} | change
        assert one.vote(fields).status_code == status
        assert one.votes == {}


def test_another_host_name_for_this_machine_is_refused() -> None:
    with desk(sheets_of(N)) as one:
        answer = one.http.get("/?rater=a", headers={"Host": "evil.example"})
        assert (answer.status_code, "item" in answer.text) == (421, False)
        port = one.server.url.rsplit(":", 1)[1].strip("/")
        assert one.http.get("/", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_other_paths_and_methods_have_nothing() -> None:
    with desk(sheets_of(N)) as one:
        assert one.http.get("/votes").status_code == 404
        assert one.http.delete("/").status_code == 501
        assert "Begin" in one.http.get("/").text
        assert "the rater&#39;s name" in one.http.get("/", params={"rater": "a" * 70}).text.lower()


def test_only_loopback_listens_and_a_taken_port_is_told() -> None:
    with desk(sheets_of(N)) as one:
        assert one.server._http.server_address[0] == "127.0.0.1"
        port = one.server._http.server_port
        with pytest.raises(EvaluationError, match=f"port {port}") as told:
            VotingServer(
                sheets_of(N), title="", criteria="", read=list, save=print, now=str, port=port
            )
    assert "--port 0" in told.value.hint


def test_many_votes_at_once_are_all_kept() -> None:
    with desk(sheets_of(40)) as one:

        def rate(rater: str) -> None:
            own = Desk(one.server, one.votes)
            for _ in range(20):
                own.vote(own.form(own.page(rater)) | {"vote": "tie"})

        threads = [threading.Thread(target=rate, args=(f"r{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(one.votes) == 80
