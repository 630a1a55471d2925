"""Ten million logged exchanges through `burnish watch`: time and memory.

    python bench/watch_scale.py [--rows 10000000] [--folder DIR]

Eight weeks of banking77 questions, repeated, with their intents as answers; the last week's
requests are longer. The log is written first (its time is told apart) and removed at the end. The
watching runs in a process of its own, whose peak memory is read. Needs BURNISH_DATA.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import insert

from burnish.brief.file import write_brief
from burnish.records import DataSettings, PromptSettings, ServeSettings, Task, WatchSettings
from burnish.store import Workspace
from burnish.store.database import ExchangeRow, connect

DATA = Path(os.environ.get("BURNISH_DATA", "../shared/data"))
WEEKS, AT_ONCE = 8, 20_000
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.judge:
        judge(Workspace(arguments.judge))
        return
    folder = Path(mkdtemp(dir=arguments.folder))
    try:
        began = time.monotonic()
        workspace = prepared(folder)
        write_log(workspace, arguments.rows)
        size = workspace.database.stat().st_size / 2**30
        print(f"{arguments.rows:,} exchanges written, {size:.1f} GiB, "
              f"in {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        subprocess.run([sys.executable, __file__, "--judge", str(folder)], check=True)
    finally:
        shutil.rmtree(folder)


def prepared(folder: Path) -> Workspace:
    """A workspace whose windows are compared with the first week of its log."""
    task = Task(
        name="banking", kind="classify", metric="accuracy",
        data=DataSettings(source="none.jsonl", inputs=("text",), output=("label",)),
        prompt=PromptSettings(template="{text}"), serve=ServeSettings(keep_days=400),
        watch=WatchSettings(reference="log", reference_days=7),
    )  # fmt: skip
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    return workspace


def write_log(workspace: Workspace, rows: int) -> None:
    """The exchanges, evenly spread over the weeks."""
    known = [json.loads(line)
             for line in (DATA / "classification-banking77" / "train.jsonl").open()]  # fmt: skip
    engine = connect(workspace.database)
    step = timedelta(weeks=WEEKS) / rows
    for start in range(0, rows, AT_ONCE):
        lines = [_row(at, known, BEGIN + at * step, long=at >= rows * (WEEKS - 1) / WEEKS)
                 for at in range(start, min(start + AT_ONCE, rows))]  # fmt: skip
        with engine.begin() as connection:
            connection.execute(insert(ExchangeRow), lines)
    engine.dispose()


def _row(at: int, known: list[dict[str, str]], time: datetime, *, long: bool) -> dict[str, object]:
    one = known[at * 7919 % len(known)]
    text = f"{one['text']} {known[at * 31 % len(known)]['text']}" if long else one["text"]
    return {
        "id": f"ex-{at * 2654435761 % 2**40:010x}{at:09x}", "deployment": "d", "run": "r",
        "at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "endpoint": "banking", "shadow": False,
        "caller": f"c{at % 97}", "prompt_hash": "", "status": 200 if at % 500 else 503,
        "seconds": 0.05 + at % 100 / 1000, "first_seconds": None, "prompt_tokens": 20,
        "answer_tokens": 5, "probability": 0.9, "request": json.dumps({"text": text}),
        "answer": one["label"], "changed": False,
    }  # fmt: skip


def judge(workspace: Workspace) -> None:
    """Watch, and tell the time and the most memory that it took."""
    from burnish.pipeline import run_watch

    began = time.monotonic()
    found = run_watch(workspace, now=BEGIN + timedelta(weeks=WEEKS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for one in found.judged:
        print(f"{one.since[:10]} {one.windows} window(s), {one.requests:,} requests, "
              f"p = {one.p_value:.3g}{', alarm' if one.alarm else ''}")  # fmt: skip
    print(f"judged in {time.monotonic() - began:.0f} s with at most {peak:.2f} GiB")


if __name__ == "__main__":
    main()
