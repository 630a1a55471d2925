"""How the gateway says no: a status and an error in the form of the OpenAI API."""

from typing import Any

from starlette.responses import JSONResponse

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Refusal(Exception):  # noqa: N818 - the caller's error, not the gateway's
    """A request that gets no answer.

    Args:
        status: of HTTP.
        message: what was found and what was expected; no secret and no text of the request.
        code: a word that programs can tell it by.
        param: the field that is at fault.
        retry_after: seconds after which it may go through.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The error as the OpenAI API writes it."""
        other = "invalid_request_error" if self.status < 500 else "server_error"
        error = {
            "message": self.message,
            "type": _TYPES.get(self.status, other),
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}

    def response(self) -> JSONResponse:
        """The answer to send."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body(), status_code=self.status, headers=headers)


def busy(message: str, *, after: float = 1.0) -> Refusal:
    """A refusal for now: too much to do."""
    return Refusal(429, message, code="busy", retry_after=after)


def unavailable(message: str, *, after: float = 2.0) -> Refusal:
    """A refusal for now: nobody there to answer."""
    return Refusal(503, message, code="engine_unavailable", retry_after=after)
