"""The gateway's endpoints: the OpenAI API's, a task's own, feedback, health and metrics."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from burnish.records import Feedback
from burnish.serve.answering import Answering
from burnish.serve.gateway import Gateway
from burnish.serve.guard import Guard
from burnish.serve.journal import stamp
from burnish.serve.refusal import Refusal
from burnish.serve.wire import (
    ChatRequest,
    CompletionRequest,
    ErrorAnswer,
    FeedbackKept,
    FeedbackRequest,
    ModelCard,
    ModelList,
    TaskAnswer,
    task_request,
)

_MEANINGS = {
    400: "The request cannot be honoured as it is.",
    401: "No API key that counts.",
    403: "The key is not for this.",
    404: "There is no such model, task or exchange.",
    408: "The request's body did not come in time.",
    413: "The request is too large.",
    415: "The request is not JSON.",
    429: "Too much at once, or too fast; see Retry-After.",
    502: "The engine answered with nonsense.",
    503: "No engine is there; see Retry-After.",
    504: "The engine took too long.",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text} for status, text in _MEANINGS.items()
}
UserHeader = Annotated[str | None, Header(alias="Burnish-User", max_length=512)]
"""Whom a caller asks for; the same user keeps the same deployment."""


def make_app(gateway: Gateway) -> FastAPI:
    """The app of a gateway; the gateway starts and stops with it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        yield
        await gateway.stop()
        gateway.tracer.close()

    task = gateway.task
    app = FastAPI(
        title=f"Burnish: {task.name}", description=task.goal, version="1", lifespan=life,
        docs_url=None, redoc_url=None, redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the gateway has its own
    )  # fmt: skip
    _add_health(app, gateway)
    _add_models(app, gateway)
    answering = Answering(gateway)
    _add_openai(app, answering, task.name)
    _add_task(app, answering, gateway)
    _add_feedback(app, gateway)
    _add_errors(app)
    app.add_middleware(Guard, gateway=gateway)
    if task.serve.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(task.serve.cors), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Burnish-User"],
        )  # fmt: skip
    return app


def _add_health(app: FastAPI, gateway: Gateway) -> None:
    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Whether the gateway runs."""
        return {"status": "ok"}

    @app.get("/readyz", responses={503: {"description": "Not ready; why, by deployment."}})
    async def ready() -> JSONResponse:
        """Whether a request would be answered."""
        if gateway.ready:
            return JSONResponse({"status": "ok"})
        why = "draining" if gateway.draining else "starting"
        return JSONResponse({"status": why, "engines": gateway.fleet.faults()}, status_code=503)

    @app.get("/metrics", response_class=PlainTextResponse, responses=_only(401, 403, 429))
    async def metrics() -> Response:
        """What Prometheus reads."""
        meters, slots, journal = gateway.meters, gateway.slots, gateway.journal
        meters.working.set(slots.working)
        meters.waiting.set(slots.waiting)
        meters.log_waiting.set(journal.waiting)
        meters.texts_left_out.set(journal.texts_left_out)
        meters.log_lost.set(journal.lost)
        for name, upstream in gateway.fleet.upstreams.items():
            meters.up.labels(name).set(upstream.ready)
        return PlainTextResponse(meters.text(), media_type="text/plain; version=0.0.4")


def _add_models(app: FastAPI, gateway: Gateway) -> None:
    name, made = gateway.task.name, int(time.time())

    def cards() -> list[ModelCard]:
        names = [name, *(f"{name}@{one}" for one in gateway.fleet.upstreams)]
        return [ModelCard(id=one, created=made) for one in names]

    @app.get("/v1/models", responses=_only(401, 403, 429))
    async def models() -> ModelList:
        """The task, and each deployment of it."""
        return ModelList(data=cards())

    @app.get("/v1/models/{model}", responses=_only(400, 401, 403, 404, 429))
    async def model(model: str) -> ModelCard:
        """One of them."""
        for card in cards():
            if card.id == model:
                return card
        raise Refusal(404, "There is no such model.", code="model_not_found", param="model")


def _add_openai(app: FastAPI, answering: Answering, name: str) -> None:
    chat_example = {"model": name, "messages": [{"role": "user", "content": "Hello."}]}
    prompt_example = {"model": name, "prompt": "Once upon a time"}
    streams: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The completion; with `stream`, its pieces as server-sent events.",
            "content": {"application/json": {}, "text/event-stream": {}},
        }
    }

    @app.post("/v1/chat/completions", responses=streams | _ERRORS)
    async def chat(
        request: Request, asked: Annotated[ChatRequest, Body(examples=[chat_example])]
    ) -> Response:
        """The next turn of a chat."""
        return _sent(*await answering.chat(asked, request.state.key))

    @app.post("/v1/completions", responses=streams | _ERRORS)
    async def complete(
        request: Request, asked: Annotated[CompletionRequest, Body(examples=[prompt_example])]
    ) -> Response:
        """The text after a prompt, without a chat template."""
        return _sent(*await answering.complete(asked, request.state.key))


def _add_task(app: FastAPI, answering: Answering, gateway: Gateway) -> None:
    task = gateway.task
    body_type = task_request(task)

    @app.post("/v1/tasks/{name}", responses=_ERRORS)
    async def answer_task(
        request: Request,
        body: body_type,  # type: ignore[valid-type]
        name: Annotated[str, Path(max_length=200, examples=[task.name])],
        user: UserHeader = None,
    ) -> TaskAnswer:
        """The parsed answer to the task's inputs, rendered as in training."""
        if name != task.name:
            raise Refusal(404, f"There is no such task; {task.name} is.", param="name")
        return await answering.answer_task(body, request.state.key, user)


def _add_feedback(app: FastAPI, gateway: Gateway) -> None:
    @app.post("/v1/feedback", responses=_ERRORS)
    async def feedback(
        request: Request, said: FeedbackRequest, user: UserHeader = None
    ) -> FeedbackKept:
        """Keep what you say of an answer; a 200 means that it is in the database."""
        if not await gateway.journal.knows(said.exchange):
            raise Refusal(404, "There is no such exchange.", param="exchange")
        one = Feedback(
            id=f"fb-{uuid.uuid4().hex}", exchange=said.exchange, at=stamp(),
            caller=gateway.caller(request.state.key, user), thumb=said.thumb, score=said.score,
            answer=said.answer, comment=said.comment,
        )  # fmt: skip
        await gateway.journal.keep(one)
        gateway.meters.feedback.labels(said.thumb or "none").inc()
        return FeedbackKept(id=one.id, exchange=one.exchange)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return refusal.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(one) for one in first["loc"] if one not in ("body", "path", "header"))
        return Refusal(400, f"{place or 'body'}: {first['msg']}", param=place or None).response()

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        response = Refusal(error.status_code, str(error.detail)).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        return Refusal(500, "The gateway failed; its log says why.", code="bug").response()


def _sent(turn: Any, found: Any) -> Response:
    headers = {"Burnish-Deployment": turn.upstream.deployment.id}
    if isinstance(found, dict):
        return JSONResponse(found, headers=headers)
    headers["Cache-Control"] = "no-cache"
    return StreamingResponse(found, media_type="text/event-stream", headers=headers)


def _only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _ERRORS[status] for status in statuses}
