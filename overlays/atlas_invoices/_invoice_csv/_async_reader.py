"""`aread_csv`: the same reading for asynchronous code, with the same parser behind it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from ._opened import Opened
from ._reading import Reading
from ._sources import AsyncSource, open_async_source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from types import TracebackType

    from ._line_item import LineItem
    from ._parser import OnError


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
