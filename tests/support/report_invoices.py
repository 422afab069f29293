"""Invoices of a company over several months, for the report: plain names, or hostile ones."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from attrs import frozen

COLUMNS = (
    "Date", "Usage Date", "Description", "Note", "Organization Name", "Organization ID", "Project", "Project ID", "SKU",
    "Region", "Cluster", "Replica Set", "Config Server", "Application", "Unit", "Unit Price", "Quantity",
    "Discount Percent", "Amount",
)  # fmt: skip
SKUS = {
    "Atlas {tier} Instance - AWS": "14.9",
    "Atlas Storage 32 GB - AWS": "1.85",
    "Atlas Cloud Backup Storage - AWS": "2.414213562",
    "Atlas AWS Data Transfer": "0.7320508",
}
FRIENDLY = {
    "storefront": ("Northwind Shop", "web", "M40"),
    "search-prod": ("Northwind Shop", "web", "M30"),
    "ledger": ("payments-prod", "payments", "M50"),
    "ledger-staging": ("payments-staging", "payments", "M20"),
    "events": ("Data platform", "data", "M40"),
    "warehouse": ("Data platform", "data", "M60"),
    "sandbox": ("Experiments", None, "M10"),
    "ml-features": ("Recommendations", "data", "M30"),
    "crm": ("Customer support", "support", "M20"),
    "mailer": ("Notifications", "web", "M10"),
}
HOSTILE = {
    "<script>alert(1)</script>": ("</script><script>document.title='pwned'</script>", "<b>bold</b>", "M40"),
    "=SUM(A1:A9)": ("=SUM(A1:A9)", "'\"><img src=x onerror=alert(1)>", "M30"),
    "שלום \u202eabc": ("مشروع المدفوعات", "{{ 7 * 7 }}", "M20"),
    "🐙 cluster 👩‍💻": ("🚀 launch 🇦🇹", "<!--", "M10"),
    "数据平台-" + "長" * 300: ("A" * 500, "\\u003c/script\\u003e", "M10"),
    "sandbox": ("constructor", "__proto__", "M10"),
    "": ("javascript:alert(1)", None, "M10"),
    "&lt;": ("&amp;", "datum.constructor", "M10"),
}


@frozen
class SavedInvoice:
    """A CSV as Atlas sends it, and the same invoice's JSON without its lines."""

    csv: bytes
    document: dict[str, Any]


def make_invoices(
    clusters: dict[str, tuple[str, str | None, str]], *, months: int = 6, year: int = 2026, copies: int = 1
) -> list[SavedInvoice]:
    """Make the invoices of the months from January on; `copies` multiplies the clusters."""
    return [_make(clusters, dt.date(year, month, 1), copies) for month in range(1, months + 1)]


def save(invoices: list[SavedInvoice], folder: Path) -> Path:
    """Write each invoice as `YYYY-MM.csv` with its JSON beside it; return the folder."""
    folder.mkdir()
    for invoice in invoices:
        name = invoice.document["startDate"][:7]
        (folder / f"{name}.csv").write_bytes(invoice.csv)
        (folder / f"{name}.json").write_text(json.dumps(invoice.document), "utf-8")
    return folder


def _make(clusters: dict[str, tuple[str, str | None, str]], start: dt.date, copies: int) -> SavedInvoice:
    random = Random(start.toordinal())  # noqa: S311 - amounts that look real, the same in each run
    end = (start + dt.timedelta(days=31)).replace(day=1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    identity = f"{start.toordinal():024x}"
    out.write(f"Invoice Number,{identity},\n")
    out.write(f'Billing Period,"{start:%B} {start.day}, {start.year} - {end:%B} {end.day}, {end.year}",\n')
    out.write("Organization Name,Northwind Traders,\nOrganization ID,5f0000000000000000000001,\n\n")
    writer.writerow((*COLUMNS, "Tag/team", "Tag/environment"))
    total = Decimal(0)

    def write(day: dt.date, amount: Decimal, tags: tuple[str, str] = ("", ""), **cells: str) -> None:
        nonlocal total
        total += amount
        known = {"Date": f"{day:%m/%d/%Y}", "Usage Date": f"{day:%m/%d/%Y}", "Amount": f"{amount:f}", **cells}
        writer.writerow((*(known.get(name, "") for name in COLUMNS), *tags))

    for day in (start + dt.timedelta(days=number) for number in range((end - start).days)):
        for number, (cluster, (project, team, tier)) in enumerate(clusters.items()):
            growth = Decimal(100 + (number * 7 % 11 - 3) * start.month) / 100
            weekend = Decimal("0.8") if day.weekday() > 4 else Decimal(1)
            for copy in range(copies):
                for sku, price in SKUS.items():
                    amount = Decimal(price) * int(tier[1:]) * growth * weekend * random.randint(90, 110) / 1000
                    write(
                        day,
                        amount,
                        (team or "", "staging" if "staging" in project else "prod" if team else ""),
                        Project=project,
                        SKU=sku.format(tier=tier),
                        Cluster=f"{cluster}{copy or ''}",
                        Description=f"{tier} on AWS",
                    )
    write(start, Decimal("1250.00"), SKU="Atlas Pro Support", Description="support plan")
    write(start, Decimal("-410.005"), SKU="Credit", Note="Promotional credit")
    cents = int((total * 100).quantize(Decimal(1)))
    tax = cents // 5
    paid = 0 if start.month == 6 else cents + tax
    document = {
        "id": identity,
        "startDate": f"{start}T00:00:00Z",
        "endDate": f"{end}T00:00:00Z",
        "statusName": "PAID" if paid else "INVOICED",
        "subtotalCents": cents,
        "salesTaxCents": tax,
        "amountBilledCents": cents + tax,
        "amountPaidCents": paid,
        "payments": [
            {
                "id": f"{start.toordinal():024x}",
                "amountBilledCents": cents,
                "salesTaxCents": tax,
                "unitPrice": "1",
                "currency": "USD",
                "statusName": "PAID" if paid else "NEW",
            }
        ],
    }
    return SavedInvoice(out.getvalue().encode(), document)
