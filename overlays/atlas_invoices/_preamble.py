"""Read the beginning of an invoice CSV as it arrives: is it one, and of which invoice?"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from io import StringIO

# The preamble's length isn't fixed, so the header is the first row with these (not documented: more than the example).
HEADER_MARKS = ("Date", "Usage Date", "SKU")
# A file without a header row is refused long before its end.
MAX_PREAMBLE_ROWS = 1000
MAX_PREAMBLE_BYTES = 1024 * 1024

_NO_HEADER = "text without an invoice's header row (Date, Usage Date, SKU)"
_NO_INVOICE = "a header row without an invoice's preamble or lines"


def fold_name(name: str) -> str:
    """Return a name without blanks and in lower case; names with the same result are the same column."""
    return "".join(name.split()).casefold()


def preamble_values(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return the values in the rows above the table by folded name, empty ones left out; the first of a name counts.

    A value with commas that was saved without its quotes is joined again.
    """
    values: dict[str, str] = {}
    for row in rows:
        if value := ",".join(row[1:]).strip(", \t"):
            values.setdefault(fold_name(row[0]).removesuffix(":"), value)
    return values


# Any of these makes rows a preamble.
_PREAMBLE_NAMES = {"invoicenumber", "billingperiod", "organizationname", "organizationid"}


_FOLDED_MARKS = frozenset(map(fold_name, HEADER_MARKS))


def is_header(row: Iterable[str]) -> bool:
    """Whether this is the header row."""
    return _FOLDED_MARKS.issubset(map(fold_name, row))


class PreambleReader:
    """Reads the rows above the table and the header row and, without a preamble, up to the first line.

    Everything after that is ignored.
    """

    def __init__(self) -> None:
        self._preamble: list[list[str]] = []
        self._rest = bytearray()
        self._size = 0
        # An open quote makes a row of many lines: it's read again only when there is a good deal more of it.
        self._enough = 0
        # Of the header row, once it was found.
        self._width = 0
        self._has_line = False

    def feed(self, data: bytes, *, final: bool = False) -> bool:
        """Add bytes; returns whether this is certainly an invoice CSV. Raises `ValueError` if it isn't one.

        A header row with neither a preamble nor a line isn't: something else may have those three words too.
        """
        self._size += len(data)
        self._rest += data
        if len(self._rest) >= self._enough and (final or b"\n" in data):
            self._read_rows(final=final)
        if self._width and (self._has_line or _PREAMBLE_NAMES & preamble_values(self._preamble).keys()):
            return True
        if final or self._size > MAX_PREAMBLE_BYTES:
            raise ValueError(_NO_INVOICE if self._width else _NO_HEADER)
        return False

    @property
    def invoice_id(self) -> str:
        """The preamble's Invoice Number; empty if it has none."""
        return preamble_values(self._preamble).get("invoicenumber", "")

    def _read_rows(self, *, final: bool) -> None:
        """Read the whole lines that have come; one that isn't whole yet, or a row in quotes, remains."""
        end = len(self._rest) if final else self._rest.rfind(b"\n") + 1
        begin = len(BOM_UTF8) if self._rest.startswith(BOM_UTF8) else 0
        # Every byte is a character of Latin-1, and what is looked for is ASCII.
        text = StringIO(self._rest[begin:end].decode("latin-1"), newline="\n")
        rows = csv.reader(text, strict=True)
        read = 0
        try:
            for row in rows:
                read = begin + text.tell()
                if self._width:
                    self._has_line = len(row) >= self._width and any(cell.strip() for cell in row)
                    if self._has_line:
                        break
                elif is_header(row):
                    # Without the empty cells of trailing commas, which the lines may lack.
                    self._width = max(number for number, cell in enumerate(row, 1) if cell.strip())
                else:
                    self._preamble.append(row)
                    if len(self._preamble) > MAX_PREAMBLE_ROWS:
                        raise ValueError(_NO_HEADER)
        except csv.Error:
            self._enough = 2 * len(self._rest)
        del self._rest[:read]
