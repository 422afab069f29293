"""A block's columns by splitting at commas where that is all csv would do: most lines of an invoice have no quote."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ._cells import LONGEST_CELL

if TYPE_CHECKING:
    from collections.abc import Sequence


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
