"""What an invoice owes: the sum of its payments, currency by currency, less the balance it started with."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from atlas_invoices._frozen_dict import FrozenDict
from atlas_invoices._text import one_line

from ._amounts import EXACT, money
from ._given import require_invoice
from ._lists import payments as payments_of
from ._payment import BILLING_CURRENCY, PaymentOwed, cents_or_warn, read_payment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_invoices_client.models import BillingInvoice

# From the API document's list of payment statuses: attempts that brought no money, and may have been made again.
_ATTEMPT_WITHOUT_MONEY = frozenset({"CANCELLED", "ERROR", "FAILED", "FAILED_AUTHENTICATION"})


def _read_only(sums: Mapping[str, Decimal]) -> FrozenDict[Decimal]:
    return FrozenDict(sums)


@frozen(kw_only=True)
class Owed:
    """What an invoice owes, currency by currency, with the terms it was computed from.

    Attributes:
        by_currency: cents owed in each currency, unrounded; currencies are never added to each other. Read-only.
        payments: every payment of the invoice, in the order sent.
        starting_balance_cents: the invoice's own starting balance in cents; `None` where Atlas sent none.
        starting_balance_applied: whether `by_currency` has that balance taken off.
        warnings: what a person should know before relying on the sums; empty where nothing was missing or unclear.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> payment = {"amountBilledCents": 10001, "unitPrice": "0.925", "salesTaxCents": 0, "currency": "EUR"}
        >>> result = owed(BillingInvoice.from_dict({"payments": [payment], "startingBalanceCents": 500}))
        >>> result.by_currency, result.rounded()
        ({'EUR': Decimal('8750.925')}, {'EUR': Decimal('8751')})
        >>> result.starting_balance_cents, result.starting_balance_applied
        (500, True)
        >>> result.warnings[0].split(",")[0]
        "the invoice's starting balance of 5.00 was taken off in EUR without conversion"

    """

    by_currency: Mapping[str, Decimal] = field(converter=_read_only)
    payments: tuple[PaymentOwed, ...]
    starting_balance_cents: int | None
    starting_balance_applied: bool
    warnings: tuple[str, ...]

    def rounded(self) -> dict[str, Decimal]:
        """Return `by_currency` in whole cents; half a cent goes away from zero."""
        return {
            currency: cents.to_integral_value(rounding=ROUND_HALF_UP) for currency, cents in self.by_currency.items()
        }


def owed(invoice: BillingInvoice) -> Owed:
    """Return what an invoice owes, by currency, computed from its payments.

    Atlas documents an invoice's total as the sum of its payments, and a payment as
    `totalBilledCents * unitPrice + salesTax - startingBalanceCents` (Atlas Admin API document, the invoice
    operations). No field has the names `totalBilledCents` and `salesTax`; they are read as the payment's
    `amountBilledCents` and `salesTaxCents`. `startingBalanceCents` is a field of the invoice, not of its payments, so:

    - the invoice's balance is taken off once, not once for each payment;
    - a payment that carries a `startingBalanceCents` of its own uses that one, and only payments that carry none
      leave the invoice's balance to be taken off;
    - where the payments have several currencies, nobody says which of them the balance belongs to: it is shown in
      `starting_balance_cents`, not taken off, and a warning says so.

    The balance is read as cents, as its name says, though the document's text calls it US dollars. Every payment
    counts, whatever its status, as the formula says. Credits, refunds, what was already paid and the payments of linked
    invoices are not part of the formula and are left out. Nothing is rounded; `Owed.rounded()` does that.

    Where a field was not sent (or is not the number it should be) a warning names it:

    - `amountBilledCents`: the payment can't be computed; its `owed_cents` is `None` and no sum includes it;
    - `unitPrice`: 1 for US dollars, the currency that Atlas bills in; in another currency the payment can't be
      computed;
    - `salesTaxCents`: 0;
    - `currency`: US dollars where the rate is 1 or missing, else it is kept apart as `XXX`.

    Args:
        invoice: the invoice as `Client.get_invoice` returns it.

    Raises:
        TypeError: it's something else, such as what `list_invoices` gives.
        UnexpectedResponseError: its `payments` aren't a list of objects; nulls among them are left out, with a warning.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> invoice = BillingInvoice.from_dict({
        ...     "startingBalanceCents": 500,
        ...     "payments": [
        ...         {"amountBilledCents": 10000, "unitPrice": "0.92", "salesTaxCents": 1748, "currency": "EUR"},
        ...         {"amountBilledCents": 2500, "unitPrice": "0.92", "salesTaxCents": 0, "currency": "EUR"},
        ...     ],
        ... })
        >>> owed(invoice).by_currency
        {'EUR': Decimal('12748.00')}

    """
    require_invoice(invoice, "owed(invoice)")
    warnings: list[str] = []
    sent = payments_of(invoice, warnings)
    payments = tuple(
        read_payment(payment, f"payment {number} of {len(sent)}", warnings)
        for number, payment in enumerate(sent, start=1)
    )
    by_currency: dict[str, Decimal] = {}
    for payment in payments:
        if payment.owed_cents is not None:
            by_currency[payment.currency] = EXACT.add(by_currency.get(payment.currency, Decimal(0)), payment.owed_cents)
    balance = cents_or_warn(invoice.starting_balance_cents, "the invoice's startingBalanceCents", warnings)
    applied = _take_off_balance(balance, payments, by_currency, warnings)
    _warn_of_doubtful_sums(invoice, payments, warnings)
    return Owed(
        by_currency=by_currency,
        payments=payments,
        starting_balance_cents=balance,
        starting_balance_applied=applied,
        warnings=tuple(warnings),
    )


def _take_off_balance(
    balance: int | None, payments: tuple[PaymentOwed, ...], by_currency: dict[str, Decimal], warnings: list[str]
) -> bool:
    """Take the invoice's balance off the one currency it can belong to; say whether that was done."""
    if balance is None:
        return False
    without_own = [payment for payment in payments if payment.starting_balance_cents is None]
    currencies = sorted({payment.currency for payment in payments})
    obstacle = None
    if not payments:
        obstacle = "there is no payment to take it off from"
    elif not without_own:
        obstacle = "every payment carries a starting balance of its own, and those were taken off instead"
    elif len(currencies) > 1:
        obstacle = (
            f"the payments are in {one_line(', '.join(currencies), 60)}, and nothing says which of them it belongs to"
        )
    elif not by_currency:
        obstacle = "no payment could be computed"
    if obstacle is not None:
        if balance:
            warnings.append(f"the invoice's starting balance of {money(balance)} was not taken off: {obstacle}")
        return False
    [currency] = by_currency
    by_currency[currency] = EXACT.subtract(by_currency[currency], Decimal(balance))
    if balance and currency != BILLING_CURRENCY:
        warnings.append(
            f"the invoice's starting balance of {money(balance)} was taken off in {one_line(currency, 10)} without "
            f"conversion, as the formula says, though the API document states balances in US dollars"
        )
    if balance and len(without_own) < len(payments):
        warnings.append(
            f"the invoice's starting balance of {money(balance)} was taken off once, for the payments that carry none "
            f"of their own; if it includes those of the others, too much was taken off"
        )
    return True


def _warn_of_doubtful_sums(invoice: BillingInvoice, payments: tuple[PaymentOwed, ...], warnings: list[str]) -> None:
    billed = cents_or_warn(invoice.amount_billed_cents, "the invoice's amountBilledCents", warnings)
    if not payments and billed:
        warnings.append(f"the invoice bills {money(billed)} {BILLING_CURRENCY} but has no payments to compute from")
    attempts = sum(payment.status in _ATTEMPT_WITHOUT_MONEY for payment in payments)
    if attempts and len(payments) > 1:
        warnings.append(
            f"{attempts:,} of {len(payments):,} payments failed or {'was' if attempts == 1 else 'were'} cancelled; the "
            f"formula counts each payment, so an amount that was charged again is counted twice"
        )
