"""The request log: exchanges and feedback on their way into the database.

An answer never waits for it. Exchanges are collected for a twentieth of a second, their texts are
masked in a process of its own, and they are written together. Feedback goes the same way and is
acknowledged only when it is committed, and so after the exchange that it names. Where more comes
than can be masked, the texts of the newest are left out and counted; the exchanges themselves stay.
"""

import asyncio
import logging
import signal
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from burnish.records import Exchange, Feedback
from burnish.serve.process import die_with_parent
from burnish.serve.refusal import unavailable
from burnish.store.exchanges import append_exchanges, has_exchange, remove_before

Texts = tuple[str | None, str | None]
"""A request as JSON, and its answer."""
Mask = Callable[[Sequence[Texts]], list[Texts]]
"""Texts → the same, personal data masked. A function at the top of a module, for its process."""

_COLLECT_SECONDS = 0.05
_MOST_IN_BATCH = 200
_MOST_WAITING = 50_000
_MOST_TEXTS_WAITING = 5_000
_REMEMBERED = 100_000
_LONGEST_RETRY = 10.0
_FEEDBACK_SECONDS = 20.0
_HOUR = 3600.0

log = logging.getLogger("burnish.serve")


@dataclass
class _Batch:
    exchanges: list[Exchange] = field(default_factory=list)
    feedback: list[tuple[Feedback, "asyncio.Future[None]"]] = field(default_factory=list)


class Journal:
    """Takes exchanges and feedback, and writes them.

    Args:
        mask: what the masking process runs.
        keep_days: after which exchanges are removed.
        make_pool: of one worker that masks; a process, so that answers do not wait for it.
    """

    def __init__(
        self,
        engine: Engine,
        mask: Mask,
        *,
        keep_days: int,
        make_pool: Callable[[], Executor] | None = None,
    ) -> None:
        self._engine = engine
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
        """Warm the masking process, then begin to write."""
        await self.masked([("{}", "")])
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
                exchange = exchange.model_copy(update={"request": None, "answer": None})
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
            Refusal: it could not be written in time (503); it may be sent again.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._batch.feedback.append((feedback, done))
        self._filled.set()
        try:
            async with asyncio.timeout(_FEEDBACK_SECONDS):
                await done
        except TimeoutError:
            raise unavailable("The feedback could not be stored; send it again.") from None

    async def masked(self, texts: Sequence[Texts]) -> list[Texts]:
        """Texts without personal data; None where they could not be masked, which is counted."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            try:
                return await loop.run_in_executor(self._pool, self._mask, list(texts))
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._pool = self._make_pool()
            except Exception:
                log.exception("Texts could not be masked, so they are not kept")
                break
        self.texts_left_out += len(texts)
        return [(None, None)] * len(texts)

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
                await self._commit(await self._clean(part), batch.feedback if last else [])
                self._unwritten -= len(part)

    async def _clean(self, exchanges: list[Exchange]) -> list[Exchange]:
        places = [at for at, one in enumerate(exchanges) if one.request is not None]
        texts = [(exchanges[at].request, exchanges[at].answer) for at in places]
        if not texts:
            return exchanges
        clean = list(exchanges)
        for at, before, after in zip(places, texts, await self.masked(texts), strict=True):
            update = {"request": after[0], "answer": after[1], "changed": before != after}
            clean[at] = exchanges[at].model_copy(update=update)
        return clean

    async def _commit(
        self,
        exchanges: list[Exchange],
        feedback: "list[tuple[Feedback, asyncio.Future[None]]]",
    ) -> None:
        wait, kept = 0.1, [one for one, _ in feedback]
        while True:
            try:
                await asyncio.to_thread(append_exchanges, self._engine, exchanges, kept)
                break
            except SQLAlchemyError as error:
                if self._stopping and wait > _LONGEST_RETRY / 4:
                    self.lost += len(exchanges)
                    log.error("%d exchanges could not be written: %s", len(exchanges), error)
                    return
                log.warning("The request log cannot be written now (%s)", type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(_LONGEST_RETRY, wait * 2)
        for _, done in feedback:
            if not done.done():
                done.set_result(None)

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


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin_masking)


def _begin_masking() -> None:
    """In the masking process: the gateway alone heeds Ctrl-C, and takes it along when it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
