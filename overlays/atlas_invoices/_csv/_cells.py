"""Read single cells: numbers, days and text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Rounded
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
MAX_CACHED = 4096


class Cache(dict[K, V]):
    """A dict that fills itself: `cache[key]` is `make(key)`, and is kept if the key is `worth` it."""

    def __init__(self, make: Callable[[K], V], *, worth: Callable[[K], bool] | None = None) -> None:
        super().__init__()
        self._make = make
        self._worth = worth

    def __missing__(self, key: K) -> V:
        """Make a missing value. dict calls this, so finding a value runs no Python code."""
        value = self._make(key)
        if self._worth is None or self._worth(key):
            if len(self) >= MAX_CACHED:
                self.clear()
            self[key] = value
        return value


# Enough for any amount of money and any Decimal that a program wrote. Without a limit, printing or adding
# `1E999999999` would take a gigabyte.
MAX_DIGITS = 1000
# csv's own limit, in characters.
MAX_CELL = 128 * 1024
_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII).fullmatch
# 7/1/2024, 2024-07-01, 1-Jul-24, 1.7.2024, each with or without a time; Jul 1, 2024.
_SPREADSHEET_DATE = re.compile(
    r"\d{1,4}([/.\- ])(?:\d{1,2}|[A-Za-z]{3,9})\1\d{2,4}(?:[ T].*)?|[A-Za-z]{3,9} \d{1,2}, \d{4}", re.ASCII
).fullmatch
# 1,234.50, 1.234,50, $1.92, $(5.00), 5 %, 1 234, 1.92 USD, 45474 for a day, #### in a column that is too narrow.
_SPREADSHEET_NUMBER = re.compile(r"(?:[A-Z]{3})?[^\w.,]*\d[\d.,'\s]*[^\w.,]*(?:[A-Z]{3})?|#+").fullmatch
SAVED_AGAIN = "a spreadsheet may have saved this file again, so download it again"
PLAIN_NUMBER = b"0123456789.-"
# Exact or an exception, whatever the caller's own decimal context.
_EXACT = Context(prec=40, traps=[InvalidOperation, Rounded])


def way_out(cell: str) -> str:
    """Return what to do about a cell that can't be read, to add to a message; empty without advice."""
    return f"; {SAVED_AGAIN}" if _SPREADSHEET_DATE(cell) or _SPREADSHEET_NUMBER(cell) else ""


def is_label(cell: str) -> bool:
    """Whether a trailing row may begin with this cell: nothing, text, or the sign of a remark."""
    return not cell or cell[0].isalpha() or cell[0] in "*#("


def parse_date(text: str) -> dt.date | None:
    """Parse `06/30/2024` as 30 June 2024; empty is `None`, anything else a ValueError."""
    if not text:
        return None
    match = _DATE(text)
    if match is None:
        raise ValueError("not a date (MM/DD/YYYY)")
    month, day, year = map(int, match.groups())
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise ValueError("no such day (MM/DD/YYYY)") from None


def is_number(text: str) -> bool:
    """Whether this is a number, as the file's cells have them."""
    return _NUMBER(text) is not None


def parse_number(text: str) -> Decimal | None:
    """Parse digits, a sign, a point and an exponent, exactly; empty is `None`, anything else a ValueError."""
    if not text:
        return None
    # Decimal also accepts NaN, Infinity, underscores, blanks and the digits of other scripts.
    if _NUMBER(text) is None:
        raise ValueError("not a number")
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS or number.adjusted() >= MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS:,} digits before or after the point")
    return number


def parse_numbers(cache: Cache[str, Decimal | None], texts: Sequence[str]) -> Iterable[Decimal | None]:
    """Parse a column, by whichever way is faster: repeated values from the cache, others all at once."""
    some = texts[:32]
    # Only digits, points and minus signs in the whole column: all that can still be wrong is their order, which Decimal
    # refuses (`1-2`, `1.2.3`) as `parse_number` does.
    if 4 * len(set(some)) > len(some) and all(texts) and not "".join(texts).encode().translate(None, PLAIN_NUMBER):
        try:
            return list(map(_EXACT.create_decimal, texts))
        except (InvalidOperation, Rounded):
            pass
    return list(map(cache.__getitem__, texts))


ZERO = Decimal(0)
_ONE = Decimal(1)
# Sums are exact or an exception; the default context would round them to 28 digits. This many digits hold the sum of
# any count of the longest numbers that a file may have (1,000 digits on either side of the point).
EXACT = Context(prec=4096, traps=[Inexact, InvalidOperation])


def normalize(number: Decimal) -> Decimal:
    """Return the number without trailing zeros or an exponent, so it prints the same however it was added up."""
    number = EXACT.normalize(number)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InvalidOperation
    return EXACT.quantize(number, _ONE) if exponent > 0 else number
