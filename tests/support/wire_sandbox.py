"""A sandbox behind a raw server, for faults below HTTP: replies that are cut, reset, slow, or of the wrong length."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any, Self

from attrs import define

from atlas_invoices.sandbox import Sandbox, Settings
from raw_server import Connection, RawServer, Received, http


@define
class _Fault:
    send: Callable[[Connection, bytes, bytes], None]
    """Sends the reply's head and body, badly."""
    path: str = ""
    times: int = 1
    after: int = 0
    before_auth: bool = False


class WireSandbox(Sandbox):
    """A sandbox that breaks its next replies on the connection.

    Each fault takes `path`, which the request's path ends with; `times`, 1 by default; `after`, how many matching
    replies are sent whole first; and `before_auth`, which includes 401 replies.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self._wire = RawServer(default=self._relay)
        self._wire_faults: list[_Fault] = []
        self._wire_lock = threading.Lock()
        self.broken_challenges = 0

    @property
    def base_url(self) -> str:
        return self._wire.url

    def __enter__(self) -> Self:
        self._wire.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._wire.__exit__(*error)

    def cut(self, after_bytes: int, **where: Any) -> None:
        """Close the connection after `after_bytes` bytes of the body."""
        self._plan(lambda c, head, body: (c.send(head, body[:after_bytes]), c.close()), where)

    def reset(self, after_bytes: int | None = None, **where: Any) -> None:
        """Reset the connection after `after_bytes` bytes of the body, or with `None` before the head."""

        def send(connection: Connection, head: bytes, body: bytes) -> None:
            if after_bytes is not None:
                connection.send(head, body[:after_bytes])
            connection.reset()

        self._plan(send, where)

    def overstate_length(self, by: int, **where: Any) -> None:
        """Declare `by` bytes more than are sent, then close."""

        def send(connection: Connection, head: bytes, body: bytes) -> None:
            right, wrong = (f"Content-Length: {len(body) + extra}\r\n".encode() for extra in (0, by))
            connection.send(head.replace(right, wrong), body)
            connection.close()

        self._plan(send, where)

    def drip(self, chunk_bytes: int, seconds: float, **where: Any) -> None:
        """Send the body `chunk_bytes` at a time, `seconds` apart."""

        def send(connection: Connection, head: bytes, body: bytes) -> None:
            chunks = (body[begin : begin + chunk_bytes] for begin in range(0, len(body), chunk_bytes))
            connection.send(head, *chunks, pause=seconds)

        self._plan(send, where)

    def clear_faults(self) -> None:
        """Forget the planned faults, those at the HTTP level included."""
        self.faults.clear()
        with self._wire_lock:
            self._wire_faults.clear()

    def _plan(self, send: Callable[[Connection, bytes, bytes], Any], where: dict[str, Any]) -> None:
        with self._wire_lock:
            self._wire_faults.append(_Fault(send, **where))

    def _relay(self, connection: Connection) -> None:
        status, head, body = _forward(super().base_url, connection.request)
        fault = self._match(connection.request, status)
        if fault:
            fault.send(connection, head, body)
        else:
            connection.send(head + body)

    def _match(self, request: Received, status: int) -> _Fault | None:
        path = request.target.partition("?")[0]
        with self._wire_lock:
            for fault in self._wire_faults:
                if (fault.before_auth or status != 401) and path.endswith(fault.path):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    if not fault.times:
                        self._wire_faults.remove(fault)
                    self.broken_challenges += status == 401
                    return fault
        return None


def _forward(url: str, request: Received) -> tuple[int, bytes, bytes]:
    """Send the request to `url` and return the reply: status, head, body."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        reply = connection.getresponse()
        body = reply.read()
        framing = {"content-length", "transfer-encoding", "connection"}
        headers = [(name, value) for name, value in reply.getheaders() if name.lower() not in framing]
        return reply.status, http(reply.status, headers, length=len(body)), body
    finally:
        connection.close()
