"""transformers' server with the route that scores: equal to scoring in this process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from transformers import AutoModelForCausalLM

from burnish.engines.local import LocalEngine
from burnish.engines.scoring_server import make_server

PROMPTS = [[5, 6, 7, 8], [5, 6, 7, 9, 10], [5, 6, 11]]
ENDINGS = [[20, 21, 1], [22, 1], [23, 24, 25, 1]]


def test_scores_are_those_of_the_local_engine(tiny_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(tiny_base))
    wanted = LocalEngine(model, [1]).choose(PROMPTS, ENDINGS)
    with TestClient(make_server(tiny_base)) as client, ThreadPoolExecutor(3) as pool:

        def ask(prompt: list[int]) -> list[float]:
            body = {"prompt": prompt, "endings": ENDINGS}
            return list(client.post("/v1/score", json=body).json()["scores"])

        for found, expected in zip(pool.map(ask, PROMPTS), wanted, strict=True):
            assert found == pytest.approx(expected, abs=1e-4)
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3, "temperature": 0}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
        assert client.post("/v1/score", json={"prompt": [], "endings": ENDINGS}).status_code == 422
