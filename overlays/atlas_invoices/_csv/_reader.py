"""Read an invoice CSV lazily, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from weakref import WeakSet

from atlas_invoices._errors import ConfigError

from ._columns import quoted
from ._parser import Reading
from ._sources import AsyncSource, Source, is_rereadable, open_async_source, open_source, source_size

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

    from ._model import InvoiceHeader, LineItem
    from ._parser import OnError


R = TypeVar("R", bound=Reading)


class Opened(Generic[R]):
    """An opened invoice: its header at once, its trailing rows and errors as reading goes on.

    Each loop has a pass of its own, so that loops may run side by side; what is shown is of the latest.
    """

    _pass: R

    def __init__(self, source: object, on_error: OnError) -> None:
        """Check the settings; nothing is read yet."""
        if on_error not in {"raise", "collect"}:
            raise ConfigError(f"on_error is 'raise' or 'collect', not {on_error!r}")
        self._on_error = on_error
        self._rereadable = is_rereadable(source)
        self._kind = type(source).__name__
        self._claimed = False
        # Those that a loop, or nobody, still holds; `close` closes them all.
        self._passes: WeakSet[R] = WeakSet()

    def __repr__(self) -> str:
        """Whose invoice this is."""
        header = self.header
        known = header.period_start is not None
        period = f"{header.period_start} to {header.period_end} (exclusive)" if known else "period unknown"
        names = [quoted(text) if text else "unknown" for text in (header.invoice_id, header.organization_name)]
        return f"<{type(self).__name__} {names[0]}, {period}, organization {names[1]}>"

    @property
    def header(self) -> InvoiceHeader:
        """What stands above the table."""
        return self._pass.header

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header row, as the file has them and in its order."""
        return self._pass.columns

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The rows behind the last item that are none (totals, remarks); complete once a loop is done."""
        return self._pass.trailing

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that could not be read, in file order; complete once a loop is done."""
        return self._pass.errors

    def _claim_again(self) -> bool:
        """Whether this loop is another than the first; where the source can't be read again, a ConfigError."""
        if self._claimed and not self._rereadable:
            raise ConfigError(
                f"this invoice comes from a {self._kind}, which can be read once, and that was done: keep the lines in"
                " a list, or save the CSV and read it from its path"
            )
        again, self._claimed = self._claimed, True
        return again


def read_csv(source: Source, *, on_error: OnError = "raise") -> InvoiceCsv:
    """Open an invoice CSV and read as far as its header row; the lines follow as they are asked for.

    `source` is a path, bytes, a binary file, an iterable of bytes or the body of `Client.stream_invoice_csv`. Columns
    are found by name; a BOM, CRLF, blank lines and any legal quoting are fine. What can't be read is an
    InvoiceFormatError with line, column and value; with `on_error="collect"` such rows are left out and their errors
    are in `.errors` once the loop is done. A file that has no header row at all is an error either way.

    Raises, here or in the loop: InvoiceFormatError; OSError where a file can't be opened or read; ConfigError for an
    unknown `on_error`, a path that can't be one (a CSV's own text, for example), and a file that is closed, open as
    text, or doesn't wait; TypeError for any other kind of source or chunk; and what a body raises that ends early.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
    >>> [(line.usage_date.isoformat(), line.amount) for line in read_csv(data)]
    [('2024-06-30', Decimal('1.92'))]
    """
    return InvoiceCsv(source, on_error=on_error)


def open_invoice(source: Source | InvoiceCsv) -> InvoiceCsv:
    """An opened invoice as it is; anything else opened."""
    return source if isinstance(source, InvoiceCsv) else read_csv(source)


class Pass(Reading):
    """One reading of a source, from its start: the pieces that are still to come and the parser they go to."""

    def __init__(self, source: Source, on_error: OnError) -> None:
        """Open the source and read as far as the header row."""
        super().__init__(on_error)
        self._pieces = open_source(source)
        try:
            for piece in self._pieces:
                self.parser.push(piece)
                if self.parser.find_header():
                    return
            self.parser.find_header(final=True)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close a file that was opened here; the pieces of others are left alone."""
        self._closed = True
        self._pieces.close()

    def blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Every block, as `Parser.parse` takes it; whoever asks for them closes."""
        yield from self.blocks_so_far()
        for piece in self._pieces:
            self.parser.push(piece)
            yield from self.blocks_so_far()
        yield from self.blocks_so_far(final=True)

    def lines(self) -> Iterator[LineItem]:
        """Every line, then close."""
        try:
            for block, final in self.blocks():
                for items in self.parser.parse(block, final=final):
                    yield from items
        finally:
            self.close()


