"""What a row of the fault table is made of: the fault's stage, the outcomes, and short words for both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from attrs import field, frozen

import atlas_invoices as ai
from fault_scenes import CSV, Bench, Document, Scene, scripted
from raw_server import Connection, Script, http

Stage = Callable[[Bench, Document], AbstractContextManager[Scene]]


@frozen
class Right:
    """The right bytes come, after so many tries."""

    tries: int = 1


@frozen
class Raises:
    """This error comes, of exactly this class, after so many tries (there is one retry); its message says so."""

    error: type[ai.AtlasError]
    says: str
    tries: int = 1


Outcome = Right | Raises


@frozen
class Fault:
    """One fault; `page` is the outcome where a list is asked for, by default the same as for a CSV."""

    name: str
    stage: Stage
    csv: Outcome | None
    page: Outcome | None = field()

    @page.default
    def _same(self) -> Outcome | None:
        return self.csv

    def outcome(self, document: Document) -> Outcome | None:
        """What must come of it; None where nobody could see the fault."""
        return self.csv if document is CSV else self.page


def no_connection(tries: int = 2) -> Raises:
    """Nothing usable came back."""
    return Raises(ai.APIConnectionError, "no connection", tries)


TIMEOUT = Raises(ai.APITimeoutError, "no answer in time", 2)
STALLED = Raises(ai.APITimeoutError, "stalled", 2)
BROKE = Raises(ai.IncompleteDownloadError, "the connection broke before the reply was complete", 2)
DAMAGED = Raises(ai.IncompleteDownloadError, "damaged", 2)
CUT_SHORT = Raises(ai.IncompleteDownloadError, "cut short", 2)
NOT_HTTP = Raises(ai.APIConnectionError, "no proper HTTP answer", 2)
HTML = b"<!DOCTYPE html><html><body><h1>Sign in</h1>\n" + b"<p>canary page</p>" * 20 + b"</body></html>"
WEB = "text/html; charset=utf-8"


def unexpected(says: str) -> Raises:
    """Something else than was asked for."""
    return Raises(ai.UnexpectedResponseError, says)


def sends(*pieces: bytes, then: str = "", pause: float = 0.0) -> Script:
    """Send the pieces, then do what the connection's method of that name does."""

    def script(connection: Connection) -> None:
        connection.send(*pieces, pause=pause)
        if then:
            getattr(connection, then)()

    return script


def once_then_good(script: Callable[[Document], Script]) -> Callable[[Document], list[Script]]:
    """Wrong the first time, right the second."""
    return lambda document: [script(document), sends(document.good)]


def chunked(document: Document, *chunks: bytes, end: bytes = b"") -> bytes:
    """The head of a chunked reply, the chunks, and what is left of the framing."""
    head = http(200, [("Transfer-Encoding", "chunked")], kind=document.kind, length=None)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def zipped(document: Document, data: bytes, coding: str = "gzip") -> bytes:
    """A reply in some coding, its Content-Length right."""
    return http(200, [("Content-Encoding", coding)], data, kind=document.kind)


def flipped(data: bytes) -> bytes:
    """The data with the bits of a byte in its middle turned over."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def half(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def sent(make: Callable[[Document], bytes], then: str = "") -> Stage:
    """Always this reply."""
    return scripted(lambda document: sends(make(document), then=then))


def ok(body: bytes, kind: str | None = "") -> Stage:
    """Status 200 with this body; the type is the right one unless another is given, or none with `None`."""
    return sent(lambda document: http(200, body=body, kind=document.kind if kind == "" else kind))
