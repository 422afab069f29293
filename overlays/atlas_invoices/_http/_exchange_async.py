"""One exchange with the server, asynchronously: send, judge the head, read the body. The one way out to the network.

The twin of `_stream`, line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from atlas_invoices import _locks

from . import _responses
from ._body import BodyReader, ErrorBody
from ._rate_limit import RateLimiter, rate_limit_timeout
from ._responses import DeprecationWarner
from ._transport import while_connecting, while_reading

if TYPE_CHECKING:
    from atlas_invoices._operations import Operation

    from ._retry import RetryPolicy


T = TypeVar("T")
log = logging.getLogger("atlas_invoices")


class AsyncLine:
    """The way to the server, shared by all requests of a client, and what is known of its limits."""

    def __init__(self, connect: Callable[[], httpx.AsyncClient], policy: RetryPolicy) -> None:
        """Nothing is sent yet; the client's read timeout is also how long a trickle is borne."""
        self._connect = connect
        self._policy = policy
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Begin without connections: two processes on one would read each other's replies."""
        self.http = self._connect()
        # What goes on after the task that waited for it was cancelled.
        self._going_on: set[asyncio.Task[Any]] = set()
        self._pace = RateLimiter(self._policy.max_wait)
        self._notices = DeprecationWarner()

    async def open(self, call: Operation[Any], max_bytes: int) -> AsyncReply:
        """Send the request; return a success whose first bytes are right, or raise a typed error."""
        request = self.http.build_request(**call.kwargs)
        where = f"{request.method} {request.url.path}"
        asked = time.monotonic()
        while wait := self._pace.acquire():
            if time.monotonic() - asked + wait > self._policy.deadline:
                raise rate_limit_timeout(where, self._policy.deadline)
            await asyncio.sleep(wait)
        head, began = None, time.monotonic()
        try:
            with while_connecting(where):
                response = await self._sent(request)
            head = _responses.ResponseHead(request.method, request.url.path, response.status_code, response.headers)
        finally:
            self._pace.release(head)
        log.debug("%s: %d after %.2f s", where, head.status, time.monotonic() - began)
        try:
            self._notices.warn_once(call.name, head.headers)
            return await self._judged(head, response, call, max_bytes)
        except BaseException:
            await response.aclose()
            raise

    async def close(self) -> None:
        """End what nobody waits for any more, and close all connections."""
        for task in self._going_on:
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)
        await self.http.aclose()

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send in a task of its own: one cancelled within httpcore 1.0 may keep its place in the pool for good."""
        sending = self._start(self.http.send(request, stream=True))
        try:
            response = await asyncio.shield(sending)
        except asyncio.CancelledError:
            sending.add_done_callback(self._forgo)
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _ClosedToTheEnd(response.stream, self._start)
        return response

    def _forgo(self, sending: asyncio.Task[httpx.Response]) -> None:
        if not sending.cancelled() and sending.exception() is None:
            self._start(sending.result().aclose())

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._going_on.add(task)  # asyncio itself holds tasks weakly
        task.add_done_callback(self._going_on.discard)
        return task

    async def _judged(
        self, head: _responses.ResponseHead, response: httpx.Response, call: Operation[Any], max_bytes: int
    ) -> AsyncReply:
        if not _responses.is_success(head):
            raise _responses.error_for(head, await _excerpt(response))
        patience = self.http.timeout.read
        reader = BodyReader(head, call.kind, enveloped=call.enveloped, max_bytes=max_bytes, patience=patience)
        reply = AsyncReply(head, response, reader)
        await reply.read_first()
        return reply


class AsyncReply:
    """A success that is being read; `head` is what came before its body."""

    def __init__(self, head: _responses.ResponseHead, response: httpx.Response, reader: BodyReader) -> None:
        """Nothing of the body is read yet."""
        self.head = head
        self._response = response
        self._pieces = self._read(reader)
        self._first: bytes | None = None
        self._ended = False

    async def read_first(self) -> None:
        """Read and judge the beginning."""
        self._first = await anext(self._pieces, None)

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the document's bytes, once."""
        first, self._first = self._first, None
        if first is None:
            raise RuntimeError("this stream was read before; its bytes can be read once, ask for it again")
        yield first
        async for piece in self._pieces:
            yield piece
        if not self._ended:
            raise RuntimeError("this stream was closed before its end: read it within the `async with` block")

    async def close(self) -> None:
        """Give the connection back, or close it where the body wasn't read to its end."""
        await self._pieces.aclose()
        await self._response.aclose()

    async def _read(self, reader: BodyReader) -> AsyncGenerator[bytes, None]:
        with while_reading(self.head.where):
            async for data in _raw(self._response):
                for piece in reader.feed(data):
                    yield piece
        for piece in reader.finish():
            yield piece
        self._ended = True


class AsyncCsvStream:
    """An invoice CSV as it arrives; a context manager that closes the connection at its end.

    Its status, type and first bytes have been checked when the `async with` block begins.
    """

    def __init__(self, open_reply: Callable[[], Awaitable[AsyncReply]]) -> None:
        """Keep how to open it; nothing is sent before the block."""
        self._open_reply = open_reply
        self._reply: AsyncReply | None = None

    async def __aenter__(self) -> Self:
        """Send the request."""
        self._reply = await self._open_reply()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._reply is not None:
            await self._reply.close()

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes, exactly as sent, in pieces of at most 64 KiB.

        Raises `IncompleteDownloadError` at the end where the reply wasn't whole, so what was read is good only when
        the loop has ended. The bytes can be read once, within the `async with` block.
        """
        if self._reply is None:
            raise RuntimeError("open the stream first: `async with client.stream_invoice_csv(...) as body:`")
        return self._reply.aiter_bytes()


async def _excerpt(response: httpx.Response) -> bytes:
    excerpt = ErrorBody(response.headers)
    with contextlib.suppress(httpx.HTTPError):
        async for data in _raw(response):
            if not excerpt.wants_more(data):
                break
    return excerpt.body


def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    # A reply that a transport made in memory, as httpx.MockTransport does, counts as read before anybody has.
    if response.is_stream_consumed and isinstance(response.stream, httpx.AsyncByteStream):
        return aiter(response.stream)
    return response.aiter_raw()


class _ClosedToTheEnd(httpx.AsyncByteStream):
    """A body whose closing goes on in a task of its own, likewise."""

    def __init__(
        self, inner: httpx.AsyncByteStream, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self._inner = inner
        self._start = start

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inner)

    async def aclose(self) -> None:
        await asyncio.shield(self._start(self._inner.aclose()))
