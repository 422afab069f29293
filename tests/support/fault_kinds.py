"""The parts of a row of the fault table: the fault's server, its outcomes, and short names for both."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

import atlas_invoices as ai
from fault_scenes import CSV, Document, Stage, scripted
from raw_server import Connection, Script, http


@frozen
class Right:
    """The correct bytes after `tries` requests."""

    tries: int = 1


@frozen
class Raises:
    """An error of exactly this class whose message contains `says`, after `tries` requests (one retry is allowed)."""

    error: type[ai.AtlasError]
    says: str
    tries: int = 1


Outcome = Right | Raises


@frozen
class Fault:
    """One fault. `page` is the outcome for a list, by default the same as for a CSV."""

    name: str
    stage: Stage
    csv: Outcome | None
    page: Outcome | None = field()

    @page.default
    def _same(self) -> Outcome | None:
        return self.csv

    def outcome(self, document: Document) -> Outcome | None:
        """The expected outcome; None if the fault can't be noticed."""
        return self.csv if document is CSV else self.page


def no_connection(tries: int = 2) -> Raises:
    """The connection failed."""
    return Raises(ai.APIConnectionError, "no connection", tries)


TIMEOUT = Raises(ai.APITimeoutError, "no answer in time", 2)
STALLED = Raises(ai.APITimeoutError, "stalled", 2)
BROKE = Raises(ai.IncompleteDownloadError, "the connection broke before the reply was complete", 2)
DAMAGED = Raises(ai.IncompleteDownloadError, "damaged", 2)
CUT_SHORT = Raises(ai.IncompleteDownloadError, "cut short", 2)
NOT_HTTP = Raises(ai.APIConnectionError, "invalid HTTP response", 2)
HTML = b"<!DOCTYPE html><html><body><h1>Sign in</h1>\n" + b"<p>canary page</p>" * 20 + b"</body></html>"
WEB = "text/html; charset=utf-8"


def unexpected(says: str) -> Raises:
    """A response of the wrong kind."""
    return Raises(ai.UnexpectedResponseError, says)


def sends(*pieces: bytes, then: str = "", pause: float = 0.0) -> Script:
    """Send the pieces, then call the connection's method `then`."""

    def script(connection: Connection) -> None:
        connection.send(*pieces, pause=pause)
        if then:
            getattr(connection, then)()

    return script


def once_then_good(script: Callable[[Document], Script]) -> Callable[[Document], list[Script]]:
    """The fault first, then the correct response."""
    return lambda document: [script(document), sends(document.good)]


def chunked(document: Document, *chunks: bytes, end: bytes = b"") -> bytes:
    """A chunked response: head, chunks, and `end`."""
    head = http(200, [("Transfer-Encoding", "chunked")], kind=document.kind, length=None)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def zipped(document: Document, data: bytes, coding: str = "gzip") -> bytes:
    """A response with this Content-Encoding and the correct Content-Length."""
    return http(200, [("Content-Encoding", coding)], data, kind=document.kind)


def flipped(data: bytes) -> bytes:
    """The data with all bits of its middle byte flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def half(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def sent(make: Callable[[Document], bytes], then: str = "") -> Stage:
    """A server that always sends this response."""
    return scripted(lambda document: sends(make(document), then=then))


def ok(body: bytes, kind: str | None = "") -> Stage:
    """Status 200 with this body and the correct type, `kind`, or none for `None`."""
    return sent(lambda document: http(200, body=body, kind=document.kind if kind == "" else kind))
