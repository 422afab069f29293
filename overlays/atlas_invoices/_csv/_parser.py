"""Parse an invoice CSV, from its preamble to its last line, as its bytes arrive."""

from __future__ import annotations

import warnings
from codecs import BOM_UTF8
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import Generic, Literal, TypeAlias, TypeVar

from atlas_invoices._errors import ConfigError, InvoiceFormatError
from atlas_invoices._preamble import MAX_PREAMBLE_ROWS, is_header
from atlas_invoices._utils import pluralize, single_line

from ._cells import SAVED_AGAIN, is_label
from ._columns import NO_HEADER, UNREADABLE_PREAMBLE, format_error, other_file, quoted
from ._layout import Layout
from ._model import InvoiceHeader, LineItem, parse_preamble
from ._rows import Records, Row, RowReader
from ._sources import MAX_ROW, Block, BlockCutter

OnError = Literal["raise", "collect"]
MAX_TRAILING = 1000
_MAX_TRAILING_NAMED = 5
# This much of a file shows which other kind of file it is.
_START_SIZE = 64 * 1024

Chunks = TypeVar("Chunks")
SyncState: TypeAlias = "ReaderState[Generator[bytes, None, None]]"


class ReaderState(Generic[Chunks]):
    """The state of one pass over a source.

    `find_header` takes the source's chunks until it returns True, then `feed` takes the rest. `blocks`, `lines` and
    `close` do this for a source that isn't asynchronous.
    """

    def __init__(self, chunks: Chunks, on_error: OnError, name: str = "") -> None:
        self.chunks = chunks
        self.header = InvoiceHeader()
        # Line numbers and cells.
        self.trailing: list[tuple[int, list[str]]] = []
        self.errors: list[InvoiceFormatError] = []
        self.ends_line = False
        self.closed = False
        self.line_number = 1
        self.bytes_read = 0
        self.cutter = BlockCutter()
        self._on_error = on_error
        self._name = name
        self._row_reader: RowReader | None = None
        self._preamble: list[list[str]] = []
        self._preamble_size = 0
        # The beginning of the file, until the header is found.
        self._start = b""
        self._trailing_size = 0
        self._after_invalid_row = False

    @property
    def has_header(self) -> bool:
        """Whether the header row was found."""
        return self._row_reader is not None

    @property
    def layout(self) -> Layout:
        """The columns of the file."""
        return self._rows().layout

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in the file's order; see `Layout`."""
        return self.layout.columns

    @property
    def only_items(self) -> bool:
        """Whether only items may follow: there was no trailing row yet, and errors aren't collected."""
        return not self.trailing and self._on_error == "raise"

    def find_header(self, chunk: bytes | None) -> bool:
        """Take a chunk, or None at the end; return whether the header row was found, which it must be at the end."""
        final = chunk is None
        if chunk:
            self._push(chunk)
            self._start = (self._start + chunk)[:_START_SIZE]
        while not self.has_header and (block := self.cutter.take(final=final)):
            self._read_preamble(block)
        if not self.has_header and final:
            start = self._start.removeprefix(BOM_UTF8)
            raise self._no_header(start) if start.strip() else format_error("the file is empty", line=1)
        return self.has_header

    def feed(self, chunk: bytes | None) -> Iterator[Iterable[LineItem]]:
        """Take a chunk, or None at the end; yield groups of complete lines."""
        for block in self._blocks(chunk):
            yield from self.parse(block)

    def parse(self, block: Block) -> Iterator[Iterable[LineItem]]:
        """Yield groups of lines from a block. A row that doesn't end in it is put back for the next one."""
        rows = self._rows()
        converted = None if self.trailing else rows.block(block, self.line_number)
        if converted is not None:
            lines, count = converted
            self.line_number += count
            self._after_invalid_row = False
            yield lines
            return
        if self.recut(block):
            return
        items: list[LineItem] = []
        records = Records(block, self.line_number, rows.layout.names)
        for line, row in records:
            try:
                item = self._item(rows, row, line)
            except InvoiceFormatError as error:
                if self._on_error == "raise":
                    if items:
                        yield items
                    raise
                # Its traceback would keep the whole block in memory.
                self.errors.append(error.with_traceback(None))
                error.__context__ = error.__cause__ = None
            else:
                if item is not None:
                    items.append(item)
        self._end_block(records, block)
        if items:
            yield items

    def recut(self, block: Block) -> bool:
        """Put back a block that may have been cut within a row, and count quotes from now on; False if already done."""
        if self.cutter.counts_quotes:
            return False
        self.cutter.counts_quotes = True
        self.cutter.put_back(block.data)
        return True

    def blocks(self: SyncState) -> Iterator[Block]:
        """Yield the blocks after the header row. The caller must close."""
        for chunk in chain([b""], self.chunks, [None]):
            yield from self._blocks(chunk)

    def lines(self: SyncState) -> Iterator[LineItem]:
        """Yield the lines, then close."""
        return chain.from_iterable(self._groups())

    def _groups(self: SyncState) -> Iterator[Iterable[LineItem]]:
        try:
            for block in self.blocks():
                yield from self.parse(block)
            self.finish()
        finally:
            self.close()

    def finish(self) -> None:
        """Warn of duplicate columns and trailing rows, once everything was read."""
        for text in (*self.layout.warnings, *self._trailing_warning()):
            name = f"{single_line(self._name)}: " if self._name else ""
            warnings.warn(f"{name}{text}", UserWarning, stacklevel=2)

    def _trailing_warning(self) -> Iterator[str]:
        if not self.trailing:
            return
        named = []
        for line, row in self.trailing[:_MAX_TRAILING_NAMED]:
            amount = self._rows().amount(row)
            named.append(f"line {line} ({quoted(next(filter(None, row)))}{f', {quoted(amount)}' if amount else ''})")
        if more := len(self.trailing) - len(named):
            named.append(f"{more:,} more")
        rows = pluralize(len(self.trailing), "row after the last item isn't", "rows after the last item aren't")
        yield f"{rows} counted: {', '.join(named)}"

    def close(self: SyncState) -> None:
        """Close a file that was opened here; other sources are left alone."""
        self.closed = True
        self.chunks.close()
        self.cutter = BlockCutter()

    def _push(self, chunk: bytes) -> None:
        self.ends_line = chunk.endswith(b"\n")
        self.bytes_read += len(chunk)
        self.cutter.push(chunk)

    def _blocks(self, chunk: bytes | None) -> Iterator[Block]:
        final = chunk is None
        if final and self.closed:
            # A closed source looks like one that has ended, so the lines read so far would pass for the whole invoice.
            raise ConfigError("this invoice was closed before its end: read it to its end first, or within its `with`")
        if chunk:
            self._push(chunk)
        while block := self.cutter.take(final=final):
            yield block

    def _rows(self) -> RowReader:
        if self._row_reader is None:
            raise AssertionError("find_header comes first")
        return self._row_reader

    def _item(self, rows: RowReader, row: Row, line: int) -> LineItem | None:
        """Return the row's line item, or `None` for a blank row or a trailing one, which is kept in `trailing`."""
        if isinstance(row, InvoiceFormatError):
            self._after_invalid_row = True
            raise row
        if not any(row) or (len(row) == 1 and not row[0].strip(" \t")):
            return None
        if is_label(row[0]) and is_header(row):
            what = "a second header row: these look like two invoice CSVs joined in one file; read each by itself"
            raise format_error(what, line=line)
        width = rows.layout.width
        if len(row) == width:
            if rows.is_item(row):
                return self._full_row(rows, row, line)
        # After an invalid row, its remaining lines may look like trailing rows.
        elif self._after_invalid_row or not rows.may_trail(row):
            what = f"a row of {len(row)} cells where the header has {width}: {quoted(','.join(row))}"
            raise format_error(what, line=line)
        self._trailing_size += sum(map(len, row))
        if len(self.trailing) >= MAX_TRAILING or self._trailing_size > MAX_ROW:
            what = f"more than {MAX_TRAILING} trailing lines, or very long ones: no invoice ends like this"
            raise format_error(what, line=line)
        self.trailing.append((line, row))
        return None

    def _full_row(self, rows: RowReader, row: Sequence[str], line: int) -> LineItem:
        # One without days, such as a credit, may follow the totals.
        if self.trailing and rows.has_day(row):
            what = f"an item after the trailing line {self.trailing[0][0]}, which isn't an item"
            raise format_error(f"{what}; if two invoice CSVs were joined in one file, read each by itself", line=line)
        item = rows.line(row, line)
        self._after_invalid_row = False
        return item

    def _read_preamble(self, block: Block) -> None:
        if self.line_number == 1:
            block = block._replace(data=block.data.removeprefix(BOM_UTF8))
            if block.data.startswith(BOM_UTF8):
                raise format_error(f"two byte order marks; {SAVED_AGAIN}", line=1)
        records = Records(block, self.line_number)
        for line, row in records:
            if isinstance(row, InvoiceFormatError):
                raise other_file(self._start_to(line)) or format_error(UNREADABLE_PREAMBLE, line=line)
            if is_header(row):
                self._row_reader = RowReader(Layout.from_header(row, line))
                self.header = parse_preamble(self._preamble)
                self._preamble, self._start = [], b""
                self.cutter.counts_quotes = False
                break
            self._preamble.append(row)
            self._preamble_size += sum(map(len, row))
            if len(self._preamble) > MAX_PREAMBLE_ROWS or self._preamble_size > MAX_ROW:
                raise self._no_header(self._start_to(line))
        self._end_block(records, block)

    def _end_block(self, records: Records, block: Block) -> None:
        self.line_number += records.lines_read
        if rest := records.rest():
            self.cutter.put_back(rest)
        elif not block.data.endswith(b"\n") and not block.is_last:
            # The rest of a line that is too long is still to come.
            self.cutter.skip_line()

    def _start_to(self, line: int) -> bytes:
        """Return the beginning of the file up to the end of a line, the same however the file came in chunks."""
        return b"\n".join(self._start.removeprefix(BOM_UTF8).split(b"\n", line)[:line])

    def _no_header(self, start: bytes) -> InvoiceFormatError:
        return other_file(start) or format_error(NO_HEADER, line=1)
