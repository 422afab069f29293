"""Which bytes pyarrow reads exactly as csv does: everything it would quietly read otherwise stays with the parser."""

from __future__ import annotations

import re

# A whole cell in quotes. Each of these was seen: pyarrow joins text behind a closing quote to the cell, ends a row at a
# lone CR, keeps NUL, and skips a BOM at the start of whatever it is given.
_QUOTED_CELL = re.compile(rb'(?:(?<=[,\n])|\A)"[^"]*+(?:""[^"]*+)*+"(?=[,\r\n]|\Z)').match
_BOM = b"\xef\xbb\xbf"


def exact_length(block: bytes) -> tuple[int, int]:
    """How much of a block may go to pyarrow, and how many line breaks of it stand in quotes.

    That is whole rows from its start, or 0 if the parser of record must see it.
    """
    if b"\0" in block or block.startswith(_BOM):
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
        cell = _QUOTED_CELL(block, start)
        if cell is None:
            # A quote where none may be, or that of a cell which the block's end cuts: its row is the next block's.
            return row, breaks_before
        end = cell.end()
        breaks += block.count(b"\n", start, end)
    return len(block), breaks
