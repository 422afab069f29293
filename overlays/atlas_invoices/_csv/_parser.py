"""Parse an invoice CSV from its preamble to its last line."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from atlas_invoices._errors import ConfigError, InvoiceFormatError
from atlas_invoices._preamble import HEADER_MARKS, MAX_PREAMBLE_ROWS

from ._cells import is_label
from ._columns import NO_HEADER, UNREADABLE_PREAMBLE, Layout, format_error, other_file, quoted
from ._model import InvoiceHeader, parse_preamble
from ._records import BLOCK_SIZE, LARGEST_RECORD, LineBuffer, Records
from ._rows import RowReader

if TYPE_CHECKING:
    from ._model import LineItem


OnError = Literal["raise", "collect"]
MOST_TRAILING = 1000


class Parser:
    """Reads one file, once: `push` bytes and `find_header`, then `push` and `parse` in turn, the last time `final`."""

    def __init__(self, on_error: OnError) -> None:
        """Start before the first byte."""
        self.header = InvoiceHeader()
        self.rows: RowReader | None = None
        self.trailing: list[list[str]] = []
        self.errors: list[InvoiceFormatError] = []
        self.buffer = LineBuffer()
        self.line = 1
        self._on_error = on_error
        self._preamble: list[list[str]] = []
        self._preamble_size = 0
        # The file's beginning as far as it was parsed, until the header is found.
        self._start = b""
        self._trailing_line = 0
        self._trailing_size = 0
        # Whether what comes may be the remains of a record that couldn't be read.
        self._torn = False

    @property
    def fast(self) -> bool:
        """Whether whole blocks of items may come: no trailing line was seen, and errors need not be collected."""
        return not self.trailing and self._on_error == "raise"

    @property
    def layout(self) -> Layout:
        """Where the columns are; known once the header row was found."""
        return self._row_reader().layout

    def push(self, piece: bytes) -> None:
        """Take what came; nothing is parsed yet."""
        self.buffer.push(piece)

    def find_header(self, *, final: bool = False) -> bool:
        """Whether the header row was found; with `final`, its absence is an InvoiceFormatError."""
        while self.rows is None and (block := self.buffer.take(final=final)) is not None:
            if not self._start:
                block = block.removeprefix(BOM_UTF8)
            self._read_preamble(block, final=final)
        if self.rows is None and final:
            start = self._start
            raise self._no_header(start) if start.strip() else format_error("the file is empty", line=1)
        return self.rows is not None

    def parse(self, block: bytes, *, final: bool) -> Iterator[list[LineItem]]:
        """The lines of one block that begins at a row's start; a row that isn't whole goes back to the buffer."""
        rows = self._row_reader()
        ends_line = block.endswith(b"\n")
        items = rows.block(block, self.line) if ends_line and not self.trailing else None
        if items is not None:
            self.line += block.count(b"\n")
            if items:
                self._torn = False
                yield items
            return
        items = []
        records = Records(block, self.line, final=final, names=rows.layout.names)
        for line, row in records:
            try:
                item = self._item(rows, row, line)
            except InvoiceFormatError as error:
                if self._on_error == "raise":
                    if items:
                        yield items
                    raise
                # Its traceback would hold the whole block.
                self.errors.append(error.with_traceback(None))
                error.__context__ = error.__cause__ = None
            else:
                if item is not None:
                    items.append(item)
        self._keep(records.tail, block)
        if not ends_line and not final:
            # The line is so long that its end was not waited for.
            self.buffer.skip_line()
            self.line += 1
        if items:
            yield items

    def _item(self, rows: RowReader, row: Sequence[str] | InvoiceFormatError, line: int) -> LineItem | None:
        """The line of an item row; `None` for a blank or trailing one, which is kept aside."""
        if isinstance(row, InvoiceFormatError):
            self._torn = True
            raise row
        if not row or (len(row) == 1 and row[0] and not row[0].strip(" \t")):
            return None
        if HEADER_MARKS.issubset(row):
            what = "a second header row: these look like two invoice CSVs joined in one file; read each by itself"
            raise format_error(what, line=line)
        layout = rows.layout
        if len(row) == layout.width:
            if row[layout.usage_date] or not is_label(row[layout.date]):
                return self._full_row(rows, row, line)
        elif len(row) > layout.width or not is_label(row[0]) or self._torn:
            what = f"a row of {len(row)} cells where the header has {layout.width}: {quoted(','.join(row))}"
            raise format_error(what, line=line)
        self._trailing_size += sum(map(len, row))
        if len(self.trailing) >= MOST_TRAILING or self._trailing_size > LARGEST_RECORD:
            what = f"more than {MOST_TRAILING} trailing lines, or very long ones: this is no end of an invoice"
            raise format_error(what, line=line)
        self._trailing_line = self._trailing_line or line
        self.trailing.append(list(row))
        return None

    def _full_row(self, rows: RowReader, row: Sequence[str], line: int) -> LineItem:
        if self.trailing:
            what = f"an item after the trailing line {self._trailing_line}, which has none of an item's marks"
            raise format_error(f"{what}; if two invoice CSVs were joined in one file, read each by itself", line=line)
        item = rows.line(row, line)
        self._torn = False
        return item

    def _read_preamble(self, block: bytes, *, final: bool) -> None:
        records = Records(block, self.line, final=final)
        for line, row in records:
            if isinstance(row, InvoiceFormatError):
                raise other_file(self._start_to(line, block)) or format_error(UNREADABLE_PREAMBLE, line=line)
            if HEADER_MARKS.issubset(row):
                self.rows = RowReader(Layout.from_header(row, line))
                self.header = parse_preamble(self._preamble)
                self._preamble, self._start = [], b""
                rest = records.rest()
                self.buffer.unread(rest)
                self.line += block[: len(block) - len(rest)].count(b"\n")
                return
            self._preamble.append(row)
            self._preamble_size += sum(map(len, row))
            if len(self._preamble) > MAX_PREAMBLE_ROWS or self._preamble_size > LARGEST_RECORD:
                raise self._no_header(self._start_to(line, block))
        self._start = (self._start + block[: len(block) - len(records.tail)])[:BLOCK_SIZE]
        self._keep(records.tail, block)

    def _start_to(self, line: int, block: bytes) -> bytes:
        """The file's beginning up to the end of a line: the same, however much of the file has come."""
        lines = block.split(b"\n", line - self.line + 1)
        return (self._start + b"\n".join(lines[: line - self.line + 1]))[:BLOCK_SIZE]

    def _no_header(self, start: bytes) -> InvoiceFormatError:
        return other_file(start) or format_error(NO_HEADER, line=1)

    def _keep(self, tail: bytes, block: bytes) -> None:
        self.buffer.unread(tail)
        self.line += block.count(b"\n") - tail.count(b"\n")

    def _row_reader(self) -> RowReader:
        if self.rows is None:
            raise AssertionError("find_header comes first")
        return self.rows


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
