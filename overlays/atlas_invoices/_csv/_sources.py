"""Where an invoice CSV comes from: a path, bytes, a file or a response; and how it is cut into blocks of whole rows."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, cast

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import single_line

# Paths and bytes are read in chunks of this size; larger chunks are cut to it.
CHUNK_SIZE = 256 * 1024
# Parsing is fastest if the rows of a block fit into the processor's cache.
BLOCK_SIZE = 48 * 1024
# The most bytes a row may have, without its line end: a quote that is never closed must not fill the memory.
MAX_ROW = 1024 * 1024
# Lines are counted in every 61st byte; a prime, because rows often have the same length.
_SAMPLED = 61


class BinaryFile(Protocol):
    """Anything with `read(size)` that returns bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and none at the end."""


class Body(Protocol):
    """The body of a response: what `Client.stream_invoice_csv` returns, or an `httpx.Response`."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Iterate over the body's chunks as they arrive."""


class AsyncBody(Protocol):
    """The kind of stream that `AsyncClient.stream_invoice_csv` returns."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over the body's chunks as they arrive."""


Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Body | Iterable[bytes]
AsyncSource: TypeAlias = Source | AsyncBody | AsyncIterable[bytes]


def is_rereadable(source: object) -> bool:
    """Whether the source can be read again from its beginning; a shell's `<(command)` is a path that can't."""
    if isinstance(source, (str, os.PathLike)):
        # Reading it reports a path that doesn't exist or can't be one.
        with suppress(OSError, ValueError):
            return not stat.S_ISFIFO(Path(source).stat().st_mode)
        return True
    return isinstance(source, (bytes, bytearray, memoryview))


def source_size(source: object) -> int | None:
    """Return the source's size in bytes, or `None` if that is only known at its end."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).stat().st_size
    return memoryview(source).nbytes if isinstance(source, (bytes, bytearray, memoryview)) else None


def open_source(source: Source) -> Generator[bytes, None, None]:
    """Return the source's chunks in order. A file opened here is closed when the iterator ends, fails or is closed."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _cut(source)
    if isinstance(source, str) and "\n" in source:
        raise ConfigError("a str is the path of a CSV; pass the CSV's own text as bytes: text.encode()")
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source))
    # An httpx.Response has a `read`, too, but not that of a file.
    if hasattr(source, "iter_bytes"):
        return _chunks(source.iter_bytes())
    if hasattr(source, "read"):
        return _read_file(cast("BinaryFile", source))
    if hasattr(source, "aiter_bytes") or isinstance(source, AsyncIterable):
        raise ConfigError("this source is asynchronous: read it with `await aread_csv(source)`")
    if isinstance(source, Iterable):
        return _chunks(source)
    raise TypeError(
        f"an invoice CSV is a path, bytes, a binary file or an iterable of bytes, not {type(source).__name__}"
    )


