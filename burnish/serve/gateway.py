"""The gateway's state while it runs, and how it follows the database.

Five times a second it looks whether the traffic or the keys were changed. A request takes the
state once, at its beginning, so that a change never falls into the middle of one.
"""

import asyncio
import gc
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from burnish.chat.render import Renderer
from burnish.records import Deployment, ServeSettings, Task, Traffic
from burnish.serve.fleet import Fleet, named
from burnish.serve.journal import Journal
from burnish.serve.limits import Rate, Slots
from burnish.serve.meters import Meters
from burnish.serve.refusal import unavailable
from burnish.serve.routing import choose
from burnish.serve.tracing import Tracer
from burnish.serve.upstream import Upstream
from burnish.store.keys import Keyring, caller_salt, count_keys
from burnish.store.traffic import current_traffic, mark_applied, newest_number

_LOOK_SECONDS = 0.2
_SHADOWS_AT_ONCE = 16

log = logging.getLogger("burnish.serve")


@dataclass(frozen=True)
class Served:
    """A deployment, and what it was tuned for.

    Attributes:
        task: the brief, with the prompt settings of the deployment's run.
        renderer: of the tuned model's tokenizer.
        labels: the label set (classify).
        json_schema: of the answers (extract).
    """

    deployment: Deployment
    task: Task
    renderer: Renderer
    labels: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None

    @cached_property
    def endings(self) -> list[list[int]]:
        """Token ids of every label, with its end token [labels]."""
        return [self.renderer.answer_ids(label) for label in self.labels]


class Gateway:
    """Traffic, engines, keys, limits and log of one task.

    Args:
        served_of: id of a deployment → what is served by it; may be slow, and raises where there
            is none.
        make_fleet, make_journal: called in the event loop.

    Attributes:
        end: makes the server that runs it end, as a TERM signal does.
    """

    end: Callable[[], None]

    def __init__(
        self,
        task: Task,
        served_of: Callable[[str], Served],
        engine: Engine,
        make_fleet: Callable[[aiohttp.ClientSession], Fleet],
        make_journal: Callable[[], Journal],
    ) -> None:
        self.task = task
        self.settings: ServeSettings = task.serve
        self.served: dict[str, Served] = {}
        self.meters = Meters()
        self.tracer = Tracer()
        self.traffic: Traffic | None = None
        self.keyring = Keyring(engine)
        self.draining = False
        self._served_of = served_of
        self._engine = engine
        self._make_fleet = make_fleet
        self._make_journal = make_journal
        self._salt = caller_salt(engine)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._shadows = 0

    async def start(self) -> None:
        """Start to follow the database, and the engines with it. Returns at once."""
        self.slots = Slots(self.settings.at_once, self.settings.waiting, self.settings.longest_wait)
        self.rate = Rate(self.settings.requests_per_minute)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.fleet = self._make_fleet(self._session)
        self.journal = self._make_journal()
        self.background(self._follow())
        self.background(self.journal.start())

    async def stop(self) -> None:
        """Write the log to its end and stop the engines."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.journal.stop()
        await self.fleet.stop()
        await self._session.close()

    def background(self, work: Any) -> None:
        """Have something done beside the requests."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def caller(self, key: str, user: str | None) -> str:
        """A hash of who asks: of the key's id and of the user it names."""
        text = f"{key}\n{user or ''}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._salt, digest_size=12).hexdigest()

    def upstream(self, user: str | None, pinned: str | None = None) -> Upstream:
        """Who answers a request.

        Args:
            pinned: the deployment that the caller insists on.

        Raises:
            Refusal: nobody is there (503).
        """
        traffic = self.traffic
        if traffic is None:
            raise unavailable("The first engine is starting; try again shortly.", after=5)
        return self.fleet.upstreams[pinned or choose(traffic, user)]

    def shadow(self, work: Callable[[Upstream], Any], but: str) -> None:
        """Have the shadow deployments answer a copy of a request, if they are not too busy."""
        for name in self.traffic.shadow if self.traffic else ():
            if name != but and self._shadows < _SHADOWS_AT_ONCE:
                self._shadows += 1
                self.background(self._shadowed(work, self.fleet.upstreams[name]))

    @property
    def ready(self) -> bool:
        """Whether a request would be answered."""
        if self.traffic is None or self.draining or not self.journal.ready:
            return False
        ups = self.fleet.upstreams
        return all(ups[route.deployment].ready for route in self.traffic.routes)

    async def _shadowed(self, work: Callable[[Upstream], Any], upstream: Upstream) -> None:
        try:
            await work(upstream)
        finally:
            self._shadows -= 1

    async def _follow(self) -> None:
        seen, keys = -1, (-1, -1)
        while True:
            try:
                number = await asyncio.to_thread(newest_number, self._engine)
                counted = await asyncio.to_thread(count_keys, self._engine)
                if counted != keys:
                    self.keyring, keys = await asyncio.to_thread(Keyring, self._engine), counted
                if number != seen and await self._switch():
                    seen = number
                    _spare_collector()
            except SQLAlchemyError as error:
                log.warning("The database cannot be read now (%s)", type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _switch(self) -> bool:
        """Let the newest state of the traffic hold, once its engines are ready."""
        wanted = await asyncio.to_thread(current_traffic, self._engine)
        if wanted is None:
            return False
        before = self.traffic
        for name in named(wanted) - set(self.served):
            self.served[name] = await asyncio.to_thread(self._served_of, name)
            self.fleet.add(self.served[name].deployment)
        while not self._all_ready(wanted):
            newer = await asyncio.to_thread(newest_number, self._engine)
            if newer != wanted.number:
                return False  # the waiting was for a state that does not count any more
            await asyncio.sleep(0.05)
        self.traffic = wanted
        await asyncio.to_thread(mark_applied, self._engine, wanted.number)
        warm = named(wanted) | (named(before) if before else set())
        await self.fleet.keep(warm)
        self.served = {name: one for name, one in self.served.items() if name in warm}
        return True

    def _all_ready(self, traffic: Traffic) -> bool:
        return all(self.fleet.upstreams[name].ready for name in named(traffic))

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Work in the background failed", exc_info=error)


def _spare_collector() -> None:
    """Keep what is there for good out of the garbage collector's rounds, which stop all answers."""
    gc.collect()
    gc.freeze()
