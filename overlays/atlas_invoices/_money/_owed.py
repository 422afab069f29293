"""The amount owed on an invoice, payment by payment, with every term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import TypeVar

from atlas_invoices._utils import single_line, text_or_none
from atlas_invoices_client.models import BillingInvoice, BillingPayment

from . import _amounts
from ._amounts import EXACT, exact_cents, exact_number, money, present, validate_invoice, whole_cents
from ._owed_terms import Owed, PaymentOwed

T = TypeVar("T")

# The API document has every amount "in cents (100ths of one US Dollar)", so an amount without a currency is in USD.
_BILLING_CURRENCY = "USD"
# ISO 4217's code for "no currency": for a payment that has a rate but no currency.
_NO_CURRENCY = "XXX"
# Statuses (API document) of invoices and payments with nothing left to pay.
_SETTLED = frozenset({"FORGIVEN", "FREE", "PAID", "PREPAID", "REFUNDED"})
# Payment statuses (API document) of attempts that brought in no money and may have been repeated.
_FAILED_STATUSES = frozenset({"CANCELLED", "ERROR", "FAILED", "FAILED_AUTHENTICATION"})


def payment_owed(
    *,
    total_billed_cents: Decimal | int,
    unit_price: Decimal | str | int,
    sales_tax_cents: Decimal | int = 0,
    starting_balance_cents: Decimal | int = 0,
) -> Decimal:
    """Compute the amount owed for one payment, in cents of its currency, exact and unrounded.

    Uses the formula that Atlas documents for its invoice operations:
    `totalBilledCents * unitPrice + salesTax - startingBalanceCents`.

    Args:
        total_billed_cents: the payment's `amountBilledCents`.
        unit_price: the exchange rate to the payment's currency; Atlas sends it as a decimal string.
        sales_tax_cents: sales tax to add.
        starting_balance_cents: balance to subtract.

    Raises:
        TypeError: for a float, since money never touches float, and for cents as text, which is usually dollars.
        ValueError: for text that isn't a number, NaN, Infinity, and numbers of more than 1000 digits before or after
            the point.

    Example:
        >>> payment_owed(total_billed_cents=12_345, unit_price="0.9217", sales_tax_cents=2_100)
        Decimal('13478.3865')

    """
    billed = EXACT.multiply(
        exact_cents(total_billed_cents, "total_billed_cents"), exact_number(unit_price, "unit_price")
    )
    taxed = EXACT.add(billed, exact_cents(sales_tax_cents, "sales_tax_cents"))
    return EXACT.subtract(taxed, exact_cents(starting_balance_cents, "starting_balance_cents"))


def owed(invoice: BillingInvoice) -> Owed:
    """Compute the amount owed on an invoice, by currency, from its payments.

    Atlas documents an invoice's total as the sum of its payments, and a payment as
    `totalBilledCents * unitPrice + salesTax - startingBalanceCents` (Atlas Admin API document, the invoice
    operations). `totalBilledCents` and `salesTax` aren't fields; they are read as the payment's `amountBilledCents` and
    `salesTaxCents`. `startingBalanceCents` is a field of the invoice, not of its payments, so:

    - the invoice's balance is subtracted once, not once for each payment;
    - a payment with a `startingBalanceCents` of its own uses that one; the invoice's balance is subtracted only if some
      payment has none;
    - if the payments have several currencies, nothing documents which of them the balance belongs to: it is in
      `starting_balance_cents`, isn't subtracted, and a warning says so.

    The balance is read as cents, as its name says, though the document's text calls it US dollars. Every payment
    counts, whatever its status, as the formula says. Credits, refunds, amounts already paid and the payments of linked
    invoices aren't part of the formula. Nothing is rounded; use `Owed.rounded()` for that.

    The amount stays the same when the invoice is paid; `outstanding` is what is left to pay. That is 0 if the
    invoice's or the payment's status says so (PAID, FORGIVEN, FREE, PREPAID, REFUNDED) or the payment's
    `amountPaidCents` covers what it bills with tax, and all of it if nothing is paid. A payment in US dollars may be
    paid in part; in another currency, Atlas doesn't say how that part was converted, so it isn't known.

    If a field wasn't sent, or isn't the number it should be, a warning names it:

    - `amountBilledCents`: the payment can't be computed; its `owed_cents` is `None` and no sum includes it;
    - `unitPrice`: 1 for US dollars, the currency Atlas bills in; in another currency the payment can't be computed;
    - `salesTaxCents`: 0;
    - `currency`: US dollars if the rate is 1 or missing; otherwise the payment is kept apart as `XXX`.

    Args:
        invoice: the invoice as `Client.get_invoice` returns it.

    Raises:
        TypeError: `invoice` is something else, such as metadata from `list_invoices`.
        UnexpectedResponseError: `payments` isn't a list of objects; nulls in it are ignored, with a warning.

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
    validate_invoice(invoice, "owed(invoice)")
    warnings: list[str] = []
    sent = _amounts.payments(invoice, warnings)
    settled = text_or_none(invoice.status_name) in _SETTLED
    payments = tuple(
        _payment(payment, f"payment {number} of {len(sent)}", settled, warnings)
        for number, payment in enumerate(sent, start=1)
    )
    by_currency: dict[str, Decimal] = {}
    for payment in payments:
        if payment.owed_cents is not None:
            by_currency[payment.currency] = EXACT.add(by_currency.get(payment.currency, Decimal(0)), payment.owed_cents)
    balance = _cents_or_warn(invoice.starting_balance_cents, "the invoice's startingBalanceCents", warnings)
    subtracted_in = None if balance is None else _subtract_balance(balance, payments, by_currency, warnings)
    billed = _cents_or_warn(invoice.amount_billed_cents, "the invoice's amountBilledCents", warnings)
    # Before the end of its period, an invoice has none.
    if not payments and billed and text_or_none(invoice.status_name) != "PENDING":
        warnings.append(f"the invoice bills {money(billed)} {_BILLING_CURRENCY} but has no payments to compute from")
    failed = sum(payment.status in _FAILED_STATUSES for payment in payments)
    if failed and len(payments) > 1:
        warnings.append(
            f"{failed:,} of {len(payments):,} payments failed or {'was' if failed == 1 else 'were'} cancelled; the "
            f"formula counts every payment, so an amount that was charged again is counted twice"
        )
    return Owed(
        by_currency=by_currency,
        payments=payments,
        starting_balance_cents=balance,
        starting_balance_applied=subtracted_in is not None,
        starting_balance_currency=subtracted_in,
        status=text_or_none(invoice.status_name),
        outstanding=_outstanding(payments, by_currency, subtracted_in, balance),
        warnings=tuple(warnings),
    )


