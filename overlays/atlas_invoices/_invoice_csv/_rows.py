"""From cells to lines: one row with every check and a named place, or a block of good rows at once."""

from __future__ import annotations

import csv
from functools import partial
from io import StringIO
from itertools import accumulate, count, repeat
from typing import TYPE_CHECKING, Any

from atlas_invoices._frozen_dict import FrozenDict

from ._buffer import LARGEST_RECORD, endless_line
from ._cache import Cache
from ._cells import number_column, parse_date, parse_number
from ._columns import COLUMNS, Kind, Layout
from ._errors_text import format_error, quoted
from ._line_item import EMPTY, LineItem
from ._split import split_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
