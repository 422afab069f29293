"""The commands orgs, list, pending and download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices import _ids
from atlas_invoices._files import AtomicFile

from . import _output, _table
from ._session import NOT_EMPTY, Session, atlas_options, calls_atlas_for_no_organization

if TYPE_CHECKING:
    from atlas_invoices import Client


ORGANIZATION_COLUMNS = [
    _table.Column("ID", "id"),
    _table.Column("Name", "name", whole=False),
    _table.Column("Deleted", "isDeleted"),
]


@click.command(name="orgs")
@_table.format_option
@calls_atlas_for_no_organization
def orgs_command(session: Session, form: str) -> None:
    """List the organizations that the credentials can see."""
    with session.client() as client:
        rows = [organization.to_dict() for organization in client.list_organizations()]
    _table.show(rows, ORGANIZATION_COLUMNS, form)


_ORGANIZATION = _table.Column("Organization", "orgId")
INVOICE_COLUMNS = [
    _table.Column("Invoice", "id"),
    _ORGANIZATION,
    _table.Column("From", "startDate", _table.day),
    _table.Column("To (excl.)", "endDate", _table.day),
    _table.Column("Status", "statusName"),
    _table.Column("Billed, USD", "amountBilledCents", _table.cents, number=True),
    _table.Column("Paid, USD", "amountPaidCents", _table.cents, number=True),
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
@_table.format_option
@atlas_options
def list_command(session: Session, form: str, linked: bool, statuses: tuple[str, ...]) -> None:
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
        _output.note(NO_LINKED)
    show(rows, form)


def show(rows: list[dict[str, Any]], form: str) -> None:
    """Print invoices; a table of one organization's doesn't name it on every line."""
    several = len({row.get("orgId") for row in rows}) > 1
    columns = (
        INVOICE_COLUMNS
        if several or form != "table"
        else [column for column in INVOICE_COLUMNS if column is not _ORGANIZATION]
    )
    _table.show(rows, columns, form)


def with_linked(invoices: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each invoice, and after it the linked ones that came inside it, as rows of their own."""
    for invoice in invoices:
        inside = invoice.pop("linkedInvoices", None) or []
        yield invoice
        yield from with_linked(inside)


@click.command(name="pending")
@_table.format_option
@atlas_options
def pending_command(session: Session, form: str) -> None:
    """List the invoices of the open period, so far; in json with all their lines."""
    with session.client() as client:
        invoices = client.list_pending_invoices(session.org_id(client))
        rows = list(with_linked(invoice.to_dict() for invoice in invoices))
    show(rows, form)


@click.command(name="download")
@click.argument("invoice_id")
@click.option(
    "-o", "--output", type=NOT_EMPTY, metavar="PATH|-", help="Where to; `-` is stdout. Default: INVOICE_ID.csv here."
)
@click.option("--force", is_flag=True, help="Replace an existing file, once the new one is complete.")
@atlas_options
def download_command(session: Session, invoice_id: str, output: str | None, force: bool) -> None:
    """Save one invoice as CSV, exactly as sent.

    The file is complete or absent: it's written beside its place and moved there when all of it has come.
    """
    invoice_id = _ids.invoice_id(invoice_id)
    if output == "-":
        with session.client() as client:
            _to_stdout(client, session.org_id(client), invoice_id)
        return
    path = Path(output or f"{invoice_id}.csv")
    # Before credentials are asked for and anything is sent.
    AtomicFile(path, overwrite=force)
    with session.client() as client:
        saved = client.download_invoice_csv(session.org_id(client), invoice_id, path, overwrite=force)
    _output.saved(saved)


def _to_stdout(client: Client, org_id: str, invoice_id: str) -> None:
    with client.stream_invoice_csv(org_id, invoice_id) as body, _output.data_bytes() as out:
        for piece in body.iter_bytes():
            out.write(piece)
