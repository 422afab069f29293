"""The steps that touch the network, and httpx's failures as this package's errors."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import httpx
from attrs import frozen

from atlas_invoices._errors import APIConnectionError, APITimeoutError, AtlasError, ConfigError, IncompleteDownloadError
from atlas_invoices._secret import Mask
from atlas_invoices._utils import single_line

from ._steps import Step, running_loop

T = TypeVar("T")

# A request's extension: what to do if it is refused with 401.
REFUSAL_ADVICE = "atlas_invoices.refusal_advice"
# A response's extension: the semaphore to release once it's closed.
_SLOTS = "atlas_invoices.slots"
# All open ones may be kept alive, so that many threads don't reconnect all the time.
MAX_CONNECTIONS = 100
# How long an unused connection is kept, as in httpx.
_KEEPALIVE_SECONDS = 5.0


class _ThreadTransport(httpx.BaseTransport):
    """A pool of transports, each with one request at a time and so one connection; the one used last is used next.

    httpcore's own pool goes through all its connections, under a lock, whenever a request begins or ends. With 64
    threads, that takes longer than the requests.
    """

    def __init__(self, connect: Callable[[], httpx.BaseTransport]) -> None:
        self._connect = connect
        self._slots = threading.Semaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: set[httpx.BaseTransport] = set()
        self._idle: deque[tuple[float, httpx.BaseTransport]] = deque()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._slots.acquire(timeout=request.extensions.get("timeout", {}).get("pool")):
            raise httpx.PoolTimeout("no connection became free in time", request=request)
        with self._lock:
            transport = self._idle.pop()[1] if self._idle else self._connect()
            self._open.add(transport)
        try:
            response = transport.handle_request(request)
        except BaseException:
            # Broken, or in an unknown state after an interrupt.
            self._close([transport])
            self._slots.release()
            raise
        release = partial(self._release, transport)
        response.stream = _ReleasingStream(cast("httpx.SyncByteStream", response.stream), release)
        return response

    def close(self) -> None:
        with self._lock:
            self._idle.clear()
        self._close(list(self._open))

    def _release(self, transport: httpx.BaseTransport) -> None:
        now = time.monotonic()
        expired = []
        with self._lock:
            if transport in self._open:
                self._idle.append((now, transport))
            while self._idle and now - self._idle[0][0] > _KEEPALIVE_SECONDS:
                expired.append(self._idle.popleft()[1])
        self._slots.release()
        self._close(expired)

    def _close(self, transports: list[httpx.BaseTransport]) -> None:
        for transport in transports:
            self._open.discard(transport)
            transport.close()


class _ReleasingStream(httpx.SyncByteStream):
    """A body that releases its connection once it's closed."""

    def __init__(self, stream: httpx.SyncByteStream, release: Callable[[], None]) -> None:
        self._stream = stream
        self._release: Callable[[], None] | None = release

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            try:
                self._stream.close()
            finally:
                release()


def make_client(*, transport: httpx.BaseTransport | None, **settings: Any) -> httpx.Client:  # noqa: ANN401 - passed on to httpx
    """Make httpx's client for threads; a transport from outside is used as it is."""
    if transport is None:
        connection = {name: settings.pop(name) for name in ("verify", "proxy", "limits")}
        transport = _ThreadTransport(partial(httpx.HTTPTransport, **connection))
    return httpx.Client(transport=transport, **settings)


