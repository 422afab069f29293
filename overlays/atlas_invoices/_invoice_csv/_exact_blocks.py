"""Which bytes pyarrow reads exactly as csv does: everything it would quietly read otherwise stays with the parser."""

from __future__ import annotations

import re
from codecs import BOM_UTF8

from ._buffer import LARGEST_RECORD, endless_line

# Whole cells in quotes, one behind the other. Each of these was seen: pyarrow joins text behind a closing quote to the
# cell, ends a row at a lone CR, keeps NUL, and skips a BOM at the start of whatever it is given.
_CELL = rb'"[^"]*+(?:""[^"]*+)*+"'
_QUOTED_CELLS = re.compile(rb"(?:(?<=[,\n])|\A)" + _CELL + rb"(?:," + _CELL + rb")*+(?=[,\r\n]|\Z)").match


def exact_length(block: bytes) -> tuple[int, int]:
    """How much of a block may go to pyarrow, and how many line breaks of it stand in quotes.

    That is whole rows from its start, or 0 if the parser of record must see it.
    """
    if b"\0" in block or block.startswith(BOM_UTF8) or endless_line(block) is not None:
        return 0, 0
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        return 0, 0
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            return 0, 0
    row = end = breaks = breaks_before = 0
    while (start := block.find(b'"', end)) >= 0:
        if behind := block.rfind(b"\n", end, start) + 1:
            row, breaks_before = behind, breaks
        cells = _QUOTED_CELLS(block, start)
        if cells is None:
            # A quote where none may be, or that of a cell which the block's end cuts: its row is the next block's.
            return row, breaks_before
        end = cells.end()
        if new := block.count(b"\n", start, end):
            breaks += new
            # The row goes on at least as far as this.
            stop = block.find(b"\n", end)
            if (stop if stop >= 0 else len(block)) - row > LARGEST_RECORD:
                return row, breaks_before
    return len(block), breaks
