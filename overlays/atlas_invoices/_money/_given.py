"""What `owed` and `reconcile` were given: the two kinds of invoice and the CSV are easily taken for each other."""

from __future__ import annotations

from collections.abc import Mapping

from atlas_invoices_client.models import BillingInvoice


def require_invoice(value: object, call: str) -> None:
    """Raise a TypeError that says what to pass, where `value` isn't what `get_invoice` returns; `call` shows its place.

    What `list_invoices` gives, for one, has neither payments nor line items.
    """
    if not isinstance(value, BillingInvoice):
        hint = "; BillingInvoice.from_dict(...) makes one of the JSON object" if isinstance(value, Mapping) else ""
        raise TypeError(
            f"in {call}, the invoice is what get_invoice(org_id, invoice_id) returns, a BillingInvoice, "
            f"not {type(value).__name__}{hint}"
        )
