"""Read the body of a reply: decode it, and check that it is complete, fast enough and of the right kind."""

from __future__ import annotations

import time
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from typing import Protocol

from atlas_invoices._errors import IncompleteDownloadError, TooLargeError, UnexpectedResponseError
from atlas_invoices._utils import single_line

from ._responses import MAX_ERROR_BYTES, CsvStart, Kind, ResponseHead, check_start, check_type, is_envelope
from ._timeouts import SpeedCheck

# The coding that requests accept: every server speaks it, and it marks its end.
ACCEPT_ENCODING = "gzip"
_GZIP = 16 + zlib.MAX_WBITS
# Content-Encoding names a coding that changes nothing, or a character set by mistake.
_IDENTITY_CODINGS = frozenset({"", "identity", "none", "binary", "utf-8", "utf8"})
# A small body may decode to gigabytes: it's passed on in pieces of at most this many bytes.
_MAX_PIECE = 64 * 1024
# An error's body is only for its message, and not worth a longer wait.
_ERROR_BODY_SECONDS = 5.0
# How many blank bytes may come before a document.
_MAX_BLANK = 64 * 1024


class Decoder(Protocol):
    """Turns bytes as received into bytes of the document."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded data in small pieces."""

    def finish(self) -> None:
        """Raise `IncompleteDownloadError` if the data ended early."""


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def finish(self) -> None:
        """Do nothing: plain bytes have no end mark."""


class _Gzip:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._member = zlib.decompressobj(_GZIP)
        self._started = False
        self._has_content = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                # RFC 1952: members may follow each other, and zero bytes may pad the end.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP)
            self._started = True
            try:
                piece = self._member.decompress(data, _MAX_PIECE)
            except zlib.error as error:
                if not self._has_content and "header" in str(error):
                    # Not read as it is: Content-Length may be that of the compressed reply, and hide a cut.
                    raise UnexpectedResponseError(
                        "the reply isn't gzip, though its Content-Encoding says so; a proxy in between may have "
                        f"unpacked it without correcting its headers ({self._endpoint})"
                    ) from None
                raise IncompleteDownloadError(
                    f"the reply's gzip data is damaged; try again ({self._endpoint})"
                ) from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                self._has_content = True
                yield piece

    def finish(self) -> None:
        if self._started and not self._member.eof:
            raise IncompleteDownloadError(
                f"the reply was cut short: its gzip data has no end mark; try again ({self._endpoint})"
            )


def decoder(head: ResponseHead) -> Decoder:
    """Return the decoder for a reply; raises `UnexpectedResponseError` for a coding that wasn't requested."""
    sent = head.headers.get("content-encoding", "")
    codings = [coding for part in sent.split(",") if (coding := part.strip().lower()) not in _IDENTITY_CODINGS]
    if not codings:
        return _Identity()
    if codings in (["gzip"], ["x-gzip"]):
        return _Gzip(head.endpoint)
    raise UnexpectedResponseError(
        f"the reply has the content coding {single_line(head.mask.text(sent), 40)!r}, not gzip ({head.endpoint})"
    )


class LengthCheck:
    """Compares the bytes received with Content-Length, if it counts: not with Transfer-Encoding (RFC 9112 §6.3)."""

    def __init__(self, head: ResponseHead) -> None:
        self._endpoint = head.endpoint
        length = "" if "transfer-encoding" in head.headers else head.headers.get("content-length", "")
        self._expected = int(length) if length.isascii() and length.isdigit() else None
        self.received = 0

    def add(self, data: bytes) -> None:
        """Count bytes as received, before decoding."""
        self.received += len(data)

    def finish(self) -> None:
        """Raise `IncompleteDownloadError` if the length is wrong."""
        if self._expected is not None and self.received != self._expected:
            raise IncompleteDownloadError(
                f"the reply was cut short after {self.received:,} of {self._expected:,} bytes; try again "
                f"({self._endpoint})"
            )


