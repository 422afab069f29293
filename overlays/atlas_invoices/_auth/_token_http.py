"""Send token requests with an HTTP client of their own, so that they share nothing but the way to the server.

Sent through the client whose request waits for the token, they'd leave the token in `response.history`, follow that
client's redirects, and pass through its event hooks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import aclosing, closing
from contextvars import copy_context
from typing import TYPE_CHECKING, cast

import httpx
from attrs import field, frozen

from atlas_invoices._errors import APITimeoutError
from atlas_invoices._http._transport import forget_frames

from ._oauth import MAX_REPLY_BYTES, TokenReply

if TYPE_CHECKING:
    import ssl


# Getting a token takes no longer than this, from when it was asked for: waiting for other threads, tasks and processes,
# looking up the host, connecting, sending, and reading the reply. Not the API client's timeout, which may be long for
# large invoices, or too short for a token that everything waits for.
TOKEN_SECONDS = 30.0
# So that one address of several that doesn't answer leaves time for another.
_CONNECT_SECONDS = 10.0


@frozen
class TokenHTTP:
    """How to reach the token endpoint: the settings of httpx that decide where a connection goes.

    A transport belongs to the client it was made for, and is never closed here. `seconds` is how long getting a token
    may take in all.
    """

    verify: ssl.SSLContext | str | bool = True
    proxy: httpx.Proxy | httpx.URL | str | None = field(default=None, repr=False)
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None
    seconds: float = TOKEN_SECONDS

    def send(self, request: httpx.Request, seconds: float | None = None) -> TokenReply:
        """Send one request and read its reply, no further than `MAX_REPLY_BYTES`.

        Args:
            request: a token or revoke request.
            seconds: what is left of the time in all; all of it by default.

        Raises:
            APITimeoutError: no whole reply came in time. Not to be tried again: the next try would wait as long.
            httpx.HTTPError: any other failure, as httpx has it.
        """
        seconds = self.seconds if seconds is None else seconds
        try:
            if self.transport is None:
                return _within(seconds, lambda: self._send(request, seconds))
            # Somebody else's may be for this thread alone. Its own timeouts are all that bounds it.
            return self._send(request, seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            failure = self._failure(error, request)
        # Not inside the except block: the context would show the request, and its headers.
        raise failure

    async def send_async(self, request: httpx.Request, seconds: float | None = None) -> TokenReply:
        """Do the same from a coroutine."""
        seconds = self.seconds if seconds is None else seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._send_async(request, seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            failure = self._failure(error, request)
        raise failure

    def _failure(self, error: httpx.HTTPError | TimeoutError, request: httpx.Request) -> Exception:
        forget_frames(error)
        if isinstance(error, httpx.RequestError):
            # Without its headers, which have the credentials, and which a pickle of the error would have, too.
            error.request = httpx.Request(request.method, request.url)
        if not isinstance(error, (httpx.TimeoutException, TimeoutError)):
            return error
        return APITimeoutError(
            f"{request.method} {request.url.path}: no answer in time (at most {self.seconds:g} s, whatever the "
            "timeout); check the network, the proxy and the base URL, or try again later",
            transient=False,
        )

    def _send(self, request: httpx.Request, seconds: float) -> TokenReply:
        transport = _Shared(self.transport) if isinstance(self.transport, httpx.BaseTransport) else None
        with (
            httpx.Client(
                verify=self.verify, proxy=self.proxy, transport=transport, timeout=_timeout(seconds)
            ) as client,
            closing(client.send(request, stream=True, auth=None, follow_redirects=False)) as response,
        ):
            body = _Body(seconds)
            # Not unpacked: it was asked for as it is, and what is packed nevertheless may be a thousand times larger.
            for chunk in response.iter_raw():
                if not body.add(chunk):
                    break
            return body.reply(response)

    async def _send_async(self, request: httpx.Request, seconds: float) -> TokenReply:
        transport = _AsyncShared(self.transport) if isinstance(self.transport, httpx.AsyncBaseTransport) else None
        async with (
            httpx.AsyncClient(
                verify=self.verify, proxy=self.proxy, transport=transport, timeout=_timeout(seconds)
            ) as client,
            aclosing(await client.send(request, stream=True, auth=None, follow_redirects=False)) as response,
            aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as chunks,
        ):
            body = _Body(seconds)
            async for chunk in chunks:
                if not body.add(chunk):
                    break
            return body.reply(response)


def _timeout(seconds: float) -> httpx.Timeout:
    if seconds <= 0:
        raise TimeoutError
    return httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))


def _within(seconds: float, send: Callable[[], TokenReply]) -> TokenReply:
    """Return what `send()` returns, or raise `TimeoutError`.

    In a thread that is left behind when the time is over: nothing else ends the look-up of a name, and the timeouts of
    a connection are for each of its steps, and of a host's addresses.
    """
    reply: Future[TokenReply] = Future()

    def run() -> None:
        try:
            reply.set_result(send())
        except BaseException as error:  # noqa: BLE001 - raised again below
            reply.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return reply.result(seconds)


class _Body:
    """What has been read of a reply, up to its limits."""

    def __init__(self, seconds: float) -> None:
        self._bytes = bytearray()
        self._end = time.monotonic() + seconds

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk; false once there is too much. Raises `TimeoutError` when the time is over."""
        self._bytes += chunk
        if time.monotonic() > self._end:
            raise TimeoutError
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
