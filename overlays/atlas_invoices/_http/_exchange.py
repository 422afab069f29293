"""Exchange a request for a response: wait for the rate limit, send, judge the head, read the body.

Every request but those for tokens goes through here.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx
from attrs import frozen

from atlas_invoices import _locks
from atlas_invoices._errors import AtlasError
from atlas_invoices._secret import Mask
from atlas_invoices._utils import DEFAULT_MAX_BYTES

from . import _responses
from ._body import BodyReader, ErrorBody
from ._rate_limit import RateLimiter, rate_limit_timeout
from ._responses import DeprecationWarner, ResponseHead
from ._retry import RetryPolicy
from ._steps import Sleep, Steps, run, run_async
from ._transport import REFUSAL_ADVICE, Connections, ReadChunk, while_connecting, while_reading

__all__ = [
    "AsyncCsvStream",
    "CsvStream",
]

T = TypeVar("T")
log = logging.getLogger("atlas_invoices")


@frozen
class Operation(Generic[T]):
    """A request, the kind of document expected, and how to read it.

    Attributes:
        name: for the warning that its resource version ends.
        kwargs: arguments of httpx's `build_request`.
        kind: the kind of document expected.
        read: parses it.
        enveloped: whether a CSV was requested inside JSON.
        max_bytes: limits a reply kept in memory.
        if_too_large: what a caller can do about a larger one.
        success: the status of a success.
        idempotent: whether sending it twice does no more than sending it once.
        path: what messages show instead of the URL's path.
        refused: the error for a reply that isn't a success.
    """

    name: str
    kwargs: dict[str, Any]
    kind: _responses.Kind
    read: Callable[[ResponseHead, bytes], T]
    enveloped: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES
    if_too_large: str = "raise max_bytes"
    success: int = HTTPStatus.OK
    idempotent: bool = True
    path: str = ""
    refused: Callable[[ResponseHead, bytes], AtlasError] = _responses.error_for


class Exchange:
    """A client's connections, rate limiter and deprecation warnings; sends its requests."""

    def __init__(
        self,
        connect: Callable[[], httpx.Client | httpx.AsyncClient],
        policy: RetryPolicy,
        proxy: httpx.Proxy | None = None,
    ) -> None:
        self._connect = connect
        self._policy = policy
        self._proxy = proxy
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Begin without connections: two processes on one would read each other's replies."""
        self.connections = Connections(self._connect())
        self._rate_limiter = RateLimiter(self._policy.max_wait)
        self._deprecations = DeprecationWarner()

    def send(self, operation: Operation[Any], max_bytes: int) -> Steps[Response]:
        """Send the request; return a success whose first bytes are right, or raise a typed error."""
        request = self.connections.request(operation.kwargs)
        path = operation.path or request.url.path
        endpoint = f"{request.method} {path}"
        began = time.monotonic()
        while wait := self._rate_limiter.acquire():
            if time.monotonic() - began + wait > self._policy.deadline:
                raise rate_limit_timeout(endpoint, self._policy.deadline)
            if wait >= 1:
                log.info("waiting %.0f s for the server's rate limit", wait, extra={"wait": wait})
            yield Sleep(wait)
        head, sent = None, time.monotonic()
        try:
            with while_connecting(endpoint, self._proxy):
                reply: httpx.Response = yield self.connections.send(request)
            head = _head(request, path, reply, operation.success)
        finally:
            self._rate_limiter.release(head)
        log.debug("%s: %d after %.2f s", endpoint, head.status, time.monotonic() - sent)
        try:
            self._deprecations.warn_once(operation.name, head.headers)
            return (yield from self._judge(head, reply, operation, max_bytes))
        except BaseException:
            yield self.connections.close_response(reply)
            raise

    def _judge(
        self, head: ResponseHead, reply: httpx.Response, operation: Operation[Any], max_bytes: int
    ) -> Steps[Response]:
        if not _responses.is_success(head):
            raise operation.refused(head, (yield from _error_body(head, reply)))
        timeout = self.connections.read_timeout
        body = BodyReader(
            head,
            operation.kind,
            enveloped=operation.enveloped,
            max_bytes=max_bytes,
            if_too_large=operation.if_too_large,
            read_timeout=timeout,
        )
        response = Response(head, body, self.connections, reply)
        yield from response.read_start()
        return response


def _head(request: httpx.Request, path: str, reply: httpx.Response, success: int) -> ResponseHead:
    mask, advice = Mask(sent=reply.request.headers), reply.request.extensions.get(REFUSAL_ADVICE, "")
    return ResponseHead(request.method, path, reply.status_code, dict(reply.headers), mask, advice, success)