class BodyReader:
    """Turns bytes as received into checked bytes of the document.

    Args:
        head: the reply's.
        kind: the kind of document expected.
        enveloped: whether a CSV was requested inside JSON.
        max_bytes: the largest size allowed after decoding.
        if_too_large: what a caller can do about a larger reply.
        read_timeout: how many seconds of waiting for the network are allowed before a slow reply is a timeout. Time
            that the consumer takes doesn't count.
        clock: in seconds.
    """

    def __init__(
        self,
        head: ResponseHead,
        kind: Kind,
        *,
        enveloped: bool = False,
        max_bytes: int | None = None,
        if_too_large: str = "",
        read_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_type(head, kind, enveloped=enveloped)
        self._head = head
        self._kind = kind
        self._enveloped = enveloped
        self._max_bytes = max_bytes
        self._if_too_large = if_too_large
        self._size = 0
        self._length = LengthCheck(head)
        self._decoder = decoder(head)
        # A cut body of plain bytes, ended by the connection's end, shows only in its last row.
        self._is_framed = (
            "content-length" in head.headers
            or "chunked" in head.headers.get("transfer-encoding", "").lower()
            or isinstance(self._decoder, _Gzip)
        )
        self._ends_line = True
        self._in_quotes = False
        # The first bytes, until there are enough of them to check.
        self._start = bytearray()
        self._is_checked = False
        self._csv_start: CsvStart | None = None
        self._speed = SpeedCheck(head.endpoint, read_timeout, clock)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the document's bytes in `data`; the first ones are held back until they can be checked."""
        self._length.add(data)
        self._speed.received(self._length.received)
        for piece in self._decoder.feed(data):
            self._size += len(piece)
            if self._max_bytes is not None and self._size > self._max_bytes:
                advice = f"; {self._if_too_large}" if self._if_too_large else ""
                raise TooLargeError(
                    f"the reply is larger than {self._max_bytes:,} bytes{advice} ({self._head.endpoint})"
                )
            if not self._is_framed:
                self._ends_line = piece.endswith(b"\n")
                self._in_quotes ^= bool(piece.count(b'"') % 2)
            if self._is_checked:
                yield piece
            else:
                yield from self._check_start(piece)
        self._speed.wait()

    def finish(self) -> Iterator[bytes]:
        """Yield any bytes still held back; raises `IncompleteDownloadError` if the reply is incomplete."""
        # Completeness first: a body that was cut to nothing isn't an empty document.
        self._length.finish()
        self._decoder.finish()
        is_csv = self._csv_start is not None or self._kind == "file"
        if is_csv and (self._in_quotes or not self._ends_line):
            raise IncompleteDownloadError(
                "the reply was cut short: its length isn't declared, and its last row has no end; try again "
                f"({self._head.endpoint})"
            )
        if not self._is_checked:
            yield from self._check_start(b"", final=True)

    def _check_start(self, piece: bytes, *, final: bool = False) -> Iterator[bytes]:
        """Hold back the beginning until there is enough of it to check; then yield it."""
        self._start += piece
        if self._csv_start is None:
            piece = bytes(self._start)
            if not final and _is_blank(piece) and len(piece) <= _MAX_BLANK:
                return
            check_start(self._head, self._kind, piece, enveloped=self._enveloped)
            if self._kind == "csv" and not (self._enveloped and is_envelope(piece)):
                self._csv_start = CsvStart(self._head)
        if self._csv_start is None or self._csv_start.feed(piece, final=final):
            self._is_checked = True
            for begin in range(0, len(self._start), _MAX_PIECE):
                yield bytes(self._start[begin : begin + _MAX_PIECE])
            self._start.clear()


def _is_blank(start: bytes) -> bool:
    """Whether there is nothing yet to check; part of a byte order mark counts as nothing."""
    return BOM_UTF8.startswith(start) or not start.removeprefix(BOM_UTF8).lstrip()


class ErrorBody:
    """The beginning of an error's body, for its message. It stays small, and damage in it raises nothing."""

    def __init__(self, head: ResponseHead, clock: Callable[[], float] = time.monotonic) -> None:
        self.content = b""
        self._clock = clock
        self._until = clock() + _ERROR_BODY_SECONDS
        try:
            self._decoder: Decoder | None = decoder(head)
        except UnexpectedResponseError:
            self._decoder = None

    def add(self, data: bytes) -> bool:
        """Add bytes as received; returns whether to read more."""
        if self._decoder is None or self._clock() > self._until:
            return False
        try:
            for piece in self._decoder.feed(data):
                self.content += piece[: MAX_ERROR_BYTES - len(self.content)]
                if len(self.content) >= MAX_ERROR_BYTES:
                    return False
        except (IncompleteDownloadError, UnexpectedResponseError):
            return False
        return True
