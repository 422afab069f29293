"""The one schema of every target. Needs neither pyarrow nor an engine: a run with nothing to load starts quickly.

`invoice_lines` has the columns of `to_arrow`, with numbers of 38 digits, 14 of them after the point: room for 24 digits
before it, and for a product of two numbers below ten billion in engines that give a product the decimals of both.
`tags` and `extra` are maps, so a new tag needs no new column.

`invoices` has a row for each invoice: its header, the SHA-256 of its CSV, its number of lines, the sums of all amounts
and of credits in dollars, and whether its discounts are in percent; and from its JSON, where there is one, status,
amounts in cents, and the cloud provider of each cluster that has a single one, by FOCUS's ResourceId. Delta and Iceberg
targets are one table, so there each line has its invoice's SHA-256 and status instead.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from atlas_invoices._csv import COLUMNS, Kind
from atlas_invoices._errors import LoadError

PRECISION, SCALE = 38, 14


class Type(Enum):
    """The type of a column."""

    TEXT = "text"
    DAY = "day"
    INTEGER = "integer"
    NUMBER = "number"
    MAP = "map"


_OF_KIND = {Kind.TEXT: Type.TEXT, Kind.DATE: Type.DAY, Kind.NUMBER: Type.NUMBER}
LINES = {
    "invoice_id": Type.TEXT,
    "line_number": Type.INTEGER,
    "period_start": Type.DAY,
    "period_end": Type.DAY,
    **{column.field: _OF_KIND[column.kind] for column in COLUMNS},
    "tags": Type.MAP,
    "extra": Type.MAP,
}
# What tells whether an invoice has changed: our names, and those of the API.
FACTS = {
    "status": "statusName",
    "subtotal_cents": "subtotalCents",
    "sales_tax_cents": "salesTaxCents",
    "amount_billed_cents": "amountBilledCents",
    "amount_paid_cents": "amountPaidCents",
    "credits_cents": "creditsCents",
    "starting_balance_cents": "startingBalanceCents",
}
INVOICES = {
    "invoice_id": Type.TEXT,
    "period_start": Type.DAY,
    "period_end": Type.DAY,
    "organization_name": Type.TEXT,
    "organization_id": Type.TEXT,
    "source_sha256": Type.TEXT,
    "lines": Type.INTEGER,
    "amount": Type.NUMBER,
    "credits": Type.NUMBER,
    "discount_unit": Type.TEXT,
    **{name: Type.TEXT if name == "status" else Type.INTEGER for name in FACTS},
    "host_providers": Type.MAP,
}
# The columns that the lines have where there is no table of invoices.
STORED_WITH_LINES = {"source_sha256": Type.TEXT, "status": Type.TEXT}


def check_ours(columns: Collection[str], where: str) -> None:
    """Raise `LoadError` for a table that was there before and isn't one of `load`, before it's changed."""
    if "invoice_id" not in columns:
        raise LoadError(f"{where} has no column invoice_id, so load didn't make it; choose another target")
