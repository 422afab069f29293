"""One row of CSV that spreadsheets and parsers read alike, and that no spreadsheet runs."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Spreadsheets run what begins so; some also with blanks before it, or with the full-width forms of the four signs.
_FORMULA = re.compile(r"[\t\r]|\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]").match
_QUOTED = re.compile(r'[,"\r\n]').search


def csv_row(values: Iterable[object], *, raw: bool = False) -> str:
    """One row of CSV; text that a spreadsheet would run as a formula gets an apostrophe before it, unless `raw`."""
    cells = [_cell(value, raw=raw) for value in values]
    # The csv module of Python 3.11 leaves a lone CR without quotes, and then can't read it back.
    return ",".join(['"' + cell.replace('"', '""') + '"' if _QUOTED(cell) else cell for cell in cells]) + "\n"


def plain(value: object) -> str:
    """A value as programs read it: a number without an exponent (1E+2 is 100), a day as an ISO date."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def plain_or_none(value: object) -> str | None:
    """The same, and `None` for what isn't there, as JSON has it."""
    return None if value is None else plain(value)


def _cell(value: object, *, raw: bool) -> str:
    if value is None:
        return ""
    text = plain(value)
    return "'" + text if isinstance(value, str) and not raw and _FORMULA(text) else text
