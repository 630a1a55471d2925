"""How long does gathering from a log of a million exchanges take, and how much memory?

    python bench/gathering_scale.py [exchanges] [folder]

Two sentences of banking77 a request, nearly all different; 3% corrected, 2% disliked, 5% with a
shadow's answer. The data set are banking77's 3,000 first rows. The log is made first, which takes
longer; with a folder it stays there and is used again. Real data are found through the variable
BURNISH_DATA (docs/data-sets.md).
"""

import json
import os
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnish.brief.file import write_brief
from burnish.pipeline.data import make_data
from burnish.pipeline.gather.gathering import run_gather
from burnish.pipeline.stepping import task_of
from burnish.records import Exchange, Feedback, silent
from burnish.records.task import Task
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges

BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
DAYS, CALLERS, BATCH = 30, 500, 5000


def main(n: int, folder: str | None) -> None:
    """Print seconds, memory and what was found."""
    with tempfile.TemporaryDirectory() as held:
        workspace = Workspace(Path(folder or held) / "gathering")
        if not workspace.database.exists():
            make(workspace, n)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, cpu = time.monotonic(), time.process_time()
        done = run_gather(workspace)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = workspace.database.stat().st_size / 2**20
        print(
            f"{done.exchanges:,} exchanges ({size:,.0f} MiB): {took:.0f} s, {cpu:.0f} s of a core"
        )
        print(f"most memory {peak / 2**10:,.0f} MiB, before gathering {before / 2**10:,.0f} MiB")
        print(f"worth a label {done.worth:,}, queued {done.queued:,}: {done.why}")
        print(f"corrections {done.corrections:,}, with a flag {done.doubted:,}; {done.notes}")


def make(workspace: Workspace, n: int) -> None:
    """A data set, and a log of n exchanges."""
    source = Path(os.environ["BURNISH_DATA"]) / "classification-banking77"
    rows = [json.loads(line) for line in (source / "train.jsonl").read_text("utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    workspace.folder.mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows[:3000])
    (workspace.folder / "rows.jsonl").write_text(lines)
    checks = {"personal_data": "off", "label_errors": "off"}
    data = {"source": "rows.jsonl", "inputs": "text", "output": "label"}
    values = {"name": "bank", "kind": "classify", "metric": "macro_f1", "data": data}
    write_brief(workspace.brief, Task.model_validate(values | {"checks": checks}))

    def no_base() -> Any:
        raise AssertionError

    make_data(workspace, task_of(workspace), no_base, False, silent)
    write_log(workspace, rows, n)


def write_log(workspace: Workspace, rows: list[dict[str, str]], n: int) -> None:
    chance = random.Random(1)
    labels = sorted({row["label"] for row in rows})
    engine = connect(workspace.database)
    for start in range(0, n, BATCH):
        exchanges: list[Exchange] = []
        feedback: list[Feedback] = []
        for at in range(start, min(n, start + BATCH)):
            first, second = chance.choices(rows, k=2)
            when = BEGAN + timedelta(days=DAYS * at / n)
            fields = {
                "at": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "deployment": "d1", "run": "r1", "endpoint": "bank", "status": 200, "seconds": 0.1,
                "caller": f"c{int(CALLERS * chance.random() ** 2)}",
                "request": json.dumps({"text": f"{first['text']} {second['text']}"}),
                "answer": first["label"], "probability": chance.betavariate(6, 1),
            }  # fmt: skip
            one = Exchange.model_construct(**Exchange(id=f"ex-{at:08d}", **fields).__dict__)
            exchanges.append(one)
            said = chance.random()
            if said < 0.05:
                wrong = {"answer": chance.choice(labels)} if said < 0.03 else {"thumb": "down"}
                feedback.append(
                    Feedback(id=f"fb-{at}", exchange=one.id, at=one.at, caller=one.caller, **wrong)
                )
            if chance.random() < 0.05:
                other = {"id": f"{one.id}:d2", "deployment": "d2", "shadow": True}
                answer = chance.choice([one.answer, second["label"]])
                exchanges.append(one.model_copy(update=other | {"answer": answer}))
        append_exchanges(engine, exchanges, feedback)
    engine.dispose()


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["1000000"])[0]), (sys.argv[2:] or [None])[0])
