"""Decimals as sums need them: added exactly, whatever the caller's own context says, and shown in one way."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

ZERO = Decimal(0)
_ONE = Decimal(1)
# A sum is exact or an exception: the default context would round it to 28 digits. As many digits hold the sum of any
# number of the longest that a file may have (1,000 on either side of the point).
EXACT = Context(prec=4096, traps=[Inexact, InvalidOperation])


def shortest(number: Decimal) -> Decimal:
    """The same number without zeros at its end or an exponent, so that it prints alike however it was added up."""
    number = EXACT.normalize(number)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InvalidOperation
    return EXACT.quantize(number, _ONE) if exponent > 0 else number
