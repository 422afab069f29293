"""Runs the sandbox on a real socket: in a background thread for tests, or until a signal for the command."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import uvicorn
from starlette.middleware.gzip import GZipMiddleware

from atlas_invoices._errors import ConfigError

from ._auth import DigestGuard, TokenEndpoint
from ._documents import csv_chunks
from ._faults import Faults
from ._ledger import Ledger
from ._middleware import Middleware, RequestLog
from ._operations import Operations
from ._settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ._data import Invoice, Organization
    from ._middleware import RequestRecord


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


_START_SECONDS = 10.0


class Sandbox:
    """A local Atlas on `http://127.0.0.1:<port>`, for tests: it runs in a thread while the `with` block does.

    Example:
        >>> with Sandbox(Settings(seed=1)) as sandbox:
        ...     sandbox.invoices[1].status
        'PAID'
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.faults = Faults()
        self._book = Ledger(self.settings)
        self._tokens = TokenEndpoint(self._book.keys, self.settings)
        self._digest = DigestGuard(self._book.keys, self.settings.nonce_uses)
        self._log = RequestLog()
        self._server: Runner | None = None
        self._thread: threading.Thread | None = None
        self._address = (self.settings.host, self.settings.port)

    def __repr__(self) -> str:
        return f"<Sandbox {self.base_url} {'running' if self._thread else 'stopped'}>"

    def __enter__(self) -> Self:
        """Start, and come back when it answers.

        Raises:
            ConfigError: the port is taken, the host is no address of this machine, or the server did not start.
        """
        listener = listen(self.settings.host, self.settings.port)
        self._address = listener.getsockname()[:2]
        self._server = Runner(self._application())
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="atlas-invoices-sandbox", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_SECONDS):
            raise ConfigError(f"the sandbox did not start within {_START_SECONDS:.0f} seconds")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: connections that are still open are closed."""
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()
            self._server = self._thread = None

    @property
    def base_url(self) -> str:
        """Where it answers, without a slash at the end."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def org_id(self) -> str:
        """The organization that has the invoices."""
        return self._book.organizations[0].id

    @property
    def public_key(self) -> str:
        """The API key's public half: the digest user name."""
        return self._book.keys.public_key

    @property
    def private_key(self) -> str:
        """The API key's private half."""
        return self._book.keys.private_key

    @property
    def client_id(self) -> str:
        """The service account's ID."""
        return self._book.keys.client_id

    @property
    def client_secret(self) -> str:
        """The service account's secret. It has characters that must be form-urlencoded in Basic credentials."""
        return self._book.keys.client_secret

    def environment(self, kind: Literal["service-account", "api-key"] = "service-account") -> dict[str, str]:
        """The `MONGODB_ATLAS_*` variables that point a client at this sandbox with one kind of credentials."""
        credentials = {
            "service-account": {
                "MONGODB_ATLAS_CLIENT_ID": self.client_id,
                "MONGODB_ATLAS_CLIENT_SECRET": self.client_secret,
            },
            "api-key": {
                "MONGODB_ATLAS_PUBLIC_API_KEY": self.public_key,
                "MONGODB_ATLAS_PRIVATE_API_KEY": self.private_key,
            },
        }[kind]
        return {"MONGODB_ATLAS_BASE_URL": self.base_url, "MONGODB_ATLAS_ORG_ID": self.org_id, **credentials}

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """The organizations that the credentials see."""
        return self._book.organizations

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """The first organization's invoices, newest first; the first is pending. Linked ones are in their `linked`."""
        return self._book.invoices

    def csv_bytes(self, invoice_id: str) -> bytes:
        """Exactly what the server sends for that invoice's CSV.

        Raises:
            KeyError: no invoice has that ID.
        """
        invoice = self._book.find(invoice_id)
        if invoice is None:
            raise KeyError(invoice_id)
        return b"".join(csv_chunks(invoice))

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """What was asked so far, in the order the replies began."""
        return self._log.all()

    def clear_requests(self) -> None:
        """Forget what was asked so far."""
        self._log.clear()

    def fail(
        self,
        status: int = 503,
        *,
        times: int = 1,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        after: int = 0,
    ) -> None:
        """Answer the next `times` matching requests with `status`; `faults` has this and more.

        `path` is what the request's path ends with; `after` matching requests are let through before. Without `body`
        the reply is the documented JSON error.
        """
        self.faults.status(status, times=times, path=path, headers=headers, body=body, after=after)

    def expire_tokens(self) -> None:
        """End every access token, as if its time were over: the next call with one gets a 401."""
        self._tokens.expire_all()

    def age_nonces(self, times: int = 1) -> None:
        """Refuse the next `times` good digest requests as stale: 401 with `stale=true` and a new nonce."""
        self._digest.refuse_next = times

    def _application(self) -> ASGIApp:
        operations: ASGIApp = Operations(self._book, self._tokens, self.base_url).application()
        if self.settings.gzip:
            operations = GZipMiddleware(operations, compresslevel=6)
        return Middleware(operations, self._book, self._tokens, self._digest, self.faults, self._log)


def serve(settings: Settings, ready: Callable[[Sandbox], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM, then return. For the command; call it from the main thread.

    `ready` is called once it answers, to print what points at it.

    Raises:
        ConfigError: the port is taken, or the host is no address of this machine.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
        stop.set()

    handled = (signal.SIGINT, signal.SIGTERM)
    with Sandbox(settings) as sandbox:
        before = {number: signal.signal(number, on_signal) for number in handled}
        try:
            ready(sandbox)
            # In steps: on Windows a wait without end is deaf to Ctrl-C.
            while not stop.wait(0.5):
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
