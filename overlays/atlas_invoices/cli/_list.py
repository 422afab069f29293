"""`atlas-invoices list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import _tables, _talk
from ._session import Session, calls_atlas
from ._text_option import NOT_EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ORGANIZATION = _tables.Column("Organization", "orgId")
COLUMNS = [
    _tables.Column("Invoice", "id"),
    _ORGANIZATION,
    _tables.Column("From", "startDate", _tables.day),
    _tables.Column("To (excl.)", "endDate", _tables.day),
    _tables.Column("Status", "statusName"),
    _tables.Column("Billed, USD", "amountBilledCents", _tables.cents, number=True),
    _tables.Column("Paid, USD", "amountPaidCents", _tables.cents, number=True),
]


@click.command(name="list")
@click.option("--linked", is_flag=True, help="Also the invoices of linked organizations, a row each.")
@click.option(
    "--status",
    "statuses",
    type=NOT_EMPTY,
    multiple=True,
    metavar="S",
    # The values: Atlas Admin API document. A new one is sent as it is.
    help="Only these; may be repeated: PENDING, CLOSED, FORGIVEN, FAILED, PAID, FREE, PREPAID, INVOICED.",
)
@_tables.format_option
@calls_atlas
def command(session: Session, form: str, linked: bool, statuses: tuple[str, ...]) -> None:
    """List an organization's invoices, newest first.

    What is billed has sales tax in it, and credits taken off; `show` has the lines behind it, which are before tax.
    """
    from atlas_invoices._sync import NO_LINKED  # noqa: PLC0415 - imports httpx

    with session.client() as client:
        invoices = client.list_invoices(
            session.org_id(client), statuses=[s.upper() for s in statuses] or None, linked=linked
        )
        found = [invoice.to_dict() for invoice in invoices]
    rows = list(with_linked(found))
    if linked and len(rows) == len(found):
        _talk.note(NO_LINKED)
    show(rows, form)


def show(rows: list[dict[str, Any]], form: str) -> None:
    """Print invoices; a table of one organization's doesn't name it on every line."""
    several = len({row.get("orgId") for row in rows}) > 1
    columns = COLUMNS if several or form != "table" else [column for column in COLUMNS if column is not _ORGANIZATION]
    _tables.show(rows, columns, form)


def with_linked(invoices: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each invoice, and after it the linked ones that came inside it, as rows of their own."""
    for invoice in invoices:
        inside = invoice.pop("linkedInvoices", None) or []
        yield invoice
        yield from with_linked(inside)
