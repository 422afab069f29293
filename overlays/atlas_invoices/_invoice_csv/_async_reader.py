"""`aread_csv`: the same reading for asynchronous code, with the same parser behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from atlas_invoices._errors import ConfigError
from atlas_invoices._invoice_csv._parser import OnError, Parser
from atlas_invoices._invoice_csv._sources import AsyncSource, is_rereadable, open_async_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from atlas_invoices._errors import InvoiceFormatError
    from atlas_invoices._invoice_csv._line_item import LineItem
    from atlas_invoices._invoice_csv._preamble import InvoiceHeader


async def aread_csv(source: AsyncSource, *, on_error: OnError = "raise") -> AsyncInvoiceCsv:
    """Open an invoice CSV from asynchronous code and read as far as its header row; see `read_csv`.

    `source` is the body of `AsyncClient.stream_invoice_csv`, an asynchronous iterable of bytes, or anything that
    `read_csv` takes (a file is then read in place, 64 KiB at a time).

        inv = await aread_csv(body)
        async for line in inv: ...
    """
    invoice = AsyncInvoiceCsv(source, on_error=on_error)
    await invoice._open()  # noqa: SLF001 - the two are one unit: a constructor can't await
    return invoice


class AsyncInvoiceCsv:
    """An open invoice CSV: `async for` over it for its lines, in file order.

    A second loop reads a path or bytes again; any other source can be read once, and a second loop is a ConfigError.
    """

    def __init__(self, source: AsyncSource, *, on_error: OnError = "raise") -> None:
        """Use `await aread_csv(...)`."""
        if on_error not in {"raise", "collect"}:
            raise ConfigError(f"on_error is 'raise' or 'collect', not {on_error!r}")
        self._source = source
        self._on_error = on_error
        self._claimed = False
        self._parser = Parser(on_error)
        self._pieces = open_async_source(source)

    @property
    def header(self) -> InvoiceHeader:
        """What stands above the table."""
        return self._parser.header

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The rows behind the last item that are none (totals, remarks); complete once a loop is done."""
        return tuple(tuple(row) for row in self._parser.trailing)

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that could not be read, in file order; complete once a loop is done."""
        return list(self._parser.errors)

    def __aiter__(self) -> AsyncIterator[LineItem]:
        """The lines, from the first."""
        again = self._claimed
        if again and not is_rereadable(self._source):
            what = type(self._source).__name__
            raise ConfigError(
                f"this invoice comes from a {what}, which can be read once, and that was done: keep the lines in a"
                " list, or save the CSV and read it from its path"
            )
        self._claimed = True
        return self._lines(again=again)

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
