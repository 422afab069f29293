"""Split bytes into CSV records, quoted line breaks included."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from io import BytesIO, StringIO
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from ._columns import format_error, quoted

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError


BLOCK_SIZE = 64 * 1024
# A row's bytes without its line end, wherever it is read. A quote that is never closed must not swallow the rest of a
# large file.
LARGEST_RECORD = 1024 * 1024


def endless_line(block: bytes) -> int | None:
    """Where a line begins that is longer than any record may be, and perhaps cut by the block's end."""
    start = 0
    while len(block) - start > LARGEST_RECORD:
        end = block.rfind(b"\n", start, start + LARGEST_RECORD + 1)
        if end < 0:
            return start
        start = end + 1
    return None


class LineBuffer:
    """Bytes go in with `push`, blocks that end at a line's end come out of `take`."""

    def __init__(self) -> None:
        """Start empty."""
        self.ends_line = False
        self.block_size = BLOCK_SIZE
        self._pieces: list[bytes] = []
        self._held = 0
        # Where the last line's end stands: in which piece, behind which byte of it, and how much is held up to there.
        # Each piece is searched once, when it comes.
        self._last = -1
        self._last_end = 0
        self._whole = 0
        self._enough = 0
        self._skipping = False

    def push(self, piece: bytes) -> None:
        """Add what came, and note whether it ends with a line's end."""
        if not piece:
            return
        self.ends_line = piece.endswith(b"\n")
        if self._skipping:
            _, newline, piece = piece.partition(b"\n")
            self._skipping = not newline
            if not piece:
                return
        end = piece.rfind(b"\n") + 1
        if end:
            self._last, self._last_end, self._whole = len(self._pieces), end, self._held + end
        self._pieces.append(piece)
        self._held += len(piece)

    def unread(self, tail: bytes) -> None:
        """Put back whole lines of a record that isn't whole yet; the next block begins with them."""
        if tail:
            self._pieces.insert(0, tail)
            self._held += len(tail)
            if self._whole:
                self._last += 1
            else:
                self._last, self._last_end = 0, len(tail)
            self._whole += len(tail)
            # Parsing an open record again is only worth it with a good deal more of it.
            self._enough = self._held + max(self.block_size, len(tail))

    def skip_line(self) -> None:
        """Drop the rest of a line whose beginning was taken."""
        self._skipping = True

    def take(self, *, final: bool = False) -> bytes | None:
        """The next block, or `None` where more is needed first.

        A block ends with a line's end, except the last of the file (`final`) and one that ends within a line longer
        than any record may be.
        """
        rest: list[bytes] = []
        if not final and self._held - self._whole <= LARGEST_RECORD:
            if not self._whole or self._held < max(self.block_size, self._enough):
                return None
            cut = self._pieces[self._last]
            rest = [cut[self._last_end :], *self._pieces[self._last + 1 :]]
            self._pieces[self._last :] = [cut[: self._last_end]]
        block = b"".join(self._pieces)
        self._pieces, self._held = rest, self._held - len(block)
        self._last, self._whole, self._enough = -1, 0, 0
        return block or None


_IN_QUOTES = r'[^"]*+(?:""[^"]*+)*+'
_CELL = rf'(?:"{_IN_QUOTES}"|(?!")[^,\r\n]*+)'
_CELLS = re.compile(rf"(?:{_CELL}(?:,{_CELL})*+)?+").match
_CELLS_BEHIND_QUOTES = re.compile(rf'{_IN_QUOTES}"(?:,{_CELL})*+').match
_LINE_END = re.compile(r"[\r\n]*+\Z").match
_OPEN_CELL = re.compile(rf',?"{_IN_QUOTES}\Z').match


class Ending(Enum):
    """How a record ends: as it should, not at all in these lines, or where csv can't go on."""

    WHOLE = "whole"
    OPEN = "open"
    TORN = "torn"


class Extent(NamedTuple):
    """A record's lines end before `stop`; `torn` is where in the last of them csv can't go on.

    `first_quote` is the place, in its first line, of the quote that is still open at that line's end; `last_quote` is
    line and place of the one that is open at the very end.
    """

    ending: Ending
    stop: int
    torn: int = 0
    first_quote: int = 0
    last_quote: tuple[int, int] = (0, 0)


class Quotes:
    """The quotes in the lines of one block."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Look at nothing yet."""
        self._lines = lines
        # The lines of the latest record that went over several: from wherever in them, within quotes, one ends alike.
        self._inside = range(0)
        self._end = Extent(Ending.WHOLE, 0)

    def known(self, start: int) -> bool:
        """Whether a record that begins in this line would, if it goes on, end where another was seen to end."""
        return start + 1 in self._inside

    def extent(self, start: int) -> Extent:
        """How the record that begins in this line ends."""
        ending, place = _scan(self._lines[start], quoted=False)
        if ending is not Ending.OPEN:
            return Extent(ending, start + 1, torn=place)
        if not self.known(start):
            self._go_on(start + 1)
        end = self._end._replace(first_quote=place)
        return end if end.last_quote[0] > start else end._replace(last_quote=(start, place))

    def _go_on(self, first: int) -> None:
        last_quote = (-1, 0)
        for number in range(first, len(self._lines)):
            line = self._lines[number]
            if '"' not in line:
                continue
            ending, place = _scan(line, quoted=True)
            if ending is not Ending.OPEN:
                self._end = Extent(ending, number + 1, torn=place, last_quote=last_quote)
                self._inside = range(first, number + 1)
                return
            if place >= 0:
                last_quote = (number, place)
        self._end = Extent(Ending.OPEN, len(self._lines), last_quote=last_quote)
        self._inside = range(first, len(self._lines) + 1)


def _scan(line: str, *, quoted: bool) -> tuple[Ending, int]:
    """How a line ends, and where the quote left open (-1: in a line before), or what csv refuses, stands."""
    cells = (_CELLS_BEHIND_QUOTES if quoted else _CELLS)(line)
    if cells is None:
        return Ending.OPEN, -1
    place = cells.end()
    if _LINE_END(line, place):
        return Ending.WHOLE, place
    if _OPEN_CELL(line, place):
        return Ending.OPEN, line.index('"', place)
    return Ending.TORN, place


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
