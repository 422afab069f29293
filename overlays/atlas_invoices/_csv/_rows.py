"""Turn CSV records into line items."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import partial
from io import StringIO
from itertools import accumulate, count, repeat
from typing import Any

from atlas_invoices._utils import FrozenDict

from ._cells import LONGEST_CELL, Cache, number_column, parse_date, parse_number
from ._columns import COLUMNS, Kind, Layout, format_error, quoted
from ._model import EMPTY, LineItem
from ._records import LARGEST_RECORD, endless_line


def split_columns(text: str, width: int) -> Sequence[Sequence[str]] | None:
    """The columns of a text of whole lines, each a row of `width` cells, exactly as csv reads them; `None`: ask csv.

    Only lines without a quote are split at their commas. Those with one go through csv, and where one of these goes
    on in the next line, or they are too many for this to pay, all of it does.
    """
    if len(text) > LONGEST_CELL:
        return None
    quotes = '"' in text
    if "\r" in text:
        if quotes or text.count("\r") != text.count("\r\n"):
            return None
        text = text.replace("\r\n", "\n")
    if not quotes:
        return _split(text, width)
    lines = text.split("\n")
    where = [number for number, line in enumerate(lines) if '"' in line]
    if 4 * len(where) > len(lines):
        return None
    rows = list(csv.reader([lines[number] for number in where], strict=True))
    if len(rows) != len(where):
        return None
    for number in where:
        lines[number] = "," * (width - 1)
    columns = _split("\n".join(lines), width)
    if columns is not None:
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            for number, cell in zip(where, cells, strict=True):
                column[number] = cell
    return columns


def _split(text: str, width: int) -> list[list[str]] | None:
    # Each line's end becomes a cell of its own: where those stand at equal distances, every line has `width` cells.
    cells = text.replace("\n", ",\n,").split(",")
    cells.pop()
    step = width + 1
    lines = text.count("\n")
    if len(cells) != step * lines or cells[width::step].count("\n") != lines:
        return None
    return [cells[position::step] for position in range(width)]


# Builds a LineItem from any iterable without a Python call for each row.
_make_line = partial(tuple.__new__, LineItem)


class RowReader:
    """Reads the rows of one file, whose columns are where its `layout` says."""

    def __init__(self, layout: Layout) -> None:
        """Begin with empty caches: what one file says is never used for the next."""
        self.layout = layout
        # A month's invoice has some thirty days; prices and discounts repeat from line to line.
        self._dates = Cache(parse_date)
        self._numbers = Cache(parse_number)
        self._tags = _mappings(layout.tags)
        self._extra = _mappings(layout.extra)

    def line(self, row: Sequence[str], line_number: int) -> LineItem:
        """One full-width row; a cell that can't be read is an InvoiceFormatError with its column and value."""
        values: list[Any] = []
        for column, position in zip(COLUMNS, self.layout.known, strict=True):
            cell = "" if position is None else row[position]
            if column.kind is Kind.TEXT:
                values.append(cell or None)
                continue
            try:
                values.append(parse_date(cell) if column.kind is Kind.DATE else parse_number(cell))
            except ValueError as error:
                raise format_error(f"{error}: {quoted(cell)}", line=line_number, column=column.name) from None
        values.append(self._tags[tuple(row[position] for _, position in self.layout.tags)])
        values.append(self._extra[tuple(row[position] for _, position in self.layout.extra)])
        values.append(line_number)
        return LineItem(*values)

    def block(self, block: bytes, first_line: int) -> list[LineItem] | None:
        """A block of nothing but good item rows, column by column; `None` sends the block through `line`.

        The same csv module, grammar and rules as one row at a time, at a multiple of the speed: the loops are in C.
        """
        try:
            text = block.decode()
            if "\0" in text:
                return None
            cells = split_columns(text, self.layout.width)
            lines: Iterable[int] = count(first_line)
            if cells is None:
                reader = csv.reader(StringIO(text, newline="\n"), strict=True)
                rows = list(reader)
                if len(block) > LARGEST_RECORD and (reader.line_num > len(rows) or endless_line(block) is not None):
                    return None
                cells = list(zip(*rows, strict=True))
                lines = _line_numbers(rows, first_line, reader.line_num)
            if len(cells) != self.layout.width:
                return None
            days, usage_days = cells[self.layout.date], cells[self.layout.usage_date]
            if not all(days) and not all(usage_days):
                return None
            columns = [
                self._column(column.kind, cells, position)
                for column, position in zip(COLUMNS, self.layout.known, strict=True)
            ]
        except (csv.Error, ValueError):
            return None
        for mappings, places in ((self._tags, self.layout.tags), (self._extra, self.layout.extra)):
            texts = zip(*[cells[position] for _, position in places], strict=True)
            columns.append(list(map(mappings.__getitem__, texts)) if places else repeat(EMPTY))
        columns.append(lines)
        return list(map(_make_line, zip(*columns)))  # noqa: B905 - endless ones stand beside the columns

    def _column(self, kind: Kind, cells: Sequence[Sequence[str]], position: int | None) -> Iterable[Any]:
        if position is None:
            return repeat(None)
        texts = cells[position]
        if kind is Kind.DATE:
            return list(map(self._dates.__getitem__, texts))
        if kind is Kind.NUMBER:
            return number_column(self._numbers, texts)
        if all(texts):
            return texts
        return [text or None for text in texts] if any(texts) else repeat(None)


def _mappings(columns: Sequence[tuple[str, int]]) -> Cache[tuple[str, ...], FrozenDict[str]]:
    """The cells of these columns as a mapping; lines with the same cells share it."""
    keys = [key for key, _ in columns]

    def make(cells: tuple[str, ...]) -> FrozenDict[str]:
        return FrozenDict({key: cell for key, cell in zip(keys, cells, strict=True) if cell}) or EMPTY

    # A long text is seldom shared, and many of them would not be constant memory.
    return Cache(make, worth=lambda cells: sum(map(len, cells)) <= 1024)  # noqa: PLR2004 - named by the comment


def _line_numbers(rows: Sequence[Sequence[str]], first_line: int, lines: int) -> Iterable[int]:
    if lines == len(rows):
        return count(first_line)
    # A line break inside a row can only be in a cell, so the cells say how many lines a row has.
    return accumulate((1 + sum(cell.count("\n") for cell in row) for row in rows), initial=first_line)
