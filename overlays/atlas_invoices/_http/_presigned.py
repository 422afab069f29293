"""Fetch a file from a presigned address: on another host, without credentials, and without showing the address.

Anyone who has the address can fetch the file. httpx logs the URL of each request, and errors carry their request; so
the address is filled in below httpx's client, and everything above it sees the host alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import httpx
from attrs import frozen

from atlas_invoices._errors import APIConnectionError, AtlasError, UnexpectedResponseError
from atlas_invoices._secret import Secret

from ._exchange import Exchange, Operation, Response
from ._network import is_host, is_loopback
from ._responses import ResponseHead
from ._retry import RetryPolicy
from ._steps import Steps
from ._transport import remove_secrets

_is_fetching: ContextVar[bool] = ContextVar("_is_fetching", default=False)
# At DEBUG, httpcore logs the headers of every reply; a redirect's may repeat the address.
logging.getLogger("httpcore.http11").addFilter(lambda _record: not _is_fetching.get())


class _PresignedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Sends each request to the address; for either of httpx's clients, like the transport inside."""

    def __init__(self, address: Secret, inner: Any, *, close_inner: bool) -> None:  # noqa: ANN401 - a transport for threads or for asyncio
        self._address = address
        self._inner = inner
        self._close_inner = close_inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        token = _is_fetching.set(True)
        try:
            response: httpx.Response = self._inner.handle_request(self._addressed(request))
        except BaseException as error:
            remove_secrets(error)  # an interrupt has no request, but its frames have the address too
            raise
        finally:
            _is_fetching.reset(token)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = _is_fetching.set(True)
        try:
            response: httpx.Response = await self._inner.handle_async_request(self._addressed(request))
        except BaseException as error:
            remove_secrets(error)
            raise
        finally:
            _is_fetching.reset(token)
        return response

    def close(self) -> None:
        if self._close_inner:
            self._inner.close()

    async def aclose(self) -> None:
        if self._close_inner:
            await self._inner.aclose()

    def _addressed(self, request: httpx.Request) -> httpx.Request:
        return httpx.Request(
            request.method, self._address.reveal(), headers=request.headers, extensions=request.extensions
        )


@frozen
class FileHost:
    """How a client reaches hosts of files: as it reaches the server, but without credentials.

    Attributes:
        client: one of httpx's two clients.
        transport: its transport to the network.
        settings: the client's arguments for a URL, transport, certificates and proxy included.
        policy: the client's limits.
    """

    client: Callable[..., httpx.Client | httpx.AsyncClient]
    transport: Callable[..., httpx.BaseTransport | httpx.AsyncBaseTransport]
    settings: Callable[[httpx.URL], dict[str, Any]]
    policy: RetryPolicy

    def exchange(self, address: Secret, host: httpx.URL) -> Exchange:
        """Return an exchange for one file; the caller closes its connections."""

        def connect() -> httpx.Client | httpx.AsyncClient:
            settings = self.settings(host)
            given = settings.pop("transport")
            network = {name: settings.pop(name) for name in ("verify", "proxy", "limits")}
            inner = given or self.transport(**network)
            return self.client(transport=_PresignedTransport(address, inner, close_inner=given is None), **settings)

        return Exchange(connect, self.policy)

    def send(self, exchange: Exchange, host: httpx.URL, max_bytes: int) -> Steps[Response]:
        """Request the file; returns a success whose first bytes can be those of a CSV, or raises a typed error."""
        operation = Operation[Any](
            "presigned file",
            {"method": "GET", "url": host},
            "file",
            lambda _head, body: body,
            path=f"{host}…",
            refused=_refused,
        )
        return exchange.send(operation, max_bytes)


def _refused(head: ResponseHead, _body: bytes) -> AtlasError:
    # The storage's status says nothing about credentials or IDs of Atlas, so it isn't an APIStatusError. The body may
    # repeat the address.
    return APIConnectionError(
        f"the file couldn't be fetched: its host answered {head.status}; the address may have ended, so try again, "
        f"and check any proxy in between ({head.endpoint})"
    )


def host_of(address: Secret) -> httpx.URL:
    """Return the address's scheme and host as a URL, which is no secret.

    Raises:
        UnexpectedResponseError: it isn't an https URL (http is for this machine).
    """
    try:
        host = httpx.URL(address.reveal()).copy_with(raw_path=b"/", fragment=None, userinfo=b"")
    except (httpx.InvalidURL, ValueError):
        host = httpx.URL("")  # raised below, where the exception with the address isn't the context
    schemes = {"https", "http"} if is_loopback(host.host) else {"https"}
    if not is_host(host.raw_host.decode("ascii")) or host.scheme not in schemes:
        raise UnexpectedResponseError("the report's address isn't an https URL; try again later")
    return host
