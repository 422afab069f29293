"""The public API as a typed pipeline uses it. Never run: `scripts/check` has mypy judge it, so that no Any leaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import atlas_invoices as ai


def use(atlas: ai.Client, org_id: str, invoice_id: str) -> None:
    assert_type(atlas.list_organizations(), Iterator[ai.AtlasOrganization])
    assert_type(
        atlas.list_invoices(org_id, statuses=["PAID"], from_date=date(2026, 1, 1), linked=True),
        Iterator[ai.BillingInvoiceMetadata],
    )
    assert_type(atlas.list_pending_invoices(org_id), list[ai.BillingInvoice])
    assert_type(atlas.get_invoice(org_id, invoice_id), ai.BillingInvoice)
    assert_type(atlas.get_invoice_csv(org_id, invoice_id, envelope=True, pretty=False), bytes)
    saved = assert_type(atlas.download_invoice_csv(org_id, invoice_id, "june.csv"), ai.SavedFile)
    assert_type((saved.path, saved.size, saved.sha256), tuple[Path, int, str])
    report = assert_type(atlas.create_invoice_report(org_id, invoice_id), ai.InvoiceReportResponse)
    assert_type(atlas.get_invoice_report(org_id, invoice_id, report.report_id), ai.InvoiceReportResponse)
    assert_type(atlas.list_invoice_reports(org_id, invoice_id), Iterator[ai.InvoiceReportResponse])
    assert_type(atlas.download_invoice_report(org_id, invoice_id, "june-focus.csv"), ai.SavedFile)
    assert_type(atlas.list_associated_invoices(org_id, year=2026, month=6), list[ai.AssociatedInvoice])
    assert_type(atlas.list_skus(), Iterator[ai.SkuResponse])
    with atlas.stream_invoice_csv(org_id, invoice_id) as body:
        assert_type(body.iter_bytes(), Iterator[bytes])
        with ai.read_csv(body) as invoice:
            for line in invoice:
                assert_type(line, ai.LineItem)
                assert_type(line.amount, Decimal | None)
                assert_type(line.usage_date, date | None)
                assert_type(line.is_credit, bool)


async def use_async(atlas: ai.AsyncClient, org_id: str, invoice_id: str) -> None:
    assert_type(atlas.list_organizations(), AsyncIterator[ai.AtlasOrganization])
    assert_type(await atlas.get_invoice(org_id, invoice_id), ai.BillingInvoice)
    assert_type(await atlas.get_invoice_csv(org_id, invoice_id), bytes)
    assert_type(atlas.list_skus(), AsyncIterator[ai.SkuResponse])
    assert_type(await atlas.download_invoice_report(org_id, invoice_id, "june-focus.csv"), ai.SavedFile)
    async with atlas.stream_invoice_csv(org_id, invoice_id) as body:
        invoice = await ai.aread_csv(body)
        async for line in invoice:
            assert_type(line, ai.LineItem)


def money(invoice: ai.BillingInvoice) -> None:
    owed = ai.owed(invoice)
    for payment in owed.payments:
        assert_type(payment, ai.PaymentOwed)
        assert_type(payment.owed_cents, Decimal | None)
    assert_type(ai.payment_owed(total_billed_cents=1, unit_price="0.92"), Decimal)
    assert_type(ai.reconcile("june.csv", invoice).matches, bool)
    summary = ai.summarize("june.csv", by=["project", "tag:team"])
    months: list[Path] = [Path("june.csv"), Path("july.csv")]
    assert_type(ai.summarize(months, by="period"), ai.Summary)
    assert_type(ai.summarize(("june.csv", b"..."), by="period"), ai.Summary)
    assert_type(summary.total, Decimal)
    assert_type(summary.groups[0].share, Decimal | None)
    loaded = ai.load("duckdb:costs.db", "june.csv", storage_options={"threads": "2"}).added[0]
    assert_type((loaded.id, loaded.lines, loaded.amount), tuple[str, int | None, Decimal | None])


def failures(atlas: ai.Client, org_id: str) -> None:
    try:
        atlas.list_pending_invoices(org_id)
    except ai.RateLimitError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.error_code, str | None)
        assert_type(error.bad_request_detail, ai.BadRequestDetail | None)
    except ai.InvoiceFormatError as error:
        assert_type((error.line_number, error.column), tuple[int | None, str | None])
