"""One row at a time with its place in the file: slower than a whole block, but it can name what is wrong and go on."""

from __future__ import annotations

import csv
import re
from io import BytesIO, StringIO
from itertools import accumulate
from typing import TYPE_CHECKING

from ._buffer import LARGEST_RECORD
from ._errors_text import format_error, quoted
from ._quotes import Ending, Quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_invoices._errors import InvoiceFormatError

    from ._quotes import Extent

# What a byte outside UTF-8 is decoded to.
_NOT_UTF8 = re.compile("[\ud800-\udfff]").search
# How much is shown of what stands before the place that csv refuses.
_BEFORE = 20


class Records:
    """The rows of one block, as `(line number, row)`; where a row can't be read, its error stands in its place.

    A record's line number is the line it starts on: one in quotes may go over several. Behind a record that can't be
    read, reading goes on in the line after its first, because a stray quote makes one record of any number of good
    ones. After the last row, `tail` is the beginning of a record that goes on in the next block.
    """

    def __init__(self, block: bytes, first_line: int, *, final: bool, names: Sequence[str] = ()) -> None:
        """Take a block that begins at a record's start; `final` says that nothing follows it; `names` the columns'."""
        # What isn't UTF-8 is kept as lone surrogates, so that the rows around it can be read and its row be named.
        text = block.decode("utf-8", "surrogateescape")
        self._lines = StringIO(text, newline="\n").readlines()
        self._quotes = Quotes(self._lines)
        # Where each line begins, in bytes; without them no record of this block can be too long.
        self._starts: list[int] = []
        if len(block) > LARGEST_RECORD:
            self._starts = list(accumulate(map(len, BytesIO(block)), initial=0))
        self._first = first_line
        self._final = final
        self._names = names
        self._next = 0
        self.tail = b""

    def rest(self) -> bytes:
        """The lines after the last row that was given out."""
        return "".join(self._lines[self._next :]).encode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[tuple[int, list[str] | InvoiceFormatError]]:
        """Read on from where reading stopped, whether at the start or behind a row that couldn't be read."""
        while self._next < len(self._lines):
            # csv would read all the lines of a bad record again from each of them.
            if not self._quotes.known(self._next):
                yield from self._quick(self._next)
                if self._next == len(self._lines):
                    return
            found = self._careful(self._next)
            if found is None:
                self.tail = self.rest()
                return
            yield found

    def _quick(self, base: int) -> Iterator[tuple[int, list[str] | InvoiceFormatError]]:
        """Every record from a line on, as far as csv can read them."""
        reader = csv.reader(map(self._lines.__getitem__, range(base, len(self._lines))), strict=True)
        while True:
            start = self._next
            try:
                row = next(reader)
            except (StopIteration, csv.Error):
                return
            stop = base + reader.line_num
            if self._is_too_long(start, stop):
                return
            self._next = stop
            yield self._checked(row, start)

    def _careful(self, start: int) -> tuple[int, list[str] | InvoiceFormatError] | None:
        """The one record that begins in a line; `None` where it may go on in the next block."""
        extent = self._quotes.extent(start)
        too_long = self._is_too_long(start, extent.stop)
        if not too_long and extent.ending is Ending.OPEN and not self._final:
            return None
        if too_long or extent.ending is not Ending.WHOLE:
            self._next = start + 1
            what = self._too_long(start, extent) if too_long else self._torn(start, extent)
            return self._first + start, format_error(what, line=self._first + start)
        self._next = extent.stop
        try:
            return self._checked(next(csv.reader(self._lines[start : extent.stop], strict=True)), start)
        except csv.Error:
            what = f"a cell of more than {csv.field_size_limit():,} characters: {quoted(self._lines[start])}"
            return self._first + start, format_error(what, line=self._first + start)

    def _checked(self, row: list[str], start: int) -> tuple[int, list[str] | InvoiceFormatError]:
        line = self._first + start
        return line, _bad_character(row, line, self._names) or row

    def _is_too_long(self, start: int, stop: int) -> bool:
        if not self._starts:
            return False
        end = self._starts[stop] - self._lines[stop - 1].endswith("\n")
        return end - self._starts[start] > LARGEST_RECORD

    def _too_long(self, start: int, extent: Extent) -> str:
        if self._is_too_long(start, start + 1):
            return f"a line of more than {LARGEST_RECORD:,} bytes: {quoted(self._lines[start])}"
        perhaps = quoted(self._lines[start][extent.first_quote :])
        return (
            f"a row of more than {LARGEST_RECORD:,} bytes; perhaps a quote is opened here and never closed: {perhaps}"
        )

    def _torn(self, start: int, extent: Extent) -> str:
        """What is wrong with a record's quotes or line ends, and where that shows."""
        if extent.ending is Ending.OPEN:
            number, place = extent.last_quote
            where = "here" if number == start else f"on line {self._first + number}"
            return f"a quote is opened {where} and never closed: {quoted(self._lines[number][place:])}"
        last = extent.stop - 1
        where = "" if last == start else f"on line {self._first + last} "
        line = self._lines[last]
        shown = quoted(line[max(0, extent.torn - _BEFORE) :])
        if line[extent.torn] == "\r":
            return f"{where}a carriage return that ends no line: {shown}; save the file with line ends of LF or CRLF"
        what = f"{where}text behind a closing quote: {shown}"
        if last == start:
            return what
        perhaps = quoted(self._lines[start][extent.first_quote :])
        return f"{what}; perhaps a quote is opened here and never closed: {perhaps}"


def _bad_character(row: Sequence[str], line: int, names: Sequence[str]) -> InvoiceFormatError | None:
    """The error for NUL and for what isn't UTF-8, wherever in the row it stands."""
    text = "".join(row)
    if "\0" not in text and (text.isascii() or not _NOT_UTF8(text)):
        return None
    position, cell = next((i, cell) for i, cell in enumerate(row) if "\0" in cell or _NOT_UTF8(cell))
    what = "a NUL character" if "\0" in cell else "text that isn't UTF-8"
    return format_error(f"{what}: {quoted(cell)}", line=line, column=names[position] if position < len(names) else None)
