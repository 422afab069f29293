"""The sandbox's invoices: exact to the cent, the same for the same seed, and with every trap for parsers."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from atlas_invoices.sandbox import Invoice, Sandbox, Settings

HEADER = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount"
)


def parse(data: bytes) -> tuple[list[list[str]], list[dict[str, str]]]:
    """Preamble and rows, read by the csv module."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    blank = rows.index([])
    header, *body = rows[blank + 1 :]
    return rows[:blank], [dict(zip(header, row, strict=True)) for row in body]


def cents(dollars: Decimal) -> int:
    return int((dollars * 100).quantize(Decimal(1), ROUND_HALF_UP))


def check_sums(invoice: Invoice, rows: list[dict[str, str]]) -> None:
    amounts = [Decimal(row["Amount"]) for row in rows]
    assert len(rows) == invoice.line_count
    assert sum(amount for amount in amounts if amount > 0) * 100 == invoice.subtotal_cents
    assert sum(Decimal(row["Amount"]) for row in rows if row["SKU"] == "Credit") * 100 == invoice.credits_cents
    assert all(row["SKU"] == "Credit" for row, amount in zip(rows, amounts, strict=True) if amount < 0)
    for row, amount in zip(rows, amounts, strict=True):
        rate = 1 - Decimal(row["Discount Percent"] or 0) / 100
        assert cents(Decimal(row["Unit Price"]) * Decimal(row["Quantity"]) * rate) == amount * 100


@pytest.mark.parametrize("seed", [1, 2, 42])
def test_every_invoice_adds_up(seed: int) -> None:
    sandbox = Sandbox(Settings(seed=seed, typical_lines=120))
    for invoice in [*sandbox.invoices, *(other for each in sandbox.invoices for other in each.linked)]:
        _, rows = parse(sandbox.csv_bytes(invoice.id))
        check_sums(invoice, rows)
        billed = invoice.subtotal_cents + invoice.credits_cents + invoice.sales_tax_cents
        assert billed == invoice.amount_billed_cents
        if invoice.payments:
            assert sum(each.subtotal_cents for each in invoice.payments) == invoice.subtotal_cents
            assert sum(each.sales_tax_cents for each in invoice.payments) == invoice.sales_tax_cents
            assert sum(each.amount_billed_cents + each.sales_tax_cents for each in invoice.payments) == billed
        assert sum(each.amount_paid_cents for each in invoice.payments) == invoice.amount_paid_cents


def test_the_file_is_laid_out_as_in_the_document() -> None:
    sandbox = Sandbox(Settings(lines=50, odd=True))
    invoice = sandbox.invoices[1]
    data = sandbox.csv_bytes(invoice.id)
    text = data.decode()
    assert text.startswith(
        f"Invoice Number,{invoice.id},\n"
        'Billing Period,"October 1, 2026 - November 1, 2026",\n'
        'Organization Name,"Müller,Söhne&Co.",\n'
        f"Organization ID,{invoice.organization.id},\n"
        "\n"
        f"{HEADER},Tag/environment,Tag/team\n"
    )
    assert text.endswith("\n")
    assert "\r" not in text
    preamble, rows = parse(data)
    assert all(row[-1] == "" for row in preamble)
    assert len(rows) == 50


def test_the_invoices_have_every_trap_for_parsers() -> None:
    sandbox = Sandbox(Settings(odd=True))
    invoices = sandbox.invoices
    rows = [row for invoice in invoices for row in parse(sandbox.csv_bytes(invoice.id))[1]]
    assert {invoice.status for invoice in invoices} == {
        *("PENDING", "PAID", "FAILED", "CLOSED", "INVOICED", "FREE", "PREPAID", "FORGIVEN")
    }
    assert {"CreditCheck", "=SUM(A1:A9)", "Große Daten, Wien", "数据平台", ""} <= {row["Project"] for row in rows}
    assert any('"' in row["Note"] and "\n" in row["Note"] for row in rows)
    assert len({invoice.tag_keys for invoice in invoices}) > 3
    assert () in {invoice.tag_keys for invoice in invoices}
    assert [invoice.line_count for invoice in invoices if invoice.status == "FREE"] == [0]
    assert {row["Amount"] for row in rows} >= {"0.00"}
    assert {row["Discount Percent"] for row in rows} == {"", "5", "12.5"}
    assert {payment.currency for invoice in invoices for payment in invoice.payments} == {"USD", "EUR"}
    assert any(invoice.refunds for invoice in invoices)
    assert [invoice.starting_balance_cents for invoice in invoices if invoice.starting_balance_cents] == [12_500]
    support = [row for row in rows if row["SKU"] == "Developer Support"]
    assert support
    assert all(not row["Project"] and not row["Cluster"] for row in support)
    for invoice in invoices:
        days = [line.usage_date for block in invoice.lines.blocks() for line in block.lines]
        assert all(day < invoice.end for day in days)
        if days:
            assert min(days) < invoice.start
        prepaid = invoice.status == "PREPAID"
        assert (invoice.amount_billed_cents == 0) == (prepaid or invoice.status == "FREE")


