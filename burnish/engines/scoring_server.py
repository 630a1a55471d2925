"""transformers' server with one route more: the log-probabilities of given endings of a prompt.

    python -m burnish.engines.scoring_server FOLDER --port N

`transformers serve` writes text and gives no log-probabilities of a label of several tokens. A task
that picks labels of a set needs them, to answer what the evaluation answered. Scoring and writing
take turns in the server's own inference thread; what waits is scored together, in one row.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI
from transformers.cli.serving.chat_completion import ChatCompletionHandler
from transformers.cli.serving.completion import CompletionHandler
from transformers.cli.serving.model_manager import ModelManager
from transformers.cli.serving.response import ResponseHandler
from transformers.cli.serving.server import build_server
from transformers.cli.serving.systemone import SystemOneHandler
from transformers.cli.serving.transcription import TranscriptionHandler
from transformers.cli.serving.utils import GenerationState

from burnish.engines.local import LocalEngine

_MOST_AT_ONCE = 32


class Scorer:
    """Scores what waits, in batches of equal endings.

    Args:
        manager: runs a function in the thread in which the model also writes.
    """

    def __init__(self, engine: LocalEngine, manager: Any) -> None:
        self._engine = engine
        self._manager = manager
        self._waiting: list[tuple[list[int], list[list[int]], asyncio.Future[list[float]]]] = []
        self._work: asyncio.Task[None] | None = None

    async def score(self, prompt: list[int], endings: list[list[int]]) -> list[float]:
        """Log-probability of each ending after the prompt, nats [endings]."""
        future: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._waiting.append((prompt, endings, future))
        if self._work is None:
            self._work = asyncio.create_task(self._score_all())
        return await future

    async def _score_all(self) -> None:
        while self._waiting:
            endings = self._waiting[0][1]
            batch = [one for one in self._waiting if one[1] == endings][:_MOST_AT_ONCE]
            self._waiting = [one for one in self._waiting if one not in batch]
            prompts = [prompt for prompt, _, _ in batch]
            try:
                scores = await self._manager.async_submit(self._engine.choose, prompts, endings)
            except Exception as error:
                for _, _, future in batch:
                    future.set_exception(error)
                continue
            for (_, _, future), found in zip(batch, scores, strict=True):
                if not future.done():
                    future.set_result(found)
        self._work = None


def make_server(folder: Path) -> FastAPI:
    """The server of a folder of weights, loaded."""
    models = ModelManager(device="auto", dtype="auto", force_model=str(folder))
    state = GenerationState()
    app = build_server(
        models,
        ChatCompletionHandler(models, state),
        completion_handler=CompletionHandler(models, state),
        response_handler=ResponseHandler(models, state),
        transcription_handler=TranscriptionHandler(models, state),
        systemone_handler=SystemOneHandler(models, state),
        generation_state=state,
    )
    name = models.process_model_name(str(folder))
    model, _ = models.load_model_and_processor(name)
    end = model.generation_config.eos_token_id
    engine = LocalEngine(model, [end] if isinstance(end, int) else list(end or []))
    scorer = Scorer(engine, state.get_manager(name))

    @app.post("/v1/score")
    async def score(
        prompt: Annotated[list[int], Body(min_length=1)],
        endings: Annotated[list[list[int]], Body(min_length=1)],
    ) -> dict[str, list[float]]:
        return {"scores": await scorer.score(prompt, endings)}

    return app


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        make_server(arguments.folder), host="127.0.0.1", port=arguments.port, log_level="warning"
    )


if __name__ == "__main__":
    main()
