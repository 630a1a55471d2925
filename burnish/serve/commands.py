"""How each engine is started, and what of a request it honours.

Burnish starts engines; it is none itself. vLLM may live in an environment of its own, whose Python
the variable BURNISH_VLLM_PYTHON names.
"""

import os
import sys
from dataclasses import dataclass
from typing import Literal

from burnish.errors import ServingError
from burnish.records import Deployment, EngineKind

LOOPBACK = "127.0.0.1"
_PAGE = 256
"""Tokens of a page of transformers' cache; an answer takes whole pages."""
_BATCH_TOKENS = 2048
"""Tokens that transformers reads in one pass; its masks are so many rows of the whole cache."""


@dataclass(frozen=True)
class Abilities:
    """What an engine does with a request.

    Attributes:
        samples: it honours temperature and top_p; else it writes greedily whatever is asked.
        stops: it honours `stop`.
        scores: how it scores the labels of a set: by a route of Burnish's, by vLLM's log
            probabilities of a prompt, or not.
        health: path that answers 200 when it is ready.
    """

    samples: bool
    stops: bool
    scores: Literal["route", "prompt_logprobs"] | None
    health: str


ABILITIES: dict[EngineKind, Abilities] = {
    # Its continuous batching takes sampling settings from its first request alone.
    "transformers": Abilities(samples=False, stops=False, scores="route", health="/health"),
    "vllm": Abilities(samples=True, stops=True, scores="prompt_logprobs", health="/health"),
    "tgi": Abilities(samples=True, stops=True, scores=None, health="/health"),
    "llamacpp": Abilities(samples=True, stops=True, scores=None, health="/health"),
    "server": Abilities(samples=True, stops=True, scores=None, health="/v1/models"),
}


Line = tuple[list[str], dict[str, str]]
"""A command line, and what it adds to the environment."""


def place_of(deployment: Deployment) -> tuple[str, str]:
    """What tells engines apart: deployments with the same place share one process.

    Adapters over one base do; merged weights are served by a process of their own.
    """
    return deployment.engine, deployment.url or deployment.weights


@dataclass(frozen=True)
class Load:
    """What an engine is started for.

    Attributes:
        at_once: answers under way.
        tokens: of a prompt and its answer.
        scoring: the task picks labels of a set, so the engine must score them.
    """

    at_once: int
    tokens: int
    scoring: bool


def command(deployment: Deployment, port: int, load: Load) -> Line:
    """How a deployment's engine is started."""
    start = {
        "transformers": _transformers,
        "vllm": _vllm,
        "tgi": _tgi,
        "llamacpp": _llamacpp,
    }.get(deployment.engine)
    if start is None:
        raise ServingError(f"Burnish does not start engines of the kind {deployment.engine}.")
    line, environment = start(deployment, port, load)
    return [*line, *deployment.options], environment


def _transformers(deployment: Deployment, port: int, load: Load) -> Line:
    if load.scoring:
        module = [sys.executable, "-m", "burnish.engines.scoring_server", deployment.weights]
        line = [*module, "--port", str(port)]
    else:
        module = [sys.executable, "-m", "transformers.cli.transformers", "serve"]
        pages = load.at_once * -(-load.tokens // _PAGE)  # else it takes most of the memory
        line = [
            *module, deployment.weights, "--continuous-batching", "--cb-num-blocks", str(pages),
            "--cb-max-batch-tokens", str(_BATCH_TOKENS), "--host", LOOPBACK, "--port", str(port),
        ]  # fmt: skip
    return line, {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def _vllm(deployment: Deployment, port: int, load: Load) -> Line:
    python = os.environ.get("BURNISH_VLLM_PYTHON", sys.executable)
    line = [
        python, "-m", "vllm.entrypoints.openai.api_server", "--model", deployment.weights,
        "--served-model-name", "base" if deployment.adapter else deployment.model,
        "--host", LOOPBACK, "--port", str(port),
    ]  # fmt: skip
    if deployment.dtype:
        line += ["--dtype", deployment.dtype]
    if deployment.adapter:
        line += ["--enable-lora", "--max-loras", "4", "--max-lora-rank", "64"]
    return line, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "HF_HUB_OFFLINE": "1"}


def _tgi(deployment: Deployment, port: int, load: Load) -> Line:
    line = ["text-generation-launcher", "--model-id", deployment.weights]
    return [*line, "--hostname", LOOPBACK, "--port", str(port)], {}


def _llamacpp(deployment: Deployment, port: int, load: Load) -> Line:
    line = ["llama-server", "--model", deployment.weights, "--alias", deployment.model]
    return [*line, "--host", LOOPBACK, "--port", str(port)], {}
