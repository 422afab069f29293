"""What an invoice's lists hold: a reply may have nulls in them, and then the generated model keeps the raw objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_invoices._errors import UnexpectedResponseError
from atlas_invoices._words import counted

from ._fields import present

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice, BillingPayment, InvoiceLineItem


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
        notes.append(f"the invoice's {name} have {counted(nulls, 'null, which was', 'nulls, which were')} left out")
        # Read once more without the nulls, for the sake of which the others were left as the reply's own objects.
        found = getattr(type(invoice).from_dict({name: rest}), attribute)
    if not isinstance(found, list) or not all(hasattr(element, "additional_properties") for element in found):
        raise UnexpectedResponseError(f"the invoice's {name} are not a list of objects, as the API document has them")
    return found
