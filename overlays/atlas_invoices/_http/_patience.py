"""Bound what a server may cost before the head of its reply is whole.

httpx's read timeout is for each piece: a head that comes a byte at a time, or "100 Continue" without end, keeps a
request waiting for ever, and so does the slow body of a challenge that is read before the request is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
from attrs import define

if TYPE_CHECKING:
    import ssl


# A request may be answered several times before its head comes: challenges, and what is said in between.
_READ_TIMEOUTS = 4
# h11 takes 100 KiB for one head; a challenge's body is read for 64 KiB.
_BYTES = 1024 * 1024


@define
class _Patience:
    """What is left for one request: seconds of waiting for the network, and bytes."""

    seconds: float
    size: int = _BYTES

    def timeout(self, asked: float | None) -> float:
        """How long the next read may wait."""
        if self.seconds <= 0:
            raise httpcore.ReadTimeout("the head of the reply came too slowly")
        if self.size <= 0:
            raise httpcore.RemoteProtocolError("the reply has no head in its first MiB")
        return self.seconds if asked is None else min(asked, self.seconds)

    def spend(self, since: float, data: bytes) -> bytes:
        """Count a read that began at `since`."""
        self.seconds -= time.monotonic() - since
        self.size -= len(data)
        return data


_patience: ContextVar[_Patience | None] = ContextVar("atlas_invoices_patience", default=None)


@contextmanager
def patience(read_timeout: float | None) -> Iterator[None]:
    """Around sending a request and reading the head of its reply; no bound where the timeout is None."""
    token = _patience.set(None if read_timeout is None else _Patience(_READ_TIMEOUTS * read_timeout))
    try:
        yield
    finally:
        _patience.reset(token)


def teach(
    client: httpx.Client | httpx.AsyncClient, *, but_not: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None
) -> None:
    """Make the connections of the client's transports heed `patience`, but not those of the user's own transport.

    httpx has no public way to name httpcore's network backend (tests/wire holds this one in place).
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - see above
        if transport is but_not:
            continue
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001 - see above
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001 - see above
        elif isinstance(transport, httpx.AsyncHTTPTransport):
            async_pool = transport._pool  # noqa: SLF001 - see above
            async_pool._network_backend = _AsyncBackend(async_pool._network_backend)  # noqa: SLF001 - see above


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _patience.get()
        if left is None:
            return self._inner.read(max_bytes, timeout)
        timeout, since = left.timeout(timeout), time.monotonic()
        return left.spend(since, self._inner.read(max_bytes, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the base class's signature
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - likewise
        left = _patience.get()
        if left is None:
            return await self._inner.read(max_bytes, timeout)
        timeout, since = left.timeout(timeout), time.monotonic()
        return left.spend(since, await self._inner.read(max_bytes, timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - likewise
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - likewise
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the base class's signature
        return self._inner.get_extra_info(info)
