"""A page on this machine on which people vote, blind: one item at a time, kept at once.

Serves on 127.0.0.1 alone; reads the items of a report and writes votes through the function it is
given. A vote is taken only from the page itself: the request's Host and Origin must be this server
(a page elsewhere can send neither), and it must carry the token that stands in the page. The page
needs no script and no network.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from burnish.errors import EvaluationError
from burnish.evaluate.sheet import Item, Sheets
from burnish.evaluate.sheet_file import rater_fault
from burnish.pages.templates import templates
from burnish.records import Vote

_MOST_BYTES = 10_000
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

ReadVotes = Callable[[], Sequence[Vote]]
SaveVote = Callable[[Vote], None]


class VotingServer:
    """Serves the sheets of one report until it is left.

    Attributes:
        url: of the page.

    Raises:
        EvaluationError: the port is taken.
    """

    def __init__(
        self,
        sheets: Sheets,
        *,
        title: str,
        criteria: str,
        read: ReadVotes,
        save: SaveVote,
        now: Callable[[], str],
        port: int = 0,
    ) -> None:
        self._sheets = sheets
        self._title = title
        self._criteria = criteria
        self._read = read
        self._save = save
        self._now = now
        self._token = secrets.token_urlsafe(16)
        self._template = templates("burnish.evaluate").get_template("voting.html")
        try:
            self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise EvaluationError(
                f"The voting page cannot be served at port {port}: {error.strerror or error}.",
                hint="burnish evaluate --human --port 0 takes any free one",
            ) from error
        self._http.daemon_threads = True
        self._own = {f"{host}:{self._http.server_port}" for host in ("127.0.0.1", "localhost")}
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.server_close()

    def serve(self) -> None:
        """Serve until `stop`, or until an interrupt is raised."""
        self._http.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End `serve`, from another thread."""
        self._http.shutdown()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_GET(self) -> None:
                outer._answer(self, outer._get)

            def do_POST(self) -> None:
                outer._answer(self, outer._post)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: standard error belongs to the command."""

        return Handler

    def _answer(
        self,
        handler: BaseHTTPRequestHandler,
        act: Callable[[BaseHTTPRequestHandler], tuple[HTTPStatus, str]],
    ) -> None:
        if handler.headers.get("host", "") not in self._own:
            status, content = HTTPStatus.MISDIRECTED_REQUEST, "This page has another address."
        else:
            status, content = act(handler)
        body = b"" if status == HTTPStatus.SEE_OTHER else content.encode()
        kind = "text/html" if content.startswith("<!doctype html>") else "text/plain"
        try:
            handler.send_response(status)
            if status >= 400:  # the body of the request may not have been read
                handler.send_header("Connection", "close")
            if status == HTTPStatus.SEE_OTHER:
                handler.send_header("Location", content)
            for name, value in _HEADERS.items():
                handler.send_header(name, value)
            handler.send_header("Content-Type", f"{kind}; charset=utf-8")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True  # the browser went away

    def _get(self, handler: BaseHTTPRequestHandler) -> tuple[HTTPStatus, str]:
        parts = urlsplit(handler.path)
        if parts.path != "/":
            return HTTPStatus.NOT_FOUND, "There is one page here, at /."
        asked = parse_qs(parts.query)
        rater = asked.get("rater", [""])[0].strip()
        if fault := rater_fault(rater):
            return HTTPStatus.OK, self._page(fault=fault if "rater" in asked else "")
        return HTTPStatus.OK, self._rater_page(rater, asked.get("item", [""])[0])

    def _post(self, handler: BaseHTTPRequestHandler) -> tuple[HTTPStatus, str]:
        origin = handler.headers.get("origin", "").removeprefix("http://")
        if origin not in self._own:
            return HTTPStatus.FORBIDDEN, "A vote is taken from this page alone."
        try:
            length = int(handler.headers.get("content-length", ""))
        except ValueError:
            return HTTPStatus.LENGTH_REQUIRED, "The length of the vote is missing."
        if not 0 <= length <= _MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A vote is shorter than this."
        form = parse_qs(handler.rfile.read(length).decode("utf-8", "replace"))
        token, rater, key, said = (
            form.get(name, [""])[0].strip() for name in ("token", "rater", "item", "vote")
        )
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return HTTPStatus.FORBIDDEN, "This page is of an earlier server; reload it."
        item = self._sheets.find(key)
        if rater_fault(rater) or item is None or said not in item.votes:
            return HTTPStatus.BAD_REQUEST, "This is no vote on an item of this sheet."
        self._save(self._sheets.vote(item, said, rater, self._now()))
        return HTTPStatus.SEE_OTHER, "/?" + urlencode({"rater": rater})

    def _rater_page(self, rater: str, wanted: str) -> str:
        items = self._sheets.items(rater)
        said = self._said(items, rater)
        keys = [item.key for item in items]
        left = [item for item in items if item.key not in said]
        item = items[keys.index(wanted)] if wanted in keys else left[0] if left else None
        before = keys[: keys.index(item.key)] if item else keys
        return self._page(
            rater=rater,
            item=item,
            said=said.get(item.key, "") if item else "",
            done=len(said),
            total=len(items),
            before=before[-1] if before else "",
        )

    def _said(self, items: Sequence[Item], rater: str) -> dict[str, str]:
        """Key → what this rater said about it, as it is shown to this rater."""
        votes = {
            (vote.sheet, vote.example, vote.systems): vote
            for vote in self._read()
            if vote.rater == rater
        }
        found = {}
        for item in items:
            vote = votes.get((item.sheet, item.example, tuple(sorted(item.shown))))
            if vote is not None:
                found[item.key] = self._sheets.said(item, vote)
        return found

    def _page(self, **values: Any) -> str:
        empty = {"rater": "", "item": None, "said": "", "done": 0, "total": 0, "before": ""}
        page = {"title": self._title, "criteria": self._criteria, "token": self._token}
        return self._template.render(page | empty | {"fault": ""} | values)