class _LoopTransport(httpx.AsyncBaseTransport):
    """Connections for each event loop: those of a loop are closed at its end, and the next one gets its own."""

    def __init__(self, connect: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._connect = connect
        self._transports: dict[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = running_loop()
        if loop not in self._transports:
            # A loop that ended without shutting its generators down; Python collects its connections.
            for ended in [other for other in list(self._transports) if other.is_closed()]:
                self._forget(ended)
            self._transports[loop] = self._connect()
            self._closers[loop] = self._close_at_end(loop)
            await anext(self._closers[loop])
        return await self._transports[loop].handle_async_request(request)

    async def aclose(self) -> None:
        if self._transports and (transport := self._transports.get(running_loop())):
            await transport.aclose()

    async def _close_at_end(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
        """Close a loop's connections when it shuts down its generators, as `asyncio.run` does at its end."""
        try:
            yield
        finally:
            if transport := self._forget(loop):
                await transport.aclose()

    def _forget(self, loop: asyncio.AbstractEventLoop) -> httpx.AsyncBaseTransport | None:
        self._closers.pop(loop, None)
        return self._transports.pop(loop, None)


def make_async_client(*, transport: httpx.AsyncBaseTransport | None, **settings: Any) -> httpx.AsyncClient:  # noqa: ANN401 - passed on to httpx
    """Make httpx's asynchronous client for one event loop after another; a transport from outside is used as it is."""
    if transport is None:
        connection = {name: settings.pop(name) for name in ("verify", "proxy", "limits")}
        transport = _LoopTransport(partial(httpx.AsyncHTTPTransport, **connection))
    return httpx.AsyncClient(transport=transport, **settings)


@frozen
class _HttpxStep(Generic[T]):
    """A step from one of httpx's two clients."""

    run: Callable[[], T]
    run_async: Callable[[], Coroutine[Any, Any, T]]


class Connections:
    """One of httpx's two clients, with steps to send and to close."""

    def __init__(self, http: httpx.Client | httpx.AsyncClient) -> None:
        self._http: Any = http
        self._base = str(http.base_url).rstrip("/")
        self.read_timeout = http.timeout.read
        # Closing goes on after the task that waited for it has been cancelled.
        self._background: set[asyncio.Task[Any]] = set()
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def request(self, arguments: dict[str, Any]) -> httpx.Request:
        """Build a request from a generated module's arguments."""
        # In one step: httpx takes the URL apart once for the base URL, and again for the query.
        url = httpx.URL(f"{self._base}{arguments['url']}", params=arguments.get("params"))
        request: httpx.Request = self._http.build_request(**{**arguments, "url": url, "params": None})
        return request

    def send(self, request: httpx.Request) -> Step[httpx.Response]:
        """Send a request; its response is ready to be read. Raises `ValueError` after `close`."""
        if self._http.is_closed:
            raise ValueError("the client is closed; make a new one, or keep it open in a `with` block")
        return _HttpxStep(lambda: self._http.send(request, stream=True), lambda: self._send_async(request))

    def close_response(self, response: httpx.Response) -> Step[None]:
        """Give the connection back, or close it if the body wasn't read to its end."""
        return _HttpxStep(response.close, lambda: self._close_response_async(response))

    def close(self) -> Step[None]:
        """Close all connections."""
        return _HttpxStep(self._close, self._close_async)

    async def _send_async(self, request: httpx.Request) -> httpx.Response:
        # httpcore looks at each waiting request whenever one is done, so none waits in its pool for a connection.
        slots = self._slots.setdefault(running_loop(), asyncio.Semaphore(MAX_CONNECTIONS))
        await slots.acquire()
        # In a task of its own: one cancelled within httpcore 1.0 may keep its place in the pool for good.
        sending = self._start(self._http.send(request, stream=True))
        try:
            response: httpx.Response = await asyncio.shield(sending)
        except asyncio.CancelledError:
            sending.add_done_callback(partial(self._drop, slots))
            raise
        except BaseException:
            slots.release()
            raise
        response.extensions[_SLOTS] = slots
        return response

    def _drop(self, slots: asyncio.Semaphore, sending: asyncio.Task[httpx.Response]) -> None:
        if sending.cancelled() or sending.exception() is not None:
            slots.release()
        else:
            sending.result().extensions[_SLOTS] = slots
            self._start(self._aclose(sending.result()))

    async def _close_response_async(self, response: httpx.Response) -> None:
        # In a task of its own, for the same reason.
        await asyncio.shield(self._start(self._aclose(response)))

    async def _aclose(self, response: httpx.Response) -> None:
        try:
            await response.aclose()
        finally:
            if slots := response.extensions.pop(_SLOTS, None):
                slots.release()

    def _close(self) -> None:
        self._http.close()

    async def _close_async(self) -> None:
        # Those of another event loop ended with it.
        tasks = [task for task in self._background if task.get_loop() is running_loop()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)  # asyncio itself holds tasks weakly
        task.add_done_callback(self._background.discard)
        return task


class ReadChunk:
    """The step that reads the next bytes of a body as the server sent them; None at its end.

    It reads the stream below httpx's `iter_raw`, which refuses a reply that a transport made in memory, as
    httpx.MockTransport does.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._stream: Any = response.stream
        self._chunks: Any = None

    def run(self) -> bytes | None:
        if self._chunks is None:
            self._chunks = iter(self._stream)
        return next(cast("Iterator[bytes]", self._chunks), None)

    async def run_async(self) -> bytes | None:
        if self._chunks is None:
            self._chunks = aiter(self._stream)
        return await anext(cast("AsyncIterator[bytes]", self._chunks), None)


@contextmanager
def while_connecting(endpoint: str, proxy: httpx.Proxy | None = None) -> Iterator[None]:
    """Around sending a request and reading the head of its reply; method and path, and the proxy, for the message."""
    try:
        yield
    except httpx.HTTPError as error:
        remove_secrets(error)
        raise _as_connection_error(error, endpoint, proxy) from error
    except httpx.InvalidURL as error:
        raise ConfigError(f"the URL is invalid: {single_line(error)} ({endpoint})") from None


@contextmanager
def while_reading(endpoint: str, mask: Mask) -> Iterator[None]:
    """Around reading the body: a failure here leaves an incomplete reply; `mask` is for a message that quotes it."""
    try:
        yield
    except httpx.TimeoutException as error:
        remove_secrets(error, mask)
        raise APITimeoutError(f"the reply stalled; try again, or raise the timeout ({endpoint})") from error
    except httpx.HTTPError as error:
        remove_secrets(error, mask)
        raise IncompleteDownloadError(
            f"the connection broke before the reply was complete: {_reason(error)}; try again ({endpoint})"
        ) from error


# Raised before a request is sent.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# A proxy's temporary failures of CONNECT: those of a server.
_TEMPORARY = ("5", str(int(HTTPStatus.REQUEST_TIMEOUT)), str(int(HTTPStatus.TOO_MANY_REQUESTS)))
_UNTRUSTED = (
    "the server's certificate isn't trusted",
    "if a company proxy signs its own, name its CA bundle in SSL_CERT_FILE",
)
_UNKNOWN = ("the server's certificate isn't trusted, because its issuer is unknown", _UNTRUSTED[1])
# OpenSSL's X509_V_ERR codes.
UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
_WRONG_HOST = ("the server's certificate was issued for another host", "check the base URL and any proxy in between")
_CERTIFICATE_FAILURES = {
    9: ("the server's certificate is not yet valid", "check this machine's clock"),
    10: ("the server's certificate has expired", "check this machine's clock, or contact the server's administrator"),
    **dict.fromkeys(UNKNOWN_ISSUER, _UNKNOWN),
    62: _WRONG_HOST,
    64: _WRONG_HOST,
}


def _as_connection_error(error: httpx.HTTPError, endpoint: str, proxy: httpx.Proxy | None) -> AtlasError:
    reason, sent = _reason(error), not isinstance(error, _UNSENT)
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"no answer in time: {reason}; try again, or raise the timeout ({endpoint})", sent=sent)
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return ConfigError(f"can't send the request: {reason} ({endpoint})")
    if isinstance(error, httpx.ProxyError):
        if reason.startswith(_TEMPORARY):
            message = f"the proxy can't reach the server: {reason}; try again later, or check the base URL ({endpoint})"
        else:
            message = f"the proxy refused: {reason}; check the proxy settings ({endpoint})"
        return APIConnectionError(message, transient=reason.startswith(_TEMPORARY), sent=sent)
    certificate = certificate_failure(error)
    if certificate is not None:
        what, way_out = _CERTIFICATE_FAILURES.get(certificate.verify_code, _UNTRUSTED)
        message = f"{what}: {single_line(certificate.verify_message)}; {way_out} ({endpoint})"
        return APIConnectionError(message, transient=False, sent=sent)
    if isinstance(error, httpx.RemoteProtocolError):
        return APIConnectionError(
            f"invalid HTTP response: {reason}; try again, or check the base URL and any proxy in between ({endpoint})"
        )
    # httpx keeps a proxy's password apart from its URL.
    through = "" if proxy is None else f" through the proxy {proxy.url}"
    host = ""
    with suppress(RuntimeError):  # it has no request if it broke while a token was read
        host = f" to {error.request.url.netloc.decode('ascii')}"
    message = f"no connection{host}{through}: {reason}; check the network, the proxy and the base URL ({endpoint})"
    return APIConnectionError(message, sent=sent)


def certificate_failure(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the failed check of a certificate that caused an error, if it was one."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLCertVerificationError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _reason(error: httpx.HTTPError) -> str:
    return single_line(error) or type(error).__name__


def remove_secrets(error: BaseException, mask: Mask | None = None) -> None:
    """Take credentials off an error of httpx and its chain, which some tools log with the locals of all frames.

    They are in the request's headers, in the frames of httpx and httpcore, and in a message that quotes a server which
    sends the headers back. Those of the error's own request are masked too; `mask` is for one that has none.
    """
    mask = mask or Mask()
    if isinstance(error, httpx.HTTPError):
        with suppress(RuntimeError):  # it has no request
            mask = Mask(sent=error.request.headers)
            error.request = httpx.Request(error.request.method, error.request.url.copy_with(query=None))
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        text = mask.text(str(seen))
        if text != str(seen):
            seen.args = (text,)
        seen = seen.__cause__ or seen.__context__
