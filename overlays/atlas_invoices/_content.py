"""Undo Content-Encoding, and notice a body that was cut or damaged on its way.

httpx takes what it could decode of a cut gzip body for the whole; a CSV that ends early would look complete.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from ._errors import IncompleteDownloadError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


class Meter:
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
