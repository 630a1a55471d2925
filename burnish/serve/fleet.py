"""The engines behind the gateway: those that the traffic names run, the others are stopped.

A new state of the traffic holds only when all its engines are ready; until then the one before
it does. Its engines stay warm for a rollback until the next change.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp

from burnish.records import Deployment, Traffic
from burnish.serve.commands import ABILITIES, Load, command, place_of
from burnish.serve.process import EngineProcess
from burnish.serve.upstream import Upstream

_CHECK_SECONDS = 2.0


class Fleet:
    """Starts, keeps and stops engines.

    Args:
        log: deployment → file for what its engine prints.
        load: what engines are started for.
        key_of: deployment → key of the server it is on, where one is asked for.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        log: Callable[[Deployment], Path],
        load: Load,
        timeout: float,
        key_of: Callable[[Deployment], str | None] = lambda _: None,
    ) -> None:
        self._session = session
        self._log = log
        self._engine_load = load
        self._timeout = timeout
        self._key_of = key_of
        self._processes: dict[tuple[str, str], EngineProcess] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._up: set[str] = set()
        self._members: dict[str, Deployment] = {}
        self._leaving: list[tuple[tuple[str, str], Upstream]] = []
        self._going: set[asyncio.Task[None]] = set()
        self.upstreams: dict[str, Upstream] = {}

    def add(self, deployment: Deployment) -> None:
        """Begin to start what a deployment needs; nothing where it runs already."""
        if deployment.id in self._members:
            return
        self._members[deployment.id] = deployment
        if deployment.url:
            self._checks[deployment.id] = asyncio.create_task(self._check(deployment))
            url: Callable[[], str | None] = partial(self._given, deployment)
        else:
            process = self._process(deployment)
            url = partial(self._own, deployment, process)
        self.upstreams[deployment.id] = Upstream(
            deployment, self._session, url, timeout=self._timeout, key=self._key_of(deployment)
        )

    async def keep(self, names: set[str]) -> None:
        """Stop all deployments but these, and engines that no deployment needs any more.

        A deployment that goes answers nothing new, and ends what it is answering before it is
        stopped. Returns at once.
        """
        for name in set(self._members) - names:
            gone, upstream = self._members.pop(name), self.upstreams.pop(name)
            if check := self._checks.pop(name, None):
                check.cancel()
            self._leaving.append((place_of(gone), upstream))
            self._going.add(task := asyncio.create_task(self._leave(gone, upstream)))
            task.add_done_callback(self._going.discard)

    async def stop(self) -> None:
        """Stop all engines, whatever they are doing."""
        await self.keep(set())
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)
        for process in self._processes.values():
            await process.stop()

    def faults(self) -> dict[str, str]:
        """Deployment → why its engine is not there."""
        found = {}
        for name, one in self._members.items():
            if not self.upstreams[name].ready:
                process = self._processes.get(place_of(one))
                found[name] = (process.fault if process else "") or "not ready yet"
        return found

    @property
    def pids(self) -> dict[str, int]:
        """Deployment → process of its engine, of those that run here."""
        return {
            name: process.pid
            for name, one in self._members.items()
            if (process := self._processes.get(place_of(one))) and process.pid
        }

    async def _leave(self, gone: Deployment, upstream: Upstream) -> None:
        """Wait until nothing is under way at a deployment's engine that will not go on there."""
        place = place_of(gone)
        deadline = asyncio.get_running_loop().time() + self._timeout
        while any(one.working for at, one in self._leaving if at == place):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.05)
        self._leaving.remove((place, upstream))
        if gone.id in self._members:
            return  # it came back meanwhile
        self._up.discard(gone.id)
        if place not in {place_of(one) for one in self._members.values()}:
            if process := self._processes.pop(place, None):
                await process.stop()
        elif gone.adapter:
            await self._unload(self._processes[place], gone)

    def _process(self, deployment: Deployment) -> EngineProcess:
        """The process for a deployment's place; an adapter is loaded into one that runs."""
        place = place_of(deployment)
        process = self._processes.get(place)
        if process is None:
            process = EngineProcess(
                lambda port: command(deployment, port, self._engine_load),
                health=ABILITIES[deployment.engine].health,
                log=self._log(deployment),
                session=self._session,
                started=partial(self._begin, place),
            )
            self._processes[place] = process
            process.start()
        elif deployment.adapter:
            self._checks[deployment.id] = asyncio.create_task(self._join(process, deployment))
        return process

    async def _begin(self, place: tuple[str, str], process: EngineProcess) -> None:
        """After a start: every adapter that lies over this base, and a first greedy request."""
        for one in list(self._members.values()):
            if place_of(one) == place:
                if one.adapter:
                    await self._load(process, one)
                else:
                    await self._warm(process, one)
                    self._up.add(one.id)

    async def _join(self, process: EngineProcess, deployment: Deployment) -> None:
        """Load the adapter into an engine that runs, or will soon."""
        await process.ready.wait()
        await self._load(process, deployment)

    async def _load(self, process: EngineProcess, deployment: Deployment) -> None:
        """Have vLLM put an adapter over its base (vLLM, "Dynamically serving LoRA adapters")."""
        body = {"lora_name": deployment.model, "lora_path": deployment.adapter}
        url = f"{process.url}/v1/load_lora_adapter"
        try:
            async with self._session.post(url, json=body) as answer:
                if answer.status == 200 or b"already" in await answer.read():
                    self._up.add(deployment.id)
                    return
                why = f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            why = type(error).__name__
        process.fault = f"the adapter of {deployment.id} was not taken ({why})"

    async def _unload(self, process: EngineProcess, deployment: Deployment) -> None:
        body = {"lora_name": deployment.model}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(f"{process.url}/v1/unload_lora_adapter", json=body):
                pass

    async def _warm(self, process: EngineProcess, deployment: Deployment) -> None:
        """A first request: loads the model, and sets transformers' batching to greedy answers."""
        body = {
            "model": deployment.model,
            "messages": [{"role": "user", "content": "."}],
            "max_tokens": 1,
            "temperature": 0,
        }
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=600)
            async with self._session.post(
                f"{process.url}/v1/chat/completions", json=body, timeout=timeout
            ) as answer:
                await answer.read()

    def _own(self, deployment: Deployment, process: EngineProcess) -> str | None:
        there = process.ready.is_set() and deployment.id in self._up
        return process.url if there else None

    def _given(self, deployment: Deployment) -> str | None:
        return deployment.url if deployment.id in self._up else None

    async def _check(self, deployment: Deployment) -> None:
        """Ask a server that Burnish did not start, again and again, whether it is there."""
        path = ABILITIES[deployment.engine].health
        key = self._key_of(deployment)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        timeout = aiohttp.ClientTimeout(total=10)
        while True:
            try:
                async with self._session.get(
                    deployment.url + path, headers=headers, timeout=timeout
                ) as answer:
                    up = answer.status == 200
            except (aiohttp.ClientError, TimeoutError):
                up = False
            (self._up.add if up else self._up.discard)(deployment.id)
            await asyncio.sleep(_CHECK_SECONDS if up else 0.2)


def named(traffic: Traffic) -> set[str]:
    """The deployments that a state of the traffic needs."""
    return {route.deployment for route in traffic.routes} | set(traffic.shadow)
