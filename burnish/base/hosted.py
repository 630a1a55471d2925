"""What one run has at a provider: two uploaded files and a tuning job, each begun only once.

Speaks the files and fine-tuning endpoints of the OpenAI API; writes job.json, which remembers the
ids before and after each act. An id that a killed run or a lost connection kept from being written
is looked for at the provider.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from burnish.engines.client import Client
from burnish.errors import ServerError, TrainingError
from burnish.records import Event, Progress
from burnish.store.files import write_text

STATE_FILE = "job.json"
_MOST_PAGES = 50
_ATTEMPTS = 3
"""Times that an act is begun where each time no answer came back."""
_MOST_LETTERS = 300


@dataclass(frozen=True)
class Pace:
    """How often a job is looked at: seconds between two looks, growing, and seconds in all."""

    first: float = 1.0
    longest: float = 30.0
    seconds: float = 72 * 3600.0


USUAL_PACE = Pace()


class Remembered(BaseModel):
    """job.json: what this run has at the provider.

    Attributes:
        host, consent: where the examples go, and the user's words that they may.
        files: split → id of the uploaded file; "" where the upload was begun and not heard of.
        job: id of the job; "" where it was begun and not heard of.
        ended: earlier jobs of this run that failed or were cancelled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    consent: str
    files: dict[str, str] = {}
    job: str | None = None
    ended: tuple[str, ...] = ()


class Job(BaseModel):
    """What is read of a tuning job; the rest of it is ignored."""

    id: str
    status: str
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    created_at: float | None = None
    finished_at: float | None = None
    error: Any = None

    @property
    def seconds(self) -> float | None:
        """From its creation to its end, by the provider's clock."""
        if self.created_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.created_at

    @property
    def reason(self) -> str:
        """Why it failed, as far as the provider says so."""
        told = self.error if isinstance(self.error, dict) else {}
        return _line(str(told.get("message") or told.get("code") or "no reason is given"))


class Item(BaseModel):
    """A model, file, job or event in a list; what a kind lacks is None."""

    id: str
    filename: str | None = None
    training_file: str | None = None
    status: str | None = None
    message: str | None = None
    data: Any = None


class Page(BaseModel):
    """A list, or the part of it that one request brings."""

    data: list[Item]
    has_more: bool = False


