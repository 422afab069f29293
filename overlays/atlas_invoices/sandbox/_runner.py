"""A uvicorn server that starts and stops at once, and its listening socket."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from atlas_invoices._errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_BACKLOG = 512


class Runner(uvicorn.Server):
    """uvicorn's server, run in a thread. It starts and stops at once, not at the next tick of its clock.

    It is quiet: an application's failures are logged by the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for `stop`."""
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything, replies in progress included."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(cast("set[Any]", self.server_state.connections)):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def transport_of(self, peer: tuple[str, int]) -> asyncio.Transport:
        """The connection from that address and port."""
        connections = cast("set[Any]", self.server_state.connections)
        return cast("asyncio.Transport", next(each.transport for each in connections if each.client == peer))

    def stop(self) -> None:
        """From another thread: end `main_loop`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        ConfigError: the port is taken, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off; else each reply on a kept connection takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        place = f"port {port}" if port else "any port"
        raise ConfigError(
            f"the sandbox cannot listen on {place} of {host} ({error.strerror or error}); "
            "choose another port, or 0 for any free one"
        ) from None
    return listener
