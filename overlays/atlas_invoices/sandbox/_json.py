"""Turns the ledger's data into the API's JSON, by the schemas of the Atlas Admin API document."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ._formats import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from ._data import Invoice, Line, Organization, Payment, Refund

Json = dict[str, Any]


def organization_json(organization: Organization, base_url: str) -> Json:
    """An `AtlasOrganization`."""
    href = f"{base_url}/api/atlas/v2/orgs/{organization.id}"
    return {
        "id": organization.id,
        "name": organization.name,
        "isDeleted": False,
        "links": [{"href": href, "rel": "self"}],
    }


def metadata_json(invoice: Invoice, base_url: str, *, linked: bool) -> Json:
    """A `BillingInvoiceMetadata`, with the linked invoices' where `linked`."""
    return _common(invoice, base_url) | {
        "linkedInvoices": [metadata_json(other, base_url, linked=False) for other in invoice.linked if linked]
    }


def invoice_json(invoice: Invoice, base_url: str, *, linked: bool, most_lines: int) -> Json:
    """A `BillingInvoice`; one with more than `most_lines` lines has no `lineItems`."""
    whole = invoice_without_lines(invoice, base_url, linked=linked, most_lines=most_lines)
    if invoice.line_count <= most_lines:
        whole["lineItems"] = [line for block in line_items(invoice) for line in block]
    return whole


def invoice_without_lines(invoice: Invoice, base_url: str, *, linked: bool, most_lines: int) -> Json:
    """A `BillingInvoice` but for its own `lineItems`; the linked ones have theirs, up to `most_lines`."""
    inside = invoice.linked if linked else ()
    return _common(invoice, base_url) | {
        "linkedInvoices": [invoice_json(each, base_url, linked=False, most_lines=most_lines) for each in inside],
        "payments": [_payment(payment) for payment in invoice.payments],
        "refunds": [_refund(refund) for refund in invoice.refunds],
    }


def line_items(invoice: Invoice) -> Iterator[list[Json]]:
    """The `lineItems`, some at a time: the CSV's lines in the same order."""
    for block in invoice.lines.blocks():
        yield [_line(line, block.day or line.usage_date) for line in block.lines]


def _common(invoice: Invoice, base_url: str) -> Json:
    href = f"{base_url}/api/atlas/v2/orgs/{invoice.organization.id}/invoices/{invoice.id}"
    return {
        "id": invoice.id,
        "orgId": invoice.organization.id,
        "statusName": invoice.status,
        "startDate": timestamp(invoice.start),
        "endDate": timestamp(invoice.end),
        "created": timestamp(invoice.created),
        "updated": timestamp(invoice.updated),
        "subtotalCents": invoice.subtotal_cents,
        "creditsCents": invoice.credits_cents,
        "salesTaxCents": invoice.sales_tax_cents,
        "amountBilledCents": invoice.amount_billed_cents,
        "amountPaidCents": invoice.amount_paid_cents,
        "startingBalanceCents": invoice.starting_balance_cents,
        "links": [{"href": href, "rel": "self"}],
    }


def _line(line: Line, day: date) -> Json:
    """An `InvoiceLineItem`: `totalPriceCents` is before the discount, so the CSV's Amount is that less `discountCents`.

    The document defines `totalPriceCents` as unit price times quantity, and `discountCents` as sent only where there
    is a discount. Fields that a line has no value for are left out. Doubles are exact: numbers have 15 digits at most.
    """
    found: Json = {
        "created": timestamp(day + timedelta(days=1)),
        "startDate": timestamp(day),
        "endDate": timestamp(day + timedelta(days=1)),
        "cloudProvider": line.provider,
        "sku": line.sku_code,
        "unitPriceDollars": float(line.unit_price),
        "quantity": float(line.quantity),
        "totalPriceCents": line.gross_cents,
    }
    if line.discount_percent:
        found["percentDiscount"] = float(line.discount_percent)
        found["discountCents"] = line.gross_cents - line.amount_cents
    texts = {
        "groupId": line.project_id,
        "groupName": line.project,
        "clusterName": line.cluster,
        "stitchAppName": line.application,
        "note": line.note,
        "unit": line.unit,
    }
    found.update({name: text for name, text in texts.items() if text})
    if line.tags:
        found["tags"] = {key: [value] for key, value in line.tags.items()}
    return found


def _payment(payment: Payment) -> Json:
    return {
        "id": payment.id,
        "statusName": payment.status,
        "subtotalCents": payment.subtotal_cents,
        "salesTaxCents": payment.sales_tax_cents,
        "amountBilledCents": payment.amount_billed_cents,
        "amountPaidCents": payment.amount_paid_cents,
        "unitPrice": payment.unit_price,
        "currency": payment.currency,
        "created": timestamp(payment.created),
        "updated": timestamp(payment.updated),
    }


def _refund(refund: Refund) -> Json:
    return {
        "paymentId": refund.payment_id,
        "amountCents": refund.amount_cents,
        "reason": refund.reason,
        "created": timestamp(refund.created),
    }
