"""What an invoice owes, payment by payment, with every term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from atlas_invoices._utils import FrozenDict, single_line, text_or_none

from ._amounts import EXACT, exact_cents, exact_number, money, present, validate_invoice, whole_cents
from ._amounts import payments as payments_of

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice, BillingPayment


T = TypeVar("T")

# The API document states every amount "in cents (100ths of one US Dollar)", so an amount without a currency is in USD.
BILLING_CURRENCY = "USD"
# ISO 4217's code for "no currency": a payment with a rate, but without the currency it leads to.
_NO_CURRENCY = "XXX"


@frozen(kw_only=True)
class PaymentOwed:
    """One payment's term of the sum; cents of `currency` where not said otherwise.

    Attributes:
        payment_id: the payment's ID, or `None` where Atlas sent none.
        status: the payment's status as Atlas sent it; new ones may come at any time.
        currency: ISO 4217 code. `USD` where Atlas sent none, `XXX` where it sent a rate without a currency.
        total_billed_cents: what was billed, in cents of a US dollar (`amountBilledCents`).
        unit_price: the rate from US dollars into `currency` (`unitPrice`).
        billed_in_currency: `total_billed_cents * unit_price`, unrounded.
        sales_tax_cents: the sales tax that is added (`salesTaxCents`).
        starting_balance_cents: the payment's own starting balance, taken off here; `None` where it carries none.
        owed_cents: the result, unrounded; `None` where it can't be computed, and a warning of the `Owed` says why.
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
    """Return what one payment owes, in cents of its currency: exact, not rounded.

    The formula is the one Atlas documents for its invoice operations:
    `totalBilledCents * unitPrice + salesTax - startingBalanceCents`.

    Args:
        total_billed_cents: cents billed; the payment's `amountBilledCents`.
        unit_price: the rate into the payment's currency; Atlas sends it as a decimal string.
        sales_tax_cents: cents of sales tax, added.
        starting_balance_cents: cents taken off.

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


def read_payment(payment: BillingPayment, place: str, warnings: list[str]) -> PaymentOwed:
    """Compute one payment of a reply; what is missing or unreadable is added to `warnings`, called by its `place`."""
    missing: list[str] = []

    def absent(field: str, consequence: str, trouble: str | None) -> None:
        missing.append(field)
        warnings.append(f"{trouble or f'{place} has no {field}'}: {consequence}")

    not_computed = "it can't be computed and is in no sum"
    billed, trouble = _read(whole_cents, payment.amount_billed_cents, f"amountBilledCents of {place}")
    if billed is None:
        absent("amountBilledCents", not_computed, trouble)

    currency, trouble = _read(_text, payment.currency, f"currency of {place}")
    rate, no_rate = _read(_rate, payment.unit_price, f"unitPrice of {place}")
    if rate is None and no_rate is None and currency in {None, BILLING_CURRENCY}:
        rate = Decimal(1)
        absent("unitPrice", f"taken as 1, since Atlas bills in {BILLING_CURRENCY}", None)
    elif rate is None:
        in_currency = (
            f"it can't be computed in {single_line(currency, 10)} and is in no sum" if currency else not_computed
        )
        absent("unitPrice", in_currency, no_rate)
    if currency is None:
        currency = BILLING_CURRENCY if rate == 1 else _NO_CURRENCY
        absent("currency", f"it is shown as {currency}", trouble)

    tax, trouble = _read(whole_cents, payment.sales_tax_cents, f"salesTaxCents of {place}")
    if tax is None:
        absent("salesTaxCents", "taken as 0", trouble)
    own_balance = cents_or_warn(
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


def cents_or_warn(value: object, name: str, warnings: list[str]) -> int | None:
    """Read whole cents; what isn't is a warning and `None`, since one odd field must not hide the other payments."""
    cents, trouble = _read(whole_cents, value, name)
    if trouble is not None:
        warnings.append(trouble)
    return cents


def _read(read: Callable[[object, str], T | None], value: object, name: str) -> tuple[T | None, str | None]:
    """Return a field and what is wrong with it; both are `None` where it was not sent."""
    try:
        return read(value, name), None
    except (TypeError, ValueError) as error:
        return None, str(error)


def _rate(value: object, name: str) -> Decimal | None:
    known = present(value)
    return None if known is None else exact_number(known, name)


def _text(value: object, name: str) -> str | None:
    known = present(value)
    if known is not None and not isinstance(known, str):
        raise TypeError(f"{name} is not text, but {type(known).__name__}")
    return (known or "").strip().upper() or None


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
    validate_invoice(invoice, "owed(invoice)")
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
        named = single_line(", ".join(currencies), 60)
        obstacle = f"the payments are in {named}, and nothing says which of them it belongs to"
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
            f"the invoice's starting balance of {money(balance)} was taken off in {single_line(currency, 10)} without "
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
