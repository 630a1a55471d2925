"""A gateway in front of given engines, without a workspace's runs, for bench/serving.py.

    python bench/gateway_alone.py FOLDER

Reads FOLDER/deployments.json and the tokenizer in FOLDER/tokenizer; prints its URL. The log is on,
and its texts are masked as in every other gateway.
"""

import json
import sys
from functools import partial
from pathlib import Path

from burnish.chat.render import Renderer
from burnish.pipeline.masking import mask_texts
from burnish.records import (
    DataSettings,
    Deployment,
    EvaluateSettings,
    PromptSettings,
    Route,
    ServeSettings,
    Task,
)
from burnish.serve.commands import Load
from burnish.serve.fleet import Fleet
from burnish.serve.gateway import Gateway, Served
from burnish.serve.journal import Journal
from burnish.serve.running import serve
from burnish.store.database import connect
from burnish.store.traffic import change_traffic, current_traffic


def main() -> None:
    """Serve until a signal ends it."""
    from transformers import AutoTokenizer

    folder = Path(sys.argv[1])
    rows = json.loads((folder / "deployments.json").read_text())
    known = {row["id"]: deployment(**row) for row in rows}
    settings = ServeSettings(requests_per_minute=10_000_000, at_once=256, timeout=20, drain=5)
    task = Task(
        name="short",
        kind="summarize",
        metric="rougeL",
        data=DataSettings(source="rows.jsonl", inputs=("text",), output=("answer",)),
        prompt=PromptSettings(template="{text}"),
        evaluate=EvaluateSettings(max_new_tokens=8),
        serve=settings,
    )
    renderer = Renderer(AutoTokenizer.from_pretrained(str(folder / "tokenizer")), task)
    database = connect(folder / "burnish.db")
    if current_traffic(database) is None:
        change_traffic(database, [Route(deployment=next(iter(known)), share=1)], reason="bench")
    gateway = Gateway(
        task,
        lambda name: Served(known[name], task, renderer),
        database,
        lambda session: Fleet(
            session,
            log=lambda one: folder / f"{one.id}.log",
            load=Load(at_once=settings.at_once, tokens=512, scoring=False),
            timeout=settings.timeout,
        ),
        lambda: Journal(database, folder / "burnish.db", partial(mask_texts), keep_days=30),
    )
    serve(gateway, "127.0.0.1", 0, listening=partial(print, flush=True))


def deployment(**fields: str) -> Deployment:
    """A deployment that no run stands behind."""
    given = {
        "status": "complete", "inputs_hash": "", "parents": {}, "seed": 0, "packages": {},
        "started_at": "2026-01-01T00:00:00Z", "task_name": "short", "run": fields["id"],
    }  # fmt: skip
    return Deployment.model_validate(given | fields)


if __name__ == "__main__":
    main()
