"""Read an invoice CSV lazily, for threads and for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from weakref import WeakSet

from atlas_invoices._errors import ConfigError, InvoiceFormatError

from ._columns import quoted
from ._layout import Layout
from ._parser import OnError, ReaderState, SyncState
from ._sources import AsyncSource, Source, is_rereadable, open_async_source, open_source, source_size

if TYPE_CHECKING:
    from ._model import InvoiceHeader, LineItem

Chunks = TypeVar("Chunks")


class _BaseInvoiceCsv(Generic[Chunks]):
    """An open invoice: its header at once, its trailing rows and errors during iteration.

    Each loop has a state of its own, so several loops can run at the same time; the properties show the latest one.
    """

    _state: ReaderState[Chunks]

    def __init__(self, source: object, on_error: OnError, name: str | None = None) -> None:
        if on_error not in {"raise", "collect"}:
            raise ConfigError(f"on_error is 'raise' or 'collect', not {on_error!r}")
        self._on_error = on_error
        self._rereadable = is_rereadable(source)
        self._kind = type(source).__name__
        self._name = name or (os.fspath(source) if isinstance(source, (str, os.PathLike)) else "")
        self._started = False
        # The states of all loops that are still running; `close` closes them.
        self._states: WeakSet[ReaderState[Chunks]] = WeakSet()

    def __repr__(self) -> str:
        header = self.header
        known = header.period_start is not None
        period = f"{header.period_start} to {header.period_end} (exclusive)" if known else "period unknown"
        names = [quoted(text) if text else "unknown" for text in (header.invoice_id, header.organization_name)]
        return f"<{type(self).__name__} {names[0]}, {period}, organization {names[1]}>"

    @property
    def header(self) -> InvoiceHeader:
        """The lines above the table."""
        return self._state.header

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header row, in the file's order.

        A known column, `Currency` and the prefix `Tag/` are spelled as in the API document, whatever their case and
        blanks in the file; the second column of a name gets `#2`; columns without a name or a cell are left out.
        """
        return self._state.columns

    @property
    def layout(self) -> Layout:
        """Which column is which."""
        return self._state.layout

    @property
    def bytes_read(self) -> int:
        """How many bytes of the source the latest loop has read."""
        return self._state.bytes_read

    @property
    def rereadable(self) -> bool:
        """Whether the source can be read again from its beginning."""
        return self._rereadable

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The cells of rows after the last line item, such as totals or remarks. Complete after iteration.

        They aren't counted, and a `UserWarning` at the end of the loop names their lines and amounts.
        """
        return tuple(tuple(row) for _, row in self._state.trailing)

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that couldn't be read, in file order. Complete after iteration."""
        return list(self._state.errors)

    @property
    def ends_line(self) -> bool:
        """Whether the last line has its line end; if not, the file may be cut. Complete after iteration."""
        return self._state.ends_line

    def _add_state(self, chunks: Chunks) -> ReaderState[Chunks]:
        state = ReaderState(chunks, self._on_error, self._name)
        self._states.add(state)
        return state

    def _start_again(self) -> bool:
        """Return whether this loop needs a new state; a ConfigError if the source can't be read again."""
        if self._started and not self._rereadable:
            raise ConfigError(
                f"this invoice comes from a {self._kind}, which can be read once, and already was: keep the lines in a"
                " list, or save the CSV and read it from its path"
            )
        again, self._started = self._started, True
        return again


def read_csv(source: Source, *, on_error: OnError = "raise") -> InvoiceCsv:
    """Open an invoice CSV and read as far as its header row; the lines follow during iteration.

    `source` is a path, bytes, a binary file, an iterable of bytes or the body of `Client.stream_invoice_csv`. Columns
    are found by name, whatever its case and blanks; a BOM, CRLF, blank lines and any legal quoting are fine. A
    UserWarning at the end names rows after the last item, which aren't counted, and a name that the header has twice.
    Anything that can't be read is an InvoiceFormatError with line, column and value; with `on_error="collect"` such
    rows are left out, and `.errors` has their errors after iteration. A file without a header row is an error either
    way.

    Raises, here or during iteration: InvoiceFormatError; OSError if a file can't be opened or read; ConfigError for an
    unknown `on_error`, an impossible path (a CSV's own text, for example), and a file that is closed, open as text, or
    non-blocking; TypeError for any other kind of source or chunk; and whatever a body raises that ends early.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
    >>> [(line.usage_date.isoformat(), line.amount) for line in read_csv(data)]
    [('2024-06-30', Decimal('1.92'))]
    """
    return InvoiceCsv(source, on_error=on_error)


def open_invoice(source: Source | InvoiceCsv, name: str | None) -> InvoiceCsv:
    """Return an open invoice as it is; open anything else, with a name for warnings instead of its path."""
    return source if isinstance(source, InvoiceCsv) else InvoiceCsv(source, name=name)


