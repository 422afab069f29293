"""One payment's term of what an invoice owes: Atlas's formula, and how a payment's fields are read into it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from atlas_invoices._text import one_line, text_or_none

from ._amounts import EXACT, exact_cents, exact_number, whole_cents
from ._fields import present

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_invoices_client.models import BillingPayment

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
        in_currency = f"it can't be computed in {one_line(currency, 10)} and is in no sum" if currency else not_computed
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
