"""Makes the payments and refunds of an invoice, so that they add up to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ._data import Payment, Refund

if TYPE_CHECKING:
    from random import Random

_PAYMENT_STATUS = {
    "PAID": "PAID",
    "FAILED": "ERROR",  # documented as a value in prose, but not in its enumeration
    "CLOSED": "NEW",
    "INVOICED": "INVOICED",
    "FORGIVEN": "FORGIVEN",
}

# How an invoice is shared out, by its position from the newest: (per mille of it, rate, currency) for each payment.
_SHARES = {
    2: ((1000, "0.9187", "EUR"),),
    3: ((600, "1", "USD"), (400, "0.91873", "EUR")),
    6: ((500, "1", "USD"), (300, "1", "USD"), (200, "1", "USD")),
}
_WHOLE = ((1000, "1", "USD"),)
_REFUND_AT = 3


def make_payments(
    random: Random, position: int, status: str, subtotal: int, tax: int, billed: int, created: datetime
) -> tuple[Payment, ...]:
    """Payments whose subtotals, taxes and billed amounts add up to the given ones; none where nothing is to be paid.

    `billed` is without tax, since the documented formula for what a payment owes adds the tax to it.
    """
    if status not in _PAYMENT_STATUS or billed <= 0:
        return ()
    made = []
    shares = _SHARES.get(position, _WHOLE)
    left = [subtotal, tax, billed]
    for number, (share, rate, currency) in enumerate(shares):
        # The last one takes what is left, so that no cent is lost.
        part = left if number == len(shares) - 1 else [amount * share // 1000 for amount in (subtotal, tax, billed)]
        left = [whole - taken for whole, taken in zip(left, part, strict=True)]
        made.append(
            Payment(
                id=f"{random.getrandbits(96):024x}",
                status=_PAYMENT_STATUS[status],
                subtotal_cents=part[0],
                sales_tax_cents=part[1],
                amount_billed_cents=part[2],
                amount_paid_cents=part[2] + part[1] if status == "PAID" else 0,
                unit_price=rate,
                currency=currency,
                created=created + timedelta(hours=number),
                updated=created + timedelta(days=2, hours=number),
            )
        )
    return tuple(made)


def make_refunds(position: int, payments: tuple[Payment, ...], created: datetime) -> tuple[Refund, ...]:
    """One refund on one of the invoices."""
    if position != _REFUND_AT or not payments:
        return ()
    paid = payments[0]
    return (Refund(paid.id, min(2599, paid.amount_paid_cents), "Outage on the 14th", created + timedelta(days=5)),)
