"""Where the bytes come from: a path, bytes, a binary file, an iterable of bytes or the body of a reply."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias, cast

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import single_line

# A path or bytes of any size come in pieces of this size, and a larger chunk is cut to it.
PIECE = 64 * 1024


class BinaryFile(Protocol):
    """Anything with `read(size)` that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Body(Protocol):
    """What `Client.stream_invoice_csv` gives; an `httpx.Response` is one, too."""

    def iter_bytes(self) -> Iterator[bytes]:
        """The body's chunks, as they arrive."""


class AsyncBody(Protocol):
    """What `AsyncClient.stream_invoice_csv` gives."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body's chunks, as they arrive."""


Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Body | Iterable[bytes]
AsyncSource: TypeAlias = Source | AsyncBody | AsyncIterable[bytes]


def is_rereadable(source: object) -> bool:
    """Whether a second loop can start again from the beginning."""
    return isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))


def source_size(source: object) -> int | None:
    """How many bytes there are, or `None` where that is not known before the end."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).stat().st_size
    return memoryview(source).nbytes if isinstance(source, (bytes, bytearray, memoryview)) else None


def open_source(source: Source) -> Generator[bytes, None, None]:
    """The source's pieces, in order; a file opened here is closed when the iterator ends, fails or is closed."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _cut(source)
    if isinstance(source, str) and "\n" in source:
        raise ConfigError("a str is the path of a CSV; give the CSV's own text as bytes: text.encode()")
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source))
    # An httpx.Response has a `read`, too, which isn't a file's.
    if hasattr(source, "iter_bytes"):
        return _pieces(source.iter_bytes())
    if hasattr(source, "read"):
        return _read_file(cast("BinaryFile", source))
    if hasattr(source, "aiter_bytes") or isinstance(source, AsyncIterable):
        raise ConfigError("this source is asynchronous: read it with `await aread_csv(source)`")
    if isinstance(source, Iterable):
        return _pieces(source)
    raise TypeError(
        f"an invoice CSV is a path, bytes, a binary file or an iterable of bytes, not {type(source).__name__}"
    )


async def open_async_source(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    """The same for asynchronous code; a path or a binary file is read in place, 64 KiB at a time."""
    chunks: AsyncIterable[bytes] | None = None
    if isinstance(source, AsyncIterable):
        chunks = source
    elif hasattr(source, "aiter_bytes"):
        chunks = source.aiter_bytes()
    if chunks is None:
        for piece in open_source(source):  # type: ignore[arg-type] # the asynchronous kinds are dealt with above
            yield piece
        return
    async for chunk in chunks:
        for piece in _pieces([chunk]):
            yield piece


def _cut(data: bytes | bytearray | memoryview) -> Generator[bytes, None, None]:
    view = memoryview(data).cast("B")
    for start in range(0, len(view), PIECE):
        yield bytes(view[start : start + PIECE])


def _pieces(chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
    for chunk in chunks:
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(f"an invoice CSV comes as chunks of bytes, not of {type(chunk).__name__}")
        if len(chunk) <= PIECE:
            yield bytes(chunk)
        else:
            yield from _cut(chunk)


def _read_path(path: Path) -> Generator[bytes, None, None]:
    try:
        file = path.open("rb", buffering=0)
    except ValueError as error:
        # A NUL or a lone surrogate, which no system has in a file's name.
        raise ConfigError(f"{single_line(ascii(str(path)), 60)} can't be the path of a file ({error})") from error
    with file:
        yield from _read_file(file)


def _read_file(file: BinaryFile) -> Generator[bytes, None, None]:
    if getattr(file, "closed", False):
        raise ConfigError("the file is closed: read it within its `with` block, or give its path")
    while True:
        piece: bytes | str | None = file.read(PIECE)
        if isinstance(piece, str):
            raise ConfigError("the file is open as text: open it with mode 'rb', because its bytes are what is checked")
        if piece is None:
            raise ConfigError("the file doesn't wait for what is still to come: make it blocking, or read it first")
        if not piece:
            return
        yield from _pieces([piece])
