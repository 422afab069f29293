"""The amount owed on an invoice, payment by payment, with every term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from attrs import field, frozen

from atlas_invoices._utils import FrozenDict, single_line, text_or_none
from atlas_invoices_client.models import BillingInvoice, BillingPayment

from . import _amounts
from ._amounts import EXACT, exact_cents, exact_number, money, present, validate_invoice, whole_cents

T = TypeVar("T")

# The API document has every amount "in cents (100ths of one US Dollar)", so an amount without a currency is in USD.
_BILLING_CURRENCY = "USD"
# ISO 4217's code for "no currency": for a payment that has a rate but no currency.
_NO_CURRENCY = "XXX"
# Payment statuses (API document) of attempts that brought in no money and may have been repeated.
_FAILED_STATUSES = frozenset({"CANCELLED", "ERROR", "FAILED", "FAILED_AUTHENTICATION"})


@frozen(kw_only=True)
class PaymentOwed:
    """One payment of an invoice and what it adds to the total, in cents of `currency` unless noted.

    Attributes:
        payment_id: the payment's ID, or `None` if Atlas sent none.
        status: the payment's status as Atlas sent it; Atlas may add new ones at any time.
        currency: ISO 4217 code. `USD` if Atlas sent none, `XXX` if it sent a rate without a currency.
        total_billed_cents: the amount billed, in US cents (`amountBilledCents`).
        unit_price: the exchange rate from US dollars to `currency` (`unitPrice`).
        billed_in_currency: `total_billed_cents * unit_price`, unrounded.
        sales_tax_cents: the sales tax, added (`salesTaxCents`).
        starting_balance_cents: the payment's own starting balance, subtracted; `None` if it has none.
        owed_cents: the result, unrounded; `None` if it can't be computed (a warning of the `Owed` says why).
        missing: API names of the fields that were not sent or could not be read.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> payment = {"amountBilledCents": 10000, "unitPrice": "0.92", "currency": "EUR"}
        >>> [term] = owed(BillingInvoice.from_dict({"payments": [payment]})).payments
        >>> term.total_billed_cents, term.unit_price, term.billed_in_currency
        (10000, Decimal('0.92'), Decimal('9200.00'))
        >>> term.sales_tax_cents, term.owed_cents, term.missing
        (0, Decimal('9200.00'), ('salesTaxCents',))

    """

    payment_id: str | None
    status: str | None
    currency: str
    total_billed_cents: int | None
    unit_price: Decimal | None
    billed_in_currency: Decimal | None
    sales_tax_cents: int
    starting_balance_cents: int | None
    owed_cents: Decimal | None
    missing: tuple[str, ...]


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


def _read_only(sums: Mapping[str, Decimal]) -> FrozenDict[Decimal]:
    return FrozenDict(sums)


@frozen(kw_only=True)
class Owed:
    """The amounts owed on an invoice, by currency, and the terms they were computed from.

    Attributes:
        by_currency: cents owed in each currency, unrounded; currencies are never added together. Read-only.
        payments: every payment of the invoice, in the order sent.
        starting_balance_cents: the invoice's own starting balance in cents; `None` if Atlas sent none.
        starting_balance_applied: whether that balance was subtracted in `by_currency`.
        warnings: what to know before relying on the sums; empty if nothing was missing or unclear.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> payment = {"amountBilledCents": 10001, "unitPrice": "0.925", "salesTaxCents": 0, "currency": "EUR"}
        >>> result = owed(BillingInvoice.from_dict({"payments": [payment], "startingBalanceCents": 500}))
        >>> result.by_currency, result.rounded()
        ({'EUR': Decimal('8750.925')}, {'EUR': Decimal('8751')})
        >>> result.starting_balance_cents, result.starting_balance_applied
        (500, True)
        >>> result.warnings[0].split(",")[0]
        "the invoice's starting balance of 5.00 was subtracted in EUR without conversion"

    """

    by_currency: Mapping[str, Decimal] = field(converter=_read_only)
    payments: tuple[PaymentOwed, ...]
    starting_balance_cents: int | None
    starting_balance_applied: bool
    warnings: tuple[str, ...]

    def rounded(self) -> dict[str, Decimal]:
        """Return `by_currency` in whole cents, with half a cent rounded away from zero."""
        return {
            currency: cents.to_integral_value(rounding=ROUND_HALF_UP) for currency, cents in self.by_currency.items()
        }


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
    payments = tuple(
        _payment(payment, f"payment {number} of {len(sent)}", warnings) for number, payment in enumerate(sent, start=1)
    )
    by_currency: dict[str, Decimal] = {}
    for payment in payments:
        if payment.owed_cents is not None:
            by_currency[payment.currency] = EXACT.add(by_currency.get(payment.currency, Decimal(0)), payment.owed_cents)
    balance = _cents_or_warn(invoice.starting_balance_cents, "the invoice's startingBalanceCents", warnings)
    applied = balance is not None and _subtract_balance(balance, payments, by_currency, warnings)
    billed = _cents_or_warn(invoice.amount_billed_cents, "the invoice's amountBilledCents", warnings)
    if not payments and billed:
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
        starting_balance_applied=applied,
        warnings=tuple(warnings),
    )


def _subtract_balance(
    balance: int, payments: tuple[PaymentOwed, ...], by_currency: dict[str, Decimal], warnings: list[str]
) -> bool:
    """Subtract the invoice's balance from the only currency it can belong to; return whether that was possible."""
    name = f"the invoice's starting balance of {money(balance)}"
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
        return False
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
    return True


def _payment(payment: BillingPayment, place: str, warnings: list[str]) -> PaymentOwed:
    """Compute one payment; add missing and unreadable fields to `warnings`, which call the payment `place`."""
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
