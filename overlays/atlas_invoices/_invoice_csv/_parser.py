"""The parser of record: bytes in, exact lines out. It does no I/O, so that the sync and async readers share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from atlas_invoices._errors import InvoiceFormatError

from ._buffer import LARGEST_RECORD, LineBuffer, endless_line
from ._columns import HEADER_MARKS, Layout
from ._errors_text import format_error, quoted
from ._preamble import InvoiceHeader, parse_preamble
from ._records import Records
from ._rows import RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._line_item import LineItem

OnError = Literal["raise", "collect"]
# The preamble's length isn't fixed; a file without a header is told long before its end.
LONGEST_PREAMBLE = 1000
MOST_TRAILING = 1000
_BOM = b"\xef\xbb\xbf"
_DOCUMENTS = {
    b"<": "this is an HTML or XML document, not an invoice CSV: an error page or a login page was saved in its place",
    b"{": "this is a JSON document, not an invoice CSV: an error reply, or a reply asked for with envelope=True",
    b"[": "this is a JSON document, not an invoice CSV",
}


class Parser:
    """Reads one file, once: `push` bytes and `find_header`, then `push` and `drain` in turn, the last time `final`."""

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
        self._started = False
        self._document: str | None = None
        self._trailing_line = 0
        self._trailing_size = 0

    @property
    def fast(self) -> bool:
        """Whether whole blocks of items may come: no trailing line was seen, and errors need not be collected."""
        return not self.trailing and self._on_error == "raise"

    @property
    def columns(self) -> tuple[str, ...]:
        """The header row's names, as the file has them; none before it was found."""
        return self.rows.layout.names if self.rows else ()

    def push(self, piece: bytes) -> None:
        """Take what came; nothing is parsed yet."""
        self.buffer.push(piece)

    def find_header(self, *, final: bool = False) -> bool:
        """Whether the header row was found; with `final`, its absence is an InvoiceFormatError."""
        while self.rows is None and (block := self.buffer.take(final=final)) is not None:
            self._read_preamble(self._first_block(block), final=final)
        if self.rows is None and final:
            raise self._no_header() if self._started else format_error("the file is empty")
        return self.rows is not None

    def drain(self, *, final: bool = False) -> Iterator[list[LineItem]]:
        """The lines in what was pushed so far, in lists; with `final`, all that is left."""
        while (block := self.buffer.take(final=final)) is not None:
            yield from self.parse(block, final=final)

    def parse(self, block: bytes, *, final: bool) -> Iterator[list[LineItem]]:
        """The lines of one block that begins at a row's start; a row that isn't whole goes back to the buffer."""
        rows = self._row_reader()
        start = endless_line(block)
        if start is not None:
            raise _endless_line(self.line + block.count(b"\n", 0, start))
        items = None if self.trailing or not block.endswith(b"\n") else rows.block(block, self.line)
        if items is not None:
            self.line += block.count(b"\n")
            if items:
                yield items
            return
        items = []
        records = Records(block, self.line, final=self._whole(block, final=final), names=rows.layout.names)
        for line, row in records:
            try:
                if isinstance(row, InvoiceFormatError):
                    raise row
                item = self._item(rows, row, line)
            except InvoiceFormatError as error:
                if self._on_error == "raise":
                    if items:
                        yield items
                    raise
                self.errors.append(error)
            else:
                if item is not None:
                    items.append(item)
        self._keep(records.tail, block)
        if items:
            yield items

    def _item(self, rows: RowReader, row: Sequence[str], line: int) -> LineItem | None:
        """The line of an item row; `None` for a blank or trailing one, which is kept aside."""
        if not row or (len(row) == 1 and row[0] and not row[0].strip(" \t")):
            return None
        layout = rows.layout
        if len(row) == layout.width and (row[layout.date] or row[layout.usage_date]):
            if self.trailing:
                what = f"an item after the trailing line {self._trailing_line}, which has none of an item's marks"
                raise format_error(what, line=line)
            return rows.line(row, line)
        if len(row) == layout.width or (len(row) < layout.width and (not row[0] or row[0][0].isalpha())):
            self._trailing_size += sum(map(len, row))
            if len(self.trailing) >= MOST_TRAILING or self._trailing_size > LARGEST_RECORD:
                what = f"more than {MOST_TRAILING} trailing lines, or very long ones: this is no end of an invoice"
                raise format_error(what, line=line)
            self._trailing_line = self._trailing_line or line
            self.trailing.append(list(row))
            return None
        what = f"a row of {len(row)} cells where the header has {layout.width}: {quoted(','.join(row))}"
        raise format_error(what, line=line)

    def _first_block(self, block: bytes) -> bytes:
        if self._started:
            return block
        if self.line == 1:
            block = block.removeprefix(_BOM)
        start = block.lstrip()[:1]
        self._started = bool(start)
        self._document = _DOCUMENTS.get(start)
        return block

    def _read_preamble(self, block: bytes, *, final: bool) -> None:
        records = Records(block, self.line, final=self._whole(block, final=final))
        for line, row in records:
            if isinstance(row, InvoiceFormatError):
                raise self._other_document() or row
            if HEADER_MARKS.issubset(row):
                self.rows = RowReader(Layout.from_header(row, line))
                self.header = parse_preamble(self._preamble)
                self._preamble = []
                rest = records.rest()
                self.buffer.unread(rest)
                self.line += block[: len(block) - len(rest)].count(b"\n")
                return
            self._preamble.append(row)
            self._preamble_size += sum(map(len, row))
            if len(self._preamble) > LONGEST_PREAMBLE or self._preamble_size > LARGEST_RECORD:
                raise self._no_header()
        self._keep(records.tail, block)

    def _other_document(self) -> InvoiceFormatError | None:
        # Said only where there is no header row, because a column's name could begin so, too.
        return None if self._document is None or self.rows else format_error(self._document)

    def _no_header(self) -> InvoiceFormatError:
        document = self._other_document()
        if document is not None:
            return document
        first = next((row for row in self._preamble if any(row)), [])
        what = "no header row with Date, Usage Date and SKU, so this is no invoice CSV"
        return format_error(f"{what}; it begins with {quoted(','.join(first))}" if first else what)

    def _whole(self, block: bytes, *, final: bool) -> bool:
        if not final and not block.endswith(b"\n"):
            raise self._other_document() or _endless_line(self.line)
        return final

    def _keep(self, tail: bytes, block: bytes) -> None:
        self.buffer.unread(tail)
        self.line += block.count(b"\n") - tail.count(b"\n")

    def _row_reader(self) -> RowReader:
        if self.rows is None:
            raise AssertionError("find_header comes first")
        return self.rows


def _endless_line(line: int) -> InvoiceFormatError:
    return format_error(f"a line of more than {LARGEST_RECORD:,} bytes", line=line)