class InvoiceCsv(Opened[Pass]):
    """An open invoice CSV: iterate over it for its lines, in file order.

    A second loop reads a path or bytes again; any other source can be read once, and a second loop is a ConfigError.
    A file it opened is closed when a loop ends, however it ends, and by `close()` or `with`.

    >>> with read_csv(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Support,1.92\\n") as invoice:
    ...     print(invoice.columns, sum(line.amount for line in invoice))
    ('Date', 'Usage Date', 'SKU', 'Amount') 1.92
    """

    def __init__(self, source: Source, *, on_error: OnError = "raise") -> None:
        """Use `read_csv`."""
        super().__init__(source, on_error)
        self._source = source
        self._begin()

    def __iter__(self) -> Iterator[LineItem]:
        """The lines, from the first."""
        return self.claim().lines()

    def lines(self) -> Iterator[LineItem]:
        """The lines, from the first; the same as iterating."""
        return iter(self)

    @property
    def size(self) -> int | None:
        """How many bytes the source has, or `None` where that is not known before its end."""
        return source_size(self._source)

    def claim(self) -> Pass:
        """The reading for one loop: that which found the header for the first, a new one for each later loop."""
        if self._claim_again():
            self._begin()
        return self._pass

    def _begin(self) -> None:
        self._pass = Pass(self._source, self._on_error)
        self._passes.add(self._pass)

    def close(self) -> None:
        """Close a file that was opened here, for every loop; a path can still be read again."""
        self._claimed = True
        for reading in list(self._passes):
            reading.close()

    def __enter__(self) -> Self:
        """Close at the block's end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
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
    await invoice._pass.open()  # noqa: SLF001 - the two are one unit: a constructor can't await
    return invoice


class AsyncPass(Reading):
    """One reading of a source, from its start, as `Pass` is for synchronous code; `open` comes first."""

    def __init__(self, source: AsyncSource, on_error: OnError) -> None:
        """Nothing is opened yet."""
        super().__init__(on_error)
        self._pieces = open_async_source(source)
        self._opened = False

    async def open(self) -> None:
        """Read as far as the header row, if that wasn't done."""
        if self._opened:
            return
        self._opened = True
        try:
            async for piece in self._pieces:
                self.parser.push(piece)
                if self.parser.find_header():
                    return
            self.parser.find_header(final=True)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close a file that was opened here; the pieces of others are left alone."""
        self._closed = True
        await self._pieces.aclose()

    async def items(self) -> AsyncGenerator[list[LineItem], None]:
        """Every line, in lists, then close."""
        try:
            for items in self.items_so_far():
                yield items
            async for piece in self._pieces:
                self.parser.push(piece)
                for items in self.items_so_far():
                    yield items
            for items in self.items_so_far(final=True):
                yield items
        finally:
            await self.aclose()


class AsyncInvoiceCsv(Opened[AsyncPass]):
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
        self._pass = self._begin()

    def __aiter__(self) -> AsyncIterator[LineItem]:
        """The lines, from the first."""
        return self.lines()

    def lines(self) -> AsyncGenerator[LineItem, None]:
        """The lines, from the first; the same as iterating."""
        return self._lines(self._begin() if self._claim_again() else self._pass)

    async def _lines(self, reading: AsyncPass) -> AsyncGenerator[LineItem, None]:
        await reading.open()
        self._pass = reading
        async with aclosing(reading.items()) as lists:
            async for items in lists:
                for item in items:
                    yield item

    def _begin(self) -> AsyncPass:
        reading = AsyncPass(self._source, self._on_error)
        self._passes.add(reading)
        return reading

    async def aclose(self) -> None:
        """Stop reading, in every loop. A body is closed by whoever opened it; a file that was opened here is closed."""
        self._claimed = True
        for reading in list(self._passes):
            await reading.aclose()

    async def __aenter__(self) -> Self:
        """Close at the block's end."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()
