"""Send token requests with an HTTP client of their own, so that they share nothing but the way to the server.

Sent through the client whose request waits for the token, they'd leave the token in `response.history`, follow that
client's redirects, and pass through its event hooks.
"""

from __future__ import annotations

import time
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, TypeVar, cast

import httpx
from attrs import field, frozen

from atlas_invoices._patience import patience, teach
from atlas_invoices._transport import forget_frames

from ._token_request import MAX_REPLY_BYTES, TokenReply

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

H = TypeVar("H", httpx.Client, httpx.AsyncClient)

# Not the API client's, which may be long for large invoices: a token is small, and everything waits for it.
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# For the whole body: a timeout is for each piece, and a server may send one byte at a time.
_BODY_SECONDS = 60.0


@frozen
class TokenHTTP:
    """How to reach the token endpoint: the settings of httpx that decide where a connection goes.

    A transport belongs to the client it was made for, and is never closed here.
    """

    verify: ssl.SSLContext | str | bool = True
    proxy: httpx.Proxy | httpx.URL | str | None = field(default=None, repr=False)
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None

    def send(self, request: httpx.Request) -> TokenReply:
        """Send one request and read its reply, no further than `MAX_REPLY_BYTES`; httpx's errors come through."""
        try:
            # In place of the patience with the request that waits for the token.
            with patience(_TIMEOUT.read):
                return self._send(request)
        except httpx.HTTPError as error:
            forget_frames(error)
            raise

    async def send_async(self, request: httpx.Request) -> TokenReply:
        """Do the same from a coroutine."""
        try:
            with patience(_TIMEOUT.read):
                return await self._send_async(request)
        except httpx.HTTPError as error:
            forget_frames(error)
            raise

    def _send(self, request: httpx.Request) -> TokenReply:
        transport = _Shared(self.transport) if isinstance(self.transport, httpx.BaseTransport) else None
        with (
            httpx.Client(verify=self.verify, proxy=self.proxy, transport=transport, timeout=_TIMEOUT) as client,
            closing(_taught(client).send(request, stream=True, auth=None, follow_redirects=False)) as response,
        ):
            body = _Body(request)
            # Not unpacked: it was asked for as it is, and what is packed nevertheless may be a thousand times larger.
            for chunk in response.iter_raw():
                if not body.add(chunk):
                    break
            return body.reply(response)

    async def _send_async(self, request: httpx.Request) -> TokenReply:
        transport = _AsyncShared(self.transport) if isinstance(self.transport, httpx.AsyncBaseTransport) else None
        async with (
            httpx.AsyncClient(verify=self.verify, proxy=self.proxy, transport=transport, timeout=_TIMEOUT) as client,
            aclosing(await _taught(client).send(request, stream=True, auth=None, follow_redirects=False)) as response,
            aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as chunks,
        ):
            body = _Body(request)
            async for chunk in chunks:
                if not body.add(chunk):
                    break
            return body.reply(response)


def _taught(client: H) -> H:
    teach(client)
    return client


class _Body:
    """What has been read of a reply, up to its limits."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._bytes = bytearray()
        self._end = time.monotonic() + _BODY_SECONDS

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk; false once there is too much. Raises httpx.ReadTimeout when the time is over."""
        self._bytes += chunk
        if time.monotonic() > self._end:
            raise httpx.ReadTimeout("the token endpoint's reply took too long", request=self._request)
        return len(self._bytes) <= MAX_REPLY_BYTES

    def reply(self, response: httpx.Response) -> TokenReply:
        whole = bytes(self._bytes) if len(self._bytes) <= MAX_REPLY_BYTES else None
        return TokenReply(response.status_code, response.headers, whole)


class _Shared(httpx.BaseTransport):
    """Somebody else's transport: used, not closed."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _unread(self._inner.handle_request(request))


class _AsyncShared(httpx.AsyncBaseTransport):
    """Likewise."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _unread(await self._inner.handle_async_request(request))


def _unread(response: httpx.Response) -> httpx.Response:
    """The same reply, to be read from its beginning: one that was made in memory counts as read already."""
    return httpx.Response(
        response.status_code, headers=response.headers, stream=response.stream, extensions=response.extensions
    )
