"""Whose invoice the CSV is, and of which period: its preamble against the invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_invoices._text import one_line, text_or_none

from ._fields import utc_day
from ._reconciliation import Difference

if TYPE_CHECKING:
    from atlas_invoices._invoice_csv import InvoiceHeader
    from atlas_invoices_client.models import BillingInvoice

    from ._reconciliation import DifferenceKind


def header_differences(header: InvoiceHeader, invoice: BillingInvoice, notes: list[str]) -> list[Difference]:
    """Return what the two say differently; what one of them doesn't say is added to `notes`."""
    differences: list[Difference] = []
    pairs: tuple[tuple[DifferenceKind, str, str | None, str | None], ...] = (
        ("invoice_id", "invoice ID", header.invoice_id, text_or_none(invoice.id)),
        ("organization_id", "organization ID", header.organization_id, text_or_none(invoice.org_id)),
    )
    for kind, what, ours, theirs in pairs:
        if ours is None or theirs is None:
            notes.append(f"{what} not compared: the {'CSV' if ours is None else 'invoice'} has none")
        elif ours.lower() != theirs.lower():
            differences.append(
                Difference(
                    kind=kind,
                    csv=ours,
                    invoice=theirs,
                    message=f"{what}: {one_line(ours, 60)} in the CSV, {one_line(theirs, 60)} in the invoice; "
                    "are these two the same invoice?",
                )
            )
    return differences + _period_differences(header, invoice, notes)


def _period_differences(header: InvoiceHeader, invoice: BillingInvoice, notes: list[str]) -> list[Difference]:
    start, end = header.period_start, header.period_end
    first, last = utc_day(invoice.start_date), utc_day(invoice.end_date)
    if start is None or end is None or first is None or last is None:
        notes.append(f"period not compared: the {'CSV' if start is None or end is None else 'invoice'} has none")
        return []
    # The CSV's end is the first day after the period; the invoice's is a moment, which may be the period's last second.
    if start == first and (end - last).days in {0, 1}:
        return []
    ours, theirs = f"{start} to {end}", f"{first} to {last}"
    return [
        Difference(
            kind="period",
            csv=ours,
            invoice=theirs,
            message=f"billing period: {ours} in the CSV, {theirs} in the invoice",
        )
    ]
