"""A workspace with a small data set of four intents, and a request log to gather from."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnish.brief.file import write_brief
from burnish.pipeline.data import make_data
from burnish.pipeline.stepping import task_of
from burnish.records import Dataset, Exchange, Feedback, silent
from burnish.records.task import Task
from burnish.store import Workspace
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges

LABELS = ("card", "refund", "transfer", "pin")
_OWN = {
    "card": "card plastic lost stolen broken chip swallowed wallet purse street block",
    "refund": "refund shop money returned merchant goods receipt cancelled order back",
    "transfer": "transfer account iban sent bank abroad recipient pending swift arrive",
    "pin": "pin code digits forgot wrong unlock keypad number secret change",
}
_COMMON = "please help today yesterday again still why how when could you my the is it to now since"
BEGAN = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)


def text_of(label: str, chance: random.Random, words: int = 9) -> str:
    """A question about a label, unlike any other."""
    own, common = _OWN[label].split(), _COMMON.split()
    chosen = [*chance.sample(own, 4), *chance.choices(common, k=words - 4)]
    chance.shuffle(chosen)
    return " ".join(chosen)


def workspace_of(folder: Path, *, each: int = 40, **brief: Any) -> Workspace:
    """A workspace with a complete data set; keywords are sections of the brief."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    rows = [f"{text_of(label, chance)},{label}" for label in LABELS for _ in range(each)]
    (folder / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    data = {"source": "rows.csv", "inputs": ["text"], "output": ["label"]}
    values: dict[str, Any] = {"name": "intents", "kind": "classify", "metric": "macro_f1"}
    checks = {"personal_data": "off", "label_errors": "off"}  # which take long
    task = Task.model_validate({**values, "data": data, "checks": checks, **brief})
    workspace = Workspace(folder)
    write_brief(workspace.brief, task)
    dataset_of(workspace)
    return workspace


def dataset_of(workspace: Workspace) -> Dataset:
    """The data set of the brief."""

    def no_base() -> Any:
        raise AssertionError("no base is needed")

    return make_data(workspace, task_of(workspace), no_base, False, silent)


@dataclass
class Log:
    """A request log in the making.

    Attributes:
        every: between two exchanges.
    """

    workspace: Workspace
    endpoint: str = "intents"
    every: timedelta = timedelta(minutes=7)
    exchanges: list[Exchange] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)

    def ask(self, request: Any, answer: str | None, **fields: Any) -> str:
        """Log an exchange; its id. A text stands for the one column."""
        import json

        inputs = {"text": request} if isinstance(request, str) else request
        number = len(self.exchanges)
        at = (BEGAN + number * self.every).isoformat(timespec="milliseconds")
        known = {
            "id": f"ex-{number:04d}", "at": at.replace("+00:00", "Z"), "deployment": "d1",
            "endpoint": self.endpoint, "caller": f"c{number % 7}", "status": 200, "seconds": 0.1,
            "request": json.dumps(inputs), "answer": answer, "probability": 0.99,
        }  # fmt: skip
        self.exchanges.append(Exchange.model_validate(known | fields))
        return self.exchanges[-1].id

    def shadow(self, exchange: str, answer: str, deployment: str = "d2") -> None:
        """Log what a shadow deployment answered."""
        of = next(one for one in self.exchanges if one.id == exchange)
        fields = {"id": f"{exchange}:{deployment}", "deployment": deployment, "answer": answer,
                  "shadow": True}  # fmt: skip
        self.exchanges.append(of.model_copy(update=fields))

    def say(self, exchange: str, caller: str = "c0", **said: Any) -> None:
        """Log feedback."""
        number = len(self.feedback)
        self.feedback.append(
            Feedback(
                id=f"fb-{number:04d}", exchange=exchange, at=f"2026-11-01T00:00:{number:06.3f}Z",
                caller=caller, **said,
            )
        )  # fmt: skip

    def write(self) -> None:
        """Append all of it to the database, and begin anew."""
        engine = connect(self.workspace.database)
        append_exchanges(engine, self.exchanges, self.feedback)
        engine.dispose()


def ordinary(log: Log, n: int, *, seed: int = 2, callers: Sequence[str] = ()) -> list[str]:
    """Log exchanges that nothing is the matter with; their ids."""
    chance = random.Random(seed)
    ids = []
    for at in range(n):
        label = chance.choice(LABELS)
        fields = {"caller": callers[at % len(callers)]} if callers else {}
        ids.append(log.ask(text_of(label, chance), label, **fields))
    return ids
