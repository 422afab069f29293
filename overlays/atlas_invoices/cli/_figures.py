"""Numbers as tables show them: rounded half up as invoices are, from the exact value, however many digits that has."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Rounded
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The caller's context would round at 28 digits, and halves to the even digit. Numbers have at most 1000 digits before
# the point and 1000 behind it; sums of many, and shares of one in another, have a few more.
_DIGITS = 5000
_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, Rounded])
_HALF_UP = Context(prec=_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def rounded(number: Decimal, places: int) -> Decimal:
    """The number with so many places behind the point; a zero has no sign."""
    result = _HALF_UP.quantize(number, Decimal(1).scaleb(-places))
    return result or result.copy_abs()


def dollars(amount: Decimal) -> str:
    """An amount in dollars as people read it: two places, with separators."""
    return f"{rounded(amount, 2):,f}"


def dollars_of_cents(cents: Decimal | int) -> str:
    """An amount in cents, as dollars."""
    return dollars(_EXACT.scaleb(Decimal(cents), -2))


def percent(share: Decimal) -> str:
    """A share of 1, in percent with one place."""
    return f"{rounded(_EXACT.scaleb(share, 2), 1):f} %"
