"""A workspace with a past, without any training: records, weights of some bytes, and traffic.

past = Past(tmp_path)
data = past.dataset("data1")
run = past.run("run1", data)
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateways import short_task
from sqlalchemy import func, select, update

from burnish.brief.file import write_brief
from burnish.records import (
    Answer,
    AnsweredExample,
    BaseChoice,
    Dataset,
    Deployment,
    Example,
    Export,
    HistorySettings,
    PassMark,
    Record,
    Report,
    Retune,
    Route,
    Run,
    Score,
    Split,
    SystemResult,
    TrainSettings,
    Verdict,
    Watch,
)
from burnish.store import Workspace
from burnish.store.database import TrafficRow, connect
from burnish.store.files import sha256_file, write_lines
from burnish.store.traffic import change_traffic, roll_back

WEIGHTS = 5000
"""Bytes of a run's weights."""
MERGED = 90_000
"""Bytes of a merged export."""


def at(day: int) -> str:
    """A time on a day of October 2026, counted on over the months."""
    return (datetime(2026, 10, 1, 8, tzinfo=UTC) + timedelta(days=day - 1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


@dataclass
class Past:
    """Adds to a workspace what steps would have made; each record a day later than the last."""

    folder: Path
    settings: HistorySettings = field(default_factory=HistorySettings)
    days: int = 0
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.folder)
        task = short_task().model_copy(update={"history": self.settings, "base": "tiny"})
        write_brief(self.workspace.brief, task)

    def dataset(self, name: str, older: Dataset | None = None, n: int = 8) -> Dataset:
        """A data set of n, 2 and 4 examples; a newer one keeps the test split of the older."""
        examples = {
            "train": [_example(f"{name} note {at}") for at in range(n)],
            "validation": [_example(f"{name} seen {at}") for at in range(2)],
            "test": [_example(f"test {at}") for at in range(4)],
        }
        splits = {}
        for split, rows in examples.items():
            path = self.folder / "datasets" / name / f"{split}.jsonl"
            write_lines(path, rows)
            splits[split] = Split(file=path.name, n=len(rows), sha256=sha256_file(path))
        parents = {"dataset": str(older.hash)} if older else {}
        fields = {"splits": splits, "rows_read": n + 6, "dropped": {}}
        return self.add(Dataset, name, parents, fields)

    def run(self, name: str, data: Dataset, **fields: Any) -> Run:
        """A complete run with an adapter of WEIGHTS bytes; `train` has settings, else fields."""
        base = self._base()
        folder = self.folder / "runs" / name
        (folder / "adapter").mkdir(parents=True)
        (folder / "adapter" / "adapter_config.json").write_text("{}")
        weights = folder / "adapter" / "adapter_model.safetensors"
        weights.write_bytes(name.encode() * (WEIGHTS // len(name)))
        (folder / "metrics.jsonl").write_text('{"loss": 1}\n')
        (folder / "loss.svg").write_text("<svg/>")
        files = {
            f"adapter/{weights.name}": sha256_file(weights),
            "metrics.jsonl": sha256_file(folder / "metrics.jsonl"),
        }
        given = {
            "settings": TrainSettings(**fields.pop("train", {})),
            "prompt": short_task().prompt, "base": "tiny", "validation_loss": (1.5, 1.25),
            "best_epoch": 2, "steps": 12, "files": files, "dtype": "float32",
        }  # fmt: skip
        parents = {"dataset": str(data.hash), "base": str(base.hash)}
        return self.add(Run, name, parents | fields.pop("parents", {}), given | fields)

    def report(
        self, name: str, run: Run, data: Dataset, value: float = 0.5, decision: str = "ship"
    ) -> Report:
        """A report on four test examples, whose answers have some scores."""
        lines = [
            AnsweredExample(
                id=f"test {at}", row=at, inputs={"text": f"test {at}"}, references=("a",),
                answers={"tuned": Answer(text="a" if at / 4 < value else "b", value="a")},
            )
            for at in range(4)
        ]  # fmt: skip
        path = self.folder / "reports" / name / "answers.jsonl"
        write_lines(path, lines)
        score = Score(metric="rougeL", value=value, low=value - 0.1, high=value + 0.1, n=4)
        fields = {
            "task_name": "short", "task_kind": "summarize", "metric": "rougeL",
            "pass_mark": PassMark(), "settings": short_task().evaluate, "n": 4,
            "systems": (
                SystemResult(name="tuned", description="tuned", scores={"rougeL": score}),
            ),
            "verdict": Verdict(
                decision=decision,  # type: ignore[arg-type]
                reason="It is what it is.", metric="rougeL", mark=0.4,
            ),
            "files": {"answers.jsonl": sha256_file(path)},
        }  # fmt: skip
        parents = {"dataset": str(data.hash), "run": str(run.hash), "base": "x"}
        return self.add(Report, name, parents, fields)

    def export(self, name: str, run: Run) -> Export:
        """A merged export of MERGED bytes."""
        path = self.folder / "exports" / name / "model" / "model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"m" * MERGED)
        fields = {
            "form": "merged", "precision": "float32", "run": run.id, "base": "tiny",
            "size": MERGED, "files": {"model/model.safetensors": sha256_file(path)},
        }  # fmt: skip
        return self.add(Export, name, {"run": str(run.hash)}, fields)

    def deployment(self, name: str, run: Run) -> Deployment:
        """A run on a server that does not exist."""
        fields = {
            "task_name": "short", "run": run.id, "engine": "server", "model": "m",
            "url": "http://127.0.0.1:9", "decision": "ship",
        }  # fmt: skip
        return self.add(Deployment, name, {"run": str(run.hash)}, fields)

    def watch(self, name: str, *, alarm: bool, run: str = "") -> Watch:
        """A window of the request log."""
        fields = {
            "task_name": "short", "since": at(self.days), "until": at(self.days + 7),
            "requests": 90, "alarm": alarm, "p_value": 0.001 if alarm else 0.4,
            "threshold": 0.01, "run": run,
        }  # fmt: skip
        if alarm:
            fields["explanation"] = {"sentences": ("Requests became longer.",)}
        return self.add(Watch, name, {}, fields)

    def retune(self, name: str, serving: Run, run: Run | None = None) -> Retune:
        """A proposal, or what came of it."""
        fields = {
            "task_name": "short", "why": ("An alarm stands.",), "serving": serving.id,
            "new_examples": 40, "run": run.id if run else "",
        }  # fmt: skip
        return self.add(Retune, name, {}, fields)

    def add(self, kind: type[Any], name: str, parents: dict[str, str], fields: Any) -> Any:
        """A record, complete unless the fields say otherwise."""
        self.days += 1
        given = {
            "id": name, "status": "complete", "inputs_hash": name, "parents": parents, "seed": 0,
            "started_at": at(self.days), "finished_at": at(self.days), "packages": {},
        }  # fmt: skip
        record: Record = kind.model_validate(given | fields).with_hash()
        self.workspace.write(record)
        return record

    @property
    def deployments(self) -> list[Deployment]:
        """All so far."""
        return self.workspace.records(Deployment)

    def run_of(self, name: str) -> Run:
        """The run that is called so."""
        return next(one for one in self.workspace.records(Run) if one.id == name)

    def data(self, name: str) -> Dataset:
        """The data set that is called so."""
        return next(one for one in self.workspace.records(Dataset) if one.id == name)

    def traffic(self, *routes: tuple[Deployment, float], day: int, reason: str = "") -> None:
        """A change of the traffic; a share of 0 is copies."""
        engine = connect(self.workspace.database)
        shares = [Route(deployment=one.id, share=share) for one, share in routes if share]
        change_traffic(
            engine, shares, shadow=[one.id for one, share in routes if not share], reason=reason
        )
        self._date(engine, day)

    def back(self, *, day: int, reason: str = "worse") -> None:
        """A roll-back."""
        engine = connect(self.workspace.database)
        roll_back(engine, reason=reason)
        self._date(engine, day)

    def _date(self, engine: Any, day: int) -> None:
        """Give the newest state its day."""
        with engine.begin() as connection:
            newest = connection.execute(select(func.max(TrafficRow.number))).scalar()
            where = update(TrafficRow).where(TrafficRow.number == newest)
            connection.execute(where.values(at=at(day), applied_at=at(day)))
        engine.dispose()

    def _base(self) -> BaseChoice:
        there = self.workspace.records(BaseChoice)
        if there:
            return there[0]
        fields = {
            "name": "tiny", "source": "folder", "path": "nowhere", "weights_sha256": "w",
            "template_sha256": "t", "architecture": "llama", "parameters": 1,
            "context_length": 512, "vocabulary": 320, "licence": "mit",
        }  # fmt: skip
        base: BaseChoice = self.add(BaseChoice, "base1", {}, fields)
        return base


def _example(text: str) -> Example:
    return Example(
        id=text, source="rows.jsonl", row=1, inputs={"text": text}, answer="a", references=("a",)
    )


def three_runs(folder: Path, **settings: Any) -> Past:
    """Two data sets, three runs: the first answered, the second does, the third has a tenth."""
    past = Past(folder, HistorySettings(**settings))
    first = past.dataset("data1")
    runs = [past.run("aaa1", first), past.run("bbb2", first, train={"learning_rate": 1e-3})]
    second = past.dataset("data2", older=first, n=12)
    runs.append(past.run("ccc3", second))
    for number, (run, data) in enumerate(zip(runs, (first, first, second), strict=True)):
        past.report(f"report{number + 1}", run, data, value=0.25 * (number + 1))
        past.export(f"export{number + 1}", run)
    made = [past.deployment(f"deploy{number + 1}", run) for number, run in enumerate(runs)]
    past.traffic((made[0], 1), day=20, reason="the first")
    past.traffic((made[1], 0.5), (made[0], 0.5), day=21, reason="half")
    past.traffic((made[1], 1), day=22, reason="all of it")
    past.traffic((made[2], 0.1), (made[1], 0.9), day=23, reason="a canary")
    return past
