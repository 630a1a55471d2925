"""`burnish watch`: each finished window of the request log is judged once, and stays on record.

A run that is on its way to all requests is taken one step on, too (`pipeline.rollout`).

Reads the request log, feedback, and what the answering runs were made from; writes watches/<id>/
and watch.html. A killed call is taken up by the next: a window without a complete record is judged
again, with the same outcome.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from burnish.errors import BriefError
from burnish.pipeline.retune.rollout import advance
from burnish.pipeline.stepping import database_of, step, task_of
from burnish.pipeline.watch.sides import (
    Passage,
    References,
    embedder,
    feedback_by_exchange,
    log_reference,
    passage,
    window_side,
)
from burnish.records import (
    Event,
    Exchange,
    Gauge,
    OpenWindow,
    Progress,
    Run,
    Task,
    Watch,
    WatchOutcome,
    canonical_hash,
    silent,
)
from burnish.store import Workspace
from burnish.store.exchanges import count_exchanges, first_exchange
from burnish.store.files import write_text

if TYPE_CHECKING:
    from burnish.watch.judging import Side

_AHEAD = timedelta(hours=1)
"""Exchanges that are later than now by more than this come from a wrong clock."""
_POST_SECONDS = 10.0
_STREAMED = ("input length", "answer length", "confidence")


def run_watch(
    workspace: Workspace, *, now: datetime | None = None, progress: Progress | None = None
) -> WatchOutcome:
    """Judge the windows that were finished since the last call, and draw watch.html.

    Args:
        now: the time by which windows are over; None is the clock's.

    Raises:
        BriefError: the log forgets sooner than a window lasts.
        ServingError: nothing was ever served here.
    """
    with workspace.locked("watch"), database_of(workspace) as database:
        task = task_of(workspace)
        _refuse_forgetful(task)
        watching = _Watching(workspace, task, database, now or datetime.now(UTC))
        before = watches(workspace)
        judged = watching.judge_all(progress or silent)
        outcome = WatchOutcome(
            judged=tuple(judged),
            before=len(before),
            open=watching.open_window(),
            notes=tuple(watching.notes()),
        )
        _draw(workspace, task, [*before, *judged], outcome)
    outcome = outcome.model_copy(update={"canary": advance(workspace)})
    for one in judged:
        if one.alarm and task.watch.webhook:
            _post(task.watch.webhook, one, progress or silent)
    return outcome


def watches(workspace: Workspace) -> list[Watch]:
    """All judged windows, by their ends; windows judged together come after single ones."""
    found = [one for one in workspace.records(Watch) if one.status == "complete"]
    return sorted(found, key=lambda one: (one.until, one.windows))


class _Watching:
    """One call of `burnish watch`."""

    def __init__(self, workspace: Workspace, task: Task, database: Engine, now: datetime) -> None:
        from burnish.watch.judging import Judge
        from burnish.watch.windows import Log

        self._workspace, self._task, self._database, self._now = workspace, task, database, now
        self._settings = task.watch
        self._log = Log(
            first=lambda since: first_exchange(database, since),
            count=lambda since, until: count_exchanges(database, since, until),
        )
        by_log = self._settings.reference == "log"
        self._judge = Judge(
            labels=task.kind == "classify",
            season=self._settings.season if by_log else "off",
            embed=embedder(self._settings.meaning),
        )
        self._said = feedback_by_exchange(database)
        self._references: References | None = None

    def judge_all(self, progress: Progress) -> list[Watch]:
        """The windows that are finished and not judged yet."""
        from burnish.watch.alarms import TOGETHER
        from burnish.watch.windows import next_span

        judged: list[Watch] = []
        if (begin := self._begin()) is None:
            return judged
        singles = [one for one in watches(self._workspace) if one.windows == 1]
        while True:
            if singles and len(singles) % TOGETHER == 0 and not self._stands(singles, TOGETHER):
                last = singles[-TOGETHER:]
                judged.append(self._judged(last[0].since, last[-1].until, TOGETHER, "", progress))
            begin = singles[-1].until if singles else begin
            span = next_span(
                self._log, begin, self._now, window_days=self._settings.window_days,
                least=self._settings.least_requests, keep_days=self._task.serve.keep_days,
            )  # fmt: skip
            if span is None:
                return judged
            judged.append(self._judged(span.since, span.until, 1, span.silent_since, progress))
            singles.append(judged[-1])

    def open_window(self) -> OpenWindow | None:
        """The window that is not finished yet, with what streaming detectors make of it."""
        from burnish.watch.windows import later, written

        singles = [one for one in watches(self._workspace) if one.windows == 1]
        since = singles[-1].until if singles else self._begin()
        if since is None:
            return None
        until = max(written(self._now), since)
        passed = passage(self._database, since, until, self._settings.most_texts)
        return OpenWindow(
            since=since,
            until=later(since, self._settings.window_days),
            requests=passed.requests,
            changes=tuple(self._changes(passed)),
        )

    def notes(self) -> list[str]:
        """What a person should know of the log as a whole."""
        from burnish.watch.windows import written

        notes = []
        singles = [one for one in watches(self._workspace) if one.windows == 1]
        if singles and singles[-1].until > written(self._now):
            notes.append(
                f"The clock says {written(self._now)[:16]}, and the log was judged up to "
                f"{singles[-1].until[:16]}: it ran back, or ran ahead then. Nothing is judged "
                "twice."
            )
        ahead = count_exchanges(self._database, written(self._now + _AHEAD), "9")
        if ahead:
            notes.append(
                f"{ahead:,} exchanges are logged later than now, by a wrong clock; they are judged "
                "when their time comes."
            )
        late = sum(
            max(0, count_exchanges(self._database, one.since, one.until) - one.requests)
            for one in singles
        )
        if late:
            notes.append(
                f"{late:,} exchanges were logged into windows that had been judged, by a clock "
                "that ran back or a log written late; those windows stay as they were judged."
            )
        return notes

    def _begin(self) -> str | None:
        """Where the first window begins; None while there is none."""
        from burnish.watch.windows import first_begin, later, written

        kept = self._workspace.watch_reference
        if self._settings.reference == "examples":
            first = first_exchange(self._database)
            return None if first is None else first_begin(first)
        if kept.exists():
            return self._log_end()
        first = first_exchange(self._database)
        if first is None:
            return None
        end = later(first_begin(first), self._settings.reference_days)
        return end if end <= written(self._now) else None

    def _log_end(self) -> str:
        """The end of the log's first weeks, of which some were kept."""
        from burnish.watch.windows import first_begin, later

        kept = log_reference(self._workspace, self._database, self._task, "")
        return later(first_begin(kept[0].at), self._settings.reference_days)

    def _compared_with(self) -> References:
        if self._references is None:
            kept: tuple[Exchange, ...] = ()
            if self._settings.reference == "log" and (end := self._begin()) is not None:
                kept = tuple(log_reference(self._workspace, self._database, self._task, end))
            self._references = References(self._workspace, self._task, kept)
        return self._references

    def _stands(self, singles: Sequence[Watch], together: int) -> bool:
        """Whether the last windows were judged together, or cannot be, being partly forgotten."""
        from burnish.watch.windows import later, written

        first, last = singles[-together], singles[-1]
        if later(first.since, self._task.serve.keep_days) < written(self._now):
            return True
        return any(
            one.windows == together and one.until == last.until for one in watches(self._workspace)
        )

    def _judged(
        self, since: str, until: str, windows: int, silent_since: str, progress: Progress
    ) -> Watch:
        """Judge a window, or several together, and put it on record."""
        from burnish.watch.alarms import threshold
        from burnish.watch.windows import Span

        what = f"{since[:10]} to {until[:10]}"
        progress(Event("watch", f"judging {what}"))
        passed = passage(self._database, since, until, self._settings.most_texts)
        level = threshold(self._settings.false_alarms, Span(since, until).days, windows=windows)
        parents = self._parents(passed.run)
        inputs_hash = canonical_hash({"since": since, "until": until, "windows": windows})
        fields = {
            "task_name": self._task.name, "since": since, "until": until, "windows": windows,
            "run": passed.run, "requests": passed.requests, "threshold": level,
        }  # fmt: skip
        with step(self._workspace, Watch, inputs_hash, parents, self._task.seed, fields) as record:
            done = self._complete(record, passed, silent_since)
        progress(Event("watch", f"{what}: {_outcome(done)}", finished=True))
        return done

    def _complete(self, record: Watch, passed: Passage, silent_since: str) -> Watch:
        references = self._compared_with()
        reader = references.reader(passed.run)
        reference, words = references.side(passed.run)
        window, read = window_side(reader, self._database, passed, self._said)
        seed = zlib.crc32(f"{self._task.seed} {record.since} {record.windows}".encode())
        judgement = self._judge.judge(
            replace(reference, gauge=self._first_gauge(passed.run)),
            window, level=record.threshold, seed=seed,
        )  # fmt: skip
        notes = [f"{count:,} requests {reason}." for reason, count in sorted(read.left_out.items())]
        if silent_since:
            notes.append(f"No request came from {silent_since[:10]} to {record.since[:10]}.")
        if not judgement.signals:
            notes.append("Too little to compare: nothing was tested.")
        if record.windows == 1 and window.gauge is not None:
            text = window.gauge.model_dump_json() + "\n"
            write_text(self._workspace.path(record, "gauge.json"), text)
        return self._workspace.complete(
            record,
            {
                "reference": words, "texts": len(read.seen), "p_value": judgement.p_value,
                "alarm": judgement.alarm, "signals": judgement.signals,
                "explanation": judgement.explanation, "notes": tuple(notes),
            },
        )  # fmt: skip

    def _first_gauge(self, run: str) -> Gauge | None:
        """How it went in the first window that the run answered most of."""
        for one in watches(self._workspace):
            path = self._workspace.path(one, "gauge.json")
            if one.run == run and one.windows == 1 and path.exists():
                return Gauge.model_validate_json(path.read_bytes())
        return None

    def _parents(self, run: str) -> dict[str, str]:
        runs = {one.id: one for one in self._workspace.records(Run)}
        return {"run": str(runs[run].hash)} if run in runs else {}

    def _changes(self, passed: Passage) -> list[str]:
        from burnish.watch.streaming import changes

        references = self._compared_with()
        reader = references.reader(passed.run)
        reference, _ = references.side(passed.run)
        window, _ = window_side(reader, self._database, passed, self._said)
        said = []
        for name in _STREAMED:
            one, other = (_values(side, name, self._judge.labels) for side in (reference, window))
            found = changes(
                one, other, false_alarms=self._settings.false_alarms, seed=self._task.seed
            )
            asked = window.asked if name == "input length" else window.answered
            said += [
                f"{change.detector} noticed a change of the {name} at {asked[change.at].at[:16]}: "
                f"median {change.before:,.4g} before, {change.after:,.4g} since."
                for change in found
            ]
        return said


