"""One reading of an invoice from its start, but for the I/O: what the synchronous and the asynchronous pass share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_invoices._errors import ConfigError

from ._parser import OnError, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_invoices._errors import InvoiceFormatError

    from ._columns import Layout
    from ._line_item import LineItem
    from ._preamble import InvoiceHeader


class Reading:
    """A parser, and what it has found so far."""

    def __init__(self, on_error: OnError) -> None:
        """Start before the first byte."""
        self.parser = Parser(on_error)
        self._closed = False

    @property
    def header(self) -> InvoiceHeader:
        """What stands above the table."""
        return self.parser.header

    @property
    def layout(self) -> Layout:
        """Where the file keeps what."""
        return self.parser.layout

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header row, as the file has them and in its order."""
        return self.layout.names

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The rows behind the last item that are none."""
        return tuple(tuple(row) for row in self.parser.trailing)

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that could not be read so far."""
        return list(self.parser.errors)

    @property
    def ends_line(self) -> bool:
        """Whether what was read so far ends with a line's end."""
        return self.parser.buffer.ends_line

    def blocks_so_far(self, *, final: bool = False) -> Iterator[tuple[bytes, bool]]:
        """The blocks in what was pushed, as `Parser.parse` takes them; with `final`, all that is left."""
        if final and self._closed:
            # A closed source looks like one that has ended, and what came so far would pass for the whole.
            raise ConfigError("this invoice was closed before its end: read it to its end first, or within its `with`")
        while (block := self.parser.buffer.take(final=final)) is not None:
            yield block, final

    def items_so_far(self, *, final: bool = False) -> Iterator[list[LineItem]]:
        """The lines in what was pushed, in lists; with `final`, all that is left."""
        for block, last in self.blocks_so_far(final=final):
            yield from self.parser.parse(block, final=last)
