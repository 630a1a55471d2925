"""How much is taken on at once, and how fast: slots with a bounded queue, and token buckets."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from burnish.serve.refusal import Refusal, busy

_MOST_BUCKETS = 10_000


class Slots:
    """A bounded number of requests at work, and a bounded number that wait, first come first.

    Args:
        at_once: at work.
        waiting: in the queue; one more is refused.
        longest_wait: seconds after which a waiting one is refused.
    """

    def __init__(self, at_once: int, waiting: int, longest_wait: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._longest_wait = longest_wait
        self.waiting = 0
        self.working = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A slot for as long as the block runs.

        Raises:
            Refusal: the queue is full, or the wait was too long (429).
        """
        if self._free.locked():
            await self._queue()
        else:
            await self._free.acquire()
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1
            self._free.release()

    async def _queue(self) -> None:
        if self.waiting >= self._most_waiting:
            raise busy("Too many requests wait already; try again shortly.")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._free.acquire()
        except TimeoutError:
            raise busy(f"No turn within {self._longest_wait:g} s; try again shortly.") from None
        finally:
            self.waiting -= 1


class Rate:
    """So many requests of a caller a minute, in bursts of at most a tenth of it (token buckets)."""

    def __init__(self, a_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_minute / 60
        self._most = max(1.0, a_minute / 10)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request.

        Raises:
            Refusal: there were too many (429, with the seconds to wait).
        """
        now = self._clock()
        level, at = self._buckets.pop(caller, (self._most, now))
        level = min(self._most, level + (now - at) * self._a_second)
        allowed = level >= 1
        self._buckets[caller] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise Refusal(
                429,
                "This key asks faster than it may.",
                code="rate_limit_exceeded",
                retry_after=(1 - level) / self._a_second,
            )
