"""An engine's process: started, watched, restarted, stopped.

What it prints goes to a log file beside the deployment's record. It dies with the gateway, also
where that is killed (on Linux).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from burnish.serve.commands import LOOPBACK

_START_SECONDS = 900.0
_WATCH_SECONDS = 2.0
_MISSED = 5
"""Health checks that may fail in a row before a process that hangs is killed."""
_LONGEST_WAIT = 30.0
_STEADY_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOG_BYTES = 10 << 20


class EngineProcess:
    """One engine on a port of this machine.

    Args:
        line: port → command line and additions to the environment.
        health: path that answers 200 when it is ready.
        log: file for what it prints; beyond 10 MiB it begins anew.
        started: awaited whenever it has come up, before requests are sent to it.
    """

    def __init__(
        self,
        line: Callable[[int], tuple[Sequence[str], dict[str, str]]],
        *,
        health: str,
        log: Path,
        session: aiohttp.ClientSession,
        started: Callable[["EngineProcess"], Awaitable[None]],
    ) -> None:
        self._line = line
        self._health = health
        self._log = log
        self._session = session
        self._started = started
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self.url = ""
        self.pid: int | None = None
        self.restarts = 0
        self.fault = ""

    def start(self) -> None:
        """Begin to start it, and keep it running until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it: a TERM signal, and after ten seconds a KILL signal."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _keep(self) -> None:
        wait = 1.0
        while True:
            began = asyncio.get_running_loop().time()
            await self._run_once()
            if asyncio.get_running_loop().time() - began > _STEADY_SECONDS:
                wait = 1.0
            self.restarts += 1
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    async def _run_once(self) -> None:
        """Start it, wait until it is ready, and watch it to its end."""
        port = _free_port()
        line, environment = self._line(port)
        self.url = f"http://{LOOPBACK}:{port}"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._log.exists() and self._log.stat().st_size > _LOG_BYTES
        with self._log.open("wb" if fresh else "ab") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *line, env=os.environ | environment, stdin=asyncio.subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent,
                )  # fmt: skip
            except OSError as error:
                self.fault = f"{line[0]} cannot be started: {error.strerror or error}"
                return
        self.pid = process.pid
        ended = asyncio.create_task(process.wait())
        try:
            await self._watch(ended)
        finally:
            self.ready.clear()
            await _end(process, ended)
            self.pid = None
            self.fault = f"it ended with code {process.returncode}; see {self._log}"

    async def _watch(self, ended: "asyncio.Task[int]") -> None:
        """Return when the process has ended, or must be ended."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        missed = 0
        while True:
            healthy = await self._is_healthy()
            if healthy and not self.ready.is_set():
                await self._started(self)
                self.fault = ""
                self.ready.set()
            missed = 0 if healthy else missed + 1
            starting = not self.ready.is_set()
            late = asyncio.get_running_loop().time() > deadline
            if (starting and late) or (not starting and missed >= _MISSED):
                return
            wait = 0.1 if starting else _WATCH_SECONDS
            done, _ = await asyncio.wait({ended}, timeout=wait)
            if done:
                return

    async def _is_healthy(self) -> bool:
        try:
            timeout = aiohttp.ClientTimeout(total=10)
            async with self._session.get(self.url + self._health, timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def die_with_parent() -> None:
    """Ask Linux to kill this process when the gateway dies (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> None:
    """End a process and all that it started."""
    for which in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, which)
        done, _ = await asyncio.wait({ended}, timeout=_STOP_SECONDS)
        if done and which == signal.SIGKILL:
            return


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port
