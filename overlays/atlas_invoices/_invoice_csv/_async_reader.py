"""`aread_csv`: the same reading for asynchronous code, with the same parser behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ._opened import Opened
from ._parser import OnError, Parser
from ._sources import AsyncSource, open_async_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ._line_item import LineItem


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
    await invoice._open()  # noqa: SLF001 - the two are one unit: a constructor can't await
    return invoice


class AsyncInvoiceCsv(Opened):
    """An open invoice CSV: `async for` over it for its lines, in file order.

    A second loop reads a path or bytes again; any other source can be read once, and a second loop is a ConfigError.
    """

    def __init__(self, source: AsyncSource, *, on_error: OnError = "raise") -> None:
        """Use `await aread_csv(...)`."""
        super().__init__(source, on_error)
        self._source = source
        self._parser = Parser(on_error)
        self._pieces = open_async_source(source)

    def __aiter__(self) -> AsyncIterator[LineItem]:
        """The lines, from the first."""
        return self._lines(again=self._claim_again())

    def lines(self) -> AsyncIterator[LineItem]:
        """The lines, from the first; the same as iterating."""
        return aiter(self)

    async def _open(self) -> None:
        try:
            async for piece in self._pieces:
                self._parser.push(piece)
                if self._parser.find_header():
                    return
            self._parser.find_header(final=True)
        except BaseException:
            await self.aclose()
            raise

    async def _lines(self, *, again: bool) -> AsyncIterator[LineItem]:
        if again:
            self._parser = Parser(self._on_error)
            self._pieces = open_async_source(self._source)
            await self._open()
        parser, pieces = self._parser, self._pieces
        try:
            for items in parser.drain():
                for item in items:
                    yield item
            async for piece in pieces:
                parser.push(piece)
                for items in parser.drain():
                    for item in items:
                        yield item
            for items in parser.drain(final=True):
                for item in items:
                    yield item
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop reading. A body is closed by whoever opened it; a file that was opened here is closed."""
        self._claimed = True
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        """Close at the block's end."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()