def _values(side: "Side", name: str, labels: bool) -> NDArray[np.float64]:
    """The numbers of a side that a streaming detector follows; none where there are none."""
    if name == "input length":
        return np.array([len(one.text) for one in side.asked], dtype=np.float64)
    if name == "answer length" and not labels:
        return np.array([len(one.answer or "") for one in side.answered], dtype=np.float64)
    if name == "confidence" and all(one.probability is not None for one in side.answered):
        return np.array([one.probability for one in side.answered], dtype=np.float64)
    return np.array([], dtype=np.float64)


def _refuse_forgetful(task: Task) -> None:
    if task.watch.window_days > task.serve.keep_days:
        raise BriefError(
            f"watch.window_days is {task.watch.window_days:g}, but the request log forgets after "
            f"{task.serve.keep_days} days (serve.keep_days).",
            hint="set serve.keep_days to as many days at least, or make the windows shorter",
        )


def _outcome(watch: Watch) -> str:
    said = f"{watch.requests:,} requests, p = {watch.p_value:.3g}"
    return f"{said}: alarm" if watch.alarm else said


def _draw(
    workspace: Workspace, task: Task, watches: Sequence[Watch], outcome: WatchOutcome
) -> None:
    from burnish.watch.page import watch_page

    if watches:
        write_text(workspace.watch_page, watch_page(task, watches, outcome))


def _post(url: str, watch: Watch, progress: Progress) -> None:
    """Post an alarm, without any text of a request; a failure is told and changes nothing."""
    import httpx

    body = watch.model_dump(mode="json", exclude={"explanation": {"typical", "unusual"}})
    try:
        httpx.post(url, json=body, timeout=_POST_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        said = f"the alarm could not be posted to watch.webhook: {type(error).__name__}"
        progress(Event("watch", said, notice=True))
