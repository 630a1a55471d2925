"""A workspace with a run that serves, and a request log written by hand: for tests of watching.

    workspace = served_workspace(tmp_path, labels=...)
    log(workspace, rows("2024-03-01", days=7, each=20))

Nothing is tuned: the records of data set, run, report and deployment are written as the steps would
leave them.
"""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnish.brief.file import write_brief
from burnish.records import (
    Answer,
    AnsweredExample,
    Dataset,
    DataSettings,
    Deployment,
    EvaluateSettings,
    Example,
    Exchange,
    PassMark,
    PromptSettings,
    Report,
    Route,
    Run,
    Split,
    Task,
    TrainSettings,
)
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges
from burnish.store.files import sha256_file, write_lines
from burnish.store.traffic import change_traffic

WORDS = {
    "billing": ["invoice", "charge", "refund", "card", "paid", "twice", "amount"],
    "login": ["password", "account", "reset", "locked", "email", "code", "sign"],
    "shipping": ["parcel", "late", "address", "courier", "track", "box", "arrived"],
}
COMMON = ["please", "help", "my", "the", "today", "again", "still", "i", "have", "was", "to", "and"]


def ticket(chance: random.Random, label: str, words: int = 10) -> str:
    """A text that reads like a ticket of a label."""
    return " ".join(chance.choice(WORDS[label] if chance.random() < 0.4 else COMMON)
                    for _ in range(words))  # fmt: skip


def tickets(
    n: int, seed: int, weights: Sequence[float] = (1, 1, 1), words: int = 10
) -> list[tuple[str, str]]:
    """Texts with their labels."""
    chance = random.Random(seed)
    labels = chance.choices(list(WORDS), weights, k=n)
    return [
        (ticket(chance, label, chance.randint(words - 4, words + 4)), label) for label in labels
    ]


def served_workspace(
    folder: Path, *, n: int = 300, seed: int = 0, ending: str = "", **settings: Any
) -> Workspace:
    """A workspace of a task over tickets whose run answers all requests.

    Args:
        ending: of every text that it was tuned on.
        settings: keys of the brief, such as watch=WatchSettings(...).
    """
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(folder)
    task = Task(
        name="tickets", kind="classify", metric="macro_f1",
        data=DataSettings(source="tickets.jsonl", inputs=("text",), output=("label",)),
        prompt=PromptSettings(system="Sort.", template="{text}"), **settings,
    )  # fmt: skip
    write_brief(workspace.brief, task)
    known = [(text + ending, label) for text, label in tickets(n, seed)]
    rows = [{"text": text, "label": label} for text, label in known]
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples = [_example(at, text, label) for at, (text, label) in enumerate(known)]
    cut = int(0.7 * n), int(0.8 * n)
    dataset = _dataset(workspace, examples[: cut[0]], examples[cut[0] : cut[1]], examples[cut[1] :])
    _, deployment = make_run(workspace, dataset, examples[cut[1] :])
    database = connect(workspace.database)
    change_traffic(database, [Route(deployment=deployment.id, share=1)], reason="test")
    database.dispose()
    return workspace


def make_run(
    workspace: Workspace, dataset: Dataset, tested: Sequence[Example], *, name: str = "a"
) -> tuple[Run, Deployment]:
    """A run on a data set, with a report in which every answer is right, and its deployment."""
    run = workspace.complete(
        workspace.start(
            Run, name * 64, parents={"dataset": str(dataset.hash)}, seed=0,
            fields={"settings": TrainSettings(), "prompt": PromptSettings(system="Sort.")},
        ), {},
    )  # fmt: skip
    report = workspace.start(
        Report, name * 64, parents={"run": str(run.hash), "dataset": str(dataset.hash)}, seed=0,
        fields={"task_name": "tickets", "task_kind": "classify", "metric": "macro_f1",
                "pass_mark": PassMark(), "settings": EvaluateSettings()},
    )  # fmt: skip
    lines = [
        AnsweredExample(
            id=one.id, row=one.row, inputs=one.inputs, references=one.references,
            answers={"tuned": Answer(text=one.answer, value=one.answer, score=1.0,
                                     probability=0.9)},
        )
        for one in tested
    ]  # fmt: skip
    answers = workspace.path(report, "answers.jsonl")
    write_lines(answers, lines)
    workspace.complete(report, {"files": {"answers.jsonl": sha256_file(answers)}})
    deployment = workspace.complete(
        workspace.start(
            Deployment, name * 64, parents={"run": str(run.hash)}, seed=0,
            fields={"task_name": "tickets", "run": run.id, "decision": "ship",
                    "engine": "transformers", "model": "m"},
        ), {},
    )  # fmt: skip
    return run, deployment


def exchanges(
    asked: Iterable[tuple[str, str]], start: str, days: float, *, run: str = "a" * 10, **fields: Any
) -> list[Exchange]:
    """Texts and their answers as exchanges, spread evenly over days from a date on."""
    given = list(asked)
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    step = timedelta(days=days) / max(len(given), 1)
    return [
        Exchange(
            **{
                "id": f"ex-{start}-{at:06d}", "endpoint": "tickets", "status": 200, "run": run,
                "seconds": 0.1, "probability": 0.9, "caller": f"caller-{at % 7}", "answer": label,
                "at": (first + at * step).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "request": json.dumps({"text": text}), "deployment": run, **fields,
            }
        )
        for at, (text, label) in enumerate(given)
    ]  # fmt: skip


def log(workspace: Workspace, lines: Sequence[Exchange]) -> None:
    """Write exchanges into the request log."""
    database = connect(workspace.database)
    append_exchanges(database, lines)
    database.dispose()


def _example(at: int, text: str, label: str) -> Example:
    return Example(
        id=f"t{at}", source="tickets.jsonl", row=at + 1, inputs={"text": text}, answer=label,
        references=(label,), labels=(label,),
    )  # fmt: skip


def _dataset(workspace: Workspace, *parts: Sequence[Example]) -> Dataset:
    record = workspace.start(
        Dataset, "d" * 64, parents={}, seed=0,
        fields={"splits": {}, "rows_read": sum(map(len, parts)), "dropped": {},
                "labels": tuple(WORDS)},
    )  # fmt: skip
    splits = {}
    for name, examples in zip(("train", "validation", "test"), parts, strict=True):
        path = workspace.path(record, f"{name}.jsonl")
        write_lines(path, examples)
        splits[name] = Split(file=path.name, n=len(examples), sha256=sha256_file(path))
    return workspace.complete(record, {"splits": splits})
