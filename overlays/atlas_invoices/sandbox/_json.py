"""Turns the ledger's data into the API's JSON, by the schemas of the Atlas Admin API document."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ._book import LINES_IN_JSON
from ._formats import timestamp

if TYPE_CHECKING:
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


def invoice_json(invoice: Invoice, base_url: str, *, linked: bool) -> Json:
    """A `BillingInvoice`: `lineItems` are the CSV's lines in the same order, left out beyond `LINES_IN_JSON`."""
    whole = _common(invoice, base_url) | {
        "linkedInvoices": [invoice_json(other, base_url, linked=False) for other in invoice.linked if linked],
        "payments": [_payment(payment) for payment in invoice.payments],
        "refunds": [_refund(refund) for refund in invoice.refunds],
    }
    if invoice.line_count <= LINES_IN_JSON:
        whole["lineItems"] = [_line(line) for block in invoice.lines.blocks() for line in block.lines]
    return whole


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


def _line(line: Line) -> Json:
    """An `InvoiceLineItem`: `totalPriceCents` is before the discount, so the CSV's Amount is that less `discountCents`.

    The document defines `totalPriceCents` as unit price times quantity, and `discountCents` as sent only where there
    is a discount. Fields that a line has no value for are left out. Doubles are exact: numbers have 15 digits at most.
    """
    found: Json = {
        "created": timestamp(line.bill_date),
        "startDate": timestamp(line.usage_date),
        "endDate": timestamp(line.usage_date + timedelta(days=1)),
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