def test_periods_are_whole_months_with_an_exclusive_end() -> None:
    invoices = Sandbox(Settings(today=date(2024, 3, 31), months=3)).invoices
    assert [(each.start, each.end) for each in invoices] == [
        (date(2024, 3, 1), date(2024, 4, 1)),
        (date(2024, 2, 1), date(2024, 3, 1)),
        (date(2024, 1, 1), date(2024, 2, 1)),
    ]


@pytest.mark.parametrize("count", [0, 1, 39, 40, 10_000, 10_001, 30_000])
def test_the_number_of_lines_is_exact(count: int) -> None:
    sandbox = Sandbox(Settings(lines=count, typical_lines=0))
    invoice = sandbox.invoices[1]
    _, rows = parse(sandbox.csv_bytes(invoice.id))
    check_sums(invoice, rows)
    assert len(rows) == count
    if count > 10_000:
        usage = {row["Usage Date"] for row in rows}
        assert {"10/01/2026"} <= usage
        assert all(day.startswith("10/") for day in usage)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (Sandbox(Settings(seed=seed, typical_lines=60)) for seed in (5, 5, 6))
    assert one.environment()["MONGODB_ATLAS_CLIENT_SECRET"] == two.client_secret != other.client_secret
    assert one.invoices == two.invoices
    # The order in which they are generated makes no difference.
    for invoice in reversed(one.invoices):
        assert one.csv_bytes(invoice.id) == two.csv_bytes(invoice.id)
    assert not {each.id for each in one.invoices} & {each.id for each in other.invoices}


def test_an_invoice_does_not_depend_on_how_many_there_are() -> None:
    few, many = (Sandbox(Settings(months=months, typical_lines=60)).invoices for months in (3, 9))
    assert [each.subtotal_cents for each in few] == [each.subtotal_cents for each in many[:3]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lines": -1}, "lines must be 0 or more"),
        ({"months": 0}, "months must be 1 or more"),
        ({"months": 1, "lines": 5}, "months must be 2 or more"),
        ({"role": "KING"}, "role"),
        ({"port": 70_000}, "port"),
        ({"host": ""}, "host is empty"),
        ({"latency": -1}, "latency"),
        ({"token_seconds": 0.5}, "token_seconds"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_no_repr_shows_a_secret() -> None:
    sandbox = Sandbox()
    shown = f"{sandbox!r} {sandbox._ledger!r} {sandbox._tokens!r} {sandbox._digest!r}"
    assert sandbox.private_key not in shown
    assert sandbox.client_secret not in shown
    assert sandbox.public_key in shown


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; import atlas_invoices.sandbox"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("the sandbox needs uvicorn: pip install 'atlas-invoices[sandbox]'")


def test_by_default_it_is_a_company_that_grows() -> None:
    sandbox = Sandbox()
    pending, *invoices = sandbox.invoices
    assert pending.organization.name == "Northwind"
    assert {invoice.status for invoice in invoices} == {"INVOICED", "PAID"}
    newest, oldest = (sum(each.amount_billed_cents for each in part) for part in (invoices[:4], invoices[-4:]))
    assert newest > 3 * oldest > 0
    assert pending.amount_billed_cents < newest / 4, "its month isn't over"
    rows = [row for invoice in sandbox.invoices for row in parse(sandbox.csv_bytes(invoice.id))[1]]
    names = {row[column] for row in rows for column in ("Project", "Cluster", "Tag/team", "Tag/owner", "Note")}
    assert all(name.isascii() and name[:1] not in {"=", "+", "-"} and '"' not in name for name in names)
    assert {"storefront", "payments", "analytics"} <= names
