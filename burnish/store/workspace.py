"""The workspace: the only place that spells its paths, and where records start and complete.

burnish.yaml                the brief
decisions.jsonl             what people decided about single examples
catalogue.toml              the user's own bases, if any
speed.json                  a calibration of this machine
datasets/<id>/              record.json  train.jsonl  validation.jsonl  test.jsonl  dropped.jsonl
                            findings.jsonl  changes.jsonl  checks.json  data.html
bases/<id>/                 record.json
runs/<id>/                  record.json  preflight.html  adapter/ (or model/)  checkpoints/
                            metrics.jsonl  loss.svg
                            (tuned at a provider: record.json  job.json  metrics.jsonl)
searches/<id>/              optuna.db  search.json  runs/
probes/<id>/                probe.json  parts/
reports/<id>/               record.json  answers.jsonl  usage.jsonl  report.html  report.md
                            report.json  model-card.md  against-<run>.json  parts/
                            judge.json  judge.jsonl  people.json
exports/<id>/               record.json  adapter/ (or model/, or recipe/)
deployments/<id>/            record.json  engine.log
watches/<id>/               record.json  gauge.json: one window of the request log
watches/                    reference.jsonl: the log's first weeks, where others are compared
                            with them; judge.jsonl: the judge's replies about the log
watch.html                  all windows so far
queue.jsonl  queue.csv      exchanges worth labelling
gathered.jsonl              examples that came out of serving
retunes/<id>/               record.json  retune.md
(runs/ and exports/ also    pruned.json, where the weights were removed)
burnish.db                  openings of the test split, votes of people, API keys, traffic, request
                            log, feedback
"""

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from burnish.errors import WorkspaceError
from burnish.records import (
    BaseChoice,
    Dataset,
    Deployment,
    Export,
    Git,
    Pruned,
    Record,
    Report,
    Retune,
    Run,
    Watch,
)
from burnish.store.files import disk_errors, sha256_file, write_text

AnyRecord = TypeVar("AnyRecord", bound=Record)

_FOLDERS: dict[type[Record], str] = {
    Dataset: "datasets",
    BaseChoice: "bases",
    Run: "runs",
    Report: "reports",
    Export: "exports",
    Deployment: "deployments",
    Watch: "watches",
    Retune: "retunes",
}
_RECORD = "record.json"
_PRUNED = "pruned.json"
_PREFLIGHT = "preflight.html"
_PACKAGES = (
    "burnish", "torch", "transformers", "peft", "accelerate", "tokenizers", "numpy", "httpx",
)  # fmt: skip


