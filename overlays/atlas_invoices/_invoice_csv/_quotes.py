"""Where a record ends that goes over several lines, by csv's rules, and where its quotes go wrong.

csv says no more than that something is wrong, and reads all lines of a bad record to say so. Here each line is looked
at once for each of two cases, within quotes at its start or not, so that finding one's way again costs no more than
reading.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

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