def _outstanding(
    payments: tuple[PaymentOwed, ...],
    by_currency: Mapping[str, Decimal],
    subtracted_in: str | None,
    balance: int | None,
) -> dict[str, Decimal]:
    outstanding: dict[str, Decimal] = {}
    for currency in by_currency:
        parts = [
            each.outstanding_cents for each in payments if each.currency == currency and each.owed_cents is not None
        ]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            left = reduce(EXACT.add, known)
            # As long as something is left to pay, the balance covers a part of it.
            outstanding[currency] = (
                EXACT.subtract(left, Decimal(balance or 0)) if left and currency == subtracted_in else left
            )
    return outstanding


def _subtract_balance(
    balance: int, payments: tuple[PaymentOwed, ...], by_currency: dict[str, Decimal], warnings: list[str]
) -> str | None:
    """Subtract the invoice's balance from the only currency it can belong to, and return that; `None` if none can."""
    name = f"the invoice's starting balance of {money(balance)} {_BILLING_CURRENCY}"
    without_own = [payment for payment in payments if payment.starting_balance_cents is None]
    currencies = sorted({payment.currency for payment in payments})
    obstacle = None
    if not payments:
        obstacle = "there is no payment to subtract it from"
    elif not without_own:
        obstacle = "every payment has a starting balance of its own, which was subtracted instead"
    elif len(currencies) > 1:
        names = single_line(", ".join(currencies), 60)
        obstacle = f"the payments are in {names}, and nothing shows which of them it belongs to"
    elif not by_currency:
        obstacle = "no payment could be computed"
    if obstacle is not None:
        if balance:
            warnings.append(f"{name} was not subtracted: {obstacle}")
        return None
    [currency] = by_currency
    by_currency[currency] = EXACT.subtract(by_currency[currency], Decimal(balance))
    if balance and currency != _BILLING_CURRENCY:
        warnings.append(
            f"{name} was subtracted in {single_line(currency, 10)} without conversion, as the formula says, though the "
            f"API document has balances in US dollars"
        )
    if balance and len(without_own) < len(payments):
        warnings.append(
            f"{name} was subtracted once, for the payments that have none of their own; if it includes the balances of "
            f"the others, too much was subtracted"
        )
    return currency


