"""Invoices as the documents that the API sends: CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ._data import plain, timestamp

if TYPE_CHECKING:
    from ._data import Invoice, Line, Organization, Payment, Refund


CHUNK_BYTES = 64 * 1024
_ROWS_AT_ONCE = 256

_COLUMNS = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount"
)
# Stand for a pattern's dates until its day is known; no text of the catalogue has them.
_BILL_MARK, _USAGE_MARK = "\x01", "\x02"
_SPECIAL = frozenset(',"\r\n')


def csv_chunks(invoice: Invoice) -> Iterator[bytes]:
    """The whole file, in chunks of `CHUNK_BYTES` (the last one is shorter).

    The format is that of the API document's example: preamble lines that end in a comma, a blank line, the header, LF
    ends. Tag columns come last (where they stand isn't documented). Dates are MM/DD/YYYY.
    """
    waiting = bytearray()
    for piece in _pieces(invoice):
        waiting += piece
        done = len(waiting) - len(waiting) % CHUNK_BYTES
        for begin in range(0, done, CHUNK_BYTES):
            yield bytes(waiting[begin : begin + CHUNK_BYTES])
        del waiting[:done]
    if waiting:
        yield bytes(waiting)


def _pieces(invoice: Invoice) -> Iterator[bytes]:
    yield _head(invoice).encode()
    organization = f"{_cell(invoice.organization.name)},{invoice.organization.id}"
    patterns: dict[int, bytes] = {}
    for block in invoice.lines.blocks():
        if block.day is None:
            for begin in range(0, len(block.lines), _ROWS_AT_ONCE):
                rows = (
                    _row(line, _day(line.bill_date), _day(line.usage_date), organization, invoice.tag_keys)
                    for line in block.lines[begin : begin + _ROWS_AT_ONCE]
                )
                yield "".join(rows).encode()
        else:
            key = id(block.lines)
            if key not in patterns:
                patterns[key] = _pattern(block.lines, organization, invoice.tag_keys)
            bill, usage = _day(block.day + timedelta(days=1)), _day(block.day)
            yield (
                patterns[key].replace(_BILL_MARK.encode(), bill.encode()).replace(_USAGE_MARK.encode(), usage.encode())
            )


def _head(invoice: Invoice) -> str:
    period = f"{_long_day(invoice.start)} - {_long_day(invoice.end)}"
    preamble = (
        ("Invoice Number", invoice.id),
        ("Billing Period", period),
        ("Organization Name", invoice.organization.name),
        ("Organization ID", invoice.organization.id),
    )
    columns = ",".join([_COLUMNS, *(_cell(f"Tag/{key}") for key in invoice.tag_keys)])
    return "".join(f"{name},{_cell(value)},\n" for name, value in preamble) + f"\n{columns}\n"


def _pattern(lines: Iterable[Line], organization: str, tag_keys: Sequence[str]) -> bytes:
    return "".join(_row(line, _BILL_MARK, _USAGE_MARK, organization, tag_keys) for line in lines).encode()


def _row(line: Line, bill: str, usage: str, organization: str, tag_keys: Sequence[str]) -> str:
    cells = [
        bill,
        usage,
        _cell(line.description),
        _cell(line.note),
        organization,
        _cell(line.project),
        line.project_id,
        _cell(line.sku),
        line.region,
        line.cluster,
        line.replica_set,
        line.config_server,
        _cell(line.application),
        line.unit,
        plain(line.unit_price),
        plain(line.quantity),
        plain(line.discount_percent) if line.discount_percent else "",
        dollars(line.amount_cents),
        *(_cell(line.tags.get(key, "")) for key in tag_keys),
    ]
    return ",".join(cells) + "\n"


def dollars(cents: int) -> str:
    """Whole cents as dollars with two decimals: -1205 is "-12.05"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if not _SPECIAL.isdisjoint(text) else text


def _day(day: date) -> str:
    return f"{day.month:02d}/{day.day:02d}/{day.year:04d}"


def _long_day(day: date) -> str:
    # Not strftime: month names must not follow the machine's locale.
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


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
