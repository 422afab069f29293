"""Amounts and the fields of an invoice that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import TYPE_CHECKING, Any, TypeVar

from atlas_invoices._errors import UnexpectedResponseError
from atlas_invoices._utils import pluralize, single_line
from atlas_invoices_client.models import BillingInvoice
from atlas_invoices_client.types import Unset

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingPayment, InvoiceLineItem


T = TypeVar("T")


def present(value: T | Unset | None) -> T | None:
    """Return a model's field as `None` where it was not sent or was null."""
    return None if isinstance(value, Unset) else value


def utc_day(moment: datetime | Unset | None) -> date | None:
    """Return the day of a model's time as sent (in UTC), `None` where there is none that the model could parse."""
    known: object = present(moment)
    return known.date() if isinstance(known, datetime) else None


def validate_invoice(value: object, call: str) -> None:
    """Raise a TypeError that says what to pass, where `value` isn't what `get_invoice` returns; `call` shows its place.

    What `list_invoices` gives, for one, has neither payments nor line items.
    """
    if not isinstance(value, BillingInvoice):
        hint = "; BillingInvoice.from_dict(...) makes one of the JSON object" if isinstance(value, Mapping) else ""
        raise TypeError(
            f"in {call}, the invoice is what get_invoice(org_id, invoice_id) returns, a BillingInvoice, "
            f"not {type(value).__name__}{hint}"
        )


_MAX_DIGITS = 1000
_TOO_LARGE = 10**_MAX_DIGITS
# All digits there may be, a sign, the point and an exponent.
_MAX_LENGTH = 2 * _MAX_DIGITS + 10
# The API document has cents as int64.
_LEAST_CENTS, _MOST_CENTS = -(2**63), 2**63 - 1
_SHOWN = 40
# A price times a quantity less a discount has three times as many digits before the point and after it.
EXACT = Context(prec=7 * _MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
HALF_CENT = Decimal("0.5")

# Decimal() also takes "NaN", "Infinity", "1_000", blanks and the digits of other scripts; no API sends those as money.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)


def exact_number(value: object, name: str) -> Decimal:
    """Return `value` as a finite Decimal, digit for digit; `name` is what the error calls it.

    A number has at most 1000 digits before the point and 1000 after it.

    Raises:
        TypeError: for a float (money never touches float), a bool, or anything that isn't a number.
        ValueError: for text that isn't a plain number, for NaN and Infinity, and beyond 1000 digits on either side
            of the point.

    """
    return _exact(value, name, (Decimal, int, str), "a Decimal, an int or a decimal string")


def exact_cents(value: object, name: str) -> Decimal:
    """Return an amount of cents as a Decimal; text is refused, since text is usually dollars."""
    return _exact(value, name, (Decimal, int), "a Decimal or an int, a number of cents")


def _exact(value: object, name: str, types: tuple[type, ...], accepted: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, types) or not isinstance(value, (Decimal, int, str)):
        hint = "; a float has already lost digits, pass the exact number" if isinstance(value, float) else ""
        raise TypeError(f"{name} must be {accepted}, not {type(value).__name__}{hint}")
    if isinstance(value, str):
        if len(value) > _MAX_LENGTH or not _NUMBER.fullmatch(value):
            # As it was sent, blanks too, since one may be what is wrong with it.
            shown = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
            raise ValueError(f"{name} is not a decimal number: {shown!r}")
    elif isinstance(value, int):
        if abs(value) >= _TOO_LARGE:
            raise ValueError(f"{name} has more than {_MAX_DIGITS} digits")
    elif not value.is_finite():
        raise ValueError(f"{name} must be a finite number, not {value}")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _MAX_DIGITS or (isinstance(exponent, int) and exponent < -_MAX_DIGITS):
        raise ValueError(f"{name} has more than {_MAX_DIGITS} digits before or after the point")
    return number


def whole_cents(value: object, name: str) -> int | None:
    """Return a model's field of whole cents, or `None` where it was not sent.

    The API document says int64, so a larger one is refused. A JSON number such as `1200.0` arrives as a float and is
    still whole, so it is taken; what isn't whole cents is a ValueError.
    """
    value = present(value)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST_CENTS <= value <= _MOST_CENTS:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    # Python refuses to print an int of many thousand digits.
    shown = "too many digits" if type(value) is int else single_line(repr(value), _SHOWN)
    raise ValueError(f"{name} is not a whole number of cents: {shown}")


def money(cents: Decimal | int) -> str:
    """Write cents as a currency's main unit, for people: 123456 is `1234.56`; sub-cent digits are kept."""
    amount = EXACT.multiply(Decimal(cents), Decimal("0.01"))
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def money_shown(cents: Decimal | int) -> str:
    """Write cents as `money` does, but a number that is too long to read only nearly, so that a message stays one."""
    text = money(cents)
    return text if len(text) <= _SHOWN else f"about {EXACT.scaleb(Decimal(cents), Decimal(-2)):.5E}"


def payments(invoice: BillingInvoice, notes: list[str]) -> list[BillingPayment]:
    """Return the invoice's payments without nulls; that there were some is added to `notes`.

    Raises:
        UnexpectedResponseError: the invoice's `payments` aren't a list of objects.

    """
    return _objects(invoice, "payments", "payments", notes)


def line_items(invoice: BillingInvoice, notes: list[str]) -> list[InvoiceLineItem]:
    """Return the invoice's line items, likewise."""
    return _objects(invoice, "line_items", "lineItems", notes)


def linked_invoices(invoice: BillingInvoice, notes: list[str]) -> list[BillingInvoice]:
    """Return the linked invoices, likewise."""
    return _objects(invoice, "linked_invoices", "linkedInvoices", notes)


def _objects(invoice: BillingInvoice, attribute: str, name: str, notes: list[str]) -> list[Any]:
    sent = present(getattr(invoice, attribute))
    if sent is None:
        return []
    found = sent
    if isinstance(sent, list) and None in sent:
        rest = [element for element in sent if element is not None]
        nulls = len(sent) - len(rest)
        notes.append(f"the invoice's {name} have {pluralize(nulls, 'null, which was', 'nulls, which were')} left out")
        # Read once more without the nulls, for the sake of which the others were left as the reply's own objects.
        found = getattr(type(invoice).from_dict({name: rest}), attribute)
    if not isinstance(found, list) or not all(hasattr(element, "additional_properties") for element in found):
        raise UnexpectedResponseError(f"the invoice's {name} are not a list of objects, as the API document has them")
    return found
