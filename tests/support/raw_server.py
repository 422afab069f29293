"""A raw loopback server: its scripts decide which bytes it sends, when, and how the connection breaks.

Each route has a script: a function that gets the connection after a request has been read. The connection stays open
for the next request unless the script ends it. A request without a script fails the test when the `with` block ends.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from attrs import frozen

Script = Callable[["Connection"], None]

_POLL = 0.02
_MAX_HEAD = 64 * 1024


class _ClosedSocket(ssl.SSLSocket):
    """Closed when collected: `wrap_socket` loses one whose peer resets the connection before the handshake."""

    def __del__(self) -> None:
        self.close()


class Gone(Exception):  # noqa: N818 - not an error: it ends a script
    """The connection has ended, by the script, the peer or the end of the test."""


@frozen
class Received:
    """One request, with header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def route(self) -> str:
        """Method and path, without the query."""
        return f"{self.method} {self.target.partition('?')[0]}"


class Connection:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.request = Received("", "", {}, b"")
        self._stop = stop
        self._buffer = b""
        sock.settimeout(_POLL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send the pieces one by one, pausing between them."""
        for number, piece in enumerate(pieces):
            if number and pause:
                self.wait(pause)
            view = memoryview(piece)
            while view:
                if self._stop.is_set():
                    raise Gone
                try:
                    view = view[self.sock.send(view) :]
                except TimeoutError:
                    continue
                except OSError:
                    raise Gone from None

    def send_all(self, pieces: Iterable[bytes]) -> None:
        """Send pieces, perhaps endlessly, until the peer closes the connection."""
        for piece in pieces:
            self.send(piece)

    def wait(self, seconds: float) -> None:
        """Sleep, but end the script as soon as the peer hangs up or the test ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(min(left, _POLL))
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                data = b"-"
            except OSError:
                data = b""
            finally:
                self.sock.settimeout(_POLL)
            if not data or self._stop.is_set():
                raise Gone

    def hang(self) -> None:
        """Send nothing more, and keep the connection open."""
        self.wait(3600)

    def close(self) -> None:
        """Close the connection cleanly."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        raise Gone

    def reset(self) -> None:
        """Close the connection with a TCP reset, which the peer sees as an error."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def read_request(self) -> bool:
        """Read the next request; false if the peer hung up instead."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more() or len(self._buffer) > _MAX_HEAD:
                return False
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            if not self._more():
                return False
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        self.request = Received(method, target, headers, body)
        return True

    def _more(self) -> bool:
        while not self._stop.is_set():
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return False
            self._buffer += data
            return bool(data)
        return False


class RawServer:
    """Listens on a free port of 127.0.0.1 while the `with` block runs.

    Args:
        routes: "METHOD /path" and the scripts for its first, second, … request; the last one also answers the rest.
        default: answers requests that no route matches; without it, they fail the test.
        on_accept: runs before anything is read.
        tls: wraps each connection.
    """

    def __init__(
        self,
        routes: Mapping[str, Script | list[Script]] | None = None,
        *,
        default: Script | None = None,
        on_accept: Script | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.unknown: list[Received] = []
        self.failures: list[BaseException] = []
        self.accepted = 0
        self._scripts = {
            route: itertools.chain(scripts, itertools.repeat(scripts[-1]))
            if isinstance(scripts, list)
            else itertools.repeat(scripts)
            for route, scripts in (routes or {}).items()
        }
        self._default = default
        self._on_accept = on_accept
        self._tls = tls
        if tls:
            tls.sslsocket_class = _ClosedSocket
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.settimeout(_POLL)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # on Linux, this wakes the accepting thread
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        if kind is None:
            assert not self.unknown, f"unexpected requests: {[r.route for r in self.unknown]}"
            assert not self.failures, f"a script failed: {self.failures!r}"

    def mend(self, route: str, script: Script) -> None:
        """Answer the route with this script from now on."""
        with self._lock:
            self._scripts[route] = itertools.repeat(script)

    def count(self, route: str) -> int:
        """How many requests this route has received."""
        with self._lock:
            return sum(r.route == route for r in self.requests)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock.settimeout(5)
                with contextlib.suppress(OSError):
                    sock = self._tls.wrap_socket(sock, server_side=True)
                if not isinstance(sock, ssl.SSLSocket):
                    return
            self._converse(Connection(sock, self._stop))
        except Gone:
            pass
        except BaseException as error:  # noqa: BLE001 - reported by __exit__, in the test's thread
            self.failures.append(error)
        finally:
            with contextlib.suppress(OSError):
                sock.close()

    def _converse(self, connection: Connection) -> None:
        if self._on_accept is not None:
            self._on_accept(connection)
        while connection.read_request():
            request = connection.request
            with self._lock:
                self.requests.append(request)
                script = next(self._scripts[request.route]) if request.route in self._scripts else self._default
            if script is None:
                self.unknown.append(request)
                connection.send(http(501, body=b"unexpected request"))
            else:
                script(connection)


def http(
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    kind: str | None = None,
    length: int | None = -1,
) -> bytes:
    """A reply's bytes, with the correct Content-Length, the given `length`, or none for `None`."""
    lines = [f"HTTP/1.1 {status} Made Up"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def replies(*replies: bytes) -> list[Script]:
    """Scripts that send these replies, one for each request; the last one also answers the rest."""
    return [_sends(reply) for reply in replies]


def drip(start: bytes, piece: bytes) -> Script:
    """An endless reply: one piece at a time, each well before any timeout."""

    def script(connection: Connection) -> None:
        connection.send(start)
        while True:
            connection.wait(0.03)
            connection.send(piece)

    return script


def pour(start: bytes, piece: bytes) -> Script:
    """An endless reply, as fast as the peer reads it."""
    return lambda connection: connection.send_all(itertools.chain([start], itertools.repeat(piece)))


def _sends(reply: bytes) -> Script:
    return lambda connection: connection.send(reply)


def tunnel(port: int) -> Script:
    """What a proxy does with CONNECT when all is well."""

    def script(connection: Connection) -> None:
        connection.send(http(200, length=None))
        with socket.create_connection(("127.0.0.1", port)) as far:
            pairs = {connection.sock: far, far: connection.sock}
            while True:
                ready, _, _ = select.select(list(pairs), [], [], 10)
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        connection.close()
                    pairs[one].sendall(data)
                if not ready:
                    connection.close()

    return script
