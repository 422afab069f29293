"""Amounts of money as exact decimals, and the fields of an invoice that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, TypeVar

from atlas_invoices._csv import MAX_DIGITS, parse_number
from atlas_invoices._errors import UnexpectedResponseError
from atlas_invoices._utils import pluralize, single_line
from atlas_invoices_client.models import BillingInvoice, BillingPayment, InvoiceLineItem
from atlas_invoices_client.types import Unset

T = TypeVar("T")

# The API document has cents as int64.
_MIN_CENTS, _MAX_CENTS = -(2**63), 2**63 - 1
_MAX_SHOWN = 40
# Price times quantity less a discount has three times as many digits before the point and after it.
EXACT = Context(prec=7 * MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
HALF_CENT = Decimal("0.5")


def exact_number(value: object, name: str) -> Decimal:
    """Return `value` as a finite Decimal, digit for digit; error messages call it `name`.

    Raises:
        TypeError: for a float (money never touches float), a bool, or anything that isn't a number.
        ValueError: for text that isn't a plain number, for NaN and Infinity, and for more than 1000 digits before or
            after the point.

    """
    return _exact(value, name, (Decimal, int, str), "a Decimal, an int or a decimal string")


def exact_cents(value: object, name: str) -> Decimal:
    """Return an amount in cents as a Decimal; refuses text, which is usually dollars."""
    return _exact(value, name, (Decimal, int), "a Decimal or an int, a number of cents")


def _exact(value: object, name: str, types: tuple[type, ...], accepted: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, types) or not isinstance(value, (Decimal, int, str)):
        hint = "; a float has already lost digits, pass the exact number" if isinstance(value, float) else ""
        raise TypeError(f"{name} must be {accepted}, not {type(value).__name__}{hint}")
    text = value if isinstance(value, str) else str(Decimal(value))  # Python refuses to print an int of 5,000 digits
    try:
        number = parse_number(text)
    except ValueError as error:
        raise ValueError(f"{name} is {error}: {_shorten(text)!r}") from None
    if number is None:
        raise ValueError(f"{name} is not a number: ''")
    return number


def _shorten(text: str) -> str:
    """Shorten a number for a message; its spaces stay, since one may be the mistake."""
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def money(cents: Decimal | int) -> str:
    """Format cents in a currency's main unit: 123456 is `1,234.56`; keeps digits beyond the cent."""
    whole, _, fraction = f"{EXACT.multiply(Decimal(cents), Decimal('0.01')):,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def short_money(cents: Decimal | int) -> str:
    """Format cents as `money` does, but approximate a number that is too long for a message."""
    text = money(cents)
    return text if len(text) <= _MAX_SHOWN else f"about {EXACT.scaleb(Decimal(cents), Decimal(-2)):.5E}"


def over_or_short(gap: Decimal | int) -> str:
    """Describe how far the CSV's sum is from the invoice's: `the CSV is 1,085.23 short`."""
    return f"the CSV is {short_money(EXACT.abs(Decimal(gap)))} {'over' if gap > 0 else 'short'}"


def present(value: T | Unset | None) -> T | None:
    """Return a model's field, or `None` if it was null or not sent."""
    return None if isinstance(value, Unset) else value


def utc_day(moment: datetime | Unset | None) -> date | None:
    """Return the day of a model's time as sent (in UTC), or `None` if it's missing or the model couldn't parse it."""
    known: object = present(moment)
    return known.date() if isinstance(known, datetime) else None


def whole_cents(value: object, name: str) -> int | None:
    """Return a model's field of whole cents, or `None` if it was null or not sent.

    A JSON number such as `1200.0` arrives as a float but is still whole. Raises ValueError for anything else, including
    numbers beyond the API document's int64.
    """
    value = present(value)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and _MIN_CENTS <= value <= _MAX_CENTS:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    # Python refuses to print an int of many thousand digits.
    shown = "too many digits" if type(value) is int else single_line(repr(value), _MAX_SHOWN)
    raise ValueError(f"{name} is not a whole number of cents: {shown}")


def cents_or_none(value: object) -> int | None:
    """Read a number of whole cents; None if it isn't one."""
    try:
        return whole_cents(value, "")
    except ValueError:
        return None


def validate_invoice(value: object, call: str) -> None:
    """Raise TypeError unless `value` is an invoice as `get_invoice` returns it; the message names the `call`.

    The metadata that `list_invoices` returns, for example, has neither payments nor line items.
    """
    if not isinstance(value, BillingInvoice):
        hint = "; convert JSON with BillingInvoice.from_dict(...)" if isinstance(value, Mapping) else ""
        raise TypeError(
            f"{call}: the invoice must be a BillingInvoice, as get_invoice(org_id, invoice_id) returns it, "
            f"not {type(value).__name__}{hint}"
        )


def payments(invoice: BillingInvoice, notes: list[str]) -> list[BillingPayment]:
    """Return the invoice's payments without nulls, which are added to `notes`.

    Raises:
        UnexpectedResponseError: the invoice's `payments` aren't a list of objects.

    """
    return _objects(invoice, "payments", "payments", notes)


def line_items(invoice: BillingInvoice, notes: list[str]) -> list[InvoiceLineItem]:
    """Return the invoice's line items, with the same checks as `payments`."""
    return _objects(invoice, "line_items", "lineItems", notes)


def linked_invoices(invoice: BillingInvoice, notes: list[str]) -> list[BillingInvoice]:
    """Return the linked invoices, with the same checks as `payments`."""
    return _objects(invoice, "linked_invoices", "linkedInvoices", notes)


def _objects(invoice: BillingInvoice, attribute: str, name: str, notes: list[str]) -> list[Any]:
    found = present(getattr(invoice, attribute))
    if found is None:
        return []
    if isinstance(found, list) and None in found:
        rest = [element for element in found if element is not None]
        notes.append(f"ignored {pluralize(len(found) - len(rest), 'null', 'nulls')} in the invoice's {name}")
        # A list with a null stays plain JSON in the generated model; without it, the elements become models.
        found = getattr(type(invoice).from_dict({name: rest}), attribute)
    if not isinstance(found, list) or not all(hasattr(element, "additional_properties") for element in found):
        raise UnexpectedResponseError(f"the invoice's {name} are not a list of objects, as the API document has them")
    return found