async def open_async_source(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    """Return the chunks of any source. A path or a binary file is read without giving up the event loop."""
    chunks: AsyncIterable[bytes] | None = None
    if isinstance(source, AsyncIterable):
        chunks = source
    elif hasattr(source, "aiter_bytes"):
        chunks = source.aiter_bytes()
    if chunks is None:
        for chunk in open_source(source):  # type: ignore[arg-type] # the asynchronous kinds are handled above
            yield chunk
        return
    async for large in chunks:
        for chunk in _chunks([large]):
            yield chunk


def _cut(data: bytes | bytearray | memoryview) -> Generator[bytes, None, None]:
    view = memoryview(data).cast("B")
    for start in range(0, len(view), CHUNK_SIZE):
        yield bytes(view[start : start + CHUNK_SIZE])


def _chunks(chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
    for chunk in chunks:
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"an invoice CSV comes as chunks of bytes, not {type(chunk).__name__}; pass several invoices as a list"
            )
        if len(chunk) <= CHUNK_SIZE:
            yield bytes(chunk)
        else:
            yield from _cut(chunk)


def _read_path(path: Path) -> Generator[bytes, None, None]:
    try:
        file = path.open("rb", buffering=0)
    except ValueError as error:
        # No system allows a NUL or a lone surrogate in a file's name.
        raise ConfigError(f"{single_line(ascii(str(path)), 60)} can't be the path of a file ({error})") from error
    with file:
        while chunk := file.read(CHUNK_SIZE):
            yield chunk


def _read_file(file: BinaryFile) -> Generator[bytes, None, None]:
    if getattr(file, "closed", False):
        raise ConfigError("the file is closed: read it within its `with` block, or pass its path")
    while True:
        chunk: bytes | str | None = file.read(CHUNK_SIZE)
        if isinstance(chunk, str):
            raise ConfigError("the file is open as text: open it with mode 'rb', because its bytes are checked")
        if chunk is None:
            raise ConfigError("the file is in non-blocking mode: make it blocking, or read it first")
        if not chunk:
            return
        yield from _chunks([chunk])


class Block(NamedTuple):
    """Whole rows, as far as their quotes tell, or the beginning of a row that is too long; `is_last` if none follow."""

    data: bytes | bytearray
    is_last: bool

    @property
    def is_whole(self) -> bool:
        """Whether these are whole rows."""
        return self.data.endswith(b"\n") or (self.is_last and len(self.data) <= MAX_ROW)

    def may_have_columns(self, width: int) -> bool:
        """Whether its lines seem long enough for so many cells; as rows, blank lines would fill the memory."""
        some = self.data[::_SAMPLED]
        return 2 * some.count(b"\n") * width <= 3 * len(some) + width


class BlockCutter:
    """Cuts bytes into blocks, each of which ends at the last newline after an even number of quotes.

    Counting quotes takes time, and few files have a newline in quotes. Without `counts_quotes`, a block ends at the
    last newline, and a caller that finds it cut within a row puts it back to have it cut again.
    """

    def __init__(self) -> None:
        self.block_size = BLOCK_SIZE
        self.counts_quotes = True
        self._held = bytearray()
        # After looking for the end of a row in vain, look again only with twice the bytes.
        self._enough = 0
        self._skipping = False

    def push(self, chunk: bytes) -> None:
        """Add bytes."""
        if self._skipping:
            _, newline, chunk = chunk.partition(b"\n")
            self._skipping = not newline
        self._held += chunk

    @property
    def size(self) -> int:
        """The number of bytes that wait."""
        return len(self._held)

    def put_back(self, data: bytes | bytearray, after: int = 0) -> None:
        """Put back the end of a block, or all of it; the next one begins with it, or with `after` bytes before it."""
        self._held[after:after] = data

    def skip_line(self) -> None:
        """Drop the rest of a line whose beginning was taken."""
        end = self._held.find(b"\n") + 1
        self._skipping = not end
        del self._held[: end or len(self._held)]

    def take(self, *, final: bool) -> Block | None:
        """Return the next block, or `None` if it needs more bytes; with `final`, no more will come."""
        held, wanted = len(self._held), max(self.block_size, self._enough)
        if not held or (held < wanted and not final):
            return None
        size = min(held, wanted)
        end = 0
        find = end_of_rows if self.counts_quotes else _end_of_lines
        while (found := find(self._held, end, min(end + MAX_ROW + 1, size))) > end:
            end = found
        if not end:
            if size <= MAX_ROW and not (final and size == held):
                self._enough = min(2 * size, MAX_ROW + 1)
                return self.take(final=final)
            end = min(size, MAX_ROW + 1)
        # Only the shorter part is copied.
        data, self._held = self._held, self._held[end:]
        del data[end:]
        self._enough = 0
        return Block(data, is_last=final and end == held)


def _end_of_lines(data: bytearray, start: int, stop: int) -> int:
    """Return where the last newline ends, or `start` without one."""
    return max(data.rfind(b"\n", start, stop) + 1, start)


def has_long_row(data: bytes | bytearray) -> bool:
    """Whether one of these rows has more than MAX_ROW bytes."""
    start = 0
    while len(data) - start > MAX_ROW:
        end = end_of_rows(data, start, start + MAX_ROW + 1)
        if end == start:
            return True
        start = end
    return False


def end_of_rows(data: bytes | bytearray, start: int, stop: int) -> int:
    """Return where the last newline after an even number of quotes ends, or `start` without one."""
    quotes = data.count(b'"', start, stop)
    while end := data.rfind(b"\n", start, stop) + 1:
        quotes -= data.count(b'"', end, stop)
        if quotes % 2 == 0:
            return end
        # All newlines after the last quote are in the same cell.
        stop = data.rfind(b'"', start, end)
        quotes -= 1
    return start