class InvoiceCsv(_BaseInvoiceCsv[Generator[bytes, None, None]]):
    """An open invoice CSV: iterate over it for its lines, in file order.

    A second loop reads a path or bytes again; any other source can be read once, and a second loop is a ConfigError.
    A file it opened is closed when a loop ends, however it ends, and by `close()` or `with`.

    >>> with read_csv(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Support,1.92\\n") as invoice:
    ...     print(invoice.columns, sum(line.amount for line in invoice))
    ('Date', 'Usage Date', 'SKU', 'Amount') 1.92
    """

    def __init__(self, source: Source, *, on_error: OnError = "raise", name: str | None = None) -> None:
        """Use `read_csv`."""
        super().__init__(source, on_error, name)
        self._source = source
        self._state = self._open()

    def __iter__(self) -> Iterator[LineItem]:
        return self.start_pass().lines()

    def lines(self) -> Iterator[LineItem]:
        """Iterate over the lines from the first; the same as `iter`."""
        return iter(self)

    @property
    def source(self) -> Source:
        """The path, bytes, file or stream that it was opened from."""
        return self._source

    @property
    def size(self) -> int | None:
        """The source's size in bytes, or `None` if that is only known at its end."""
        return source_size(self._source)

    def start_pass(self) -> SyncState:
        """Return the state for one loop: the first loop goes on after the header, a later one reads it again."""
        if self._start_again():
            self._state = self._open()
        return self._state

    def _open(self) -> SyncState:
        state = self._add_state(open_source(self._source))
        try:
            if not any(map(state.find_header, state.chunks)):
                state.find_header(None)
        except BaseException:
            state.close()
            raise
        return state

    def close(self) -> None:
        """Close a file that was opened here, for every loop; a path can still be read again."""
        self._started = True
        for state in list(self._states):
            state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


async def aread_csv(source: AsyncSource, *, on_error: OnError = "raise") -> AsyncInvoiceCsv:
    """Open an invoice CSV from asynchronous code and read as far as its header row; see `read_csv`.

    `source` is the body of `AsyncClient.stream_invoice_csv`, an asynchronous iterable of bytes, or anything that
    `read_csv` takes (a file is then read in place, 64 KiB at a time).

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
    >>> async with await aread_csv(data) as invoice:
    ...     print([line.amount async for line in invoice])
    [Decimal('1.92')]
    """
    invoice = AsyncInvoiceCsv(source, on_error=on_error)
    await invoice._open(invoice._state)  # noqa: SLF001 - the two are one unit: a constructor can't await
    return invoice


class AsyncInvoiceCsv(_BaseInvoiceCsv[AsyncGenerator[bytes, None]]):
    """An open invoice CSV: `async for` over it for its lines, in file order.

    A second loop reads a path or bytes again; any other source can be read once, and a second loop is a ConfigError.
    A file it opened is closed when a loop ends, and by `aclose()` or `async with`.

    >>> async with await aread_csv(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Support,1.92\\n") as invoice:
    ...     print(invoice.columns, [line.amount async for line in invoice])
    ('Date', 'Usage Date', 'SKU', 'Amount') [Decimal('1.92')]
    """

    def __init__(self, source: AsyncSource, *, on_error: OnError = "raise") -> None:
        """Use `await aread_csv(...)`."""
        super().__init__(source, on_error)
        self._source = source
        self._state = self._add_state(open_async_source(source))

    def __aiter__(self) -> AsyncIterator[LineItem]:
        return self.lines()

    def lines(self) -> AsyncGenerator[LineItem, None]:
        """Iterate over the lines from the first; the same as `aiter`."""
        again = self._start_again()
        return self._lines(self._add_state(open_async_source(self._source)) if again else self._state)

    async def _lines(self, state: ReaderState[AsyncGenerator[bytes, None]]) -> AsyncGenerator[LineItem, None]:
        if not state.has_header:
            await self._open(state)
        self._state = state
        try:
            for line in chain.from_iterable(state.feed(b"")):
                yield line
            async for chunk in state.chunks:
                for line in chain.from_iterable(state.feed(chunk)):
                    yield line
            for line in chain.from_iterable(state.feed(None)):
                yield line
            state.finish()
        finally:
            await self._close(state)

    async def _open(self, state: ReaderState[AsyncGenerator[bytes, None]]) -> None:
        try:
            async for chunk in state.chunks:
                if state.find_header(chunk):
                    return
            state.find_header(None)
        except BaseException:
            await self._close(state)
            raise

    async def aclose(self) -> None:
        """Stop reading, in every loop. A file that was opened here is closed; close a body where you opened it."""
        self._started = True
        for state in list(self._states):
            await self._close(state)

    async def _close(self, state: ReaderState[AsyncGenerator[bytes, None]]) -> None:
        state.closed = True
        await state.chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
