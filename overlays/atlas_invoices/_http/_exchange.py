"""One exchange with the server, synchronously: send, judge the head, read the body. The one way out to the network.

`_async_stream` is its twin.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

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


log = logging.getLogger("atlas_invoices")


class Line:
    """The way to the server, shared by all requests of a client, and what is known of its limits."""

    def __init__(self, connect: Callable[[], httpx.Client], policy: RetryPolicy) -> None:
        """Nothing is sent yet; the client's read timeout is also how long a trickle is borne."""
        self._connect = connect
        self._policy = policy
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Begin without connections: two processes on one would read each other's replies."""
        self.http = self._connect()
        self._pace = RateLimiter(self._policy.max_wait)
        self._notices = DeprecationWarner()

    def open(self, call: Operation[Any], max_bytes: int) -> Reply:
        """Send the request; return a success whose first bytes are right, or raise a typed error."""
        request = self.http.build_request(**call.kwargs)
        where = f"{request.method} {request.url.path}"
        asked = time.monotonic()
        while wait := self._pace.acquire():
            if time.monotonic() - asked + wait > self._policy.deadline:
                raise rate_limit_timeout(where, self._policy.deadline)
            time.sleep(wait)
        head, began = None, time.monotonic()
        try:
            with while_connecting(where):
                response = self.http.send(request, stream=True)
            head = _responses.ResponseHead(request.method, request.url.path, response.status_code, response.headers)
        finally:
            self._pace.release(head)
        log.debug("%s: %d after %.2f s", where, head.status, time.monotonic() - began)
        try:
            self._notices.warn_once(call.name, head.headers)
            return self._judged(head, response, call, max_bytes)
        except BaseException:
            response.close()
            raise

    def _judged(
        self, head: _responses.ResponseHead, response: httpx.Response, call: Operation[Any], max_bytes: int
    ) -> Reply:
        if not _responses.is_success(head):
            raise _responses.error_for(head, _excerpt(response))
        patience = self.http.timeout.read
        reader = BodyReader(head, call.kind, enveloped=call.enveloped, max_bytes=max_bytes, patience=patience)
        reply = Reply(head, response, reader)
        reply.read_first()
        return reply


class Reply:
    """A success that is being read; `head` is what came before its body."""

    def __init__(self, head: _responses.ResponseHead, response: httpx.Response, reader: BodyReader) -> None:
        """Nothing of the body is read yet."""
        self.head = head
        self._response = response
        self._pieces = self._read(reader)
        self._first: bytes | None = None
        self._ended = False

    def read_first(self) -> None:
        """Read and judge the beginning."""
        self._first = next(self._pieces, None)

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the document's bytes, once."""
        first, self._first = self._first, None
        if first is None:
            raise RuntimeError("this stream was read before; its bytes can be read once, ask for it again")
        yield first
        yield from self._pieces
        if not self._ended:
            # A closed generator ends like one that is done, and what came so far would pass for the whole.
            raise RuntimeError("this stream was closed before its end: read it within the `with` block")

    def close(self) -> None:
        """Give the connection back, or close it where the body wasn't read to its end."""
        self._pieces.close()
        self._response.close()

    def _read(self, reader: BodyReader) -> Generator[bytes, None, None]:
        with while_reading(self.head.where):
            for data in _raw(self._response):
                yield from reader.feed(data)
        yield from reader.finish()
        self._ended = True


class CsvStream:
    """An invoice CSV as it arrives; a context manager that closes the connection at its end.

    Its status, type and first bytes have been checked when the `with` block begins.
    """

    def __init__(self, open_reply: Callable[[], Reply]) -> None:
        """Keep how to open it; nothing is sent before the `with` block."""
        self._open_reply = open_reply
        self._reply: Reply | None = None

    def __enter__(self) -> Self:
        """Send the request."""
        self._reply = self._open_reply()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._reply is not None:
            self._reply.close()

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the file's bytes, exactly as sent, in pieces of at most 64 KiB.

        Raises `IncompleteDownloadError` at the end where the reply wasn't whole, so what was read is good only when
        the loop has ended. The bytes can be read once, within the `with` block.
        """
        if self._reply is None:
            raise RuntimeError("open the stream first: `with client.stream_invoice_csv(...) as body:`")
        return self._reply.iter_bytes()


def _excerpt(response: httpx.Response) -> bytes:
    excerpt = ErrorBody(response.headers)
    with contextlib.suppress(httpx.HTTPError):
        for data in _raw(response):
            if not excerpt.wants_more(data):
                break
    return excerpt.body


def _raw(response: httpx.Response) -> Iterator[bytes]:
    # A reply that a transport made in memory, as httpx.MockTransport does, counts as read before anybody has.
    if response.is_stream_consumed and isinstance(response.stream, httpx.SyncByteStream):
        return iter(response.stream)
    return response.iter_raw()
