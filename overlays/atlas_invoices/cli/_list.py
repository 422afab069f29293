"""`atlas-invoices list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import _tables
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLUMNS = [
    _tables.Column("Invoice", "id"),
    _tables.Column("Organization", "orgId"),
    _tables.Column("From", "startDate", _tables.day),
    _tables.Column("To (excl.)", "endDate", _tables.day),
    _tables.Column("Status", "statusName"),
    _tables.Column("Billed, USD", "amountBilledCents", _tables.cents, number=True),
    _tables.Column("Paid, USD", "amountPaidCents", _tables.cents, number=True),
]


@click.command(name="list")
@click.option("--linked", is_flag=True, help="Also the invoices of linked organizations, a row each.")
@click.option("--status", "statuses", multiple=True, metavar="S", help="Only these, such as PAID; may be repeated.")
@_tables.format_option
@calls_atlas
def command(session: Session, form: str, linked: bool, statuses: tuple[str, ...]) -> None:
    """List an organization's invoices, newest first."""
    with session.client() as client:
        invoices = client.list_invoices(
            session.org_id(client), statuses=[s.upper() for s in statuses] or None, linked=linked
        )
        rows = list(with_linked(invoice.to_dict() for invoice in invoices))
    _tables.show(rows, COLUMNS, form)


def with_linked(invoices: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each invoice, and after it the linked ones that came inside it, as rows of their own."""
    for invoice in invoices:
        inside = invoice.pop("linkedInvoices", None) or []
        yield invoice
        yield from with_linked(inside)
