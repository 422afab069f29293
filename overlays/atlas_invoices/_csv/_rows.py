"""Turn the rows of a block into line items: all at once if nothing is wrong, else one by one."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, repeat
from typing import Any, TypeAlias

from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._utils import FrozenDict

from ._cells import Cache, is_label, is_number, parse_date, parse_number, parse_numbers, way_out
from ._columns import COLUMNS, Kind, format_error, quoted
from ._layout import Layout, Twin
from ._model import EMPTY, LineItem
from ._sources import MAX_ROW, Block
from ._split import split_rows

Row: TypeAlias = list[str] | InvoiceFormatError

_NEVER_CLOSED = "a quote is opened here and never closed"
# csv's messages, by how they begin, and ours.
_CSV_ERRORS = {
    "unexpected end": _NEVER_CLOSED,
    "field larger": "a cell of more than {limit:,} characters",
    "new-line": "a carriage return within a row (save the file with line ends of LF or CRLF)",
    "": "text after a closing quote",
}
# Bytes that aren't UTF-8 are decoded to these, so the rows around them can be read, and their own row named.
_NOT_UTF8 = re.compile("[\ud800-\udfff]").search


class Records:
    """The rows of one block, one by one, as `(line number, row)`; for an invalid row, its error instead.

    After an invalid row, reading continues with its second line, because a stray quote turns many rows into one.
    """

    def __init__(self, block: Block, first_line: int, names: Sequence[str] = ()) -> None:
        self.lines_read = 0
        self._lines = BytesIO(block.data).readlines()
        self._first_line = first_line
        self._is_last = block.is_last
        self._names = names
        self._in_quotes = False

    def rest(self) -> bytes:
        """Return the lines that weren't read; after iteration, those of a row that continues in the next block."""
        return b"".join(self._lines[self.lines_read :])

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        while self.lines_read < len(self._lines):
            start, number = self.lines_read, self._first_line + self.lines_read
            reader = csv.reader(self._lines_of_row(start), strict=True)
            row: Row
            try:
                row = next(reader)
                continues = False
            except csv.Error as error:
                what = next(what for begins, what in _CSV_ERRORS.items() if str(error).startswith(begins))
                row = self._error(what.format(limit=csv.field_size_limit()), start, reader.line_num)
                continues = self._in_quotes
            lines = self._lines[start : start + reader.line_num]
            has_end = lines[-1].endswith(b"\n")
            continues = (continues or not has_end) and not self._is_last and start + len(lines) == len(self._lines)
            if continues and start:
                return
            if continues or sum(map(len, lines)) - has_end > MAX_ROW:
                row = self._error(f"a row of more than {MAX_ROW:,} bytes", start, len(lines))
            if isinstance(row, InvoiceFormatError):
                self.lines_read += 1
            else:
                self.lines_read += len(lines)
                row = _bad_character(row, number, self._names) or row
            yield number, row

    def _lines_of_row(self, start: int) -> Iterator[str]:
        """Yield lines up to the first after which the number of quotes is even."""
        self._in_quotes = False
        for number in range(start, len(self._lines)):
            line = self._lines[number]
            self._in_quotes ^= line.count(b'"') % 2 == 1
            yield _decode(line)
            if not self._in_quotes:
                return

    def _error(self, what: str, start: int, lines: int) -> InvoiceFormatError:
        if lines > 1 and what != _NEVER_CLOSED:
            what += f"; perhaps {_NEVER_CLOSED}"
        return format_error(f"{what}: {quoted(_decode(self._lines[start]))}", line=self._first_line + start)


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _bad_character(row: Sequence[str], line: int, names: Sequence[str]) -> InvoiceFormatError | None:
    """Return the error for a NUL and for bytes that aren't UTF-8."""
    text = "".join(row)
    if "\0" not in text and (text.isascii() or not _NOT_UTF8(text)):
        return None
    position, cell = next((i, cell) for i, cell in enumerate(row) if "\0" in cell or _NOT_UTF8(cell))
    what = "a NUL character" if "\0" in cell else "text that isn't UTF-8"
    return format_error(f"{what}: {quoted(cell)}", line=line, column=names[position] if position < len(names) else None)


Cells: TypeAlias = Iterable[Any]


