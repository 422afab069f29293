"""Run the sandbox on a real socket: in a background thread for tests, or until a signal for the command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Literal, Self, Unpack, cast

import uvicorn
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from atlas_invoices._errors import ConfigError

from ._auth import DigestVerifier, TokenEndpoint
from ._data import Invoice, Organization
from ._documents import csv_pieces
from ._faults import Faults, Where
from ._ledger import Ledger
from ._middleware import Middleware, RequestRecord
from ._operations import Operations
from ._reports import ReportStore
from ._settings import Settings

_BACKLOG = 512
_START_SECONDS = 10.0


class _Server(uvicorn.Server):
    """uvicorn's server for a thread. It starts and stops immediately, not at the next tick of uvicorn's clock.

    uvicorn logs nothing; the middleware logs failures.
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
        self._loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            await self.on_tick(0)  # it renews the Date header of replies
            self.ready.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything, including responses in progress."""
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
        """End `main_loop`, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one.

    Raises:
        ConfigError: the port is taken, or the host isn't an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is given. Otherwise each response on a kept connection
    # would take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere, it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        place = f"port {port}" if port else "any port"
        raise ConfigError(
            f"the sandbox can't listen on {place} of {host} ({error.strerror or error}); "
            "choose another port, or 0 for a free one"
        ) from None
    return listener


def _url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Sandbox:
    """A local Atlas on `http://127.0.0.1:<port>`, in a background thread while the `with` block runs.

    Example:
        >>> with Sandbox(Settings(seed=1)) as sandbox:
        ...     sandbox.invoices[1].status
        'INVOICED'
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.faults = Faults()
        self._ledger = Ledger(self.settings)
        self._tokens = TokenEndpoint(self._ledger.credentials, self.settings)
        self._digest = DigestVerifier(self._ledger.credentials, self.settings.nonce_uses)
        self._records: list[RequestRecord] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._address = (self.settings.host, self.settings.port)
        self._reports: ReportStore | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self.base_url} {'running' if self._thread else 'stopped'}>"

    def __enter__(self) -> Self:
        """Start, and return when the server accepts requests.

        Raises:
            ConfigError: the port is taken, the host isn't an address of this machine, or the server didn't start.
        """
        listener = _listen(self.settings.host, self.settings.port)
        self._address = listener.getsockname()[:2]
        storage = _listen(self.settings.host, 0)
        self._reports = ReportStore(self.settings, _url(storage.getsockname()))
        self._server = _Server(self._application(self._reports))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener, storage]}, name="atlas-invoices-sandbox", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_SECONDS):
            raise ConfigError(f"the sandbox didn't start within {_START_SECONDS:.0f} seconds")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close all connections."""
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()
            self._server = self._thread = None

    @property
    def base_url(self) -> str:
        """The server's URL without a trailing slash."""
        return _url(self._address)

    @property
    def org_id(self) -> str:
        """The organization that has the invoices."""
        return self._ledger.organizations[0].id

    @property
    def public_key(self) -> str:
        """The API key's public key: the digest user name."""
        return self._ledger.credentials.public_key

    @property
    def private_key(self) -> str:
        """The API key's private key."""
        return self._ledger.credentials.private_key

    @property
    def client_id(self) -> str:
        """The service account's ID."""
        return self._ledger.credentials.client_id

    @property
    def client_secret(self) -> str:
        """The service account's secret. Some of its characters must be form-urlencoded in Basic credentials."""
        return self._ledger.credentials.client_secret

    def environment(self, kind: Literal["service-account", "api-key"] = "service-account") -> dict[str, str]:
        """Return the `MONGODB_ATLAS_*` variables that point a client at this sandbox, with one kind of credentials."""
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
        """The organizations that the credentials can see."""
        return self._ledger.organizations

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """The first organization's invoices, newest first; the newest is pending. `linked` has the linked ones."""
        return self._ledger.invoices

    def csv_bytes(self, invoice_id: str) -> bytes:
        """Return an invoice's CSV exactly as the server sends it.

        Raises:
            KeyError: no invoice has that ID.
        """
        invoice = self._ledger.find(invoice_id)
        if invoice is None:
            raise KeyError(invoice_id)
        return b"".join(csv_pieces(invoice))

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The requests so far, in the order in which their responses began."""
        return tuple(self._records)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._records.clear()

    def fail(
        self,
        status: int = 503,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **where: Unpack[Where],
    ) -> None:
        """Respond to the next matching request with `status`: short for `faults.status`."""
        self.faults.status(status, headers=headers, body=body, **where)

    def expire_tokens(self) -> None:
        """Expire all access tokens: the next call with one gets a 401."""
        self._tokens.expire_all()

    def end_report_addresses(self) -> None:
        """End the addresses of all reports' files: their host refuses them from now on."""
        if self._reports is not None:
            self._reports.end_addresses()

    def age_nonces(self, times: int = 1) -> None:
        """Refuse the next `times` correct digest requests as stale: 401 with `stale=true` and a new nonce."""
        self._digest.stale_responses = times

    def _application(self, reports: ReportStore) -> ASGIApp:
        operations: ASGIApp = Operations(self._ledger, self._tokens, self.base_url, reports).application()
        if self.settings.gzip:
            operations = GZipMiddleware(operations, compresslevel=6)
        return Middleware(operations, self._ledger, self._tokens, self._digest, self.faults, self._records)


def serve(settings: Settings, ready: Callable[[Sandbox], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM; for the command, in the main thread.

    `ready` is called once the server accepts requests.

    Raises:
        ConfigError: the port is taken, or the host isn't an address of this machine.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature that `signal` requires
        stop.set()

    handled = (signal.SIGINT, signal.SIGTERM)
    with Sandbox(settings) as sandbox:
        before = {number: signal.signal(number, on_signal) for number in handled}
        try:
            ready(sandbox)
            # On Windows, Ctrl-C doesn't interrupt a wait without a timeout.
            while not stop.wait(0.5):
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
