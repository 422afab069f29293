"""Read the beginning of an invoice CSV as it arrives: is it one, and of which invoice?"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterable
from io import StringIO

# The preamble's length isn't fixed, so the header is the first row with these (not documented: more than the example).
HEADER_MARKS = ("Date", "Usage Date", "SKU")
# A file without a header row is refused long before its end.
MAX_PREAMBLE_ROWS = 1000
MAX_PREAMBLE_BYTES = 1024 * 1024

_NO_HEADER = "text without an invoice's header row (Date, Usage Date, SKU)"


def fold_name(name: str) -> str:
    """Return a name without blanks and in lower case; names with the same result are the same column."""
    return "".join(name.split()).casefold()


_FOLDED_MARKS = frozenset(map(fold_name, HEADER_MARKS))


def is_header(row: Iterable[str]) -> bool:
    """Whether this is the header row."""
    return _FOLDED_MARKS.issubset(map(fold_name, row))


class PreambleReader:
    """Reads the rows above the table, up to the header row; everything after it is ignored."""

    def __init__(self) -> None:
        self._preamble: list[list[str]] = []
        self._rest = bytearray()
        self._size = 0
        # An open quote makes a row of many lines: it's read again only when there is a good deal more of it.
        self._enough = 0
        self._has_header = False

    def feed(self, data: bytes, *, final: bool = False) -> bool:
        """Add bytes; returns whether this is certainly an invoice CSV. Raises `ValueError` if it isn't one.

        A header row alone, without a preamble or lines, isn't.
        """
        self._size += len(data)
        self._rest += data
        if not self._has_header and len(self._rest) >= self._enough and (final or b"\n" in data):
            self._read_rows(final=final)
        if self._has_header:
            if any(any(row) for row in self._preamble) or self._rest.strip():
                return True
            if final:
                raise ValueError("a header row without a preamble or lines")
        elif final or self._size > MAX_PREAMBLE_BYTES:
            raise ValueError(_NO_HEADER)
        return False

    @property
    def invoice_id(self) -> str:
        """The preamble's Invoice Number; empty if it has none."""
        values = (",".join(row[1:]) for row in self._preamble if row and fold_name(row[0]) == "invoicenumber")
        return next(values, "").rstrip(",").strip()

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
                if is_header(row):
                    self._has_header = True
                    break
                self._preamble.append(row)
                if len(self._preamble) > MAX_PREAMBLE_ROWS:
                    raise ValueError(_NO_HEADER)
        except csv.Error:
            self._enough = 2 * len(self._rest)
        del self._rest[:read]