class RowReader:
    """Converts the rows of one file, with its `layout`, to line items."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        # Days, prices and discounts repeat from line to line.
        self._dates = Cache(parse_date)
        self._numbers = Cache(parse_number)
        self._mappings = (_mappings(layout.tags), _mappings(layout.extra, layout.twins))
        self._date, self._usage_date = layout.date, layout.usage_date
        self._sku, self._amount = layout.names.index("SKU"), layout.position("Amount")
        self._must_agree = [twin for twin in layout.twins if twin.must_agree]
        convert: dict[Kind, Callable[[Sequence[str]], Cells]] = {
            Kind.TEXT: _text_column,
            Kind.DATE: lambda texts: _repeated(self._dates, texts) or list(map(self._dates.__getitem__, texts)),
            Kind.NUMBER: lambda texts: _repeated(self._numbers, texts) or parse_numbers(self._numbers, texts),
        }
        self._columns = [
            (convert[column.kind], position) for column, position in zip(COLUMNS, layout.known, strict=True)
        ]

    def is_item(self, row: Sequence[str]) -> bool:
        """Whether a row of full width is an item: it has a day, or both a SKU and an amount."""
        if self.has_day(row):
            return True
        return not row[self._date] and self._amount is not None and bool(row[self._sku] and row[self._amount])

    def has_day(self, row: Sequence[str]) -> bool:
        """Whether a row of full width has a day, or what should be one."""
        return bool(row[self._usage_date]) or not is_label(row[self._date])

    def may_trail(self, row: Sequence[str]) -> bool:
        """Whether a row of another width can be a total or a remark: it isn't an item that is damaged."""
        if row[0]:
            return is_label(row[0])
        return len(row) < self.layout.width and not "".join(row[self._sku : self._sku + 1])

    def amount(self, row: Sequence[str]) -> str | None:
        """Return a trailing row's amount: the cell in that column, else the last number in the row."""
        if len(row) == self.layout.width and self._amount is not None and row[self._amount]:
            return row[self._amount]
        return next((cell for cell in reversed(row) if is_number(cell)), None)

    def line(self, row: Sequence[str], line_number: int) -> LineItem:
        """Convert one full row; an invalid cell is an InvoiceFormatError with its column and value."""
        values: list[Any] = []
        for column, position in zip(COLUMNS, self.layout.known, strict=True):
            cell = "" if position is None else row[position]
            if column.kind is Kind.TEXT:
                values.append(cell or None)
                continue
            try:
                values.append(parse_date(cell) if column.kind is Kind.DATE else parse_number(cell))
            except ValueError as error:
                what = f"{error}{way_out(cell)}: {quoted(cell)}"
                raise format_error(what, line=line_number, column=column.name) from None
        self._check_positions(row, line_number)
        values += [cache[tuple([row[position] for position in positions])] for positions, cache in self._mappings]
        values.append(line_number)
        return LineItem(*values)

    def _check_positions(self, row: Sequence[str], line_number: int) -> None:
        names = self.layout.names
        for twin in self._must_agree:
            cell, first = row[twin.position], row[twin.first]
            if cell and cell != first:
                what = (
                    f"{quoted(first)} and {quoted(cell)} in two columns of this name, so it's unclear which one counts"
                )
                raise format_error(what, line=line_number, column=names[twin.first])
        for position in self.layout.nameless:
            if row[position]:
                what = f"{quoted(row[position])} in a column without a name: the row may be shifted, or name the column"
                raise format_error(what, line=line_number, column=names[position])

    def block(self, block: Block, first_line: int) -> tuple[Iterator[LineItem], int] | None:
        """Convert a block of nothing but valid items, column by column; return them and the block's number of lines.

        Returns `None` if a row is invalid, blank or trailing, or the block may end within a row. Then `Records` and
        `line` must read the block, by the same rules at a quarter of the speed.
        """
        if not block.is_whole or not block.may_have_columns(self.layout.width) or b"\0" in block.data:
            return None
        try:
            split = split_rows(bytes(block.data))
            if split is None:
                return None
            rows, breaks = split
            cells = list(zip(*rows, strict=True))
            if len(cells) != self.layout.width or not self._are_items(cells):
                return None
            numbers: Cells = range(first_line, first_line + len(rows))
            count = len(rows)
            if breaks:
                ends = list(accumulate([1 + number for number in breaks], initial=first_line))
                numbers, count = ends[:-1], ends[-1] - first_line
            columns = [
                repeat(None) if position is None else convert(cells[position]) for convert, position in self._columns
            ]
            columns += [
                map(cache.__getitem__, zip(*[cells[position] for position in positions], strict=True))
                if positions
                else repeat(EMPTY)
                for positions, cache in self._mappings
            ]
            return map(tuple.__new__, repeat(LineItem), zip(*columns, numbers)), count  # noqa: B905 - columns made by repeat() never end
        except ValueError:
            return None

    def _are_items(self, cells: Sequence[Sequence[str]]) -> bool:
        """Whether all rows of a block are certainly items."""
        has_days = all(cells[self._date]) or all(cells[self._usage_date])
        if not has_days and (self._amount is None or not (all(cells[self._sku]) and all(cells[self._amount]))):
            return False
        return not any(any(cells[position]) for position in self.layout.nameless) and all(
            cells[twin.position] == cells[twin.first] for twin in self._must_agree
        )


def _repeated(cache: Cache[str, Any], texts: Sequence[str]) -> Cells | None:
    """Convert a column with the same cell in every row, as the days often have."""
    first = texts[0]
    return repeat(cache[first]) if first == texts[-1] and texts.count(first) == len(texts) else None


def _text_column(texts: Sequence[str]) -> Cells:
    if all(texts):
        return texts
    return [text or None for text in texts] if any(texts) else repeat(None)


def _mappings(
    columns: Sequence[tuple[str, int]], twins: Sequence[Twin] = ()
) -> tuple[Sequence[int], Cache[tuple[str, ...], FrozenDict[str]]]:
    """Return positions, and a cache from the cells there to a mapping, which lines with the same cells share.

    It has the columns' cells that aren't empty, and that of a twin only where it differs from the first column's.
    """
    keys = [key for key, _ in columns]
    positions = [position for _, position in columns]
    twin_keys = [keys[positions.index(twin.position)] for twin in twins]

    def make(cells: tuple[str, ...]) -> FrozenDict[str]:
        found = {key: cell for key, cell in zip(keys, cells, strict=False) if cell}
        for key, first in zip(twin_keys, cells[len(keys) :], strict=True):
            if found.get(key) == first:
                del found[key]
        return FrozenDict(found) or EMPTY

    # Lines seldom share long texts, and keeping many of these would fill the memory.
    cache = Cache(make, worth=lambda cells: sum(map(len, cells)) <= 1024)  # noqa: PLR2004 - 1,024 characters make a long text
    return [*positions, *(twin.first for twin in twins)], cache
