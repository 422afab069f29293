"""Send token requests with an HTTP client of their own, with only the connection settings of the API client.

Sent through the API client itself, they would leave the token in `response.history`, follow that client's redirects,
and pass through its event hooks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from contextlib import aclosing, closing
from contextvars import copy_context
from typing import Any, cast

import httpx
from attrs import field, frozen

from atlas_invoices._errors import APITimeoutError, IncompleteDownloadError, UnexpectedResponseError
from atlas_invoices._http._body import Decoder, decoder
from atlas_invoices._http._network import Proxy, Verify, connection_settings
from atlas_invoices._http._responses import ResponseHead
from atlas_invoices._http._steps import Steps, running_loop
from atlas_invoices._http._transport import remove_secrets
from atlas_invoices._secret import Mask

from ._oauth import MAX_REPLY_BYTES, TokenReply

_log = logging.getLogger("atlas_invoices")

# The most that getting a token takes: waiting for other threads, tasks and processes, looking up the host, connecting,
# sending, and reading the reply. Independent of the API client's timeout, which may be long for large invoices, or too
# short for a token that everything waits for.
TOKEN_SECONDS = 30.0
# The share of the remaining time that each attempt may take, so that one lost request isn't a failure.
_ATTEMPT_SHARES = (1 / 4, 1 / 3, 1.0)
# The share of an attempt that connecting may take: if one of several addresses doesn't answer, there is time for
# another.
_CONNECT_SHARE = 2 / 3


@frozen
class TokenHTTP:
    """How to reach the token endpoint: httpx's connection settings.

    A transport belongs to the client it was made for, and is never closed here. `seconds` is the most that getting a
    token may take in all.
    """

    verify: Verify = True
    proxy: Proxy = field(default=None, repr=False)
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None
    seconds: float = TOKEN_SECONDS

    def send(self, request: httpx.Request, seconds: float | None = None) -> Steps[TokenReply]:
        """Send a request and read its reply, up to `MAX_REPLY_BYTES`; without an answer, send it up to twice more.

        Args:
            request: a token or revoke request.
            seconds: the time that is left; by default, all of it.

        Raises:
            APITimeoutError: no complete reply came in time. Not transient: a retry would wait as long.
            httpx.HTTPError: any other failure.
        """
        end = time.monotonic() + (self.seconds if seconds is None else seconds)
        for share in _ATTEMPT_SHARES:
            began = time.monotonic()
            request.extensions = {}  # httpx keeps the last attempt's timeouts there
            try:
                reply: TokenReply = yield _Exchange(self, request, (end - time.monotonic()) * share)
            except (httpx.HTTPError, TimeoutError) as error:
                failure = self._failure(error, request)
            else:
                spent = time.monotonic() - began
                _log.debug("%s %s: %d after %.2f s", request.method, request.url.path, reply.status_code, spent)
                return reply
            if not isinstance(failure, APITimeoutError):
                break
        # Outside the except block: the context would show the request and its headers.
        raise failure

    def _failure(self, error: httpx.HTTPError | TimeoutError, request: httpx.Request) -> Exception:
        remove_secrets(error, Mask(sent=request.headers))
        if not isinstance(error, (httpx.TimeoutException, TimeoutError)):
            return error
        return APITimeoutError(
            f"the token endpoint gave no answer in time (at most {self.seconds:g} s, whatever the timeout); check the "
            f"network, the proxy and the base URL, or try again later ({request.method} {request.url.path})",
            transient=False,
        )


@frozen
class _Exchange:
    """Send a request and read its reply; raises `TimeoutError` when the time is up."""

    http: TokenHTTP
    request: httpx.Request
    seconds: float

    def run(self) -> TokenReply:
        if self.http.transport is not None:
            # A caller's own may work in this thread only; nothing but its own timeouts ends it.
            return self._send()
        # In a thread, which is abandoned when the time is up: looking up a host name can't be interrupted, and httpx's
        # timeouts are for each step of a connection, and for each of a host's addresses.
        reply: Future[TokenReply] = Future()

        def send() -> None:
            try:
                reply.set_result(self._send())
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
                reply.set_exception(error)

        threading.Thread(target=copy_context().run, args=(send,), daemon=True).start()
        return reply.result(self.seconds)

    async def run_async(self) -> TokenReply:
        running_loop()
        async with (
            asyncio.timeout(self.seconds),
            httpx.AsyncClient(**self._settings()) as client,
            aclosing(await client.send(self.request, stream=True)) as response,
        ):
            body = _Body(response, self.seconds)
            async for chunk in cast("httpx.AsyncByteStream", response.stream):
                if not body.add(chunk):
                    break
            return body.reply()

    def _send(self) -> TokenReply:
        with httpx.Client(**self._settings()) as client, closing(client.send(self.request, stream=True)) as response:
            body = _Body(response, self.seconds)
            for chunk in cast("httpx.SyncByteStream", response.stream):
                if not body.add(chunk):
                    break
            return body.reply()

    def _settings(self) -> dict[str, Any]:
        if self.seconds <= 0:
            raise TimeoutError
        transport = self.http.transport
        connection = connection_settings(
            self.request.url,
            verify=self.http.verify,
            proxy=self.http.proxy,
            transport=None if transport is None else _BorrowedTransport(transport),
        )
        return {**connection, "timeout": httpx.Timeout(self.seconds, connect=self.seconds * _CONNECT_SHARE)}


class _Body:
    """The part of a reply that has been read, within its limits; decoded, since some proxies compress it unasked.

    It ends where it can't be decoded; what is left isn't a token.
    """

    def __init__(self, response: httpx.Response, seconds: float) -> None:
        request, self._response = response.request, response
        head = ResponseHead(request.method, request.url.path, response.status_code, response.headers)
        try:
            self._decoder: Decoder | None = decoder(head)
        except UnexpectedResponseError:
            self._decoder = None
        self._data = bytearray()
        self._until = time.monotonic() + seconds

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk; false once there is enough. Raises `TimeoutError` when the time is up."""
        if time.monotonic() > self._until:
            raise TimeoutError
        try:
            for piece in self._decoder.feed(chunk) if self._decoder else ():
                self._data += piece
                if len(self._data) > MAX_REPLY_BYTES:
                    return False
        except (UnexpectedResponseError, IncompleteDownloadError):
            return False
        return self._decoder is not None

    def reply(self) -> TokenReply:
        body = bytes(self._data) if len(self._data) <= MAX_REPLY_BYTES else None
        return TokenReply(self._response.status_code, self._response.headers, body)


class _BorrowedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that belongs to another client: used, but not closed."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - httpx has no base of both transports
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._inner.handle_request(request)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await self._inner.handle_async_request(request)
        return response
