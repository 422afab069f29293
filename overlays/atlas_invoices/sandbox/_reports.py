"""MongoDB's own reports: made in the background, and stored on another host, where only their address opens them.

A report has the usage of one invoice in FOCUS 1.3, with 39 of its columns and 5 of MongoDB's own: no tax, no credits,
no InvoiceId, no ResourceId. Costs are in the currency of the invoice's first payment. The order of the columns is our
choice: Atlas documents a table of them, but shows no file.
"""

from __future__ import annotations

import csv
import hmac
import io
import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus

from attrs import define, field, frozen
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ._catalogue import CREDIT_CODE
from ._data import Invoice, Line
from ._documents import Json, format_decimal, timestamp
from ._responses import ApiError, cooperative
from ._settings import Settings

SPEC_VERSION = "1.3"
"""The version of FOCUS that a report has."""

_COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "HostProviderName", "InvoiceIssuer", "ListCost", "ListUnitPrice",
    "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "RegionId", "RegionName", "ResourceName",
    "ServiceCategory", "ServiceName", "ServiceProviderName", "SkuId", "SubAccountId", "SubAccountName", "Tags",
    "x_AtlasSku", "x_BilledDateEnd", "x_BilledDateStart", "x_PricingCurrencyRate", "x_SkuCategory",
)  # fmt: skip
_DAY = timedelta(days=1)
_HUNDRED = Decimal(100)
_HOSTS = {"AWS": "Amazon Web Services", "AZURE": "Microsoft Azure", "GCP": "Google Cloud"}
_CATEGORIES = {"INSTANCE": "Clusters", "STORAGE": "Storage", "BACKUP": "Backup", "TRANSFER": "Data Transfer"}
_ENDED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
_SIGNED_TWICE = b'<?xml version="1.0"?><Error><Code>InvalidArgument</Code><Message>One signature only</Message></Error>'


@frozen
class _Report:
    id: str
    invoice: Invoice
    created: float


@define
class ReportStore:
    """All reports of one sandbox, and the host of their files. Only the server's thread uses it."""

    settings: Settings
    storage_url: str
    """Scheme, host and port of the files."""
    _reports: dict[str, _Report] = field(init=False, factory=dict)
    _key: bytes = field(init=False, factory=lambda: secrets.token_bytes(32), repr=False)

    def create(self, invoice: Invoice) -> Json:
        """A new report on an invoice, in JSON."""
        report = _Report(secrets.token_hex(12), invoice, time.monotonic())
        self._reports[report.id] = report
        return self._json(report)

    def of_invoice(self, invoice: Invoice) -> list[Json]:
        """An invoice's reports, newest first, without addresses."""
        return [self._json(each) for each in reversed(self._reports.values()) if each.invoice.id == invoice.id]

    def get(self, invoice: Invoice, report_id: str) -> Json:
        """One report with a new address, once it has succeeded. Raises ApiError: 404 if the invoice has no such one."""
        report = self._reports.get(report_id)
        if report is None or report.invoice.id != invoice.id:
            raise ApiError(404, "INVOICE_REPORT_NOT_FOUND", f"No report {report_id} exists.", parameters=(report_id,))
        document = self._json(report)
        if document["state"] == "SUCCEEDED":
            ends = int(time.time() + self.settings.report_address_seconds)
            address = f"{self.storage_url}/reports/{report.id}.csv?X-Expires={ends}"
            document["downloadUrl"] = f"{address}&X-Signature={self._sign(report.id, str(ends))}"
            document["expiresAt"] = timestamp(datetime.fromtimestamp(ends, UTC))
        return document

    def end_addresses(self) -> None:
        """Refuse all addresses so far."""
        self._key = secrets.token_bytes(32)

    async def respond(self, request: Request) -> Response:
        """GET /reports/{report}.csv on the files' host: the file, or the storage's own errors, in XML."""
        if self.storage_url.rpartition(":")[2] != str(request.scope["server"][1]):
            raise ApiError(404, "RESOURCE_NOT_FOUND")
        if "authorization" in request.headers:
            return Response(_SIGNED_TWICE, HTTPStatus.BAD_REQUEST, media_type="application/xml")
        report = self._reports.get(request.path_params["report"])
        ends, signature = (request.query_params.get(name, "") for name in ("X-Expires", "X-Signature"))
        is_signed = report is not None and hmac.compare_digest(signature, self._sign(report.id, ends))
        if report is None or not is_signed or time.time() > int(ends):
            return Response(_ENDED, HTTPStatus.FORBIDDEN, media_type="application/xml")
        return StreamingResponse(cooperative(focus_pieces(report.invoice)), media_type="binary/octet-stream")

    def _json(self, report: _Report) -> Json:
        elapsed, seconds = time.monotonic() - report.created, self.settings.report_seconds
        failure = self.settings.report_failure
        states = ("PENDING", "RUNNING", "FAILED" if failure else "SUCCEEDED")
        state = states[2 if elapsed >= seconds else int(2 * elapsed / seconds)]
        document = {
            "reportId": report.id,
            "invoiceId": report.invoice.id,
            "reportType": "FOCUS",
            "reportFormat": "CSV",
            "formatSpecVersion": SPEC_VERSION,
            "state": state,
        }
        return document | ({"failureReason": failure} if state == "FAILED" else {})

    def _sign(self, report_id: str, ends: str) -> str:
        return hmac.digest(self._key, f"{report_id} {ends}".encode(), "sha256").hex()


