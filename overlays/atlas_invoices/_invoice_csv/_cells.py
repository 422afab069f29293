"""What one cell means: a day, a number or text, strictly, so that a wrong value can't pass for a right one."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Wide enough for any amount of money, narrow enough for Arrow's widest decimal (76 digits). A number beyond these is
# refused everywhere, so that `1E999999999` costs nothing.
MOST_DIGITS = 38
_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch
PLAIN_NUMBER = b"0123456789.-"
# Exact or an exception, whatever the caller's own decimal context says.
_EXACT = Context(prec=4 * MOST_DIGITS, traps=[InvalidOperation, Inexact])


def parse_date(text: str) -> dt.date | None:
    """`06/30/2024` is 30 June 2024; empty is `None`; anything else is a ValueError."""
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


def parse_number(text: str) -> Decimal | None:
    """Digits, a sign, a point and an exponent, exactly; empty is `None`; anything else is a ValueError."""
    if not text:
        return None
    # Decimal alone would also take NaN, Infinity, underscores, blanks and the digits of other scripts.
    if _NUMBER(text) is None:
        raise ValueError("not a number")
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MOST_DIGITS or number.adjusted() >= MOST_DIGITS:
        raise ValueError(f"a number of more than {MOST_DIGITS} digits before or after the point")
    return number


class DateCache(dict[str, dt.date | None]):
    """Each day is parsed once; a month's invoice has some thirty of them."""

    _most = 4096

    def __missing__(self, text: str) -> dt.date | None:
        """Parse a day not seen yet."""
        if len(self) >= self._most:
            self.clear()
        value = self[text] = parse_date(text)
        return value


class NumberCache(dict[str, Decimal | None]):
    """Each number is parsed once; prices and discounts repeat from line to line."""

    _most = 4096

    def __missing__(self, text: str) -> Decimal | None:
        """Parse a number not seen yet."""
        if len(self) >= self._most:
            self.clear()
        value = self[text] = parse_number(text)
        return value

    def column(self, texts: Sequence[str]) -> list[Decimal | None]:
        """Parse a column, by whichever way is quicker: values that repeat from the cache, others all at once."""
        if 2 * len(set(texts)) > len(texts) and all(texts) and max(map(len, texts)) <= MOST_DIGITS:
            # Only digits, points and minus signs in the whole column: all that is left to go wrong is their order,
            # which Decimal refuses (`1-2`, `1.2.3`) as the expression above does.
            try:
                plain = not "".join(texts).encode().translate(None, PLAIN_NUMBER)
                if plain:
                    return list(map(_EXACT.create_decimal, texts))
            except InvalidOperation:
                raise ValueError("not a number") from None
        return list(map(self.__getitem__, texts))
