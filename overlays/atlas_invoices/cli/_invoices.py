"""The commands orgs, list, pending and download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from atlas_invoices import _ids
from atlas_invoices._files import AtomicFile

from . import _output, _table
from ._session import NOT_EMPTY, Session, atlas_options, atlas_options_without_org, max_bytes_option

_format_option = _table.format_option(
    "table", "json", "csv", description="json and csv have the API's field names and units (cents)."
)

# From the Atlas Admin API document; a test compares them with the generated client, whose import is slow.
_STATUSES = ("PENDING", "CLOSED", "FORGIVEN", "FAILED", "PAID", "FREE", "PREPAID", "INVOICED")

_ORGANIZATION_COLUMNS = [
    _table.Column("ID", "id"),
    _table.Column("Name", "name", flexible=True),
    _table.Column("Deleted", "isDeleted"),
]
_ORGANIZATION = _table.Column("Organization", "orgId")
_INVOICE_COLUMNS = [
    _table.Column("Invoice", "id"),
    _ORGANIZATION,
    _table.Column("From", "startDate", _table.day),
    _table.Column("To (excl.)", "endDate", _table.day),
    _table.Column("Status", "statusName"),
    _table.Column("Billed, USD", "amountBilledCents", _table.cents, number=True),
    _table.Column("Paid, USD", "amountPaidCents", _table.cents, number=True),
]


@click.command(name="orgs")
@_format_option
@atlas_options_without_org
def orgs_command(session: Session, output_format: str) -> None:
    """List the organizations that the credentials can see."""
    with session.client() as client:
        rows = [organization.to_dict() for organization in client.list_organizations()]
    _table.show(rows, _ORGANIZATION_COLUMNS, output_format)


def _check_statuses(ctx: click.Context, param: click.Parameter, statuses: tuple[str, ...]) -> tuple[str, ...]:
    from difflib import get_close_matches

    for status in statuses:
        if status.upper() not in _STATUSES:
            close = get_close_matches(status.upper(), _STATUSES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(_STATUSES)}"
            raise click.BadParameter(f"{status!r} is not a status of invoices; {hint}", ctx, param)
    return statuses


@click.command(name="list")
@click.option("--linked", is_flag=True, help="Also list the invoices of linked organizations.")
@click.option(
    "--status",
    "statuses",
    type=NOT_EMPTY,
    multiple=True,
    metavar="S",
    callback=_check_statuses,
    help=f"Only list this status; may be repeated: {', '.join(_STATUSES)}.",
)
@_format_option
@atlas_options
def list_command(session: Session, output_format: str, linked: bool, statuses: tuple[str, ...]) -> None:
    """List an organization's invoices, newest first.

    The amount billed includes sales tax and credits; use `show` for the lines, which are before tax.
    """
    from atlas_invoices._sync import NO_LINKED

    with session.client() as client:
        invoices = client.list_invoices(session.org_id(client), statuses=statuses or None, linked=linked)
        found = [invoice.to_dict() for invoice in invoices]
    rows = list(_with_linked(found))
    if linked and len(rows) == len(found):
        _output.note(NO_LINKED)
    _show(rows, output_format)


@click.command(name="pending")
@max_bytes_option
@_format_option
@atlas_options
def pending_command(session: Session, output_format: str, max_bytes: int) -> None:
    """List the invoices of the open period so far; json includes all their lines."""
    with session.client() as client:
        invoices = client.list_pending_invoices(session.org_id(client), max_bytes=max_bytes)
        rows = list(_with_linked(invoice.to_dict() for invoice in invoices))
    _show(rows, output_format)


def _with_linked(invoices: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each invoice, then the linked invoices inside it as rows of their own."""
    for invoice in invoices:
        linked = invoice.pop("linkedInvoices", None) or []
        yield invoice
        yield from _with_linked(linked)


def _show(rows: list[dict[str, Any]], output_format: str) -> None:
    """Print invoices; a table of a single organization leaves out its column."""
    several = len({row.get("orgId") for row in rows}) > 1
    columns = [
        column for column in _INVOICE_COLUMNS if several or output_format != "table" or column is not _ORGANIZATION
    ]
    _table.show(rows, columns, output_format)


@click.command(name="download")
@click.argument("invoice_id")
@click.option(
    "-o", "--output", type=NOT_EMPTY, metavar="PATH|-", help="Output file; `-` is stdout. Default: INVOICE_ID.csv."
)
@click.option("--force", is_flag=True, help="Replace an existing file once the new one is complete.")
@atlas_options
def download_command(session: Session, invoice_id: str, output: str | None, force: bool) -> None:
    """Save one invoice as CSV, exactly as sent.

    The file is complete or absent: it is written to a temporary file and renamed when complete.
    """
    invoice_id = _ids.invoice_id(invoice_id)
    if output == "-":
        with (
            session.client() as client,
            client.stream_invoice_csv(session.org_id(client), invoice_id) as body,
            _output.binary_stdout() as out,
        ):
            for piece in body.iter_bytes():
                out.write(piece)
        return
    path = output or f"{invoice_id}.csv"
    AtomicFile(path, overwrite=force)  # checks the path before anything is sent
    with session.client() as client:
        saved = client.download_invoice_csv(session.org_id(client), invoice_id, path, overwrite=force)
    _output.saved(saved)
