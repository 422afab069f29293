"""Read the body of a reply: decode it, and check that it is complete and of the right kind."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from atlas_invoices._errors import APITimeoutError, IncompleteDownloadError, TooLargeError, UnexpectedResponseError

from . import _responses

# What requests ask for: the one coding that every server speaks and whose end can be seen.
ACCEPT_ENCODING = "gzip"
# A small body may decode to gigabytes; it's handed on in pieces of this many bytes at most, never at once.
_PIECE = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS


class Decoder(Protocol):
    """Turns the bytes of the wire into the bytes of the document."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, in small pieces."""

    def finish(self) -> None:
        """Raise `IncompleteDownloadError` unless what was fed was whole."""


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def finish(self) -> None:
        """Nothing to see at the end of plain bytes; their number is checked elsewhere."""


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._started = False

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
                piece = self._member.decompress(data, _PIECE)
            except zlib.error:
                raise IncompleteDownloadError("the reply's gzip data was damaged on its way; try again") from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        if self._started and not self._member.eof:
            raise IncompleteDownloadError("the reply's gzip data ends before its end mark: it was cut short; try again")


def decoder(headers: Mapping[str, str]) -> Decoder:
    """The decoder for a reply with these headers; `UnexpectedResponseError` for a coding that wasn't asked for."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return _Identity()
    if coding in {"gzip", "x-gzip"}:
        return _Gzip()
    raise UnexpectedResponseError(f"the reply came in the content coding {coding[:40]!r}, which wasn't asked for")


class LengthCheck:
    """Counts the bytes of the wire against Content-Length, where there is one."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Read the announced length; it counts bytes before decoding."""
        announced = headers.get("content-length", "")
        self._announced = int(announced) if announced.isascii() and announced.isdigit() else None
        self.seen = 0

    def add(self, data: bytes) -> None:
        """Count a piece."""
        self.seen += len(data)

    def finish(self) -> None:
        """Raise `IncompleteDownloadError` unless as many bytes came as were announced."""
        if self._announced is not None and self.seen != self._announced:
            raise IncompleteDownloadError(
                f"the reply ended after {self.seen:,} of {self._announced:,} bytes: it was cut short; try again"
            )


# Less than this, on the average of the time spent waiting for it, is no transfer but a way to keep us busy.
_LEAST_BYTES_A_SECOND = 4 * 1024
# An error's body is for its message only; nobody waits long for that.
_EXCERPT_SECONDS = 5.0
# Blank bytes before a document begins; more than this is taken for what it is.
_MAX_BLANK = 64 * 1024


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _is_blank(start: bytes) -> bool:
    """Whether nothing is there yet to judge a document by; a byte order mark may be there in part."""
    return _BYTE_ORDER_MARK.startswith(start) or not start.removeprefix(_BYTE_ORDER_MARK).lstrip()


class BodyReader:
    """Turns the bytes of the wire into checked bytes of the document."""

    def __init__(
        self,
        head: _responses.ResponseHead,
        kind: _responses.Kind,
        *,
        enveloped: bool = False,
        max_bytes: int | None = None,
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare for the reply with this head.

        `max_bytes` limits the decoded size; after `patience` seconds of waiting for the network (not of being waited
        for), a trickle counts as a timeout.
        """
        _responses.check_type(head, kind, enveloped=enveloped)
        self._head = head
        self._kind = kind
        self._enveloped = enveloped
        self._max_bytes = max_bytes
        self._size = 0
        self._meter = LengthCheck(head.headers)
        try:
            self._decoder = decoder(head.headers)
        except UnexpectedResponseError as error:
            raise UnexpectedResponseError(f"{head.where}: {error}") from None
        self._start: bytes | None = b""
        self._patience = patience
        self._clock = clock
        self._waited = 0.0
        self._waiting_since = clock()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the document's bytes in `data`; the first ones are held back until they can be judged."""
        self._waited += self._clock() - self._waiting_since
        self._meter.add(data)
        self._check_speed()
        for piece in self._decoded(data):
            self._size += len(piece)
            if self._max_bytes is not None and self._size > self._max_bytes:
                raise TooLargeError(
                    f"{self._head.where}: the reply is larger than {self._max_bytes:,} bytes; raise max_bytes if that "
                    "is right (stream_invoice_csv and download_invoice_csv need no memory for it)"
                )
            if self._start is None:
                yield piece
                continue
            self._start += piece
            if not _is_blank(self._start) or len(self._start) > _MAX_BLANK:
                yield self._judged()
        self._waiting_since = self._clock()

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        try:
            yield from self._decoder.feed(data)
        except IncompleteDownloadError as error:
            raise IncompleteDownloadError(f"{self._head.where}: {error}") from None

    def _check_speed(self) -> None:
        if self._patience is None or self._waited <= self._patience:
            return
        if self._meter.seen < (self._waited - self._patience) * _LEAST_BYTES_A_SECOND:
            raise APITimeoutError(
                f"{self._head.where}: only {self._meter.seen:,} bytes came in {self._waited:.0f} s; try again later"
            )

    def finish(self) -> Iterator[bytes]:
        """Yield what was still held back; raise unless the reply was whole."""
        # Whether it's whole comes first: a body cut to nothing is no empty document.
        try:
            self._meter.finish()
            self._decoder.finish()
        except IncompleteDownloadError as error:
            raise IncompleteDownloadError(f"{self._head.where}: {error}") from None
        if self._start is not None:
            yield self._judged()

    def _judged(self) -> bytes:
        start, self._start = self._start or b"", None
        _responses.check_start(self._head, self._kind, start, enveloped=self._enveloped)
        return start


class ErrorBody:
    """The beginning of an error's body, for its message: never more than is useful, and damage is no second failure."""

    def __init__(self, headers: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare for a reply with these headers."""
        self.body = b""
        self._clock = clock
        self._until = clock() + _EXCERPT_SECONDS
        try:
            self._decoder: Decoder | None = decoder(headers)
        except UnexpectedResponseError:
            self._decoder = None

    def wants_more(self, data: bytes) -> bool:
        """Take a piece of the wire; whether the next one is of use."""
        if self._decoder is None or self._clock() > self._until:
            return False
        try:
            for piece in self._decoder.feed(data):
                self.body += piece[: _responses.MAX_ERROR_BYTES - len(self.body)]
                if len(self.body) >= _responses.MAX_ERROR_BYTES:
                    return False
        except IncompleteDownloadError:
            return False
        return True