def _payment(payment: BillingPayment, place: str, settled: bool, warnings: list[str]) -> PaymentOwed:
    """Compute one payment of a `settled` or open invoice.

    Adds missing and unreadable fields to `warnings`, which call the payment `place`.
    """
    missing: list[str] = []

    def warn(field: str, consequence: str, problem: str | None) -> None:
        missing.append(field)
        warnings.append(f"{problem or f'{place} has no {field}'}: {consequence}")

    billed, problem = _read(whole_cents, payment.amount_billed_cents, f"amountBilledCents of {place}")
    if billed is None:
        warn("amountBilledCents", "it can't be computed and isn't in any sum", problem)

    currency, currency_problem = _read(_currency, payment.currency, f"currency of {place}")
    rate, problem = _read(_rate, payment.unit_price, f"unitPrice of {place}")
    if rate is None and problem is None and currency in {None, _BILLING_CURRENCY}:
        rate = Decimal(1)
        warn("unitPrice", f"assuming 1, since Atlas bills in {_BILLING_CURRENCY}", None)
    elif rate is None:
        in_currency = f" in {single_line(currency, 10)}" if currency else ""
        warn("unitPrice", f"it can't be computed{in_currency} and isn't in any sum", problem)
    if currency is None:
        currency = _BILLING_CURRENCY if rate == 1 else _NO_CURRENCY
        warn("currency", f"shown as {currency}", currency_problem)

    tax, problem = _read(whole_cents, payment.sales_tax_cents, f"salesTaxCents of {place}")
    if tax is None:
        warn("salesTaxCents", "assuming 0", problem)
    own_balance = _cents_or_warn(
        payment.additional_properties.get("startingBalanceCents"), f"startingBalanceCents of {place}", warnings
    )
    product = total = None
    if billed is not None and rate is not None:
        product = EXACT.multiply(Decimal(billed), rate)
        total = payment_owed(
            total_billed_cents=billed,
            unit_price=rate,
            sales_tax_cents=tax or 0,
            starting_balance_cents=own_balance or 0,
        )
    paid = _cents_or_warn(payment.amount_paid_cents, f"amountPaidCents of {place}", warnings)
    outstanding = total
    if total is not None and billed is not None:
        if settled or text_or_none(payment.status_name) in _SETTLED or (paid and paid >= billed + (tax or 0)):
            outstanding = Decimal(0)
        elif paid and rate == 1:
            outstanding = EXACT.subtract(total, Decimal(paid))
        elif paid or paid is None:
            outstanding = None
    return PaymentOwed(
        payment_id=text_or_none(payment.id),
        status=text_or_none(payment.status_name),
        currency=currency,
        total_billed_cents=billed,
        unit_price=rate,
        billed_in_currency=product,
        sales_tax_cents=tax or 0,
        starting_balance_cents=own_balance,
        owed_cents=total,
        paid_cents=paid,
        outstanding_cents=outstanding,
        missing=tuple(missing),
    )


def _cents_or_warn(value: object, name: str, warnings: list[str]) -> int | None:
    cents, problem = _read(whole_cents, value, name)
    if problem is not None:
        warnings.append(problem)
    return cents


def _read(read: Callable[[object, str], T | None], value: object, name: str) -> tuple[T | None, str | None]:
    """Return a field and the problem with it; both are `None` if it wasn't sent."""
    try:
        return read(value, name), None
    except (TypeError, ValueError) as error:
        return None, str(error)


def _rate(value: object, name: str) -> Decimal | None:
    known = present(value)
    return None if known is None else exact_number(known, name)


def _currency(value: object, name: str) -> str | None:
    known = present(value)
    if known is not None and not isinstance(known, str):
        raise TypeError(f"{name} must be text, not {type(known).__name__}")
    return (known or "").strip().upper() or None