def _error_body(head: ResponseHead, reply: httpx.Response) -> Steps[bytes]:
    body, chunk = ErrorBody(head), ReadChunk(reply)
    try:
        while (data := (yield chunk)) is not None and body.add(data):
            pass
    except httpx.HTTPError:
        pass  # The status is the error; a body that breaks adds nothing.
    return body.content


class Response:
    """A successful reply whose body is read in steps."""

    def __init__(self, head: ResponseHead, body: BodyReader, connections: Connections, reply: httpx.Response) -> None:
        self.head = head
        self._body = body
        self._chunk = ReadChunk(reply)
        self._close = connections.close_response(reply)
        self._pieces: Iterator[bytes] = iter(())
        self._started = self._ended = self._closed = False
        self._received = 0

    @property
    def fraction(self) -> float | None:
        """How much of the document has been received, from 0 to 1; `None` if the server doesn't say how long it is."""
        length = self.head.headers.get("content-length", "")
        return min(1.0, self._received / int(length)) if length.isdecimal() and int(length) else None

    def read_start(self) -> Steps[None]:
        """Read until the document's first bytes have been checked."""
        piece = yield from self.read()
        self._pieces = chain((piece or b"",), self._pieces)

    def read(self) -> Steps[bytes | None]:
        """Read the next piece of the document; None at its end, after which the connection is free again."""
        while (piece := next(self._pieces, None)) is None:
            if self._ended:
                return None
            if self._closed:
                # Otherwise the part read so far would pass for the whole.
                raise ValueError("the stream was closed before its end; read it inside its `with` block")
            with while_reading(self.head.endpoint, self.head.mask):
                data = yield self._chunk
            if data is None:
                yield from self.close()
                self._pieces = iter(list(self._body.finish()))
                self._ended = True
            else:
                self._received += len(data)
                self._pieces = self._body.feed(data)
        return piece

    def start(self) -> None:
        """Start reading; raises `ValueError` the second time."""
        if self._started:
            raise ValueError("the stream can be read once; request it again")
        self._started = True

    def read_all(self) -> Steps[bytes]:
        """Read the whole document into memory, and close."""
        # Not a list of pieces: in one, each piece of a server that sends single bytes would take fifty.
        content = io.BytesIO()
        try:
            while (piece := (yield from self.read())) is not None:
                content.write(piece)
        finally:
            yield from self.close()
        return content.getvalue()

    def close(self) -> Steps[None]:
        """Give the connection back, or close it if the body wasn't read to its end."""
        if not self._closed:
            self._closed = True
            yield self._close


class _Stream:
    """Base of both streams: how to open one, and its response once it is open."""

    def __init__(self, send: Callable[[], Steps[Response]]) -> None:
        self._send = send
        self._response: Response | None = None

    def _opened(self) -> Response:
        if self._response is None:
            raise ValueError("open the stream first: `with client.stream_invoice_csv(...) as body:`")
        return self._response


class CsvStream(_Stream):
    """An invoice CSV as it arrives; a context manager that closes the connection at its end.

    The status, the type and the first bytes have been checked when the `with` block begins.
    """

    def __enter__(self) -> Self:
        self._response = run(self._send())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._response is not None:
            run(self._response.close())

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the file's bytes, exactly as sent, in pieces of at most 64 KiB.

        Raises `IncompleteDownloadError` at the end of an incomplete reply, so the bytes are good only after the loop
        has ended. They can be read once, within the `with` block.
        """
        return _pieces(self._opened())


def _pieces(response: Response) -> Iterator[bytes]:
    response.start()
    while (piece := run(response.read())) is not None:
        yield piece


class AsyncCsvStream(_Stream):
    """An invoice CSV as it arrives; an asynchronous context manager that closes the connection at its end.

    The status, the type and the first bytes have been checked when the `async with` block begins.
    """

    async def __aenter__(self) -> Self:
        self._response = await run_async(self._send())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._response is not None:
            await run_async(self._response.close())

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes, exactly as sent, in pieces of at most 64 KiB.

        Raises `IncompleteDownloadError` at the end of an incomplete reply, so the bytes are good only after the loop
        has ended. They can be read once, within the `async with` block.
        """
        return _pieces_async(self._opened())


async def _pieces_async(response: Response) -> AsyncIterator[bytes]:
    response.start()
    while (piece := await run_async(response.read())) is not None:
        yield piece
