"""Split a block of rows into cells, twice as fast as csv does; a block that csv may read differently is left to it."""

from __future__ import annotations

import csv
from collections.abc import Sequence

# Cells and rows are separated by these if there are quotes, so that commas and newlines in quotes don't count.
_CELL, _ROW = b"\x1f", b"\x1e"


def split_rows(data: bytes) -> tuple[list[list[str]], list[int]] | None:
    """Return the cells of each row and, if any has a newline, how many; `None` if only csv can tell.

    The same as `csv.reader` in its strict mode, but that a blank line has one empty cell. Raises UnicodeDecodeError.
    """
    cell, row, has_breaks = b",", b"\n", False
    # By turns outside and within quotes. Bytes, because str takes longer if a character isn't ASCII.
    parts = data.split(b'"')
    if len(parts) > 1:
        if len(parts) % 2 == 0 or _CELL in data or _ROW in data:
            return None
        if b"" in parts[2:-1:2]:
            parts = _join_doubled(parts)
        # csv takes a quote within a cell for text, or refuses it.
        before, after = {part[-1:] for part in parts[:-1:2]}, {part[:1] for part in parts[2::2]}
        if before - {b",", b"\n", b""} or after - {b",", b"\n", b"\r", b""}:
            return None
        cell, has_breaks = _CELL, b"\n" in b"".join(parts[1::2])
        outside = b'"'.join(parts[::2]).replace(b",", cell)
        if has_breaks:
            row = _ROW
            outside = outside.replace(b"\n", row)
        parts[::2] = outside.split(b'"')
    if b"\r" in data:
        parts[::2] = b'"'.join(parts[::2]).replace(b"\r" + row, row).split(b'"')
        if any(b"\r" in part for part in parts[::2]):
            return None
    rows = b"".join(parts).decode().split(row.decode())
    if data.endswith(b"\n"):
        rows.pop()
    limit = csv.field_size_limit()
    if len(data) > limit and max(map(len, rows)) > limit:
        return None
    breaks = [each.count("\n") for each in rows] if has_breaks else []
    separator = cell.decode()
    return [each.split(separator) for each in rows], breaks


def _join_doubled(parts: Sequence[bytes]) -> list[bytes]:
    """Join what a doubled quote has split: there is nothing between its two."""
    joined, held = [parts[0]], b""
    for inside, outside in zip(parts[1:-1:2], parts[2:-1:2], strict=False):
        held += inside
        if outside:
            joined += [held, outside]
            held = b""
        else:
            held += b'"'
    return [*joined, held + parts[-2], parts[-1]]
