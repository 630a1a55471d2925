"""The gateway as a process: its socket, its signals, and how it ends.

On SIGTERM or Ctrl-C it takes no new connections, lets the answers under way end, writes the log
and stops the engines.
"""

import logging
import signal
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType
from typing import Any

import uvicorn

from burnish.errors import ServingError
from burnish.serve.app import make_app
from burnish.serve.connections import bounded
from burnish.serve.gateway import Gateway

_KEEP_ALIVE_SECONDS = 30


def refuse_open_door(host: str, *, key_required: bool) -> None:
    """Raise ServingError where others could ask without a key."""
    if not key_required and not is_loopback(host):
        raise ServingError(
            f"{host} can be reached from other machines, and no API key was ever made here.",
            hint="burnish keys add NAME makes one; or leave --host out to serve this machine alone",
        )


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    gateway: Gateway, host: str, port: int, *, listening: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until a signal ends it.

    Args:
        listening: called with the URL once the socket is open.

    Raises:
        ServingError: the address cannot be used.
    """
    settings = gateway.settings
    config = uvicorn.Config(
        make_app(gateway), host=host, port=port, http=bounded(settings.connections), ws="none",
        loop="uvloop", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.drain),
        backlog=2048,
    )  # fmt: skip
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = _Server(config, gateway, listening)
    gateway.end = server.end
    try:
        server.run()
    except SystemExit as error:  # uvicorn's way to say that it could not listen
        raise ServingError(
            f"{host}:{port} cannot be listened on.", hint="name another with --port"
        ) from error
    if not server.started:
        raise ServingError(f"{host}:{port} cannot be listened on.", hint="name another with --port")


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, listening: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._listening = listening

    def end(self) -> None:
        """End as after a TERM signal."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in good order, which is success; uvicorn would raise the signal again at the end."""
        self.force_exit |= self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            self._listening(f"http://{self.config.host}:{port}")

    async def shutdown(self, sockets: Any = None) -> None:
        self._gateway.draining = True
        await super().shutdown(sockets)
