"""The request log: exchanges and feedback on their way into the database.

An answer never waits for it. Exchanges are collected for a twentieth of a second; a process of its
own masks their texts and writes them together (scribe.py). Feedback goes the same way and is
acknowledged only when it is committed, and so after the exchange that it names. Where more comes
than can be masked, the texts of the newest are left out and counted; the exchanges themselves stay.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from burnish.records import Exchange, Feedback
from burnish.serve import scribe
from burnish.serve.refusal import unavailable
from burnish.serve.scribe import Mask, Written
from burnish.store.exchanges import has_exchange, remove_before

_COLLECT_SECONDS = 0.05
_MOST_IN_BATCH = 200
_MOST_WAITING = 50_000
_MOST_TEXTS_WAITING = 5_000
_REMEMBERED = 100_000
_LONGEST_RETRY = 10.0
_FEEDBACK_SECONDS = 20.0
_HOUR = 3600.0

log = logging.getLogger("burnish.serve")

Said = tuple[Feedback, "asyncio.Future[bool]"]
"""Feedback, and whether it was kept."""


@dataclass
class _Batch:
    exchanges: list[Exchange] = field(default_factory=list)
    feedback: list[Said] = field(default_factory=list)


class Journal:
    """Takes exchanges and feedback, and has them written.

    Args:
        engine: of the same database, for what is looked up in it.
        database: the SQLite file, as `burnish.store.database.connect` takes it.
        mask: hides personal data.
        keep_days: after which exchanges are removed.
        make_pool: of one worker that masks and writes; a process, unless a test has reasons.
    """

    def __init__(
        self,
        engine: Engine,
        database: Path,
        mask: Mask,
        *,
        keep_days: int,
        make_pool: Callable[[], Executor] | None = None,
    ) -> None:
        self._engine = engine
        self._database = database
        self._mask = mask
        self._keep_days = keep_days
        self._make_pool = make_pool or _process
        self._pool = self._make_pool()
        self._batch = _Batch()
        self._texts = 0
        self._unwritten = 0
        self._filled = asyncio.Event()
        self._stopping = False
        self._issued: OrderedDict[str, None] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self.texts_left_out = 0
        self.lost = 0

    async def start(self) -> None:
        """Have the process that writes load what it masks with, then begin."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, self._mask, [("{}", "")])
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._remove_old())]

    async def stop(self) -> None:
        """Write what there is, and end."""
        self._stopping = True
        self._filled.set()
        if self._tasks:
            writing, removing = self._tasks
            removing.cancel()
            await asyncio.wait({writing}, timeout=_LONGEST_RETRY * 2)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether what is taken is also written."""
        return bool(self._tasks)

    @property
    def waiting(self) -> int:
        """Exchanges that are not yet written."""
        return self._unwritten

    def add(self, exchange: Exchange) -> None:
        """Take an exchange; costs no more than a list's append."""
        if self._unwritten >= _MOST_WAITING:
            self.lost += 1  # the database has been away for long
            return
        if exchange.request is not None:
            if self._texts >= _MOST_TEXTS_WAITING:
                exchange = _without_texts(exchange)
                self.texts_left_out += 1
            else:
                self._texts += 1
        self._batch.exchanges.append(exchange)
        self._unwritten += 1
        self._issued[exchange.id] = None
        if len(self._issued) > _REMEMBERED:
            self._issued.popitem(last=False)
        self._filled.set()

    async def knows(self, name: str) -> bool:
        """Whether an exchange of that id was ever taken."""
        return name in self._issued or await asyncio.to_thread(has_exchange, self._engine, name)

    async def keep(self, feedback: Feedback) -> None:
        """Take feedback, and return when it is committed.

        Raises:
            Refusal: it could not be masked, or not be written in time (503); send it again.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._batch.feedback.append((feedback, done))
        self._filled.set()
        try:
            async with asyncio.timeout(_FEEDBACK_SECONDS):
                kept = await done
        except TimeoutError:
            kept = False
        if not kept:
            raise unavailable("The feedback could not be stored; send it again.")

    async def _write(self) -> None:
        while not (self._stopping and not (self._batch.exchanges or self._batch.feedback)):
            await self._filled.wait()
            if not self._stopping:
                await asyncio.sleep(_COLLECT_SECONDS)
            self._filled.clear()
            batch, self._batch = self._batch, _Batch()
            self._texts = 0
            for start in range(0, max(1, len(batch.exchanges)), _MOST_IN_BATCH):
                part = batch.exchanges[start : start + _MOST_IN_BATCH]
                last = start + _MOST_IN_BATCH >= len(batch.exchanges)
                await self._commit(part, batch.feedback if last else [])

    async def _commit(self, exchanges: list[Exchange], feedback: list[Said]) -> None:
        wait = 0.1
        while (done := await self._in_process(exchanges, [one for one, _ in feedback])).fault:
            if self._stopping and wait > _LONGEST_RETRY / 4:
                self.lost += len(exchanges)
                log.error("%d exchanges could not be written: %s", len(exchanges), done.fault)
                break
            log.warning("The request log cannot be written now (%s)", done.fault)
            await asyncio.sleep(wait)
            wait = min(_LONGEST_RETRY, wait * 2)
        self._unwritten -= len(exchanges)
        self.texts_left_out += done.left_out
        for one, waits in feedback:
            if not waits.done():
                waits.set_result(not done.fault and one.id not in done.refused)

    async def _in_process(self, exchanges: list[Exchange], feedback: list[Feedback]) -> Written:
        """Have a batch written; where the process dies of it twice, without its texts."""
        loop = asyncio.get_running_loop()
        for tried in range(3):
            try:
                return await loop.run_in_executor(
                    self._pool, scribe.write, self._database, self._mask, exchanges, feedback
                )
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._pool = self._make_pool()
            if tried == 1:
                self.texts_left_out += sum(one.request is not None for one in exchanges)
                exchanges = [_without_texts(one) for one in exchanges]
        return Written(fault="the process that writes it dies again and again")

    async def _remove_old(self) -> None:
        while True:
            before = datetime.now(UTC) - timedelta(days=self._keep_days)
            try:
                await asyncio.to_thread(remove_before, self._engine, stamp(before))
            except SQLAlchemyError as error:
                log.warning("Old exchanges could not be removed (%s)", type(error).__name__)
            await asyncio.sleep(_HOUR)


def stamp(at: datetime | None = None) -> str:
    """A time, or now, in UTC, ISO 8601, to the millisecond."""
    text = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _without_texts(exchange: Exchange) -> Exchange:
    return exchange.model_copy(update={"request": None, "answer": None})


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=scribe.begin)