class Hosted:
    """What one run has at one provider.

    Args:
        path: of its job.json.
        consent: the user's, remembered before anything is sent.

    Raises:
        TrainingError: job.json was changed by hand.
    """

    def __init__(
        self, path: Path, client: Client, consent: str, progress: Progress, pace: Pace
    ) -> None:
        self.host = client.server.host
        self.resumed = path.exists()
        self.remembered = Remembered(host=self.host, consent=consent)
        self._path = path
        self._client = client
        self._progress = progress
        self._pace = pace
        if self.resumed:
            try:
                self.remembered = Remembered.model_validate_json(path.read_bytes())
            except ValueError as error:
                raise TrainingError(
                    f"{path} was changed by hand: it does not say what there is at {self.host}.",
                    hint="mend it, or remove it to upload and start once more",
                ) from error

    def upload(self, split: str, name: str, content: bytes) -> None:
        """Upload the JSONL of a split, unless it is there; `name` and its hash become its name."""
        filename = f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.jsonl"

        def find() -> str | None:
            listed = self._listed("/files", purpose="fine-tune")
            return next((item.id for item in listed if item.filename == filename), None)

        def send() -> str:
            self._progress(Event("train", f"uploading the {split} examples to {self.host}"))
            file = {"file": (filename, content, "application/jsonl")}
            purpose = {"purpose": "fine-tune"}
            sent = self._client.call("POST", "/files", Item, once=True, data=purpose, files=file)
            return sent.id

        def keep(file: str | None) -> None:
            files = {key: one for key, one in self.remembered.files.items() if key != split}
            self._remember(files=files if file is None else files | {split: file})

        self._once(f"the {split} file", self.remembered.files.get(split), find, send, keep)

    def start(self, request: dict[str, Any]) -> None:
        """Start the job with the uploaded files, unless it was started."""
        files = self.remembered.files
        request = request | {f"{split}_file": files[split] for split in files if split != "train"}
        request["training_file"] = files["train"]

        def find() -> str | None:
            for item in self._listed("/fine_tuning/jobs"):
                ended = item.id in self.remembered.ended or item.status in ("failed", "cancelled")
                if item.training_file == files["train"] and not ended:
                    return item.id
            return None

        def send() -> str:
            told = "starting the job; of the settings, epochs and the seed are sent"
            self._progress(Event("train", told))
            path = "/fine_tuning/jobs"
            return self._client.call("POST", path, Job, once=True, json=request).id

        def keep(job: str | None) -> None:
            self._remember(job=job)

        try:
            self._once("the job", self.remembered.job, find, send, keep)
        except ServerError as error:
            if any(file in error.message for file in files.values()):
                error.hint = f"to upload the examples once more, remove {self._path}"
            raise

    def follow(self) -> Job:
        """Look at the job until it has ended well.

        Raises:
            TrainingError: it ended otherwise, is gone, or took longer than the pace allows.
        """
        told = f"following job {self.remembered.job}; it goes on at {self.host} if burnish stops"
        self._progress(Event("train", f"{told} (burnish train --cancel cancels it)"))
        end = time.monotonic() + self._pace.seconds
        wait = self._pace.first
        while True:
            job = self._look()
            named = f"Job {job.id} at {self.host}"
            if job.status in ("failed", "cancelled"):
                self._forget()
                cancelled = job.status == "cancelled"
                raise TrainingError(
                    f"{named} was cancelled." if cancelled else f"{named} failed: {job.reason}",
                    hint="burnish train starts another job, with the files that are there",
                )
            if job.status == "succeeded":
                if job.fine_tuned_model:
                    return job
                raise TrainingError(f"{named} succeeded, but no tuned model is named.")
            if time.monotonic() > end:
                raise TrainingError(
                    f"{named} is still {_line(job.status)} after "
                    f"{self._pace.seconds / 3600:,.0f} hours.",
                    hint="burnish train goes on following it; burnish train --cancel cancels it",
                )
            self._tell(job)
            time.sleep(wait)
            wait = min(self._pace.longest, wait * 1.5)

    def cancel(self) -> None:
        """Cancel the job."""
        job = self.remembered.job
        self._client.call("POST", f"/fine_tuning/jobs/{job}/cancel", Job)
        self._forget()

    def metrics(self) -> list[dict[str, Any]]:
        """{"step", "loss", "validation_loss"} of each step that the job's events tell of."""
        steps: dict[int, dict[str, Any]] = {}
        for item in self._events():
            figures = _figures(item)
            if "step" in figures:
                step = int(figures["step"])
                told: dict[str, Any] = {"step": step}
                for name, theirs in (("loss", "train_loss"), ("validation_loss", "valid_loss")):
                    told |= {name: figures[theirs]} if theirs in figures else {}
                steps[step] = told | steps.get(step, {})
        return [steps[step] for step in sorted(steps)]

    def _once(
        self,
        what: str,
        known: str | None,
        find: Callable[[], str | None],
        send: Callable[[], str],
        keep: Callable[[str | None], None],
    ) -> None:
        """Do an act unless its id is known, and keep the id.

        Before it is begun, "" is kept; where that is found, it is looked for before it is begun
        again. None is kept where it was refused.
        """
        for attempt in range(_ATTEMPTS):
            if not known and known is not None:
                known = self._found(what, find)
            if known:
                break
            keep("")
            try:
                known = send()
            except ServerError as error:
                if not error.unsure:
                    keep(None)
                if not error.unsure or attempt + 1 == _ATTEMPTS:
                    raise
                known = ""
                time.sleep(self._pace.first)
        keep(known)

    def _found(self, what: str, find: Callable[[], str | None]) -> str | None:
        try:
            return find()
        except ServerError as error:
            if error.status not in (404, 405):
                raise
            raise TrainingError(
                f"It cannot be told whether {what} reached {self.host}: no answer came back, and "
                "it does not list what it has.",
                hint=f"look at the provider's own page; then put the id into {self._path}, or "
                "remove that file to begin once more",
            ) from error

    def _look(self) -> Job:
        job = self.remembered.job
        try:
            return self._client.call("GET", f"/fine_tuning/jobs/{job}", Job)
        except ServerError as error:
            if error.status != 404:
                raise
            raise TrainingError(
                f"{self.host} does not know job {job}, which this run started.",
                hint="set the key of the account that started it; to start another job, remove "
                f"{self._path}",
            ) from error

    def _tell(self, job: Job) -> None:
        newest = next(self._events(limit=1), None)
        figures = _figures(newest)
        said = f"; {_line(newest.message)}" if newest and newest.message and not figures else ""
        loss = {"loss": f"{figures['train_loss']:.3f}"} if "train_loss" in figures else {}
        self._progress(
            Event(
                "train",
                f"job {job.id} at {self.host}: {_line(job.status)}{said}",
                figures.get("step", 0),
                figures.get("total_steps", 0),
                figures=loss,
            )
        )

    def _events(self, limit: int = 100) -> Iterator[Item]:
        """Events of the job, newest first; none where the provider keeps none."""
        path = f"/fine_tuning/jobs/{self.remembered.job}/events"
        try:
            yield from self._listed(path, limit=limit)
        except ServerError as error:
            if error.status not in (404, 405):
                raise

    def _listed(self, path: str, limit: int = 100, **asked: str) -> Iterator[Item]:
        """The items of a list, page after page."""
        params: dict[str, Any] = {"limit": limit} | asked
        for _ in range(_MOST_PAGES):
            page = self._client.call("GET", path, Page, params=params)
            yield from page.data
            if not (page.has_more and page.data):
                return
            params["after"] = page.data[-1].id

    def _forget(self) -> None:
        """The job has ended without a model, so another one may start."""
        ended = (*self.remembered.ended, str(self.remembered.job))
        self._remember(job=None, ended=ended)

    def _remember(self, **changes: Any) -> None:
        self.remembered = self.remembered.model_copy(update=changes)
        write_text(self._path, self.remembered.model_dump_json(indent=2) + "\n")


def _figures(item: Item | None) -> dict[str, float]:
    """The numbers of an event."""
    data = item.data if item and isinstance(item.data, dict) else {}
    return {
        str(name): value
        for name, value in data.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _line(text: str | None) -> str:
    """What a provider says, on one line of a bearable length."""
    line = " ".join((text or "").split())
    return line if len(line) <= _MOST_LETTERS else line[: _MOST_LETTERS - 1] + "…"
