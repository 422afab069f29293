"""Invoices as CSV and JSON, in the formats of the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ._data import Invoice, Line, Organization, Payment, Refund

_COLUMNS = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount"
)
_MONTHS = "January,February,March,April,May,June,July,August,September,October,November,December"
# Placeholders for the dates of a repeated pattern; no text of the catalogue contains them.
_BILL_MARK, _USAGE_MARK = "\x01", "\x02"
_SPECIAL = frozenset(',"\r\n')
_DAY = timedelta(days=1)


def csv_pieces(invoice: Invoice) -> Iterator[bytes]:
    """Yield the CSV in pieces.

    The format follows the API document's example: preamble lines that end in a comma, a blank line, the header, and LF
    line ends. Tag columns come last (their position isn't documented). Dates are MM/DD/YYYY.
    """
    yield _head(invoice).encode()
    patterns: dict[int, bytes] = {}
    for block in invoice.lines.blocks():
        if block.day is None:
            rows = (
                _row(invoice, line, _format_day(line.bill_date), _format_day(line.usage_date)) for line in block.lines
            )
            yield "".join(rows).encode()
        else:
            key = id(block.lines)
            if key not in patterns:
                patterns[key] = "".join(_row(invoice, line, _BILL_MARK, _USAGE_MARK) for line in block.lines).encode()
            bill, usage = _format_day(block.day + _DAY), _format_day(block.day)
            yield (
                patterns[key].replace(_BILL_MARK.encode(), bill.encode()).replace(_USAGE_MARK.encode(), usage.encode())
            )


def _head(invoice: Invoice) -> str:
    preamble = (
        ("Invoice Number", invoice.id),
        ("Billing Period", f"{_format_long_day(invoice.start)} - {_format_long_day(invoice.end)}"),
        ("Organization Name", invoice.organization.name),
        ("Organization ID", invoice.organization.id),
    )
    columns = ",".join([_COLUMNS, *(_cell(f"Tag/{key}") for key in invoice.tag_keys)])
    return "".join(f"{name},{_cell(value)},\n" for name, value in preamble) + f"\n{columns}\n"


def _row(invoice: Invoice, line: Line, bill: str, usage: str) -> str:
    cells = [
        bill,
        usage,
        _cell(line.description),
        _cell(line.note),
        _cell(invoice.organization.name),
        invoice.organization.id,
        _cell(line.project),
        line.project_id,
        _cell(line.sku),
        line.region,
        line.cluster,
        line.replica_set,
        line.config_server,
        _cell(line.application),
        line.unit,
        format_decimal(line.unit_price),
        format_decimal(line.quantity),
        format_decimal(line.discount_percent) if line.discount_percent else "",
        _format_dollars(line.amount_cents),
        *(_cell(line.tags.get(key, "")) for key in invoice.tag_keys),
    ]
    return ",".join(cells) + "\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if not _SPECIAL.isdisjoint(text) else text


def format_decimal(number: Decimal) -> str:
    """Format without an exponent: 1E+2 is "100"."""
    return format(number, "f")


def _format_dollars(cents: int) -> str:
    """Format cents as dollars: -1205 is "-12.05"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


def _format_day(day: date) -> str:
    return f"{day.month:02d}/{day.day:02d}/{day.year:04d}"


def _format_long_day(day: date) -> str:
    # Not strftime, whose month names follow the machine's locale.
    month = _MONTHS.split(",")[day.month - 1]
    return f"{month} {day.day}, {day.year}"


Json = dict[str, Any]


def organization_json(organization: Organization, base_url: str) -> Json:
    """Return an `AtlasOrganization`."""
    href = f"{base_url}/api/atlas/v2/orgs/{organization.id}"
    return {
        "id": organization.id,
        "name": organization.name,
        "isDeleted": False,
        "links": [{"href": href, "rel": "self"}],
    }


def metadata_json(invoice: Invoice, base_url: str, *, linked: bool) -> Json:
    """Return a `BillingInvoiceMetadata`, with linked invoices if `linked`."""
    return _common(invoice, base_url) | {
        "linkedInvoices": [metadata_json(other, base_url, linked=False) for other in invoice.linked if linked]
    }


def invoice_json(invoice: Invoice, base_url: str, *, linked: bool, max_lines: int) -> Json:
    """Return a `BillingInvoice`; with more than `max_lines` lines, it has no `lineItems`."""
    document = invoice_json_without_lines(invoice, base_url, linked=linked, max_lines=max_lines)
    if invoice.line_count <= max_lines:
        document["lineItems"] = [line for block in line_items(invoice) for line in block]
    return document


def invoice_json_without_lines(invoice: Invoice, base_url: str, *, linked: bool, max_lines: int) -> Json:
    """Return a `BillingInvoice` without its `lineItems`; linked invoices keep theirs, up to `max_lines`."""
    inside = invoice.linked if linked else ()
    return _common(invoice, base_url) | {
        "linkedInvoices": [invoice_json(each, base_url, linked=False, max_lines=max_lines) for each in inside],
        "payments": [_payment(payment) for payment in invoice.payments],
        "refunds": [_refund(refund) for refund in invoice.refunds],
    }


def line_items(invoice: Invoice) -> Iterator[list[Json]]:
    """Yield the `lineItems` block by block, in the order of the CSV."""
    for block in invoice.lines.blocks():
        yield [_line_item(line, block.day or line.usage_date) for line in block.lines]


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


def _line_item(line: Line, day: date) -> Json:
    """Return an `InvoiceLineItem`: `totalPriceCents` less `discountCents` is the CSV's Amount.

    The document defines `totalPriceCents` as unit price times quantity, and has `discountCents` only with a discount.
    Empty fields are left out. Floats are exact here, since numbers have 15 digits at most.
    """
    item: Json = {
        "created": timestamp(day + _DAY),
        "startDate": timestamp(day),
        "endDate": timestamp(day + _DAY),
        "cloudProvider": line.provider,
        "sku": line.sku_code,
        "unitPriceDollars": float(line.unit_price),
        "quantity": float(line.quantity),
        "totalPriceCents": line.gross_cents,
    }
    if line.discount_percent:
        item["percentDiscount"] = float(line.discount_percent)
        item["discountCents"] = line.gross_cents - line.amount_cents
    texts = {
        "groupId": line.project_id,
        "groupName": line.project,
        "clusterName": line.cluster,
        "stitchAppName": line.application,
        "note": line.note,
        "unit": line.unit,
    }
    item.update({name: text for name, text in texts.items() if text})
    if line.tags:
        item["tags"] = {key: [value] for key, value in line.tags.items()}
    return item


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


def timestamp(moment: datetime | date) -> str:
    """Format as ISO 8601 in UTC with a Z; a date is its midnight."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
