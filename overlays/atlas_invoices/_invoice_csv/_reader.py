"""`read_csv`: an invoice CSV as typed lines, read as they are asked for and in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ._opened import Opened
from ._reading import Reading
from ._sources import Source, open_source, source_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ._line_item import LineItem
    from ._parser import OnError


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
