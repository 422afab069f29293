"""Exact money: the one place where a number from outside becomes a Decimal, and the context to compute with it.

Python's usual decimal arithmetic rounds silently at 28 digits. `EXACT` raises instead, and has room for any number
that `exact_number` lets through, so that a sum is either exact or an error.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import TYPE_CHECKING, TypeVar

from atlas_invoices._text import one_line
from atlas_invoices_client.types import Unset

if TYPE_CHECKING:
    from datetime import date

T = TypeVar("T")

_MAX_DIGITS = 1000
_MAX_BITS = 3 * _MAX_DIGITS
# The API document has cents as int64.
_LEAST_CENTS, _MOST_CENTS = -(2**63), 2**63 - 1
_SHOWN = 40
EXACT = Context(prec=5 * _MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
HALF_CENT = Decimal("0.5")

# Decimal() also takes "NaN", "Infinity", "1_000", blanks and the digits of other scripts; no API sends those as money.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)


def present(value: T | Unset | None) -> T | None:
    """Return a model's field as `None` where it was not sent or was null."""
    return None if isinstance(value, Unset) else value


def utc_day(moment: datetime | Unset | None) -> date | None:
    """Return the day of a model's time as sent: Atlas sends times in UTC, so no zone is applied to them."""
    known: object = present(moment)
    # A time that the generated model could not parse stays text.
    return known.date() if isinstance(known, datetime) else None


def exact_number(value: object, name: str) -> Decimal:
    """Return `value` as a finite Decimal, digit for digit; `name` is what the error calls it.

    Raises:
        TypeError: for a float (money never touches float), a bool, or anything that isn't a number.
        ValueError: for text that isn't a plain number, for NaN and Infinity, and beyond 1000 digits on either side
            of the point.

    """
    if isinstance(value, bool) or not isinstance(value, (Decimal, str, int)):
        hint = (
            "; a float has already lost digits, pass the number as text or Decimal" if isinstance(value, float) else ""
        )
        raise TypeError(f"{name} must be a Decimal, an int or a decimal string, not {type(value).__name__}{hint}")
    if isinstance(value, str):
        if len(value) > 2 * _MAX_DIGITS or not _NUMBER.fullmatch(value):
            raise ValueError(f"{name} is not a decimal number: {one_line(value, _SHOWN)!r}")
    elif isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise ValueError(f"{name} has more than {_MAX_DIGITS} digits")
    elif not value.is_finite():
        raise ValueError(f"{name} must be a finite number, not {value}")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _MAX_DIGITS or (isinstance(exponent, int) and exponent < -_MAX_DIGITS):
        raise ValueError(f"{name} has more than {_MAX_DIGITS} digits before or after the point")
    return number


def exact_cents(value: object, name: str) -> Decimal:
    """Return an amount of cents as a Decimal; text is refused, since text is usually dollars."""
    if isinstance(value, str):
        raise TypeError(f"{name} must be an int or a Decimal number of cents, not str")
    return exact_number(value, name)


def whole_cents(value: object, name: str) -> int | None:
    """Return a model's field of whole cents, or `None` where it was not sent.

    The API document says int64, so a larger one is refused. A JSON number such as `1200.0` arrives as a float and is
    still whole, so it is taken; what isn't whole cents is a ValueError.
    """
    if value is None or isinstance(value, Unset):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST_CENTS <= value <= _MOST_CENTS:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    # Python refuses to print an int of many thousand digits.
    shown = "too many digits" if type(value) is int else one_line(repr(value), _SHOWN)
    raise ValueError(f"{name} is not a whole number of cents: {shown}")


def money(cents: Decimal | int) -> str:
    """Write cents as a currency's main unit, for people: 123456 is `1234.56`; sub-cent digits are kept."""
    amount = EXACT.multiply(Decimal(cents), Decimal("0.01"))
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