def focus_pieces(invoice: Invoice) -> Iterator[bytes]:
    """An invoice's report, piece by piece; the sum of its PricingCurrencyEffectiveCost is the invoice's subtotal."""
    yield (",".join(_COLUMNS) + "\n").encode()
    for block in invoice.lines.blocks():
        text = io.StringIO()
        usage = (line for line in block.lines if line.sku_code != CREDIT_CODE)
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writerows(_row(invoice, line, block.day or line.usage_date) for line in usage)
        yield text.getvalue().encode()


def _row(invoice: Invoice, line: Line, day: date) -> dict[str, str]:
    paid = invoice.payments[0] if invoice.payments else None
    rate, currency = (Decimal(paid.unit_price), paid.currency) if paid else (Decimal(1), "USD")
    amount, gross = Decimal(line.amount_cents) / _HUNDRED, line.unit_price * line.quantity
    contracted = line.unit_price * (_HUNDRED - line.discount_percent) / _HUNDRED
    billed = line.bill_date + (day - line.usage_date)
    unit = line.unit.title().replace("Server ", "").replace("Gb ", "GB-")
    numbers = {
        "BilledCost": amount * rate,
        "ConsumedQuantity": line.quantity,
        "ContractedCost": contracted * line.quantity * rate,
        "ContractedUnitPrice": contracted * rate,
        "EffectiveCost": amount * rate,
        "ListCost": gross * rate,
        "ListUnitPrice": line.unit_price * rate,
        "PricingCurrencyContractedUnitPrice": contracted,
        "PricingCurrencyEffectiveCost": amount,
        "PricingCurrencyListUnitPrice": line.unit_price,
        "PricingQuantity": line.quantity,
        "x_PricingCurrencyRate": rate,
    }
    days = {
        "BillingPeriodStart": invoice.start,
        "BillingPeriodEnd": invoice.end,
        "ChargePeriodStart": day,
        "ChargePeriodEnd": day + _DAY,
        "x_BilledDateStart": billed,
        "x_BilledDateEnd": billed + _DAY,
    }
    texts = {
        "BillingAccountId": invoice.organization.id,
        "BillingAccountName": invoice.organization.name,
        "BillingAccountType": "Organization",
        "BillingCurrency": currency,
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": line.description or line.sku,
        "ChargeFrequency": "Usage-Based",
        "ConsumedUnit": unit,
        "HostProviderName": _HOSTS.get(line.provider, "MongoDB"),
        "InvoiceIssuer": "MongoDB",
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingUnit": unit,
        "RegionId": line.region,
        "RegionName": line.region,
        "ResourceName": line.cluster,
        "ServiceCategory": "Databases",
        "ServiceName": "MongoDB Atlas",
        "ServiceProviderName": "MongoDB",
        "SkuId": line.sku_code,
        "SubAccountId": line.project_id,
        "SubAccountName": line.project,
        "Tags": json.dumps(dict(line.tags), ensure_ascii=False) if line.tags else "",
        "x_AtlasSku": line.sku,
        "x_SkuCategory": next((name for part, name in _CATEGORIES.items() if part in line.sku_code), "Other"),
    }
    return (
        texts
        | {name: format_decimal(number) for name, number in numbers.items()}
        | {name: timestamp(each) for name, each in days.items()}
    )
