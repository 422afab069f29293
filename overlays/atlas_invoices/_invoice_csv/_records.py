"""One row at a time with its place in the file: slower than a whole block, but it can name what is wrong and go on."""

from __future__ import annotations

import csv
import re
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING

from ._buffer import LARGEST_RECORD
from ._errors_text import format_error, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_invoices._errors import InvoiceFormatError

# What a byte outside UTF-8 is decoded to.
_NOT_UTF8 = re.compile("[\ud800-\udfff]").search


class Records:
    """The rows of one block, as `(line number, row)`; where a row can't be read, its error stands in its place.

    A record's line number is the line it starts on: one in quotes may go over several. After the last row, `tail` is
    the beginning of a record that goes on in the next block.
    """

    def __init__(self, block: bytes, first_line: int, *, final: bool, names: Sequence[str] = ()) -> None:
        """Take a block that begins at a record's start; `final` says that nothing follows it; `names` the columns'."""
        # What isn't UTF-8 is kept as lone surrogates, so that the rows around it can be read and its row be named.
        text = block.decode("utf-8", "surrogateescape")
        self._lines = StringIO(text, newline="\n").readlines()
        self._first = first_line
        self._final = final
        self._names = names
        self._next = 0
        self._asked_for_more = False
        self.tail = b""

    def rest(self) -> bytes:
        """The lines after the last row that was given out."""
        return "".join(self._lines[self._next :]).encode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[tuple[int, list[str] | InvoiceFormatError]]:
        """Read on from where reading stopped, whether at the start or behind a row that couldn't be read."""
        while self._next < len(self._lines):
            base = self._next
            self._asked_for_more = False
            reader = csv.reader(self._feed(base), strict=True)
            while True:
                start = self._next
                try:
                    row = next(reader)
                except StopIteration:
                    break
                except csv.Error as error:
                    failure = self._failure(str(error), start, base + reader.line_num)
                    if failure is None:
                        self.tail = self.rest()
                        return
                    yield self._first + start, failure
                    break
                self._next = base + reader.line_num
                line = self._first + start
                yield line, _bad_character(row, line, self._names) or row

    def _feed(self, base: int) -> Iterator[str]:
        yield from islice(self._lines, base, None)
        self._asked_for_more = True

    def _failure(self, reason: str, start: int, read: int) -> InvoiceFormatError | None:
        """Name what csv refused and step behind it; `None` where the record may go on in the next block."""
        text = "".join(self._lines[start:read])
        opened = _unclosed_quote(text)
        if opened is not None:
            if self._asked_for_more and not self._final and len(text) <= LARGEST_RECORD:
                return None
            # Whatever follows was swallowed by the quote; the line after its row is as good a place as any to go on.
            self._next = start + 1
            line = self._first + start + text.count("\n", 0, opened)
            what = f"a quote is opened here and never closed: {quoted(text[opened : opened + 100])}"
            return format_error(what, line=line)
        self._next = max(read, start + 1)
        line = self._first + self._next - 1
        return format_error(f"not a CSV row ({reason[:80]}): {quoted(self._lines[self._next - 1])}", line=line)


def _unclosed_quote(text: str) -> int | None:
    """Where the quote stands that is open at the end of a record, or `None`; by csv's rules, one cell at a time."""
    position = 0
    while position < len(text):
        if text[position] != '"':
            ends = [end for end in (text.find(",", position), text.find("\n", position)) if end >= 0]
            if not ends:
                return None
            position = min(ends) + 1
            continue
        opened = position
        position += 1
        while (position := text.find('"', position)) >= 0 and text[position + 1 : position + 2] == '"':
            position += 2
        if position < 0:
            return opened
        position += 1
        if text.startswith("\r\n", position):
            position += 1
        if text[position : position + 1] not in {",", "\n"}:
            return None
        position += 1
    return None


def _bad_character(row: Sequence[str], line: int, names: Sequence[str]) -> InvoiceFormatError | None:
    """The error for NUL and for what isn't UTF-8, wherever in the row it stands."""
    text = "".join(row)
    if "\0" not in text and (text.isascii() or not _NOT_UTF8(text)):
        return None
    position, cell = next((i, cell) for i, cell in enumerate(row) if "\0" in cell or _NOT_UTF8(cell))
    what = "a NUL character" if "\0" in cell else "text that isn't UTF-8"
    return format_error(f"{what}: {quoted(cell)}", line=line, column=names[position] if position < len(names) else None)