class Workspace:
    """One task's folder. Creating the object touches nothing on disk."""

    def __init__(self, folder: Path | str = ".") -> None:
        self.folder = Path(folder)

    @property
    def brief(self) -> Path:
        """The brief, burnish.yaml."""
        return self.folder / "burnish.yaml"

    @property
    def decisions(self) -> Path:
        """What people decided about single examples, decisions.jsonl."""
        return self.folder / "decisions.jsonl"

    @property
    def catalogue(self) -> Path:
        """The user's own entries of the catalogue of bases."""
        return self.folder / "catalogue.toml"

    @property
    def speed(self) -> Path:
        """How fast this machine computes, as `burnish base --list` measured it."""
        return self.folder / "speed.json"

    @property
    def watch_page(self) -> Path:
        """The picture of all windows of the request log so far."""
        return self.folder / "watch.html"

    @property
    def watch_reference(self) -> Path:
        """The requests of the log's first weeks, where later ones are compared with them."""
        return self.folder / "watches" / "reference.jsonl"

    def masked_examples(self, dataset: Dataset) -> Path:
        """Examples of a data set as the request log would hold them."""
        return self.folder / "watches" / f"examples-{dataset.id}.jsonl"

    @property
    def judged_log(self) -> Path:
        """What the judge replied about answers of the request log."""
        return self.folder / "watches" / "judge.jsonl"

    @property
    def queue(self) -> Path:
        """Exchanges worth labelling, with room for the right answer."""
        return self.folder / "queue.jsonl"

    @property
    def queue_table(self) -> Path:
        """The same for spreadsheets."""
        return self.folder / "queue.csv"

    @property
    def gathered(self) -> Path:
        """Examples that came out of serving."""
        return self.folder / "gathered.jsonl"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "burnish.db"

    def search(self, name: str) -> Path:
        """The folder of a search over settings, with runs of its own."""
        return self.folder / "searches" / name

    def probe(self, name: str) -> Path:
        """The folder of what bases scored before tuning."""
        return self.folder / "probes" / name

    def path(self, record: Record, name: str = "") -> Path:
        """The folder of a record, or a file in it."""
        folder = self.folder / _FOLDERS[type(record)] / record.id
        return folder / name if name else folder

    @contextmanager
    def locked(self, name: str = "") -> Iterator[None]:
        """Hold the workspace for one command; the lock falls with the process.

        Args:
            name: of what alone is held, such as "watch", which need not wait for a training.

        Raises:
            WorkspaceError: another Burnish command is working here.
        """
        self.refuse_no_folder()
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".burnish{name and f'-{name}'}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise WorkspaceError(
                    f"Another burnish {name or 'command'} is working in {self.folder}.",
                    hint="wait for it, or name another folder with --workspace",
                ) from error
        try:
            yield
        finally:
            lock.release()

    def refuse_no_folder(self) -> None:
        """Raise WorkspaceError where the workspace's path, or one above it, is a file."""
        for path in (self.folder, *self.folder.parents):
            if path.is_file():
                raise WorkspaceError(
                    f"{path} is not a folder, so no workspace can be there.",
                    hint="name a folder with --workspace",
                )

    def records(self, kind: type[AnyRecord]) -> list[AnyRecord]:
        """All records of a kind, oldest first."""
        found = [_read(kind, path) for path in (self.folder / _FOLDERS[kind]).glob(f"*/{_RECORD}")]
        return sorted(found, key=lambda record: (record.started_at, record.id))

    def survey(self, kind: type[AnyRecord]) -> tuple[list[AnyRecord], list[str]]:
        """The records of a kind that can be read, oldest first, and a sentence for each fault."""
        found, faults = [], []
        for folder in sorted((self.folder / _FOLDERS[kind]).glob("*")):
            if not folder.is_dir():
                continue
            name = folder.relative_to(self.folder)
            try:
                record = _read(kind, folder / _RECORD)
            except FileNotFoundError:
                # The page of a preflight lies where a run may be one day.
                if {path.name for path in folder.glob("*")} - {_PREFLIGHT}:
                    faults.append(f"{name} holds no {_RECORD}.")
            except WorkspaceError:
                faults.append(f"{name}/{_RECORD} is damaged, or of another version of Burnish.")
            except OSError as error:
                faults.append(f"{name}/{_RECORD} cannot be read: {error.strerror}.")
            else:
                if record.id == folder.name:
                    found.append(record)
                else:
                    faults.append(f"{name} holds the record of {record.id}; it is passed over.")
        return sorted(found, key=lambda record: (record.started_at, record.id)), faults

    def pruned(self, record: Record) -> Pruned | None:
        """When and why the weights of a record were removed; None where they were not."""
        path = self.path(record, _PRUNED)
        try:
            return Pruned.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            return Pruned(at="", why=f"{path} cannot be read", files={})

    def mark_pruned(self, record: Record, pruned: Pruned | None) -> None:
        """Put on record that a record's weights go; None takes that back, while they are there."""
        path = self.path(record, _PRUNED)
        if pruned is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, pruned.model_dump_json(indent=2) + "\n")

    def find_complete(self, kind: type[AnyRecord], inputs_hash: str) -> AnyRecord | None:
        """The newest complete record that was made from exactly these inputs and is still whole.

        A record whose files were changed, removed or pruned since does not count.
        """
        for record in reversed(self.records(kind)):
            if record.inputs_hash == inputs_hash and record.status == "complete":
                if self.pruned(record):  # its files may be half gone
                    continue
                files = {self.path(record, name): seal for name, seal in record.files.items()}
                if all(path.exists() and sha256_file(path) == files[path] for path in files):
                    return record
        return None

    def start(
        self,
        kind: type[AnyRecord],
        inputs_hash: str,
        *,
        parents: dict[str, str],
        seed: int,
        fields: dict[str, Any],
    ) -> AnyRecord:
        """Write a `started` record, or take up the one that a killed or failed step left.

        Args:
            fields: the fields of `kind` that are known before the work.
        """
        unfinished = self._unfinished(kind, inputs_hash)
        if unfinished:
            record = unfinished[-1].model_copy(update={"status": "started", "error": None})
            self.mark_pruned(record, None)
        else:
            record = kind.model_validate(
                {
                    "id": self._free_id(kind, inputs_hash),
                    "status": "started",
                    "inputs_hash": inputs_hash,
                    "parents": parents,
                    "seed": seed,
                    "started_at": now("microseconds"),
                    "packages": _packages(),
                    "git": _git(),
                    **fields,
                }
            )
        self.write(record)
        return record

    def upcoming(self, kind: type[Record], inputs_hash: str) -> Path:
        """The folder that `start` would use; nothing is written."""
        unfinished = self._unfinished(kind, inputs_hash)
        name = unfinished[-1].id if unfinished else self._free_id(kind, inputs_hash)
        return self.folder / _FOLDERS[kind] / name

    def _unfinished(self, kind: type[AnyRecord], inputs_hash: str) -> list[AnyRecord]:
        """What killed or failed steps left of these inputs, oldest first."""
        return [
            record
            for record in self.records(kind)
            if record.inputs_hash == inputs_hash and record.status != "complete"
        ]

    def complete(self, record: AnyRecord, fields: dict[str, Any]) -> AnyRecord:
        """Write the record as complete, with its hash: the last act of a step."""
        data = record.model_dump() | fields | {"status": "complete", "finished_at": now()}
        done = type(record).model_validate(data).with_hash()
        self.write(done)
        return done

    def fail(self, record: Record, error: str) -> None:
        """Write the record as failed, with the reason."""
        self.write(
            record.model_copy(update={"status": "failed", "error": error, "finished_at": now()})
        )

    def write(self, record: Record) -> None:
        """Write a record's file."""
        write_text(self.path(record, "record.json"), record.model_dump_json(indent=2) + "\n")

    def discard(self, record: Record) -> None:
        """Remove the folder of a failed step that leaves nothing to go on with."""
        shutil.rmtree(self.path(record), ignore_errors=True)

    def _free_id(self, kind: type[Record], inputs_hash: str) -> str:
        """The first ten digits of the hash; a repeated step (--force) gets -2, -3 and so on."""
        base, number = inputs_hash[:10], 1
        while True:
            candidate = base if number == 1 else f"{base}-{number}"
            if not (self.folder / _FOLDERS[kind] / candidate / "record.json").exists():
                return candidate
            number += 1


def _read(kind: type[AnyRecord], path: Path) -> AnyRecord:
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise WorkspaceError(
            f"{path} is not a record of this version of Burnish.",
            hint=f"move {path.parent} away; the step will be done again",
        ) from error


def now(precision: str = "seconds") -> str:
    """The time in UTC, in ISO 8601; `precision` as `timespec` of `datetime.isoformat`."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _packages() -> dict[str, str]:
    versions = {"python": platform.python_version(), "platform": sys.platform}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git() -> Git | None:
    """The commit of the folder the command runs in, or None outside a repository."""
    try:
        commit = _run_git("rev-parse", "HEAD")
        return Git(commit=commit, dirty=bool(_run_git("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None


def _run_git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
