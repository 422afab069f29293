"""Which bytes pyarrow reads exactly as csv does: everything it would quietly read otherwise stays with the parser."""

from __future__ import annotations

import re

# Each of these was seen: pyarrow joins text behind a closing quote to the cell, ends a row at a lone CR, keeps NUL, and
# skips a BOM at the start of whatever it is given. Matches a whole cell in quotes, or else the quote alone.
_QUOTED_CELL = re.compile(rb'"(?:(?:(?<=[,\n]")|(?<=\A"))[^"]*+(?:""[^"]*+)*+"(?=[,\r\n]|\Z))?')
_BOM = b"\xef\xbb\xbf"


def exact_length(block: bytes, *, final: bool) -> int:
    """How much of a block may go to pyarrow: whole rows from its start, or 0 if the parser of record must see it."""
    if b"\0" in block or block.startswith(_BOM):
        return 0
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        return 0
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            return 0
    if b'"' not in block or b'"' not in _QUOTED_CELL.findall(block):
        return len(block)
    # A quote that opens no whole cell: one where none may be, or that of a cell which the block's end cuts.
    length = 0 if final else _last_row(block)
    return 0 if b'"' in _QUOTED_CELL.findall(block, 0, length) else length


def _last_row(block: bytes) -> int:
    """Where a row begins that the end cuts in a quoted cell: at a line with an even number of quotes before it."""
    quotes, end = block.count(b'"'), len(block)
    while end and (quotes % 2 or end == len(block)):
        start = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', start, end)
        end = start
    return end
